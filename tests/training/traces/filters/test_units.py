"""Units that change, and sums of unlike units."""

import pytest

from tests.training.traces.filters.vignette import reasoning, vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.changed_units import check_units


@pytest.mark.parametrize(
    "text",
    [
        "Start with morphine 5 mg. After an hour, give another morphine 5 g.",
        "Give 5 mg of morphine IV. The next 5 mcg of morphine follow after an hour.",
        "Norepinephrine 10 mcg/min is started; norepinephrine 10 mg/min is then continued.",
        "The glucose of 540 g/dL is very high.",  # mg/dL in the question
    ],
)
def test_a_quantity_that_keeps_its_number_and_not_its_unit(text):
    trace = reasoning(text)
    assert check_units(trace, TraceFilters()).reason is DiscardReason.CHANGED_UNIT


@pytest.mark.parametrize(
    "text",
    [
        "Start with morphine 5 mg, that is 0.005 g. Then morphine 5 mg again.",
        "Give 5 mg of morphine and 5 g of glucose.",
        "Norepinephrine 5 mcg/min is 0.07 mcg/kg/min; norepinephrine 5 mcg/kg/min would be far too much.",
        "The mass is 2 cm with a margin of 2 mm.",
        "Wait 24 hours, then 24 days.",
        "Glucose is 540 mg/dL.",
        "Give 1 L of saline, then 1 mL of heparin.",
        "Glucose is 540 g/dL. Wait, the unit must be mg/dL.",
    ],
)
def test_other_quantities(text):
    assert check_units(reasoning(text), TraceFilters()) is None


def test_an_option_may_have_the_other_unit():
    options = {"A": "Morphine 5 g", "B": "Morphine 5 mg"}
    text = "Morphine 5 mg is the usual dose. Morphine 5 g would kill."
    assert check_units(vignette(options=options, reasoning=text), TraceFilters()) is None


@pytest.mark.parametrize("text", ["So 500 mg + 5 mL = 505 mg.", "500 mg + 0.5 g = 500.5 mg", "70 kg - 10 cm = 60 kg"])
def test_a_sum_of_unlike_units(text):
    assert check_units(reasoning(text), TraceFilters()).reason is DiscardReason.UNLIKE_UNITS


@pytest.mark.parametrize(
    "text",
    [
        "500 mg + 0.5 g = 1 g",
        "120 mmHg - 80 mmHg = 40 mmHg",
        "2 hours + 30 minutes = 2.5 hours",
        "140 mEq/L - 102 mEq/L = 38 mEq/L",
        "3 patients + 2 cases = 5 people",
        "2 × 140 + 90/18 + 14/2.8 = 290 mOsm/kg",
    ],
)
def test_sums_of_like_units(text):
    assert check_units(reasoning(text), TraceFilters()) is None
