"""Calculations of a trace, computed again from what the trace itself shows."""

from training.traces.filters.arithmetic.check import check_arithmetic
from training.traces.filters.arithmetic.equations import equations
from training.traces.filters.arithmetic.statement import Judgement, Statement

__all__ = ["Judgement", "Statement", "check_arithmetic", "equations"]
