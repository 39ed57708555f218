"""What the formulas compute from: how a text names each value, and in which units it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

NUMBER: Final = r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?!\d|\.\d|,\d|\s?(?:-|–|/)\s?\d|\s(?:to|or)\s\d)"
LINK: Final = (
    r"\s*(?:\([^()\d]{1,24}\)\s*)?(?:level|concentration|value|score)?\s*(?:is|was|of|at|=|:|≈|equals|being|,)?\s*"
    r"(?:about |approximately |around |only |high at |low at |elevated at |≈\s?|~)?"
)
"""What stands between a name and its number."""
_PER_LITRE: Final = {r"mEq/L": 1.0, r"mmol/L": 1.0}
_NO_UNIT: Final = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """One value: its names, and by what a number in each unit is multiplied."""

    names: str
    units: Mapping[str, float]
    """Factor by unit, as patterns; the empty one is a number without a unit, for what is written so."""
    low: float = 0.0
    high: float = float("inf")
    """What a patient can have, in the formula's unit; other numbers are something else."""
    not_behind: str = (
        "urine|urinary|ionized|ionised|corrected|normal|direct|indirect|conjugated|fractional excretion of"
    )
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        """Compile the pattern."""
        units = "|".join(unit for unit in self.units if unit)
        optional = "?" if _NO_UNIT in self.units else ""
        behind = r"(?![\w%])" if optional else r"(?![A-Za-z])"
        unit = rf"(?:\s*({units})){optional}" if units else "()"
        pattern = re.compile(rf"(?<![\w-])(?:{self.names}){LINK}{NUMBER}{unit}{behind}", re.IGNORECASE)
        object.__setattr__(self, "pattern", pattern)

    def readings(self, text: str) -> Iterator[float]:
        """Yield every value that a text states, in the formula's unit."""
        for found in self.pattern.finditer(text):
            if re.search(
                rf"\b(?:{self.not_behind})\s*$", text[max(0, found.start() - 30) : found.start()], re.IGNORECASE
            ):
                continue
            value = float(found[1].replace(",", "")) * self._factor(found[2] or _NO_UNIT)
            if self.low <= value <= self.high:
                yield value

    def _factor(self, unit: str) -> float:
        return next(factor for pattern, factor in self.units.items() if re.fullmatch(pattern, unit, re.IGNORECASE))


_MG_DL: Final = r"mg\s?/\s?dL|mg%"
_MM_HG: Final = {r"mm\s?Hg|torr": 1.0, r"kPa": 7.50062, _NO_UNIT: 1.0}
_SHARE: Final = {r"%|percent": 0.01, _NO_UNIT: 1.0}

VARIABLES: Final[dict[str, Variable]] = {
    "sodium": Variable(r"sodium|Na\+?", {**_PER_LITRE, _NO_UNIT: 1.0}, 90, 200),
    "potassium": Variable(r"potassium|K\+", {**_PER_LITRE, _NO_UNIT: 1.0}, 1, 12),
    "chloride": Variable(r"chloride|Cl[-−]?", {**_PER_LITRE, _NO_UNIT: 1.0}, 50, 160),
    "bicarbonate": Variable(r"bicarbonate|bicarb|HCO3[-−]?|HCO₃[-⁻]?", {**_PER_LITRE, _NO_UNIT: 1.0}, 1, 60),
    "albumin": Variable(r"albumin", {r"g/dL": 1.0, r"g/L": 0.1}, 0.5, 7),
    "calcium": Variable(r"calcium|Ca(?:2\+|²⁺)?", {_MG_DL: 1.0, r"mmol/L": 4.0078}, 3, 25),
    "glucose": Variable(r"glucose|blood sugar", {_MG_DL: 1.0, r"mmol/L": 18.0156}, 10, 3000),
    "urea_nitrogen": Variable(r"(?:blood )?urea nitrogen|BUN", {_MG_DL: 1.0}, 1, 300),
    "creatinine": Variable(r"creatinine|SCr", {_MG_DL: 1.0, r"[µμu]mol/L": 1 / 88.4}, 0.1, 30),
    "weight": Variable(r"weigh(?:s|t|ing)|body weight", {r"kg|kilograms?": 1.0, r"lbs?|pounds?": 0.45359237}, 0.3, 400),
    "height": Variable(
        r"height|tall|measures", {r"cm": 1.0, r"m|meters?|metres?": 100.0, r"inches|in": 2.54}, 30, 260
    ),
    "heart_rate": Variable(
        r"heart rate|pulse(?: rate)?|HR", {r"bpm|/\s?min|beats(?:/|\sper\s)min(?:ute)?": 1.0, _NO_UNIT: 1.0}, 20, 300
    ),
    "qt": Variable(r"QT(?: interval)?", {r"ms|msec|milliseconds": 1.0, r"s|sec|seconds": 1000.0}, 150, 900),
    "arterial_oxygen": Variable(r"PaO2|Pa?O₂|pO2|arterial (?:oxygen|PO2)", _MM_HG, 15, 700),
    "carbon_dioxide": Variable(r"PaCO2|Pa?CO₂|pCO2", _MM_HG, 5, 200),
    "oxygen_share": Variable(r"FiO2|FiO₂|fraction of inspired oxygen", _SHARE, 0.15, 1),
    "atmosphere": Variable(r"(?:atmospheric|barometric) pressure|Patm|PB", _MM_HG, 200, 800),
    "bilirubin": Variable(r"(?:total )?bilirubin", {_MG_DL: 1.0, r"[µμu]mol/L": 1 / 17.1}, 0.05, 80),
    "inr": Variable(r"INR|international normali[sz]ed ratio", {_NO_UNIT: 1.0}, 0.5, 20),
    "cholesterol": Variable(r"total cholesterol|TC", {_MG_DL: 1.0, r"mmol/L": 38.665}, 40, 1000),
    "high_density": Variable(r"HDL(?:-C| cholesterol)?", {_MG_DL: 1.0, r"mmol/L": 38.665}, 2, 200),
    "triglycerides": Variable(r"triglycerides?|TG", {_MG_DL: 1.0, r"mmol/L": 88.54}, 10, 400),
    "insulin": Variable(r"(?:fasting )?insulin", {r"[µμu]I?U/mL|mI?U/L": 1.0}, 0.5, 500),
    "reticulocytes": Variable(r"reticulocyte(?: count|s)?", {r"%": 1.0}, 0, 60),
    "hematocrit": Variable(r"ha?ematocrit|Hct", {r"%": 1.0}, 5, 75),
    "sensitivity": Variable(r"sensitivity", _SHARE, 0, 1),
    "specificity": Variable(r"specificity", _SHARE, 0, 1),
    "prevalence": Variable(r"prevalence|pre-?test probability", _SHARE, 0, 1),
    "control": Variable(
        r"control(?: group)? event rate|CER|(?:event rate|risk) in (?:the )?(?:control|placebo) group", _SHARE, 0, 1
    ),
    "treated": Variable(
        r"(?:experimental|treatment)(?: group)? event rate|EER|(?:event rate|risk) in (?:the )?treat(?:ment|ed) group",
        _SHARE, 0, 1,
    ),
    "measured": Variable(r"measured (?:serum |plasma )?osmolality", {r"mOsm/(?:kg|L)(?: H2O)?": 1.0}, 150, 700),
    "urine_sodium": Variable(r"urin(?:e|ary) sodium|UNa", {**_PER_LITRE, _NO_UNIT: 1.0}, 1, 400, "fractional"),
    "true_positives": Variable(r"true positives?|TP", {_NO_UNIT: 1.0}),
    "false_positives": Variable(r"false positives?|FP", {_NO_UNIT: 1.0}),
    "true_negatives": Variable(r"true negatives?|TN", {_NO_UNIT: 1.0}),
    "false_negatives": Variable(r"false negatives?|FN", {_NO_UNIT: 1.0}),
    "urine_creatinine": Variable(r"urin(?:e|ary) creatinine|UCr", {_MG_DL: 1.0}, 1, 600, "fractional"),
}  # fmt: skip
"""Values that are named in front of their number. What is named otherwise stands in `special_readings`."""
_AGE: Final = re.compile(r"\b(\d{1,3})[- ]years?[- ](?:old|of age)\b", re.IGNORECASE)
_PRESSURE: Final = re.compile(
    r"(?:blood pressure|BP)[^.;\n\d]{0,24}(\d{2,3})/(\d{2,3})\b|\b(\d{2,3})/(\d{2,3})\s?mm\s?Hg", re.IGNORECASE
)
_WEIGHT: Final = re.compile(
    r"\b(\d+(?:\.\d+)?)[- ]?kg(?: \(?\d+[- ]lbs?\)?)?,? (?:man|woman|male|female|boy|girl|child|patient|infant)",
    re.IGNORECASE,
)
_TALL: Final = re.compile(r"\b(\d{2,3}(?:\.\d+)?)[- ]?cm tall\b", re.IGNORECASE)
_FEET: Final = re.compile(r"\b(\d)\s?(?:ft|feet|foot|')\.?\s?(\d{1,2})\s?(?:in\b|inch|\"|'')", re.IGNORECASE)
_BURNT: Final = re.compile(
    r"(\d{1,2}(?:\.\d+)?)\s?%\s?(?:TBSA|(?:of (?:the |his |her |their )?)?(?:total )?body surface)|"
    r"(?:TBSA|body surface area)[^.;\n\d]{0,24}(\d{1,2}(?:\.\d+)?)\s?%",
    re.IGNORECASE,
)
_ROOM_AIR: Final = re.compile(r"\b(?:room air|ambient air)\b", re.IGNORECASE)


def readings(name: str, text: str) -> list[float]:
    """Return the different values that a text states for a variable, in its formula's unit."""
    if name == "age":
        found = [float(each[1]) for each in _AGE.finditer(text)]
    elif name in ("systolic", "diastolic"):
        pressures = [[group for group in each.groups() if group] for each in _PRESSURE.finditer(text)]
        found = [float(each[name == "diastolic"]) for each in pressures]
    elif name == "burnt_percent":
        found = [float(each[1] or each[2]) for each in _BURNT.finditer(text)]
    else:
        found = list(VARIABLES[name].readings(text))
        if name == "weight":
            found += [float(each[1]) for each in _WEIGHT.finditer(text)]
        if name == "height":
            found += [float(each[1]) for each in _TALL.finditer(text)]
            found += [(float(each[1]) * 12 + float(each[2])) * 2.54 for each in _FEET.finditer(text)]
        if name == "oxygen_share" and _ROOM_AIR.search(text):
            found.append(0.21)
    return list(dict.fromkeys(found))
