"""A quantity that was read from a text, and why another one was not."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

_ZERO_CELSIUS: Final = 273.15


class RefusalReason(StrEnum):
    """Why no number may be read from a text, or no conversion made."""

    NO_NUMBER = "no_number"
    AMBIGUOUS_NUMBER = "ambiguous_number"
    """A comma that may separate decimals or thousands."""
    UNKNOWN_UNIT = "unknown_unit"
    AMBIGUOUS_UNIT = "ambiguous_unit"
    NEEDS_SUBSTANCE = "needs_substance"
    """Equivalents without the ion, activities without the substance, amounts and masses without the molar mass."""
    NEEDS_BODY_SURFACE = "needs_body_surface"
    OTHER_KIND = "other_kind"
    """Two quantities that measure different things."""


class Refusal(NamedTuple):
    """A text that is not read, or a conversion that is not made."""

    reason: RefusalReason
    what: str


class Quantity(NamedTuple):
    """A number with a unit of the closed list."""

    value: float
    unit: str
    """An expression of the registry's units, such as `milligram / decilitre`."""
    substance: str | None = None
    """What it is a quantity of, where the unit alone doesn't say how it converts."""
    relation: str = "="
    """`<`, `>`, `<=` or `>=` if the text states a bound."""


def kelvin(degrees: float, scale: str) -> float:
    """Return a temperature on the scale `C` or `F` in kelvin."""
    return degrees + _ZERO_CELSIUS if scale == "C" else (degrees - 32) / 1.8 + _ZERO_CELSIUS


def ifcc_from_ngsp(percent: float) -> float:
    """Return haemoglobin A1c in mmol/mol, given in per cent (NGSP); the master equation, Clin Chem 2004;50:166."""
    return 10.929 * (percent - 2.15)


def hydrogen_from_ph(ph: float) -> float:
    """Return the concentration of hydrogen ions in nmol/L at a pH."""
    return float(10 ** (9 - ph))
