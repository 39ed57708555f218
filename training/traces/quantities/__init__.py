"""Quantities as charts write them, read by a closed list of units: what isn't listed is refused, never guessed."""

from training.traces.quantities.convert import convert
from training.traces.quantities.quantity import Quantity, Refusal, RefusalReason
from training.traces.quantities.reader import read_quantity

__all__ = ["Quantity", "Refusal", "RefusalReason", "convert", "read_quantity"]
