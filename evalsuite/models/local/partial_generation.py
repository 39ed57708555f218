"""A response while a local model writes it, in one leg or, with a thinking budget, in two."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from evalsuite.errors import UsageError
from evalsuite.models.backend import Decoding, Request, Response
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.parser import reasoning_open

_SEED_STEP = 0x9E3779B97F4A7C15
_SEED_SPACE = 1 << 63


class PartialGeneration:
    """One response being written: what the model is given next, and how many tokens it may still write.

    Thinking budget by budget forcing: the first leg ends at the budget; where it ends inside a reasoning block,
    "\\n</think>\\n\\n" is written for the model and the second leg goes on to the answer. The forced close is part of
    the text but not of `output_tokens`. `max_tokens` bounds both legs together, and `context` prompt and response.
    """

    def __init__(self, request: Request, chat: ChatTemplate, decoding: Decoding, context: int | None) -> None:
        prompt = chat.tokenize(request.messages)
        self.request = request
        self.leg = 0
        self._chat = chat
        self._opens_reasoning = prompt.opens_reasoning
        self._context = context
        self._prompt = prompt.ids
        self._written: list[int] = []
        self._generated = 0
        self._most = decoding.max_tokens
        self._budget = decoding.thinking_budget
        self._ended = False
        self._started = perf_counter()

    @property
    def ids(self) -> list[int]:
        """Everything that the model reads before it goes on."""
        return self._prompt + self._written

    @property
    def limit(self) -> int:
        """Tokens that the model may write now."""
        return max(0, min(self._leg_end() - self._generated, self._room()))

    @property
    def seed(self) -> int:
        """A seed of its own for each leg."""
        return (self.request.seed + self.leg * _SEED_STEP) % _SEED_SPACE

    @property
    def too_long(self) -> str | None:
        """Why the prompt can't be asked, if it can't."""
        if self._context is None or len(self._prompt) < self._context:
            return None
        return f"the prompt's {len(self._prompt)} tokens don't fit the model's context of {self._context}"

    def start(self) -> None:
        """Count latency from now."""
        self._started = perf_counter()

    def add(self, ids: Sequence[int], ended: bool) -> bool:
        """Take what the model wrote, its end token left out (`ended` stands for it); return whether all is written."""
        self._written.extend(ids)
        self._generated += len(ids) + ended
        self._ended = ended
        if not ended and self.limit == 0 and self._next_leg():
            self._close_reasoning()
        return ended or self.limit == 0

    def response(self) -> Response:
        """Return the response as it stands."""
        return Response(
            request=self.request,
            text=self._chat.decode(self._written),
            finish="stop" if self._ended else "length",
            opens_reasoning=self._opens_reasoning,
            input_tokens=len(self._prompt),
            output_tokens=self._generated,
            latency=perf_counter() - self._started,
        )

    def failed(self, error: str) -> Response:
        """Return the response of a request that can't be answered."""
        return Response(request=self.request, opens_reasoning=self._opens_reasoning, error=error)

    def _leg_end(self) -> int:
        return self._most if self.leg or self._budget is None else min(self._budget, self._most)

    def _room(self) -> int:
        used = len(self._prompt) + len(self._written)
        return self._most if self._context is None else self._context - used

    def _next_leg(self) -> bool:
        if self.leg or self._budget is None or self._generated >= self._most or self._room() <= 0:
            return False
        self.leg = 1
        return True

    def _close_reasoning(self) -> None:
        if reasoning_open(self._chat.decode(self._written), self._opens_reasoning):
            self._written.extend(self._chat.forced_close())


def check_budget(decoding: Decoding) -> None:
    """Refuse a thinking budget that means nothing."""
    budget = decoding.thinking_budget
    if budget is not None and budget < 1:
        raise UsageError("a thinking budget is at least 1 token; to have none, turn thinking off")
    if budget is not None and decoding.thinking == "off":
        raise UsageError("a thinking budget and thinking off contradict each other: drop one")
