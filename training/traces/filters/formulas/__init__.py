"""Named clinical formulas: a table with units and sources, and the results of traces computed again by it."""

from training.traces.filters.formulas.check import check_formulas, formula_statements
from training.traces.filters.formulas.table import FORMULAS, Formula

__all__ = ["FORMULAS", "Formula", "check_formulas", "formula_statements"]
