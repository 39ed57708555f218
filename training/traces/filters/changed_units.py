"""Quantities that change their unit without changing their number: 5 mg of a drug that later are 5 g."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from training.traces.filters.arithmetic import equations
from training.traces.filters.arithmetic.units import UNIT, Unit, unit_of
from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt

_NUMBER: Final = re.compile(r"(?<![\w.,:/^–-])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?=[ -]?[A-Za-zµμ])")
_BEHIND: Final = re.compile(r"\s*(?:of\s+)?(?:(?:IV|PO|IM|SC|oral|intravenous|intramuscular)\s+)?([A-Za-z]{4,})")
_BEFORE: Final = re.compile(r"([A-Za-z]{4,})\s*(?:\(|:|=|,|of|at|is|was)?\s*$")
_NO_SUBSTANCE: Final = frozenset(
    (
        "about", "after", "also", "around", "before", "contain", "contains", "dose", "doses", "during", "every", "from",
        "give", "given", "less", "level", "levels", "more", "once", "only", "option", "over", "patient", "plus",
        "receive", "received", "than", "that", "then", "this", "total", "twice", "until", "uses", "volume", "weight",
        "when", "with", "within", "would", "daily", "where", "which", "while", "concentration", "infusion", "through",
        "each", "into", "increase", "increased", "decrease", "normal", "range", "like", "value", "values", "equals",
        "needs",
    )
)  # fmt: skip
_EXAMINED: Final = re.compile(r"\b(?:units?|typo|mistake|misprint)\b", re.IGNORECASE)
"""Next to a quantity whose unit the trace itself doubts."""
_RATIO: Final = 9.0
"""Units of one kind that differ by less are no slip of a prefix."""


class _Mention(NamedTuple):
    """A quantity next to the word that it is a quantity of."""

    word: str
    number: float
    unit: Unit
    start: int
    end: int


def check_units(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict on a sum of unlike units, or on a drug whose dose changes its unit and keeps its number."""
    text = f"{trace.reasoning}\n{trace.final}"
    for statement in equations(text):
        if statement.unlike_units:
            return Verdict(DiscardReason.UNLIKE_UNITS, statement.text)
    given = "\n".join((trace.question, *trace.options.values()))
    first: dict[tuple[str, float], _Mention] = {(each.word, each.number): each for each in _mentions(given)}
    stated = {(each.number, each.unit) for each in _mentions(given)}
    for mention in _mentions(text):
        known = first.setdefault((mention.word, mention.number), mention)
        examined = _EXAMINED.search(text, max(0, mention.start - 100), mention.end + 60)
        if examined is None and _same_kind(known.unit, mention.unit) and (mention.number, mention.unit) not in stated:
            return Verdict(DiscardReason.CHANGED_UNIT, excerpt(text, max(0, mention.start - 60), mention.end + 30))
    return None


def _same_kind(a: Unit, b: Unit) -> bool:
    ratio = a.factor / b.factor
    return a.dimensions == b.dimensions and not 1 / _RATIO < ratio < _RATIO


def _mentions(text: str) -> Iterator[_Mention]:
    for found in _NUMBER.finditer(text):
        unit = UNIT.match(text, found.end() + 1) or UNIT.match(text, found.end())
        if unit is None:
            continue
        read = unit_of(unit[0])
        if not any(name in ("[mass]", "[substance]") or abs(power) == 3 for name, power in read.dimensions):
            continue
        before, behind = (
            _BEFORE.search(text, max(0, found.start() - 40), found.start()),
            _BEHIND.match(text, unit.end()),
        )
        for word in (before, behind):
            if word is not None and word[1].lower() not in _NO_SUBSTANCE:
                number = float((found[1] + (found[2] or "")).replace(",", ""))
                yield _Mention(word[1].lower(), number, read, found.start(), unit.end())
