"""Filters of teachers' traces: each is a small pure function that finds one kind of fault, or none."""

from training.traces.filters.arithmetic import Judgement
from training.traces.filters.filters import Filters
from training.traces.filters.settings import FilterName, TraceFilters
from training.traces.filters.trace import DiscardReason, TeacherTrace, Verdict

__all__ = ["DiscardReason", "FilterName", "Filters", "Judgement", "TeacherTrace", "TraceFilters", "Verdict"]
