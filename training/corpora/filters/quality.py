"""Quality rules, each a number of a text and its bounds; the first rule whose bounds a text breaks refuses it.

After Gopher (Rae et al. 2021, arXiv:2112.11446, appendix A.1.1) and C4 (Raffel et al. 2020), with wider bounds: a
dosing table has few letters, many numbers and no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from training.corpora.config import Quality

_SEQUENCE: Final = 10
_USUAL_WORD: Final = 5.0
_SYMBOLS: Final = re.compile(r"#|…|\.\.\.")
_BULLET: Final = re.compile(r"\s*(?:[•‣●○▪▫■□*-]|\d{1,3}[.)])\s")
_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd\ud800-\udfff\ue000-\uf8ff]")
_IDEOGRAPH: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")


class Text:
    """A text with what several rules need of it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> list[str]:
        """What stands between spaces; each Chinese, Japanese and Korean character is a word of its own."""
        return (self.text if self.text.isascii() else _IDEOGRAPH.sub(r" \g<0> ", self.text)).split()

    @cached_property
    def lettered(self) -> list[str]:
        """The words that have a letter."""
        return [word for word in self.words if word.isalpha() or any(map(str.isalpha, word))]

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank."""
        return [line for line in self.text.split("\n") if line.strip()]


class Refusal(NamedTuple):
    """The rule that a text broke, the number that was measured, and the bound."""

    rule: str
    value: float
    bound: float


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def word_count(text: Text) -> float:
    """Return the number of words."""
    return float(len(text.words))


def mean_word_length(text: Text) -> float:
    """Return the mean number of characters of words that have a letter and no ideograph; of none, what is usual."""
    words = text.lettered if text.text.isascii() else [word for word in text.lettered if not _IDEOGRAPH.match(word)]
    return sum(map(len, words)) / len(words) if words else _USUAL_WORD


def words_with_letters(text: Text) -> float:
    """Return the share of words that have a letter."""
    return _share(len(text.lettered), len(text.words))


def symbols_per_word(text: Text) -> float:
    """Return how many number signs and ellipses there are for each word."""
    return _share(len(_SYMBOLS.findall(text.text)), len(text.words))


def bullet_lines(text: Text) -> float:
    """Return the share of lines that begin as items of a list; of fewer than five lines it is 0."""
    return _share(sum(_BULLET.match(line) is not None for line in text.lines), len(text.lines)) * (len(text.lines) >= 5)


def cut_off_lines(text: Text) -> float:
    """Return the share of lines that end in an ellipsis."""
    return _share(sum(line.rstrip().endswith(("...", "…")) for line in text.lines), len(text.lines))


def repeated_lines(text: Text) -> float:
    """Return the share of lines of more than one word that the text had before."""
    lines = [line.strip() for line in text.lines if len(line.split(None, 1)) > 1]
    return _share(len(lines) - len(set(lines)), len(lines))


def repeated_sequences(text: Text) -> float:
    """Return the share of words that end a sequence of ten words which the text had before."""
    words = text.words
    count = max(0, len(words) - _SEQUENCE + 1)
    different = set(zip(*(words[offset:] for offset in range(_SEQUENCE)), strict=False))
    return _share(count - len(different), len(words))


def unreadable(text: Text) -> float:
    """Return the share of replacement characters, and of control characters that are no tab or line feed."""
    return _share(len(_UNREADABLE.findall(text.text)), len(text.text))


class Rule(NamedTuple):
    """One rule: its name, what it measures, and the bounds that a configuration states."""

    name: str
    measure: Callable[[Text], float]
    least: Callable[[Quality], float | None] = lambda _: None
    most: Callable[[Quality], float | None] = lambda _: None

    def broken(self, text: Text, bounds: Quality) -> Refusal | None:
        """Return how a text breaks the rule, or None."""
        least, most = self.least(bounds), self.most(bounds)
        if least is None and most is None:
            return None
        value = self.measure(text)
        if least is not None and value < least:
            return Refusal(self.name, value, least)
        return Refusal(self.name, value, most) if most is not None and value > most else None


RULES: Final[tuple[Rule, ...]] = (
    Rule("unreadable characters", unreadable, most=lambda q: q.most_unreadable),
    Rule("too few words", word_count, least=lambda q: q.fewest_words),
    Rule("too many words", word_count, most=lambda q: q.most_words),
    Rule("mean word too short", mean_word_length, least=lambda q: q.shortest_mean_word),
    Rule("mean word too long", mean_word_length, most=lambda q: q.longest_mean_word),
    Rule("too few words with letters", words_with_letters, least=lambda q: q.least_words_with_letters),
    Rule("too many symbols", symbols_per_word, most=lambda q: q.most_symbols_per_word),
    Rule("too many list items", bullet_lines, most=lambda q: q.most_bullet_lines),
    Rule("too many lines cut off", cut_off_lines, most=lambda q: q.most_cut_off_lines),
    Rule("repeated lines", repeated_lines, most=lambda q: q.most_repeated_lines),
    Rule("repeated sequences", repeated_sequences, most=lambda q: q.most_repeated_sequences),
)
"""In the order in which they are applied."""


def first_broken(text: str, bounds: Quality, rules: Sequence[Rule] = RULES) -> Refusal | None:
    """Return the first rule that a text breaks, or None."""
    return next(_broken(Text(text), bounds, rules), None)


def _broken(text: Text, bounds: Quality, rules: Sequence[Rule]) -> Iterator[Refusal]:
    for rule in rules:
        if (refusal := rule.broken(text, bounds)) is not None:
            yield refusal
