"""A question as log-likelihood scoring asks it: one context, and the continuations that are weighed behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalsuite.models.backend import Request, Response
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.tasks.continuation import DELIMITER


@dataclass(frozen=True, slots=True)
class ContinuationRequest:
    """A request as tokens: its context, and every continuation behind it."""

    request: Request
    context: list[int]
    continuations: list[list[int]]

    @property
    def longest(self) -> int:
        """Tokens that the model reads for the longest continuation: of that, all but the last."""
        return len(self.context) + max(map(len, self.continuations)) - 1

    def trouble(self, room: int | None) -> str | None:
        """Why it can't be asked of a model whose context is `room` tokens, if it can't."""
        if not self.context or not all(self.continuations):
            return "the context or an option makes no token of its own"
        if room is not None and self.longest > room:
            return f"the prompt and an option, {self.longest} tokens, don't fit the model's context of {room}"
        return None

    def response(self, sums: Sequence[float]) -> Response:
        """The response: the sums, and as tokens the context and all continuations; sums must be numbers."""
        if not all(map(math.isfinite, sums)):
            return Response(self.request, error="the model gives no finite log-probability")
        return Response(
            self.request,
            input_tokens=len(self.context) + sum(map(len, self.continuations)),
            output_tokens=0,
            logprobs=tuple(sums),
        )


class TokenTree:
    """Continuations as one tree: a node is a token that the model reads, its children are what may follow.

    `rows`, `tokens` and `owners` say which probabilities make the sums: that of token `tokens[i]` behind `rows[i]` (0
    is the end of the context, k + 1 is node k) belongs to continuation `owners[i]`.
    """

    def __init__(self, continuations: Sequence[Sequence[int]]) -> None:
        self.nodes: list[int] = []
        self.parents: list[int] = []
        self.depths: list[int] = []
        self.rows: list[int] = []
        self.tokens: list[int] = []
        self.owners: list[int] = []
        known: dict[tuple[int, int], int] = {}
        for owner, continuation in enumerate(continuations):
            at = -1
            for depth, token in enumerate(continuation):
                self.rows.append(at + 1)
                self.tokens.append(token)
                self.owners.append(owner)
                if depth + 1 < len(continuation):
                    at = self._node(known, at, token, depth)

    def _node(self, known: dict[tuple[int, int], int], parent: int, token: int, depth: int) -> int:
        found = known.setdefault((parent, token), len(self.nodes))
        if found == len(self.nodes):
            self.nodes.append(token)
            self.parents.append(parent)
            self.depths.append(depth)
        return found

    def asked(self) -> dict[int, list[int]]:
        """Which tokens' probabilities are needed at each row."""
        asked: dict[int, list[int]] = {}
        for row, token in zip(self.rows, self.tokens, strict=True):
            asked.setdefault(row, [])
            if token not in asked[row]:
                asked[row].append(token)
        return asked

    def sums(self, logs: Mapping[int, Mapping[int, float]]) -> list[float]:
        """The continuations' sums from log-probabilities by row and token."""
        sums = [0.0] * (1 + max(self.owners))
        for row, token, owner in zip(self.rows, self.tokens, self.owners, strict=True):
            sums[owner] += logs[row][token]
        return sums

    def path(self, row: int) -> list[int]:
        """Tokens from the context's end to a row."""
        tokens, node = [], row - 1
        while node >= 0:
            tokens.append(self.nodes[node])
            node = self.parents[node]
        return tokens[::-1]


def choice(request: Request, chat: ChatTemplate) -> ContinuationRequest:
    """Tokenize as lm-eval does, so that sums can be compared: context and continuation together, cut where the
    context's own tokens end, the white space at the context's end counted to the continuation. A chat template ends in
    what begins the response, so no delimiter follows it. Source: lm-eval 0.4.13, `TemplateLM._encode_pair`.
    """
    text, templated = chat.continuation_context(request.messages)
    context = text.rstrip()
    before = text[len(context) :] + ("" if templated else DELIMITER)
    texts = [context, *(f"{context}{before}{continuation}" for continuation in request.continuations)]
    alone, *whole = chat.tokenizer(texts, add_special_tokens=not templated)["input_ids"]
    return ContinuationRequest(request, list(alone), [list(ids[len(alone) :]) for ids in whole])
