"""The filter of wrong calculations."""

from __future__ import annotations

from training.traces.filters.arithmetic.equations import equations
from training.traces.filters.arithmetic.statement import Judgement
from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict


def check_arithmetic(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict on the first equation that is wrong, and that the trace doesn't take back."""
    for statement in equations(f"{trace.reasoning}\n{trace.final}"):
        if statement.judgement is Judgement.WRONG:
            return Verdict(DiscardReason.WRONG_ARITHMETIC, statement.text)
    return None
