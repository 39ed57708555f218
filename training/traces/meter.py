"""Counts what a teacher's responses took, and holds back requests that could exceed a budget."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

from evalsuite.run_folder import ResponseRecord
from training.model_requests import Key, Prompt
from training.traces.prices import TOKENS, Budget, Tariff

_FEWEST_BYTES: Final = 2
"""No tokenizer in use has fewer bytes of prose in a token on average, so that a prompt has at most so many tokens."""
_TEMPLATE: Final = 64
"""Tokens that a chat template may add to a prompt."""
_PLACES: Final = Decimal("0.000001")


class Usage(NamedTuple):
    """Tokens of requests."""

    input: int
    output: int

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input + self.output


class Meter:
    """What the responses of one folder took, those of earlier processes included; an `Allowance`.

    A request is let through only if the budget also holds when it, and all that are in flight, take as much as they
    can: every token of the limit, and a prompt of two bytes a token. So the budget is never exceeded by responses.
    What a server charges for requests that failed is unknown and not counted.
    """

    def __init__(self, max_tokens: int, tariff: Tariff | None = None, budget: Budget | None = None) -> None:
        self.tariff, self.budget = tariff, budget
        self.spent = Usage(0, 0)
        self.uncounted = 0
        """Responses whose server counted no tokens: prompt and response count as one token limit each."""
        self._max_tokens = max_tokens
        self._reserved: dict[Key, Usage] = {}

    def take(self, prompt: Prompt) -> bool:
        """Reserve what a request may take at most; False where that could exceed the budget."""
        need = self.most(prompt)
        if self.budget is not None:
            total = sum(map(self._amount, (self.spent, need, *self._reserved.values())), Decimal())
            if total > self.budget.limit:
                return False
        self._reserved[prompt.key] = need
        return True

    def finish_request(self, prompt: Prompt, record: ResponseRecord | None) -> None:
        """Replace what was reserved by what the response took."""
        del self._reserved[prompt.key]
        if record is not None:
            self.spend(record)

    def spend(self, record: ResponseRecord) -> None:
        """Count a response."""
        self.uncounted += record.input_tokens is None or record.output_tokens is None
        got = (record.input_tokens, record.output_tokens)
        tokens = [self._max_tokens if count is None else count for count in got]
        self.spent = Usage(self.spent.input + tokens[0], self.spent.output + tokens[1])

    def most(self, prompt: Prompt) -> Usage:
        """Return what a request may take at most."""
        return Usage(prompt_bytes(prompt) // _FEWEST_BYTES + _TEMPLATE, self._max_tokens)

    @property
    def cost(self) -> Decimal | None:
        """What the responses cost; None without prices."""
        return None if self.tariff is None else self.tariff.cost(*self.spent)

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest states."""
        facts: dict[str, Any] = {"input_tokens": self.spent.input, "output_tokens": self.spent.output}
        facts["responses_without_counts"] = self.uncounted
        if self.tariff is not None and self.cost is not None:
            facts |= {"cost": f"{self.cost.quantize(_PLACES):f}", "currency": self.tariff.currency}
        return facts

    def _amount(self, usage: Usage) -> Decimal:
        assert self.budget is not None
        if self.budget.unit == TOKENS or self.tariff is None:
            return Decimal(usage.tokens)
        return self.tariff.cost(*usage)


def prompt_bytes(prompt: Prompt) -> int:
    """Return the size of a prompt's texts in UTF-8."""
    return sum(len(message["content"].encode()) for message in prompt.messages)
