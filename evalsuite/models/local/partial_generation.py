"""A response while a local model generates it, in one phase or, with a thinking budget, in two."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import Decoding, Request, Response
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.parser import reasoning_open

_SEED_STEP = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: the seeds of the two phases are far apart, also from those of other requests."""
_SEED_SPACE = 1 << 63


class PartialGeneration:
    """One response in progress: the model's next input, and how many tokens it may still generate.

    A thinking budget is enforced by budget forcing (Muennighoff et al., "s1: Simple test-time scaling", 2025): the
    first phase ends at the budget; if it ends inside a reasoning block, "\\n</think>\\n\\n" is appended and the second
    phase continues with the answer. The appended close is part of the text but not of `output_tokens`. `max_tokens`
    limits both phases together, and `context` limits prompt and response.
    """

    def __init__(self, request: Request, chat: ChatTemplate, decoding: Decoding, context: int | None) -> None:
        prompt = chat.tokenize(request.messages)
        self.request = request
        self.phase = 0
        self._chat = chat
        self._opens_reasoning = prompt.opens_reasoning
        self._context = context
        self._prompt_ids = prompt.ids
        self._response_ids: list[int] = []
        self._generated = 0
        self._max_tokens = decoding.max_tokens
        self._budget = decoding.thinking_budget
        self._ended = False
        self._started = perf_counter()

    @property
    def input_ids(self) -> list[int]:
        """The prompt and everything generated so far: the model's next input."""
        return self._prompt_ids + self._response_ids

    @property
    def max_new_tokens(self) -> int:
        """Number of tokens that the model may generate before this phase ends."""
        return max(0, min(self._phase_limit() - self._generated, self._free_context()))

    @property
    def seed(self) -> int:
        """The seed of the present phase: a second phase must not repeat the random numbers of the first."""
        return (self.request.seed + self.phase * _SEED_STEP) % _SEED_SPACE

    @property
    def length_error(self) -> str | None:
        """Why the prompt is too long for the model; None if it fits."""
        if self._context is None or len(self._prompt_ids) < self._context:
            return None
        return f"the prompt's {len(self._prompt_ids)} tokens don't fit the model's context of {self._context}"

    def start(self) -> None:
        """Start to measure latency."""
        self._started = perf_counter()

    def extend(self, ids: Sequence[int], ended: bool) -> bool:
        """Append generated tokens without the end token, which `ended` counts; return whether this is complete."""
        self._response_ids.extend(ids)
        self._generated += len(ids) + ended
        self._ended = ended
        # At the end of the first phase the model either was interrupted in its reasoning, which must be closed, or
        # was already answering: then it just goes on, as it would have without a budget.
        if not ended and self.max_new_tokens == 0 and self._enter_next_phase():
            self._close_reasoning()
        # Closing the reasoning takes context too; if nothing is left for an answer, the response is complete.
        return ended or self.max_new_tokens == 0

    def response(self) -> Response:
        """Return the response as generated so far."""
        return Response(
            request=self.request,
            text=self._chat.decode(self._response_ids),
            finish="stop" if self._ended else "length",
            opens_reasoning=self._opens_reasoning,
            input_tokens=len(self._prompt_ids),
            output_tokens=self._generated,
            latency=perf_counter() - self._started,
        )

    def failed(self, error: str) -> Response:
        """Return the response of a request that can't be answered."""
        return Response(request=self.request, opens_reasoning=self._opens_reasoning, error=error)

    def _phase_limit(self) -> int:
        """Generated tokens at which the present phase ends."""
        return self._max_tokens if self.phase or self._budget is None else min(self._budget, self._max_tokens)

    def _free_context(self) -> int:
        used = len(self._prompt_ids) + len(self._response_ids)
        return self._max_tokens if self._context is None else self._context - used

    def _enter_next_phase(self) -> bool:
        """Enter the second phase if there is one and it may generate anything."""
        if self.phase or self._budget is None or self._generated >= self._max_tokens or self._free_context() <= 0:
            return False
        self.phase = 1
        return True

    def _close_reasoning(self) -> None:
        if reasoning_open(self._chat.decode(self._response_ids), self._opens_reasoning):
            self._response_ids.extend(self._chat.reasoning_close_ids())


def check_budget(decoding: Decoding) -> None:
    """Raise a `UsageError` for a thinking budget below 1, or one combined with thinking off."""
    budget = decoding.thinking_budget
    if budget is not None and budget < 1:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            f"`thinking_budget` {budget}: it must be at least 1; for no reasoning set `thinking` to off",
        )
    if budget is not None and decoding.thinking == "off":
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            "`thinking_budget` limits reasoning, which `thinking` off disables: leave one of the two out",
        )
