"""A request for log-likelihood scoring as tokens: one context, and its continuations as a prefix tree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalsuite.models.backend import Request, Response
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.tasks.continuation import DELIMITER


@dataclass(frozen=True, slots=True)
class ContinuationRequest:
    """One request as token ids: its context, and every continuation behind it."""

    request: Request
    context: list[int]
    continuations: list[list[int]]

    @property
    def longest_input(self) -> int:
        """Tokens that the model reads for the longest continuation; its last token is only predicted."""
        return len(self.context) + max(map(len, self.continuations)) - 1

    def error(self, model_context: int | None) -> str | None:
        """Return why a model with a context of so many tokens can't score the request; None if it can."""
        if not self.context or not all(self.continuations):
            return "the context or an option has no token of its own"
        if model_context is not None and self.longest_input > model_context:
            return (
                f"the prompt and an option, {self.longest_input} tokens, don't fit the model's context of "
                f"{model_context}"
            )
        return None

    def response(self, logprobs: Sequence[float]) -> Response:
        """Return the response with the continuations' log-probabilities, or with an error if one isn't finite."""
        if not all(map(math.isfinite, logprobs)):
            return Response(self.request, error="the model gives no finite log-probability")
        return Response(
            self.request,
            input_tokens=len(self.context) + sum(map(len, self.continuations)),
            output_tokens=0,
            logprobs=tuple(logprobs),
        )


class TokenTree:
    """Continuations as a prefix tree: a node is a token that the model reads, its children are what may follow.

    `rows`, `tokens` and `owners` list the probabilities that are summed: the one of `tokens[i]` behind `rows[i]` (0 is
    the end of the context, k + 1 is node k) belongs to continuation `owners[i]`. The last token of a continuation is
    no node, since nothing is predicted behind it.
    """

    def __init__(self, continuations: Sequence[Sequence[int]]) -> None:
        self.nodes: list[int] = []
        """Token of each node."""
        self.parents: list[int] = []
        """Parent of each node; -1 is the end of the context."""
        self.depths: list[int] = []
        """Tokens between the context and each node."""
        self.rows: list[int] = []
        self.tokens: list[int] = []
        self.owners: list[int] = []
        index: dict[tuple[int, int], int] = {}
        for owner, continuation in enumerate(continuations):
            node = -1
            for depth, token in enumerate(continuation):
                self.rows.append(node + 1)
                self.tokens.append(token)
                self.owners.append(owner)
                if depth + 1 < len(continuation):
                    node = self._child(index, node, token, depth)

    def _child(self, index: dict[tuple[int, int], int], parent: int, token: int, depth: int) -> int:
        node = index.setdefault((parent, token), len(self.nodes))
        if node == len(self.nodes):
            self.nodes.append(token)
            self.parents.append(parent)
            self.depths.append(depth)
        return node

    def tokens_by_row(self) -> dict[int, list[int]]:
        """Return the distinct tokens whose probabilities are needed behind each row."""
        needed: dict[int, list[int]] = {}
        for row, token in zip(self.rows, self.tokens, strict=True):
            needed.setdefault(row, [])
            if token not in needed[row]:
                needed[row].append(token)
        return needed

    def sums(self, logprobs: Mapping[int, Mapping[int, float]]) -> list[float]:
        """Return the log-probability of each continuation, from log-probabilities by row and token."""
        sums = [0.0] * (1 + max(self.owners))
        for row, token, owner in zip(self.rows, self.tokens, self.owners, strict=True):
            sums[owner] += logprobs[row][token]
        return sums

    def path(self, row: int) -> list[int]:
        """Return the tokens from the end of the context up to a row."""
        tokens, node = [], row - 1
        while node >= 0:
            tokens.append(self.nodes[node])
            node = self.parents[node]
        return tokens[::-1]


def tokenize_continuations(request: Request, chat: ChatTemplate) -> ContinuationRequest:
    """Tokenize context and continuations as lm-eval does, so that log-probabilities can be compared.

    Context and continuation are tokenized together and cut where the context's own tokens end; white space at the end
    of the context counts as the continuation's. A chat template ends in what begins the response, so that no
    delimiter follows it. Source: lm-eval 0.4.13, `TemplateLM._encode_pair`.
    """
    text, templated = chat.continuation_context(request.messages)
    context = text.rstrip()
    separator = text[len(context) :] + ("" if templated else DELIMITER)
    texts = [context, *(f"{context}{separator}{continuation}" for continuation in request.continuations)]
    context_ids, *joined = chat.tokenizer(texts, add_special_tokens=not templated)["input_ids"]
    return ContinuationRequest(request, list(context_ids), [list(ids[len(context_ids) :]) for ids in joined])
