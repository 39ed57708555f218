"""Quantities that a trace states twice, in two units: `38.5 °C (101.3 °F)`, `154 lb = 70 kg`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from training.traces.filters.arithmetic.plain_text import plain
from training.traces.filters.arithmetic.statement import Judgement, Statement
from training.traces.filters.arithmetic.units import UNIT
from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt
from training.traces.quantities import Refusal, RefusalReason, convert, read_quantity
from training.traces.quantities.units import CHARGE, MOLAR_MASS

_NUMBER: Final = r"(?<![\w.,/–-])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![,.]\d)"
_UNIT: Final = rf"(°\s?[CF]\b|[CF]\b(?!\.)|in(?:ch(?:es)?)?\b(?=[\s)]*(?:[=(),.;]|or\b|$))|{UNIT.pattern})"
_EQUAL: Final = r"(?:=|≈|equals|is equal to|is equivalent to)\s*(?:about |approximately |~)?"
_STATED_TWICE: Final = re.compile(
    rf"{_NUMBER}[ -]?{_UNIT}\s*(?:\((?:=|≈|about |approximately |or |~)?\s*{_NUMBER}[ -]?{_UNIT}\s*\)|"
    rf"{_EQUAL}{_NUMBER}[ -]?{_UNIT}(?=\s*(?:[,.;)\n]|$)))"
)
_SUBSTANCES: Final = {
    name.lower(): name for name in (*MOLAR_MASS, *CHARGE) if len(name) > 2 and name not in ("urea", "urea nitrogen")
} | {"bun": "urea nitrogen", "urea nitrogen": "urea nitrogen"}
_SUBSTANCE: Final = re.compile(rf"\b({'|'.join(sorted(_SUBSTANCES, key=len, reverse=True))})\b", re.IGNORECASE)
_PART: Final = re.compile(r"(?:\d[ -]?(?:lbs?|pounds?|ft|foot|feet|['′]|stone|g|kg)\.?,?\s*(?:and\s)?|[-*×/x+÷^]\s*)$")
"""What makes a quantity a part of another one: 7 lb 2 oz (3.2 kg), 15 mg/kg × 62 kg = 930 mg."""
_SENTENCE_END: Final = re.compile(r"[.;]\s|\n")
_RELATIVE: Final = 0.01
"""By which factors in a rounded form (2.2 lb, 18 mg/dL) may be off."""
_DIFFERENCE: Final = re.compile(
    r"\b(?:by|within|every|each|per|difference|change|ris(?:e|es|ing)|increases?|increment|drop|fall|decreases?|lower|higher)\b",
    re.IGNORECASE,
)
"""Before a temperature that may be a difference of two: 1 °C (1.8 °F)."""
_TEMPERATURE: Final = 0.06
"""Kelvin by which temperatures may be off besides."""


def check_conversions(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict on the first quantity that is stated in two units and isn't the same in both.

    What the question states so is the question's fault.
    """
    given = {statement.text for statement in conversions(trace.question)}
    for statement in conversions(f"{trace.reasoning}\n{trace.final}"):
        if statement.judgement is Judgement.WRONG and statement.text not in given:
            return Verdict(DiscardReason.WRONG_CONVERSION, statement.text)
    return None


def conversions(text: str) -> Iterator[Statement]:
    """Yield every quantity of a text that is stated in two units of one kind.

    Amounts and masses are compared where one substance is named before them in the sentence.
    """
    text = plain(text)
    for found in _STATED_TWICE.finditer(text):
        number, unit, *others = [group for group in found.groups() if group is not None]
        other_number, other_unit = others
        if _PART.search(text, max(0, found.start() - 16), found.start()):
            continue
        before = _SENTENCE_END.split(text[max(0, found.start() - 120) : found.start()])[-1]
        named = {_SUBSTANCES[name.lower()] for name in _SUBSTANCE.findall(before)}
        substance = named.pop() if len(named) == 1 else None
        first, second = _Shown(number, unit, substance), _Shown(other_number, other_unit, substance)
        if first.unit == second.unit:
            continue
        same = _same(first, second, before)
        if isinstance(same, Refusal):
            if same.reason is RefusalReason.NEEDS_SUBSTANCE:
                yield Statement(Judgement.NOT_CHECKABLE, excerpt(text, found.start(), found.end()))
            continue
        yield Statement(Judgement.RIGHT if same else Judgement.WRONG, excerpt(text, found.start(), found.end()))


class _Shown:
    """A quantity as it is written."""

    def __init__(self, number: str, unit: str, substance: str | None) -> None:
        self.unit = unit.replace("°", "").strip()
        if self.unit.startswith("in"):
            self.unit = "inch"
        digits = number.replace(",", "")
        self.value = float(digits)
        places = len(digits.partition(".")[2])
        self.digit = 10.0**-places
        """What one unit of the last digit is worth."""
        self.read = read_quantity(f"{digits} {self.unit}", substance)


def _same(first: _Shown, second: _Shown, before: str) -> bool | Refusal:
    a, b = first.read, second.read
    if isinstance(a, Refusal) or isinstance(b, Refusal):
        return a if isinstance(a, Refusal) else Refusal(RefusalReason.UNKNOWN_UNIT, second.unit)
    if a.unit == b.unit == "kelvin":
        allowed = (_kelvin(first, first.digit) + _kelvin(second, second.digit)) / 2
        same = abs(a.value - b.value) <= allowed + _TEMPERATURE
        apart = abs(_kelvin(first, first.value) - _kelvin(second, second.value))
        return same or (apart <= allowed + _TEMPERATURE and _DIFFERENCE.search(before) is not None)
    converted = convert(a, second.unit)
    if isinstance(converted, Refusal):
        return converted
    allowed = second.digit + first.digit / 2 * abs(converted.value / first.value if first.value else 0.0)
    return abs(converted.value - second.value) <= allowed + _RELATIVE * abs(converted.value)


def _kelvin(shown: _Shown, difference: float) -> float:
    """Return a difference of two temperatures, which is stated in the unit of one."""
    return difference * (1.0 if shown.unit == "C" else 1 / 1.8)
