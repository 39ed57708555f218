"""The form of a trace: reasoning, marks and a final answer that evaluation will read."""

from __future__ import annotations

from evalsuite.parser import final_segment, parse
from training.traces.filters.settings import TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict
from training.traces.filters.words import excerpt

_FENCE = "```"


def check_form(trace: TeacherTrace, settings: TraceFilters) -> Verdict | None:
    """Return a verdict unless there is reasoning, without marks of its own, and a strict answer behind it."""
    if not trace.reasoning.strip():
        return Verdict(DiscardReason.NO_REASONING, excerpt(trace.final))
    for text in (trace.reasoning, trace.final):
        # Reasoning is marked again in the student's dialect, so a mark inside would end it early.
        if final_segment(text) != 0:
            return Verdict(DiscardReason.UNBALANCED_MARKS, "a mark of reasoning inside a part")
        if text.count(_FENCE) % 2:
            return Verdict(DiscardReason.UNBALANCED_MARKS, f"an unclosed {_FENCE}")
    labels = tuple(trace.options)
    strict = parse(trace.final, labels, tuple(trace.options.values()), format=settings.answer_format).strict
    if strict.label is None:
        return Verdict(DiscardReason.NO_STRICT_ANSWER, f"{strict.status}: {excerpt(trace.final[-200:])}")
    return None
