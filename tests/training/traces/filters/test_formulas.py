"""Named formulas: constants by examples worked by hand, and results of traces computed again."""

import inspect
from pathlib import Path

import pytest

from tests.training.traces.filters.vignette import vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.formulas import FORMULAS, calculations, check_formulas, formula_statements

EXAMPLES = [
    ("body_mass_index", (80, 200), 20.0),  # 80 / 2²
    ("anion_gap", (140, 100, 24), 16),  # 140 - 124
    ("anion_gap_with_potassium", (140, 4, 100, 24), 20),  # 144 - 124
    ("corrected_anion_gap", (140, 100, 24, 2.0), 21),  # 16 + 2.5 x 2
    ("corrected_anion_gap_figge", (140, 100, 24, 2.4), 21),  # 16 + 2.5 x 2
    ("corrected_calcium", (8.0, 2.5), 9.2),  # 8 + 0.8 x 1.5
    ("corrected_sodium_katz", (130, 600), 138),  # 130 + 1.6 x 5
    ("corrected_sodium_hillier", (130, 600), 142),  # 130 + 2.4 x 5
    ("serum_osmolality", (140, 90, 14), 290),  # 280 + 5 + 5
    ("osmolal_gap", (330, 140, 90, 14), 40),  # 330 - 290
    ("creatinine_clearance_male", (60, 72, 1.0), 80),  # 80 x 72 / 72
    ("creatinine_clearance_female", (60, 72, 1.0), 68),  # 0.85 x 80
    ("mean_arterial_pressure", (120, 90), 100),  # 300 / 3
    ("alveolar_oxygen", (0.21, 40), 99.73),  # 0.21 x 713 = 149.73; 40 / 0.8 = 50
    ("alveolar_oxygen", (0.5, 40, 647), 250),  # half of 600, less 50
    ("alveolar_arterial_gradient", (90, 0.21, 40), 9.73),
    ("oxygenation_ratio", (80, 0.4), 200),
    ("sodium_excretion", (40, 140, 100, 2.0), 0.5714),  # 100 x 80 / 14000
    ("meld", (1.0, 1.0, 1.0), 6),  # all logarithms are 0: 6.43
    ("meld", (2.718282, 2.718282, 2.718282), 31),  # all are 1: 3.78 + 11.2 + 9.57 + 6.43 = 30.98
    ("meld", (0.3, 0.9, 0.5), 6),  # low values are set to 1
    ("meld", (1.0, 1.0, 8.0), 20),  # creatinine at most 4: 9.57 x 1.3863 = 13.27; 19.70
    ("meld_sodium", (2.718282, 2.718282, 2.718282, 127), 34),  # 31 + 13.2 - 0.33 x 31 = 33.97
    ("meld_sodium", (1.0, 1.0, 1.0, 120), 6),  # sodium counts only above 11
    ("low_density_lipoprotein", (200, 50, 150), 120),  # 200 - 50 - 30
    ("expected_carbon_dioxide", (10,), 23),
    ("corrected_qt_bazett", (400, 60), 400),  # an RR of 1 s
    ("corrected_qt_bazett", (300, 240), 600),  # sqrt(0.25) = 0.5
    ("corrected_qt_fridericia", (300, 480), 600),  # the cube root of 0.125 is 0.5
    ("body_surface_mosteller", (80, 180), 2.0),  # sqrt(14400 / 3600)
    ("body_surface_du_bois", (70, 170), 1.810),  # 0.007184 x 70^0.425 (6.0834) x 170^0.725 (41.4037) = 1.8095
    ("ideal_weight_male", (177.8,), 73),  # 70 inches: 50 + 23
    ("ideal_weight_female", (165.1,), 57),  # 65 inches: 45.5 + 11.5
    ("maintenance_fluid", (8,), 32),
    ("maintenance_fluid", (15,), 50),  # 40 + 10
    ("maintenance_fluid", (70,), 110),  # 40 + 20 + 50
    ("burn_resuscitation", (70, 20), 5600),
    ("positive_likelihood_ratio", (0.9, 0.8), 4.5),  # 0.9 / 0.2
    ("negative_likelihood_ratio", (0.9, 0.8), 0.125),  # 0.1 / 0.8
    ("positive_predictive_value", (0.9, 0.8, 0.1), 1 / 3),  # of 1000: 90 true, 180 false
    ("negative_predictive_value", (0.9, 0.8, 0.1), 720 / 730),  # of 1000: 720 true, 10 false
    ("sensitivity", (90, 10), 0.9),
    ("specificity", (80, 20), 0.8),
    ("absolute_risk_reduction", (0.20, 0.15), 0.05),
    ("relative_risk", (0.20, 0.15), 0.75),
    ("relative_risk_reduction", (0.20, 0.15), 0.25),
    ("number_needed_to_treat", (0.20, 0.15), 20),
    ("insulin_resistance", (81, 10), 2.0),  # 810 / 405
    ("corrected_reticulocytes", (9, 15), 3.0),  # 135 / 45
]
FINDINGS = (
    "A 60-year-old man weighs 72 kg and is 180 cm tall. Blood pressure is 120/90 mm Hg, heart rate is 60/min on room "
    "air. Sodium is 140 mEq/L, chloride 100 mEq/L, bicarbonate 24 mEq/L, albumin 2.0 g/dL, calcium 8.0 mg/dL, glucose "
    "90 mg/dL, BUN 14 mg/dL, creatinine 1.0 mg/dL, bilirubin 1.0 mg/dL, INR 1.0, PaO2 90 mm Hg, PaCO2 40 mm Hg, QT "
    "interval 400 ms, total cholesterol 200 mg/dL, HDL 50 mg/dL, triglycerides 150 mg/dL, reticulocyte count 9%, "
    "hematocrit 15%."
)
RIGHT = (
    "The anion gap is 16 mEq/L.",
    "Anion gap = 140 - (100 + 24) = 16.",
    "The anion gap is Na - (Cl + HCO3) = 140 - (100 + 24) = 16.",
    "The corrected anion gap is 21.",
    "Corrected calcium = 8.0 + 0.8 × (4.0 - 2.0) = 9.6 mg/dL",
    "The creatinine clearance is about 80 mL/min.",
    "MAP is 100 mm Hg.",
    "BMI is 22.2 kg/m².",
    "The A-a gradient is 10 mmHg.",
    "QTc is 400 ms.",
    "LDL = 120 mg/dL",
    "The calculated osmolality is 290 mOsm/kg.",
    "BSA is 1.9 m².",
    "The MELD score is 6.",
    "The corrected reticulocyte count is 3%.",
    "The ideal body weight is 75 kg.",
    "The P/F ratio is 429.",
)
WRONG = (
    "The anion gap is 26 mEq/L.",
    "Anion gap = 140 - 100 = 40.",
    "The corrected calcium is 8.4 mg/dL.",
    "The creatinine clearance is 68 mL/min.",  # of a woman
    "MAP is 105 mm Hg.",
    "BMI is 26 kg/m².",
    "The A-a gradient is 30 mmHg.",
    "LDL = 150 mg/dL",
    "The MELD score is 12.",
)
NOT_STATED = (
    "A normal anion gap is 12.",
    "If the anion gap is 30, toxins are likely.",
    "A BMI of 30 or more is obesity.",
    "Expected PaCO2 = 1.5 * HCO3 + 8.",
    "The anion gap is 8-12 in health.",
    "The urine anion gap is 40.",
    "Anion gap = Na - (Cl + HCO3), where Na = 140.",
    "The anion gap is high because his sodium = 140 mEq/L.",
)
NOT_CHECKABLE = ("HOMA-IR is 9.", "The fractional excretion of sodium is 3%.")


def judged(sentence, question=FINDINGS):
    return [each.judgement.value for each in formula_statements(vignette(question=question, reasoning=sentence))]


@pytest.mark.parametrize(("name", "arguments", "value"), EXAMPLES)
def test_examples_worked_by_hand(name, arguments, value):
    assert getattr(calculations, name)(*arguments) == pytest.approx(value, rel=1e-3)


def test_every_formula_is_documented_and_has_an_example():
    public = {name for name, each in inspect.getmembers(calculations, inspect.isfunction)}
    assert {name for name, _, _ in EXAMPLES} == public
    assert {row.compute.__name__ for row in FORMULAS} == public
    for row in FORMULAS:
        formula, source = row.definition()
        assert formula and any(character.isdigit() for character in source), row.name


@pytest.mark.parametrize("sentence", RIGHT)
def test_right_results(sentence):
    assert judged(sentence) == ["right"]


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_results(sentence):
    assert judged(sentence) == ["wrong"]
    trace = vignette(question=FINDINGS, reasoning=sentence)
    assert check_formulas(trace, TraceFilters()).reason is DiscardReason.WRONG_FORMULA


@pytest.mark.parametrize("sentence", NOT_STATED)
def test_what_states_no_result_of_the_patient(sentence):
    assert judged(sentence) == []


@pytest.mark.parametrize("sentence", NOT_CHECKABLE)
def test_an_input_that_is_missing(sentence):
    assert judged(sentence) == ["not_checkable"]


def test_two_values_of_an_input_are_tried_and_never_wrong():
    twice = FINDINGS + " After treatment, bicarbonate is 14 mEq/L."
    assert judged("The anion gap is 26.", twice) == ["right"]
    assert judged("The anion gap is 30.", twice) == ["not_checkable"]


def test_a_result_that_the_question_states_is_not_computed():
    assert judged("BMI is 31 kg/m².", FINDINGS + " His BMI is 31 kg/m².") == []


def test_units_of_inputs_are_converted():
    pounds = "A 60-year-old woman weighs 158.7 lb. Creatinine is 88.4 µmol/L."
    assert judged("Creatinine clearance is 68 mL/min.", pounds) == ["right"]
    assert judged("Creatinine clearance is 80 mL/min.", pounds) == ["wrong"]
    assert judged("Creatinine clearance is 80 mL/min.", "A 60-year-old woman weighs 72 kg. Creatinine is 1.0.") == [
        "not_checkable"
    ]


def test_altitude_and_inspired_oxygen():
    mountain = "Barometric pressure is 647 mm Hg, FiO2 is 50%, PaO2 is 90 mm Hg and PaCO2 is 40 mm Hg."
    assert judged("The A-a gradient is 160 mm Hg.", mountain) == ["right"]
    assert judged("The A-a gradient is 216 mm Hg.", mountain) == ["wrong"]  # at sea level


def test_the_page_has_every_formula():
    page = (Path(__file__).parents[4] / "docs" / "trace-filters.md").read_text("utf-8")
    for row in FORMULAS:
        formula, source = row.definition()
        assert f"| {row.name} | {formula} | {source} |" in page
