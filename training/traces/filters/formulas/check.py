"""Results of named formulas in a trace, computed again from the values that the trace and its question state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby, product
from typing import Final, NamedTuple

from training.traces.filters.arithmetic.plain_text import plain
from training.traces.filters.arithmetic.statement import Judgement, Statement
from training.traces.filters.formulas.table import FORMULAS, Formula
from training.traces.filters.formulas.variables import NUMBER, readings
from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt

_CALCULATION: Final = (
    r"(?:(?!\b(?:where|with|and|so|for|if|using|because|since|given|but|his|her|the|while|when|as)\b)"
    r"(?:[^=\n;.:,]|[.,](?=\d))){1,100}"
)
_STATES: Final = (
    rf"(?:\s?\([^()\d]{{1,24}}\))?(?:\s*(?:=|is)(?:{_CALCULATION}=){{1,3}}|"
    r"\s*(?:is|was|of|=|:|≈|equals|comes to|would be|calculates to))\s*"
    r"(about |approximately |around |roughly |≈\s?|~\s?)?"
)
"""Between a result's name and its number, perhaps with the calculation: "anion gap = 132 - (94 + 10) = "."""
_NO_RESULT_BEFORE: Final = re.compile(
    r"\b(?:normal|reference|if|target|goal|typical|usual|limit|threshold|cut-?off|whose|with an?|any|urine|urinary|"
    r"delta|corrected|baseline|previous|initial|desired|minimum|maximum|low|high|higher|lower|increased|decreased|not)"
    r"(?:\s+(?:the|his|her|a|an))?\s*$",
    re.IGNORECASE,
)
_NO_RESULT_BEHIND: Final = re.compile(
    r"^\s*(?:[<>≤≥]|[*×/^+÷]|x\s?\d|[-−–]\s?[\d(A-Za-z]|or (?:more|less|higher|lower|greater)|and above|"
    r"is (?:normal|considered|defined)|(?:is |as )?(?:the )?(?:normal|threshold|upper|lower|cut))",
    re.IGNORECASE,
)
_MOST_COMBINATIONS: Final = 64
_MALE: Final = re.compile(r"\b(?:man|male|boy|gentleman|he|his)\b", re.IGNORECASE)
_FEMALE: Final = re.compile(r"\b(?:woman|female|girl|lady|she|her)\b", re.IGNORECASE)


class _Result(NamedTuple):
    """A result that a trace states."""

    value: float
    digit: float
    """What one unit of its last digit is worth."""
    percent: bool
    about: bool
    text: str


def check_formulas(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict on the first result of a named formula that its inputs don't give."""
    for statement in formula_statements(trace):
        if statement.judgement is Judgement.WRONG:
            return Verdict(DiscardReason.WRONG_FORMULA, statement.text)
    return None


def formula_statements(trace: TeacherTrace) -> Iterator[Statement]:
    """Yield every stated result of a formula of the table.

    It is judged only if each input has one value in the question and the trace, in a unit that can be read; with
    several values it is right if any of them gives the result, and otherwise not checkable.
    """
    text = plain(trace.reasoning)
    given = plain("\n".join((trace.question, *trace.options.values())))
    for pattern, rows in groupby(FORMULAS, key=lambda row: row.result):
        variants = list(rows)
        results = list(_results(text, pattern, variants[0].unit))
        if not results or _result_pattern(pattern, variants[0].unit).search(given):
            continue  # what the question states isn't computed
        variants = [row for row in variants if row.sex in (None, *_sexes(given))]
        for result in results:
            yield _judged(result, variants, f"{given}\n{text}")


def _sexes(text: str) -> tuple[str, ...]:
    male, female = _MALE.search(text), _FEMALE.search(text)
    if (male is None) == (female is None):
        return ("male", "female")
    return ("male",) if male else ("female",)


@cache
def _result_pattern(names: str, unit: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{names}){_STATES}{NUMBER}\s*(%|{unit})?", re.IGNORECASE)


def _results(text: str, names: str, unit: str) -> Iterator[_Result]:
    for found in _result_pattern(names, unit).finditer(text):
        if _NO_RESULT_BEFORE.search(text[max(0, found.start() - 40) : found.start()]):
            continue
        behind = text[found.end() : found.end() + 40]
        if _NO_RESULT_BEHIND.search(behind) or text[found.end() : found.end() + 1].isalnum():
            continue
        digits = found[2].replace(",", "")
        digit = 10.0 ** -len(digits.partition(".")[2])
        yield _Result(
            float(digits), digit, found[3] == "%", bool(found[1]) or "≈" in found[0],
            excerpt(text, found.start(), found.end()),
        )  # fmt: skip


def _judged(result: _Result, variants: Sequence[Formula], text: str) -> Statement:
    unique, computed = True, list[float]()
    for row in variants:
        values = [readings(name, text) for name in row.inputs()]
        values += [readings(name, text) or [None] for name in row.optional()]  # type: ignore[list-item]
        combinations = 1
        for each in values:
            combinations *= len(each)
        if not 0 < combinations <= _MOST_COMBINATIONS:
            continue
        unique = unique and combinations == 1
        for combination in product(*values):
            try:
                value = row.compute(*(each for each in combination if each is not None))
            except (ZeroDivisionError, OverflowError, ValueError):
                continue
            if _agrees(result, value, row):
                return Statement(Judgement.RIGHT, result.text)
            computed.append(value)
    if not computed or not unique:
        return Statement(Judgement.NOT_CHECKABLE, result.text)
    should = " or ".join(f"{value:.4g}" for value in computed)
    return Statement(Judgement.WRONG, f"{result.text} ({variants[0].name}: {should})")


def _agrees(result: _Result, computed: float, row: Formula) -> bool:
    scales = (1.0, 0.01, 100.0) if row.percent or result.percent else (1.0,)
    shown = result.digit if result.about or abs(computed) > abs(result.value) else result.digit / 2  # may be cut off
    allowed = row.absolute + row.tolerance * abs(computed) + 1e-9
    return any(abs(result.value * scale - computed) <= shown * scale + allowed for scale in scales)
