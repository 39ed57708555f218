"""The language of a trace, by its script and by its most frequent words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt, words_of

_KANA: Final = re.compile(r"[\u3040-\u30ff]")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_LATIN: Final = re.compile(r"[A-Za-zÀ-ɏ]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_ENGLISH: Final = frozenset(
    [
        "the",
        "of",
        "and",
        "to",
        "in",
        "is",
        "a",
        "that",
        "with",
        "for",
        "as",
        "this",
        "it",
        "be",
        "are",
        "not",
        "which",
        "by",
        "or",
        "on",
        "from",
        "would",
        "but",
        "so",
        "at",
        "can",
        "patient",
    ]
)
_LEAST_STOP_WORDS: Final = 0.07
"""Of English prose, a quarter to a half of the words are in the list; of a list of genes a tenth; elsewhere fewer."""
_FEWEST: Final = 20
"""Words by which a language can be determined."""
_LEAST_KANA: Final = 0.1
"""Of the characters of Japanese prose, about half are kana; Chinese has none."""


def check_language(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict unless the reasoning is in the trace's language.

    Latin terms of medicine are not counted against Chinese and Japanese: a word of letters counts as one character.
    """
    found = _shares(trace.reasoning)
    if found is None:
        return None
    share, stop_words = found[trace.language], _stop_words(trace.reasoning)
    if share < settings.language_share:
        return Verdict(DiscardReason.WRONG_LANGUAGE, f"{share:.0%} {trace.language}: {excerpt(trace.reasoning)}")
    if trace.language == "en" and stop_words < _LEAST_STOP_WORDS:
        return Verdict(
            DiscardReason.WRONG_LANGUAGE, f"{stop_words:.0%} frequent words of en: {excerpt(trace.reasoning)}"
        )
    return None


def _shares(text: str) -> dict[str, float] | None:
    """Return the share of the words that could belong to each language; None if there are too few words."""
    kinds = Counter(
        "kana"
        if _KANA.match(word)
        else "han"
        if _HAN.match(word)
        else "latin"
        if _LATIN.match(word)
        else "other"
        if _LETTER.match(word)
        else "none"
        for word in words_of(text)
    )
    total = kinds.total() - kinds["none"]
    if total < _FEWEST:
        return None
    asian = kinds["han"] + kinds["kana"]
    japanese = bool(asian) and kinds["kana"] / asian >= _LEAST_KANA
    return {
        "en": kinds["latin"] / total,
        "zh": 0.0 if japanese else kinds["han"] / total,
        "ja": asian / total if japanese else 0.0,
    }


def _stop_words(text: str) -> float:
    latin = [word for word in words_of(text) if _LATIN.match(word)]
    return sum(word in _ENGLISH for word in latin) / len(latin) if len(latin) >= _FEWEST else 1.0
