"""The table of formulas: one row for each, with how a text names its result."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Final, NamedTuple

from training.traces.filters.formulas import calculations as of


class Formula(NamedTuple):
    """One formula."""

    name: str
    result: str
    """How a text names the result, as a pattern; rows with the same result are variants of each other."""
    unit: str
    """What follows the result's number, as a pattern; it may be missing."""
    compute: Callable[..., float]
    tolerance: float = 0.01
    """Relative difference that intermediate rounding explains."""
    absolute: float = 0.0
    """Absolute difference that a convention explains, such as rounding up."""
    sex: str | None = None
    percent: bool = False
    """Whether the result is a share that is usually stated in per cent."""

    def inputs(self) -> tuple[str, ...]:
        """Return the names of the variables that it needs."""
        return tuple(
            name
            for name, each in inspect.signature(self.compute).parameters.items()
            if each.default is inspect.Parameter.empty
        )

    def optional(self) -> tuple[str, ...]:
        """Return the names of the variables that have a default."""
        return tuple(name for name in inspect.signature(self.compute).parameters if name not in self.inputs())

    def definition(self) -> tuple[str, str]:
        """Return the formula and its source, as the docstring states them."""
        text = " ".join((self.compute.__doc__ or "").split()).removeprefix("Return ")
        expression, _, source = text.rstrip(".").rpartition(". ")
        return expression, source


_ML_MIN: Final = r"mL\s?/\s?min"
_MM_HG: Final = r"mm\s?Hg"
_ML_H: Final = r"mL\s?/\s?(?:h|hr|hour)"
_EQUIVALENTS: Final = r"mEq/L|mmol/L"
_OSMOLES: Final = r"mOsm/(?:kg|L)"
_MILLISECONDS: Final = r"ms|msec|milliseconds"
_SQUARE_METRES: Final = r"m(?:2|\^2|²)"
_NONE: Final = r"(?!)"
_ANION: Final = r"anion gap|AG"
_CORRECTED_ANION: Final = r"(?:albumin-)?corrected anion gap"
_CLEARANCE: Final = r"(?:estimated )?creatinine clearance|CrCl"
_SODIUM: Final = r"corrected (?:serum )?(?:sodium|Na\+?)"
_OSMOLALITY: Final = r"calculated (?:serum |plasma )?osmol[ae]?[lr]ity"
_ALVEOLAR: Final = r"A-?a (?:O2 |oxygen )?gradient|alveolar[-–]arterial (?:oxygen )?gradient"
_EXPECTED: Final = r"(?:expected|predicted) (?:PaCO2|pCO2|PCO2)"
_QTC: Final = r"QTc(?: interval)?|corrected QT(?: interval)?"
_SURFACE: Final = r"body surface area|BSA"
_IDEAL: Final = r"ideal body weight|IBW"
_MAINTENANCE: Final = r"maintenance (?:fluid |IV fluid )?(?:rate|requirement)"
_PARKLAND: Final = r"Parkland (?:formula )?(?:total|volume|requirement)"
_FENA: Final = r"FENa|fractional excretion of sodium"
_RETICULOCYTES: Final = r"corrected reticulocyte (?:count|index)"
_POSITIVE: Final = r"positive likelihood ratio|LR\+"
_NEGATIVE: Final = r"negative likelihood ratio|LR[-−]"
_NEEDED: Final = r"number needed to treat|NNT"

FORMULAS: Final = (
    Formula("body mass index", r"body mass index|BMI", r"kg\s?/\s?m(?:2|\^2|²)", of.body_mass_index, 0.015),
    Formula("anion gap", _ANION, _EQUIVALENTS, of.anion_gap),
    Formula("anion gap with potassium", _ANION, _EQUIVALENTS, of.anion_gap_with_potassium),
    Formula("corrected anion gap", _CORRECTED_ANION, _EQUIVALENTS, of.corrected_anion_gap),
    Formula("corrected anion gap, Figge", _CORRECTED_ANION, _EQUIVALENTS, of.corrected_anion_gap_figge),
    Formula("corrected calcium", r"corrected (?:serum |total )?(?:calcium|Ca)", r"mg/dL", of.corrected_calcium),
    Formula("corrected sodium, Katz", _SODIUM, _EQUIVALENTS, of.corrected_sodium_katz),
    Formula("corrected sodium, Hillier", _SODIUM, _EQUIVALENTS, of.corrected_sodium_hillier),
    Formula("serum osmolality", _OSMOLALITY, _OSMOLES, of.serum_osmolality),
    Formula("osmolal gap", r"osmol(?:al|ar)? gap", _OSMOLES, of.osmolal_gap, absolute=1.0),
    Formula("creatinine clearance, men", _CLEARANCE, _ML_MIN, of.creatinine_clearance_male, sex="male"),
    Formula("creatinine clearance, women", _CLEARANCE, _ML_MIN, of.creatinine_clearance_female, sex="female"),
    Formula("mean arterial pressure", r"mean arterial (?:blood )?pressure|MAP", _MM_HG, of.mean_arterial_pressure),
    Formula("alveolar oxygen", r"alveolar (?:oxygen|PO2)", _MM_HG, of.alveolar_oxygen, 0.02),
    Formula("A-a gradient", _ALVEOLAR, _MM_HG, of.alveolar_arterial_gradient, 0.02, absolute=1.0),
    Formula("P/F ratio", r"P/F ratio|PaO2/FiO2(?: ratio)?", _MM_HG, of.oxygenation_ratio),
    Formula("fractional excretion of sodium", _FENA, r"%", of.sodium_excretion, 0.02),
    Formula("MELD", r"MELD(?! ?-? ?Na)(?: score)?", r"points", of.meld, absolute=1.0),
    Formula("MELD-Na", r"MELD ?-? ?Na(?: score)?", r"points", of.meld_sodium, absolute=1.0),
    Formula("LDL, Friedewald", r"(?:calculated )?LDL(?:-C| cholesterol)?", r"mg/dL", of.low_density_lipoprotein),
    Formula("Winter's formula", _EXPECTED, _MM_HG, of.expected_carbon_dioxide, absolute=2.0),
    Formula("QTc, Bazett", _QTC, _MILLISECONDS, of.corrected_qt_bazett, 0.02),
    Formula("QTc, Fridericia", _QTC, _MILLISECONDS, of.corrected_qt_fridericia, 0.02),
    Formula("body surface, Mosteller", _SURFACE, _SQUARE_METRES, of.body_surface_mosteller, 0.02),
    Formula("body surface, Du Bois", _SURFACE, _SQUARE_METRES, of.body_surface_du_bois, 0.02),
    Formula("ideal body weight, men", _IDEAL, r"kg", of.ideal_weight_male, sex="male"),
    Formula("ideal body weight, women", _IDEAL, r"kg", of.ideal_weight_female, sex="female"),
    Formula("maintenance fluid, 4-2-1", _MAINTENANCE, _ML_H, of.maintenance_fluid),
    Formula("Parkland formula", _PARKLAND, r"mL", of.burn_resuscitation),
    Formula("positive likelihood ratio", _POSITIVE, _NONE, of.positive_likelihood_ratio, 0.02),
    Formula("negative likelihood ratio", _NEGATIVE, _NONE, of.negative_likelihood_ratio, 0.02),
    Formula(
        "positive predictive value", r"positive predictive value|PPV", r"%", of.positive_predictive_value, 0.02,
        percent=True,
    ),
    Formula(
        "negative predictive value", r"negative predictive value|NPV", r"%", of.negative_predictive_value, 0.02,
        percent=True,
    ),
    Formula("sensitivity", r"sensitivity", r"%", of.sensitivity, percent=True),
    Formula("specificity", r"specificity", r"%", of.specificity, percent=True),
    Formula("absolute risk reduction", r"absolute risk reduction|ARR", r"%", of.absolute_risk_reduction, percent=True),
    Formula("relative risk", r"relative risk(?! reduction)", _NONE, of.relative_risk, 0.02),
    Formula(
        "relative risk reduction", r"relative risk reduction|RRR", r"%", of.relative_risk_reduction, 0.02, percent=True
    ),
    Formula("number needed to treat", _NEEDED, r"patients|people", of.number_needed_to_treat, absolute=1.0),
    Formula("HOMA-IR", r"HOMA-?IR", _NONE, of.insulin_resistance, 0.02),
    Formula("corrected reticulocytes", _RETICULOCYTES, r"%", of.corrected_reticulocytes, 0.02),
)  # fmt: skip
