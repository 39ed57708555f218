"""The closed list of clinical units, as definitions for pint.

pint's own registry is not used: it rebuilds a unit that it lacks from a prefix and another unit without a warning
("units" is a micro-nit, "K/uL" kelvin per microlitre, "2 g/24h" gram-hours), as seen with pint 0.25.3. The registry
here starts empty and has no prefixes, so that a token is one of these or unknown. Case matters.

Sources: The Unified Code for Units of Measure 2.2 (ucum.org) for factors; the international avoirdupois pound and
conventional millimetre of mercury of NIST Special Publication 811 (2008).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import pint

_BASE: Final = (
    "gram = [mass]",
    "metre = [length]",
    "second = [time]",
    "kelvin = [temperature]",
    "mole = [substance]",
    # Kinds of their own, which nothing converts to another kind without more knowledge.
    "osmole = [osmotic_amount]",
    "international_unit = [biological_activity]",
    "enzyme_unit = [catalytic_activity]",
    "reference_surface = [body_surface_of_1_73_m2]",
    "count = [count]",
    "event = [event]",
    "ratio = []",
    "percent = 0.01 * ratio",
)
_DERIVED: Final = (
    "kilogram = 1000 * gram",
    "milligram = 0.001 * gram",
    "microgram = 1e-6 * gram",
    "nanogram = 1e-9 * gram",
    "picogram = 1e-12 * gram",
    "pound = 453.59237 * gram",
    "ounce = 28.349523125 * gram",
    "kilometre = 1000 * metre",
    "centimetre = 0.01 * metre",
    "millimetre = 0.001 * metre",
    "micrometre = 1e-6 * metre",
    "nanometre = 1e-9 * metre",
    "inch = 0.0254 * metre",
    "foot = 0.3048 * metre",
    "french = 0.001 * metre / 3",
    "litre = 0.001 * metre ** 3",
    "decilitre = 0.1 * litre",
    "millilitre = 0.001 * litre",
    "microlitre = 1e-6 * litre",
    "femtolitre = 1e-15 * litre",
    "minute = 60 * second",
    "hour = 3600 * second",
    "day = 86400 * second",
    "week = 7 * day",
    "month = 30.4375 * day",
    "year = 365.25 * day",
    "millisecond = 0.001 * second",
    "millimole = 0.001 * mole",
    "micromole = 1e-6 * mole",
    "nanomole = 1e-9 * mole",
    "picomole = 1e-12 * mole",
    "milliosmole = 0.001 * osmole",
    "milli_international_unit = 0.001 * international_unit",
    "micro_international_unit = 1e-6 * international_unit",
    "newton = 1000 * gram * metre / second ** 2",
    "pascal = newton / metre ** 2",
    "kilopascal = 1000 * pascal",
    "millimetre_of_mercury = 133.322387415 * pascal",
    "centimetre_of_water = 98.0665 * pascal",
    "torr = 101325 / 760 * pascal",
    "joule = newton * metre",
    "kilojoule = 1000 * joule",
    "kilocalorie = 4184 * joule",
    "watt = joule / second",
    "gray = joule / (1000 * gram)",
    "milligray = 0.001 * gray",
    "dioptre = 1 / metre",
)

SPELLINGS: Final[dict[str, str]] = {
    spelling: unit
    for unit, spellings in {
        "kilogram": "kg KG kilogram kilograms kilo kilos",
        "gram": "g gm gram grams",
        "milligram": "mg MG milligram milligrams mgs",
        "microgram": "ug mcg MCG microgram micrograms",
        "nanogram": "ng nanogram nanograms",
        "picogram": "pg picogram picograms",
        "pound": "lb lbs pound pounds",
        "ounce": "oz ounce ounces",
        "metre": "m meter meters metre metres",
        "kilometre": "km",
        "centimetre": "cm centimeter centimeters centimetre centimetres",
        "millimetre": "mm millimeter millimeters millimetre millimetres",
        "micrometre": "um micron microns",
        "nanometre": "nm",
        "inch": "in inch inches",
        "foot": "ft foot feet",
        "french": "Fr French",
        "litre": "L l liter liters litre litres",
        "decilitre": "dL dl deciliter",
        "millilitre": "mL ml ML cc milliliter milliliters millilitre",
        "microlitre": "uL ul cmm",
        "femtolitre": "fL fl",
        "second": "s sec secs second seconds",
        "minute": "min mins minute minutes",
        "hour": "h hr hrs hour hours",
        "day": "d day days",
        "week": "wk wks week weeks",
        "month": "mo month months",
        "year": "y yr yrs year years",
        "millisecond": "ms msec",
        "mole": "mol",
        "millimole": "mmol mmole millimoles",
        "micromole": "umol micromol micromoles",
        "nanomole": "nmol",
        "picomole": "pmol",
        "osmole": "Osm",
        "milliosmole": "mOsm mosm mOsmol",
        "millimetre_of_mercury": "mmHg",
        "centimetre_of_water": "cmH2O",
        "torr": "torr Torr",
        "pascal": "Pa",
        "kilopascal": "kPa",
        "joule": "J",
        "kilojoule": "kJ",
        "kilocalorie": "kcal Cal Calorie Calories kilocalories",
        "watt": "W",
        "gray": "Gy",
        "milligray": "mGy",
        "dioptre": "D diopter diopters",
        "percent": "%",
        "count": "cells cell copies beats breaths",
        "beat_per_minute": "bpm",
    }.items()
    for spelling in spellings.split()
}
"""Unit by spelling, for the tokens that say all by themselves."""

COMPOUND: Final[dict[str, str]] = {
    "beat_per_minute": "count / minute",
}
"""Spelled as one token, and several units."""

WITH_SUBSTANCE: Final[dict[str, str]] = {
    "IU": "international_unit",
    "mIU": "milli_international_unit",
    "uIU": "micro_international_unit",
    "U": "international_unit",
    "units": "international_unit",
    "unit": "international_unit",
}
"""Activities: comparable only between quantities of one substance."""

REFUSED: Final[dict[str, str]] = {
    "K": "thousands or kelvin: write 10^3, or K/uL",
    "M": "millions or molar: write 10^6, or mol/L",
    "R": "no unit",
    "Mg": "milligrams or magnesium: write mg",
    "gr": "grains or grams: write mg or g",
    "pt": "pints, points or patients",
    "amp": "an ampoule has no stated content",
    "drops": "drops need the drop factor of the set",
    "gtt": "drops need the drop factor of the set",
    "G": "a needle's gauge is no length",
    "gauge": "a needle's gauge is no length",
    "CFU": "colony-forming units convert to nothing",
    "tsp": "a spoon's content is not fixed",
    "tbsp": "a spoon's content is not fixed",
}
"""Tokens that are known, and that no number may be read from."""

TIMES_A_DAY: Final[dict[str, float]] = {
    "daily": 1, "qd": 1, "od": 1, "bid": 2, "BID": 2, "tid": 3, "TID": 3, "qid": 4, "QID": 4, "nightly": 1, "qhs": 1,
    "weekly": 1 / 7, "qod": 0.5,
}  # fmt: skip
"""How often a day a dose is given; "q6h" is read as a number of hours."""

CHARGE: Final[dict[str, int]] = {
    "sodium": 1, "Na": 1, "potassium": 1, "chloride": 1, "Cl": 1, "bicarbonate": 1, "HCO3": 1, "lithium": 1,
    "Li": 1, "calcium": 2, "Ca": 2, "magnesium": 2,
}  # fmt: skip
"""Elementary charges of an ion, by which milliequivalents are millimoles. Phosphate's depends on the pH: not listed."""

MOLAR_MASS: Final[dict[str, float]] = {
    "glucose": 180.156, "creatinine": 113.12, "urea nitrogen": 28.014, "urea": 60.056, "cholesterol": 386.65,
    "triglycerides": 885.4, "bilirubin": 584.66, "uric acid": 168.11, "calcium": 40.078, "magnesium": 24.305,
    "phosphorus": 30.974, "sodium": 22.990, "potassium": 39.098, "chloride": 35.453, "lithium": 6.94, "iron": 55.845,
    "ethanol": 46.069, "lactate": 89.07, "ammonia": 17.031,
}  # fmt: skip
"""g/mol, from the standard atomic weights of IUPAC (2021); triglycerides as triolein, as laboratories do."""


@cache
def registry() -> pint.UnitRegistry[float]:
    """Return the registry of exactly these units; a name that is not listed raises `pint.UndefinedUnitError`."""
    units: pint.UnitRegistry[float] = pint.UnitRegistry(None, case_sensitive=True)
    for definition in (*_BASE, *_DERIVED):
        units.define(definition)
    return units
