"""Quotations of a trace, which have to stand in the sources that it was given."""

from __future__ import annotations

import re
from typing import Final

from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt, words_of

_QUOTED: Final = re.compile(
    r"“([^”\n]+)”|「([^」\n]+)」|(?<![\w\d])\"(?=\S)([^\"\n]+?)(?<=\S)\"(?!\w)|^>\s?([^\n]+)", re.MULTILINE
)
_ATTRIBUTED: Final = re.compile(
    r"\b(?:guidelines?|guidance|recommendations?|consensus|according to|source|passage|document|excerpt|snippet|"
    r"article|abstract|text|study|review|section|leaflet|monograph|labell?ing|NICE|WHO|AHA|ACC|ESC|ADA|IDSA|KDIGO|GOLD|GINA|"
    r"USPSTF|CDC|ACOG)\b|指南|共识|原文|文献|ガイドライン|本文"
)
"""What a quotation is of, in the same sentence before it; other quotation marks are the writer's own words."""
_TITLE: Final = re.compile(r"\b(?:titled?|entitled|called|named)\W*$", re.IGNORECASE)
_SENTENCE_END: Final = re.compile(r"[.!?]\s|[。！？\n]")
_LEFT_OUT: Final = re.compile(r"\.\.\.|…|\[[^\]]*\]")
_FEWEST_WORDS: Final = 5
"""Shorter quotations are terms."""
_TOKEN: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[<>≤≥%+±]")


def check_snippets(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict on the first quotation of a source that neither a source nor the question has.

    Case, spaces and punctuation don't count; numbers, comparisons and percent signs do. Parts that a quotation leaves
    out ("...") may be anything. Without sources nothing is examined.
    """
    if not trace.sources:
        return None
    texts = [_folded(text) for text in (*trace.sources, trace.question, *trace.options.values())]
    for found in _QUOTED.finditer(trace.reasoning):
        quotation = next(group for group in found.groups() if group is not None)
        if len(words_of(quotation)) < _FEWEST_WORDS or not _is_attributed(trace.reasoning, found):
            continue
        parts = [folded for part in _LEFT_OUT.split(quotation) if (folded := _folded(part)).strip()]
        if not any(_in_order(parts, text) for text in texts):
            return Verdict(DiscardReason.SNIPPET_NOT_IN_SOURCE, excerpt(found[0]))
    return None


def _is_attributed(text: str, found: re.Match[str]) -> bool:
    if found[0].startswith(">"):
        return True
    before = text[max(0, found.start() - 200) : found.start()]
    return not _TITLE.search(before) and _ATTRIBUTED.search(_SENTENCE_END.split(before)[-1]) is not None


def _folded(text: str) -> str:
    return f" {' '.join(_TOKEN.findall(text.casefold()))} "


def _in_order(parts: list[str], text: str) -> bool:
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part) - 1
    return True
