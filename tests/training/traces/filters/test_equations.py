"""Equations of a trace: right, wrong, or not checkable, as they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.traces.filters.vignette import reasoning, vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.arithmetic import check_arithmetic, equations

RIGHT = (
    "The anion gap is 132 - (94 + 10) = 28 mEq/L.",
    "70 kg x 5 mg/kg = 350 mg",
    "70 kg × 5 mcg/kg = 0.35 mg",  # in the units of the result
    "70 kg × 5 µg/kg = 350 μg = 0.35 mg",
    "1000 mL / 8 h = 125 mL/h",
    "1000 mL / 8 h × 20 gtt/mL / 60 min = 41.7 gtt/min",  # an hour's minutes, without their unit
    "500 mg + 0.5 g = 1 g",
    "(140 - 60) x 70 / (72 x 1.0) = 77.8 mL/min",
    "So serum osmolality = 2*165 + 133/18 + 30/2.8 = 330 + 7.38 + 10.7 ≈ 348 mOsm/kg.",
    "AG is 135 - (136 +8) = 135 -144 = -9.",
    "$\\text{MAP} = \\frac{120 + 2 \\times 80}{3} = 93.3 \\text{ mmHg}$",
    "**7.6 / 500 = 1.52%**",
    "12/48 = 25%",
    "12/48 × 100 = 25",
    "34.1% + 7.8% = 41.9%",
    "20% × 50 = 10",
    "5 x 4 = 20 + 3 = 23",  # a running total
    "0.5 / 0.35 = 1.428 times",  # cut off
    "66,500 * 0.6 = 39,900, which is high",
    "2 ** 3 = 8 and 10⁻³ × 5 = 0.005",
    "0.05/5 × 10^-8 = 10^6",
    "12 plus 8 equals 20",
    "70 times 0.6 is 42",
    "2.5 billion / 8 billion = 31%",
    "57,500 x 0.35 = about 20,000",
    "1.5 × 10 + 8 = 23 ± 2",
    "- (2.24 - 2.1)^2 = 0.0196",
    "139 - 117 = 22 - which is high",
    "1/6 = 0.17, and then 0.17 × 300 = 50",  # of what was rounded to 0.17
    "2(3 + 4) = 14",
)
WRONG = (
    "The anion gap is 132 - (94 + 10) = 38 mEq/L.",
    "70 kg x 5 mg/kg = 3500 mg",
    "70 kg × 5 mcg/kg = 3.5 mg",
    "0.02 × 70 = 14 mg",  # ten times the dose
    "1000 mL / 8 h = 120 mL/h",
    "1000 mL / 8 h × 20 gtt/mL / 60 min/h = 51.7 gtt/min",
    "(140 - 60) x 70 / (72 x 1.0) = 87.8 mL/min",
    "So 2*165 + 133/18 + 30/2.8 = 330 + 7.38 + 10.7 ≈ 358",
    "\\frac{120 + 2 \\times 80}{3} = 103.3",
    "7.6 / 500 = 15.2%",
    "66,500 * 0.6 = 29,900, which is high",
    "12 plus 8 is 21",
    "12 + 8 = 21",
    "57,500 x 0.35 = about 40,000",
    "1/6 = 0.17, and then 0.17 × 300 = 61",
    "(55 - 35)^2 / 35 + (15 - 35)^2 / 35 = 20",
)
NOT_CHECKABLE = (
    "HPV 16/18 = 70% of cancers",
    "20-40 = 5 points",
    "500 mg/5 ml = 180 mg/x ml",
    "36.11^2 = 0^2 + 2 * a * 50",
    "The upper bound is 2 + 3 = 6 to 8.",
    "0.5 × 70 = 35000 units",  # a factor of thousand where a unit is left out
)
NONE = (
    "1.5*HCO3 + 8 = 23",
    "0.37B * 0.2 = 0.084B",
    "So 5x + 3 = 12.",
    "5! = 110",
    "p=0.05 and n = 45",
    "BP 120/80 is 93",
    "the closest to 2.086 × 10^(-5) is 2.53 × 10^(-5)",
    "1:32 + 4 = 9",
    "CD4 + 3 = 10",
    "1,5 + 1,5 = 4",
)


def judged(text):
    return [statement.judgement.value for statement in equations(text)]


@pytest.mark.parametrize("text", RIGHT)
def test_right(text):
    assert set(judged(text)) == {"right"}


@pytest.mark.parametrize("text", WRONG)
def test_wrong(text):
    assert "wrong" in judged(text)
    assert check_arithmetic(reasoning(text), TraceFilters()).reason is DiscardReason.WRONG_ARITHMETIC


@pytest.mark.parametrize("text", NOT_CHECKABLE)
def test_not_checkable(text):
    assert set(judged(text)) == {"not_checkable"}
    assert check_arithmetic(reasoning(text), TraceFilters()) is None


@pytest.mark.parametrize("text", NONE)
def test_what_may_be_no_equation_is_never_wrong(text):
    assert set(judged(text)) <= {"not_checkable"}


def test_a_slip_that_the_trace_takes_back_is_kept():
    assert judged("132 - 104 = 38. Wait, that's not right: 132 - 104 = 28.") == ["not_checkable", "right"]


def test_the_verdict_quotes_the_equation_and_what_it_should_be():
    verdict = check_arithmetic(
        vignette(final="The dose is 70 kg x 5 mg/kg = 3500 mg. <answer>B</answer>"), TraceFilters()
    )
    assert "70 kg x 5 mg/kg = 3500 mg" in verdict.detail and "350" in verdict.detail


@given(st.integers(2, 999), st.integers(2, 999), st.integers(-50, 50), st.sampled_from("+-*"))
def test_an_integer_result_is_right_only_if_it_is(a, b, off, sign):
    result = {"+": a + b, "-": a - b, "*": a * b}[sign] + off
    (judgement,) = judged(f"So {a} {sign} {b} = {result}.")
    if off == 0:
        assert judgement == "right"
    elif sign == "-" and a < b:
        assert judgement == "not_checkable"  # a range
    else:
        assert judgement == "wrong"


@given(st.decimals(1, 500, places=1), st.decimals("0.01", 20, places=2), st.integers(0, 3))
def test_a_rounded_quotient_is_right(a, b, places):
    assert judged(f"{a} / {b} = {float(a) / float(b):.{places}f}") == ["right"]


@given(st.text(alphabet="0123456789+-*/^()=≈ .,%xkgmLh\n", max_size=60))
def test_any_text_is_read(text):
    assert all(statement.text for statement in equations(text))


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "1" + ")" * 5000 + " = 1", "9^9^9^9^9 = 1", "1 + " * 5000 + "1 = 1", "1/0 = 0"]
)
def test_monstrous_calculations_end(text):
    assert "wrong" not in judged(text)
