"""All filters of traces, in the order in which they are applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from training.traces.filters.arithmetic import Judgement, check_arithmetic, equations
from training.traces.filters.assumptions import check_assumptions
from training.traces.filters.changed_units import check_units
from training.traces.filters.conversions import check_conversions, conversions
from training.traces.filters.form import check_form
from training.traces.filters.formulas import check_formulas, formula_statements
from training.traces.filters.language import check_language
from training.traces.filters.leak import check_leak
from training.traces.filters.settings import FilterName, TraceFilters
from training.traces.filters.snippets import check_snippets
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.wording import check_copied_question, check_length, check_repetition


class TraceFilter(NamedTuple):
    """One filter and the reasons that it can give."""

    name: FilterName
    check: Callable[[TeacherTrace, TraceFilters], Verdict | None]
    reasons: tuple[DiscardReason, ...]


FILTERS: Final = (
    TraceFilter(
        "format",
        check_form,
        (DiscardReason.NO_REASONING, DiscardReason.UNBALANCED_MARKS, DiscardReason.NO_STRICT_ANSWER),
    ),
    TraceFilter("length", check_length, (DiscardReason.TOO_SHORT, DiscardReason.TOO_LONG)),
    TraceFilter("language", check_language, (DiscardReason.WRONG_LANGUAGE,)),
    TraceFilter("repetition", check_repetition, (DiscardReason.REPETITION,)),
    TraceFilter("copied_question", check_copied_question, (DiscardReason.COPIED_QUESTION,)),
    TraceFilter("leak", check_leak, (DiscardReason.ANSWER_WAS_SHOWN, DiscardReason.ANSWER_BEFORE_EVIDENCE)),
    TraceFilter("arithmetic", check_arithmetic, (DiscardReason.WRONG_ARITHMETIC,)),
    TraceFilter("conversions", check_conversions, (DiscardReason.WRONG_CONVERSION,)),
    TraceFilter("formulas", check_formulas, (DiscardReason.WRONG_FORMULA,)),
    TraceFilter("units", check_units, (DiscardReason.UNLIKE_UNITS, DiscardReason.CHANGED_UNIT)),
    TraceFilter("snippets", check_snippets, (DiscardReason.SNIPPET_NOT_IN_SOURCE,)),
    TraceFilter("assumptions", check_assumptions, (DiscardReason.NO_ASSUMPTION, DiscardReason.NO_UNCERTAINTY)),
)


class Filters:
    """The filters of one set of settings."""

    def __init__(self, settings: TraceFilters) -> None:
        self._settings = settings
        self._filters = tuple(each for each in FILTERS if each.name not in settings.skip)

    def check(self, trace: TeacherTrace) -> Verdict | None:
        """Return the verdict of the first filter that a trace fails, or None for a trace to keep."""
        for each in self._filters:
            verdict = each.check(trace, self._settings)
            if verdict is not None:
                return verdict
        return None

    def judgements(self, trace: TeacherTrace) -> Counter[Judgement]:
        """Return how many equations, conversions and results of formulas of a trace are right, wrong, not checkable."""
        text = f"{trace.reasoning}\n{trace.final}"
        found = (equations(text), conversions(text), formula_statements(trace))
        return Counter(statement.judgement for each in found for statement in each)

    def reasons(self) -> tuple[str, ...]:
        """Return all reasons that `check` can give, in the order of the filters."""
        return tuple(reason.value for each in self._filters for reason in each.reasons)
