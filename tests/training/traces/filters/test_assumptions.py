"""Assumptions and uncertainties, where they are required."""

import pytest

from tests.training.traces.filters.vignette import vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.assumptions import check_assumptions

PLAIN = "She has ketoacidosis and is hypotensive. The most likely cause is infection. Saline comes first."


@pytest.mark.parametrize(
    "sentence", ["Assuming that her potassium is normal, insulin follows.", "I take it as a premise; 假设血钾正常。"]
)
def test_an_assumption(sentence):
    required = TraceFilters(require_assumptions=True)
    assert check_assumptions(vignette(reasoning=f"{PLAIN} {sentence}"), required) is None
    assert check_assumptions(vignette(reasoning=PLAIN), required).reason is DiscardReason.NO_ASSUMPTION


@pytest.mark.parametrize(
    "sentence",
    [
        "Her potassium is not given.",
        "Sepsis cannot be fully excluded.",
        "A mixed disorder is less likely.",
        "感染不能排除。",
    ],
)
def test_an_uncertainty(sentence):
    required = TraceFilters(require_uncertainty=True)
    assert check_assumptions(vignette(reasoning=f"{PLAIN} {sentence}"), required) is None
    assert check_assumptions(vignette(reasoning=PLAIN), required).reason is DiscardReason.NO_UNCERTAINTY


def test_neither_is_required_by_default():
    assert check_assumptions(vignette(reasoning=PLAIN), TraceFilters()) is None
