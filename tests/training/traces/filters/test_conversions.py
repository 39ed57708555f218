"""Quantities that are stated in two units."""

import pytest

from tests.training.traces.filters.vignette import QUESTION, reasoning, vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.conversions import check_conversions, conversions

RIGHT = (
    "Her temperature is 38.5°C (101.3°F).",  # 38.5 x 1.8 + 32
    "He has 100.4 F (38 C).",
    "The heart rate rises by 10 beats for each rise of 1 °C (1.8 °F).",
    "The core temperature is to fall by 2.0 °C (3.6 °F) at most.",
    "The weight is 154 lb (70 kg).",
    "70 kg = 154 lb",
    "She is 165 cm (65 in) tall.",  # 64.96
    "Six feet: 6 ft (183 cm).",
    "Give 500 mg (0.5 g).",
    "2 g = 2000 mg",
    "Fasting glucose is 126 mg/dL (7.0 mmol/L).",  # 126 / 18.02 = 6.99
    "Creatinine of 1.0 mg/dL (88 µmol/L).",
    "Total cholesterol is 200 mg/dL (5.2 mmol/L).",
    "Calcium is 10 mg/dL (2.5 mmol/L).",
    "Calcium is 2.5 mmol/L (5 mEq/L).",
    "Sodium is 140 mEq/L (140 mmol/L).",
    "BUN is 14 mg/dL (5 mmol/L).",  # of nitrogen twice: 14 / 2.8
    "PaO2 is 75 mm Hg (10 kPa).",
    "Hemoglobin of 14 g/dL (140 g/L).",
)
WRONG = (
    "Her temperature is 38.5°C (103.1°F).",
    "Her temperature is 38.5°C (69.3°F).",  # 32 left out, and no difference
    "Her temperature fell by 2.0 °C (2.6 °F).",
    "The weight is 154 lb (77 kg).",
    "70 kg = 32 lb",
    "Give 500 mg (5 g).",
    "1 mg is equal to 1,000,000 micrograms.",
    "Fasting glucose is 126 mg/dL (12.6 mmol/L).",
    "Calcium is 2.5 mmol/L (2.5 mEq/L).",
    "Hemoglobin of 14 g/dL (14 g/L).",
)
NOT_CHECKABLE = (
    "It is 126 mg/dL (7.0 mmol/L).",  # of what?
    "Glucose and cholesterol are up, at 126 mg/dL (7.0 mmol/L).",
)
NONE = (
    "Give 5 g (50 mg/kg).",
    "The baby weighs 7 lb 2 oz (3.2 kg).",
    "15 mg/kg × 62 kg = 930 mg",
    "Give 500 mg (1 g in all).",
    "Prednisone 40 mg = 32 mg methylprednisolone",
    "Hydrocortisone 1 g = 40 mg dexamethasone",
    "Give 10 mg (2 mL).",
    "The dose is 5-10 mg (0.5-1 mL).",
)


def judged(text):
    return [statement.judgement.value for statement in conversions(text)]


@pytest.mark.parametrize(
    ("texts", "judgement"), [(RIGHT, ["right"]), (WRONG, ["wrong"]), (NOT_CHECKABLE, ["not_checkable"]), (NONE, [])]
)
def test_sentences(texts, judgement):
    assert {text: judged(text) for text in texts} == dict.fromkeys(texts, judgement)


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_conversion_is_discarded(text):
    assert check_conversions(reasoning(text), TraceFilters()).reason is DiscardReason.WRONG_CONVERSION


def test_what_the_question_states_wrongly_is_not_the_traces_fault():
    sentence = "Her temperature is 38.5°C (103.1°F)."
    trace = vignette(question=f"{QUESTION} {sentence}", reasoning=sentence)
    assert check_conversions(trace, TraceFilters()) is None
