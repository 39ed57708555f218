"""What a teacher's tokens cost: a table of prices, and a budget in its currency or in tokens."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import Field, ValidationError

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.util.validation import StrictModel, first_problem
from evalsuite.util.yaml_file import read_yaml

TOKENS: Final = "tokens"
PER: Final = 1_000_000
"""Prices are for this many tokens."""
_MAX_BYTES: Final = 1 << 18
_BUDGET: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kM]?)\s*([A-Za-z]+)")
_FACTORS: Final = {"": 1, "k": 1_000, "M": 1_000_000}
Amount = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Price(StrictModel):
    """What a million tokens of a model cost."""

    input: Amount
    output: Amount


class PriceTable(StrictModel):
    """The prices of models in one currency; a model is named as `--teacher` names it."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    models: dict[str, Price]


class Tariff(NamedTuple):
    """One model's prices, in a currency."""

    currency: str
    input: Decimal
    output: Decimal

    def cost(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Return what these tokens cost."""
        return (self.input * input_tokens + self.output * output_tokens) / PER


class Budget(NamedTuple):
    """The most that may be spent; `unit` is `tokens` or a currency."""

    limit: Decimal
    unit: str

    def __str__(self) -> str:
        return f"{self.limit:,f} {self.unit}"


def read_tariff(path: Path, model: str) -> Tariff:
    """Return a model's prices; a file that can't be used, or that lacks the model, is a `UsageError`."""
    content = read_yaml(path, _MAX_BYTES, UsageError, ErrorCode.INVALID_ARGUMENT)
    try:
        table = PriceTable.model_validate(content)
    except ValidationError as error:
        message = f"`prices` {path}: {first_problem(error, 'prices')}; correct the file"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message) from None
    price = table.models.get(model)
    if price is None:
        known = ", ".join(table.models) or "none"
        message = f"`prices` {path}: has no price of {model}; it has those of: {known}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    return Tariff(table.currency, Decimal(str(price.input)), Decimal(str(price.output)))


def parse_budget(text: str, tariff: Tariff | None) -> Budget:
    """Return a budget such as `20 USD`, `500k tokens` or `2.5M tokens`; a `UsageError` for any other text.

    A currency needs prices in that currency.
    """
    match = _BUDGET.fullmatch(text.strip())
    if match is None:
        message = f"`budget` {text!r}: write a number and a unit, such as '20 USD' or '500k tokens'"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    limit, unit = Decimal(match[1]) * _FACTORS[match[2]], match[3]
    if unit.lower() in (TOKENS, "token"):
        return Budget(limit, TOKENS)
    if tariff is None or tariff.currency != unit.upper():
        known = "there are no `prices`" if tariff is None else f"the `prices` are in {tariff.currency}"
        message = f"`budget` {text!r}: {known}; state it in tokens, or give prices in its currency"
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
    return Budget(limit, tariff.currency)
