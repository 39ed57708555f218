"""Read a quantity from the text of a chart.

A text is a number, a unit and perhaps how often a dose is given: "2 g/24h", "250 K/uL", "500 mg q6h". Units divide and
follow one another as they are written; every token must be in the closed list of `units`.
"""

from __future__ import annotations

import re
from typing import Final

from training.traces.quantities.quantity import Quantity, Refusal, RefusalReason, ifcc_from_ngsp, kelvin
from training.traces.quantities.units import (
    CHARGE,
    COMPOUND,
    REFUSED,
    SPELLINGS,
    TIMES_A_DAY,
    WITH_SUBSTANCE,
)

_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_NUMBER: Final = re.compile(
    r"\s*(?P<relation><=|>=|[<>≤≥=~≈])?\s*(?P<number>[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    r"(?P<decimal>,\d+)?(?P<fraction>\s*/\s*\d+(?=\s*[a-zA-Z%]))?"
)
_POWER: Final = re.compile(r"^\s*(?:[x×*·]\s*)?10\s*(?:(?:\^|\*{1,2}|E|e)\s*|(?=\())\(?([-+]?\d+)\)?\s*")
_SURFACE: Final = re.compile(r"/\s*(?:1\.73\s*(?:m2|m\^2|sq\s*m)|\{1\.73_m2\})$")
_HOURLY: Final = re.compile(r"^q\s?(\d+(?:\.\d+)?)\s?(?:h|hr|hrs|hours)$")
_TOKEN: Final = re.compile(r"^(?:(\d+(?:\.\d+)?)\s*)?([A-Za-z%]+(?:H2O)?)(?:\^?([23]))?$")
_TEMPERATURE: Final = re.compile(r"^(?:deg(?:rees?)?\s*|°\s*)?(C|F|Celsius|Fahrenheit)$")
_RELATIONS: Final = {"≤": "<=", "≥": ">=", "~": "=", "≈": "="}
_HBA1C: Final = ("HbA1c", "hemoglobin A1c", "haemoglobin A1c")
_THOUSANDS: Final = {"K": 3, "M": 6}
"""What the letter before a volume counts: "250 K/uL"."""


def read_quantity(text: str, substance: str | None = None) -> Quantity | Refusal:
    """Return the quantity that a text states, or why it isn't read.

    `substance`: what it is a quantity of ("sodium", "glucose", "vitamin D"), which equivalents and activities need.
    Temperatures are returned in kelvin, haemoglobin A1c in mmol/mol.
    """
    found = _NUMBER.match(text)
    number = found and found["number"].replace(",", "").replace("−", "-")
    if not found or not number or number in "+-":
        return Refusal(RefusalReason.NO_NUMBER, text)
    if found["decimal"]:
        return Refusal(RefusalReason.AMBIGUOUS_NUMBER, found[0].strip())
    value = float(number)
    if found["fraction"]:
        value /= float(found["fraction"].strip(" /"))
    relation = _RELATIONS.get(found["relation"] or "=", found["relation"] or "=")
    rest, scale = _without_power(_plain(text[found.end() :]))
    if (temperature := _TEMPERATURE.match(rest)) is not None:
        return Quantity(kelvin(value, temperature[1][0]), "kelvin", substance, relation)
    if rest == "%" and substance in _HBA1C:
        return Quantity(ifcc_from_ngsp(value), "millimole / mole", substance, relation)
    rest, times = _without_frequency(rest)
    unit = read_unit(rest, substance)
    if isinstance(unit, Refusal):
        return unit
    expression = unit.unit if times is None else f"{unit.unit} / day"
    return Quantity(value * scale * unit.value * (times or 1.0), expression, substance, relation)


def read_unit(text: str, substance: str | None = None) -> Quantity | Refusal:
    """Return how much of which unit a text stands for: "24h" is 24 hours, "mEq/L" of calcium half a mmol/L."""
    rest = _plain(text)
    surface = _SURFACE.search(rest)
    if surface:
        rest = rest[: surface.start()]
    value, parts = 1.0, list[str]()
    for number, factor in enumerate(_factors(rest)):
        factor, scale = _without_power(factor)
        if number == 0 and factor in _THOUSANDS and _is_count(rest):
            factor, scale = "", scale * 10.0 ** _THOUSANDS[factor]
        unit = (
            _token(factor, substance) if factor else Quantity(1.0, "count" if number == 0 and not surface else "ratio")
        )
        if isinstance(unit, Refusal):
            return unit
        amount = scale * unit.value
        value = value * amount if number == 0 else value / amount
        parts.append(f"({unit.unit})")
    if surface:
        parts.append("reference_surface")
    return Quantity(value, " / ".join(parts), substance)


def _plain(text: str) -> str:
    """Return a unit with one spelling of signs: powers behind `^`, `u` for micro, `/` for per."""
    text = re.sub(r"(?<=10)([⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda found: "^" + found[1].translate(_SUPERSCRIPTS), text)
    text = text.translate(_SUPERSCRIPTS).replace("\u00b5", "u").replace("\u03bc", "u")
    text = re.sub(r"\s*\bper\b\s*", "/", text)
    text = re.sub(r"\bmm\s+Hg\b", "mmHg", text)
    text = re.sub(r"\bcm\s+H2O\b", "cmH2O", text)
    text = text.replace("[arb'U]", "U").replace("[Cal]", "Cal").replace("mg%", "mg/dL").replace("g%", "g/dL")
    return re.sub(r"\s*/\s*", "/", text.strip().rstrip("."))


def _without_power(text: str) -> tuple[str, float]:
    found = _POWER.match(text)
    return (text[found.end() :], 10.0 ** int(found[1])) if found else (text, 1.0)


def _without_frequency(text: str) -> tuple[str, float | None]:
    """Split "mg q6h" or "mg bid" into the unit and how often a day."""
    head, _, tail = text.rpartition(" ")
    if tail in TIMES_A_DAY and head:
        return head, TIMES_A_DAY[tail]
    hourly = re.search(r"\s(q\s?\d+(?:\.\d+)?\s?(?:h|hr|hrs|hours))$", text)
    if hourly and (hours := _HOURLY.match(hourly[1])):
        return text[: hourly.start()], 24 / float(hours[1])
    return text, None


def _factors(text: str) -> list[str]:
    return [part.strip() for part in text.split("/")]


def _is_count(text: str) -> bool:
    """Return whether a letter before the first slash counts cells: K/uL, M/mm3."""
    volume = _factors(text)[1:]
    return len(volume) == 1 and volume[0] in ("uL", "ul", "mm3", "mm^3", "cmm")


def _token(text: str, substance: str | None) -> Quantity | Refusal:
    found = _TOKEN.match(text)
    if not found:
        return Refusal(RefusalReason.UNKNOWN_UNIT, text)
    number, token, power = found.groups()
    unit = _unit_of(token, substance)
    if isinstance(unit, Refusal):
        return unit
    exponent = int(power or 1)
    expression = unit.unit if exponent == 1 else f"({unit.unit}) ** {exponent}"
    return Quantity(float(number or 1) * unit.value**exponent, expression)


def _unit_of(token: str, substance: str | None) -> Quantity | Refusal:
    if token in SPELLINGS:
        unit = SPELLINGS[token]
        return Quantity(1.0, COMPOUND.get(unit, unit))
    if token in ("mEq", "meq"):
        charge = CHARGE.get(substance or "")
        if charge is None:
            return Refusal(RefusalReason.NEEDS_SUBSTANCE, f"{token} of {substance or 'an unknown ion'}")
        return Quantity(1 / charge, "millimole")
    if token in WITH_SUBSTANCE:
        return _activity(token, substance)
    if token in REFUSED:
        return Refusal(RefusalReason.AMBIGUOUS_UNIT, f"{token}: {REFUSED[token]}")
    return Refusal(RefusalReason.UNKNOWN_UNIT, token)


def _activity(token: str, substance: str | None) -> Quantity | Refusal:
    if substance is None:
        return Refusal(RefusalReason.NEEDS_SUBSTANCE, token)
    if substance == "vitamin D":
        micrograms = {"IU": 1 / 40, "units": 1 / 40, "unit": 1 / 40, "U": 1 / 40}.get(token)
        if micrograms is not None:
            return Quantity(micrograms, "microgram")
    if substance == "enzyme" and token in ("U", "unit", "units"):
        return Quantity(1.0, "micromole / minute")
    return Quantity(1.0, WITH_SUBSTANCE[token])
