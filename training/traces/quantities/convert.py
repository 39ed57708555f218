"""Convert quantities between units, and between kinds only where what is measured is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pint

from training.traces.quantities.quantity import Quantity, Refusal, RefusalReason
from training.traces.quantities.reader import read_unit
from training.traces.quantities.units import MOLAR_MASS, registry

_REFERENCE_SURFACE: Final = 1.73
"""m², to which a clearance is normalised."""


def convert(quantity: Quantity, unit: str, body_surface: float | None = None) -> Quantity | Refusal:
    """Return a quantity in another unit, written as in charts (`mg/dL`).

    A mass and an amount of a substance convert by its molar mass; a clearance for 1.73 m² becomes one of the patient by
    `body_surface` in m². Whatever measures something else is a `Refusal`.
    """
    target = read_unit(unit, quantity.substance)
    if isinstance(target, Refusal):
        return target
    for value, source in _readings(quantity, body_surface):
        try:
            converted = registry().Quantity(value, source).to(target.unit).magnitude
        except pint.DimensionalityError:
            continue
        return quantity._replace(value=float(converted) / target.value, unit=target.unit)
    return Refusal(_why_not(quantity, target.unit), f"{quantity.unit} to {target.unit}")


def _readings(quantity: Quantity, body_surface: float | None) -> Iterator[tuple[float, str]]:
    """Yield the quantity as it is, and as every other kind that it may become."""
    yield quantity.value, quantity.unit
    mass = MOLAR_MASS.get(quantity.substance or "")
    if mass is not None:
        yield quantity.value * mass, f"({quantity.unit}) * gram / mole"
        yield quantity.value / mass, f"({quantity.unit}) * mole / gram"
    if body_surface is not None:
        yield quantity.value * body_surface / _REFERENCE_SURFACE, f"({quantity.unit}) * reference_surface"


def _why_not(quantity: Quantity, target: str) -> RefusalReason:
    units = registry()
    ratio = (units.Quantity(1.0, quantity.unit) / units.Quantity(1.0, target)).dimensionality
    if set(ratio) == {"[mass]", "[substance]"} or "[biological_activity]" in ratio:
        return RefusalReason.NEEDS_SUBSTANCE
    if set(ratio) == {"[body_surface_of_1_73_m2]"}:
        return RefusalReason.NEEDS_BODY_SURFACE
    return RefusalReason.OTHER_KIND
