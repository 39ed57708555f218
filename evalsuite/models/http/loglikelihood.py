"""Log-probabilities from a server: of labels as a chat's first token, or of whole options behind a plain prompt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from evalsuite.models.backend import Request, Response
from evalsuite.models.http.chat_completion import RequestBody
from evalsuite.models.http.reply import ServerReply, load_json
from evalsuite.tasks.continuation import DELIMITER

TOP: Final = 20
"""Most likely tokens that are asked for: what OpenAI and vLLM's default allow."""


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """What a server told of one request: for each text, tokens with their log-probabilities, None where it has none."""

    tokens: list[list[tuple[str, float | None]]]
    input_tokens: int | None
    seconds: float


class LogprobProtocol(Protocol):
    """How a server is asked for log-probabilities."""

    path: str
    lacking: str
    """What a server lacks that doesn't answer it."""

    def body(self, request: Request) -> bytes:
        """The body of a request."""

    def read(self, reply: ServerReply) -> TokenLogprobs:
        """Read a reply; `ValueError` says why it is none."""

    def response(self, request: Request, told: TokenLogprobs) -> Response:
        """What the reply says of the request's continuations."""


class FirstTokenLogprobs:
    """A chat completion of one token: how likely it is each label, white space apart, among the `TOP` likeliest."""

    path = "chat/completions"
    lacking = "tells no top_logprobs of a chat completion's first token"

    def __init__(self, body: RequestBody) -> None:
        self._body = body

    def body(self, request: Request) -> bytes:
        """Ask for one token; the server's own chat template renders the messages."""
        return self._body.small(messages=request.messages, logprobs=True, top_logprobs=TOP)

    def read(self, reply: ServerReply) -> TokenLogprobs:
        """Read the first token's likeliest alternatives."""
        content = load_json(reply.body)
        try:
            first = content["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            tokens: list[tuple[str, float | None]] = [(str(e["token"]), float(e["logprob"])) for e in first]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError("no top_logprobs in it") from None
        if not tokens:
            raise ValueError("no top_logprobs in it")
        return TokenLogprobs([tokens], _used(content), reply.seconds)

    def response(self, request: Request, told: TokenLogprobs) -> Response:
        """A label that is none of the likeliest tokens has no log-probability."""
        logs = []
        for label in request.continuations:
            found = [log for token, log in told.tokens[0] if token.strip() == label and log is not None]
            likely = [log for log in found if math.isfinite(log)]
            logs.append(max(likely) + math.log(sum(math.exp(log - max(likely)) for log in likely)) if likely else None)
        return _response(request, told, logs)


class PromptLogprobs:
    """Completions that write nothing and echo their prompt: the context alone, and with each option behind it.

    An option's tokens are those behind as many as the context alone has, as lm-eval counts them.
    """

    path = "completions"
    lacking = (
        "tells no log-probabilities of a prompt (completions with echo, logprobs and max_tokens 0, as vLLM has them)"
    )

    def __init__(self, model: str) -> None:
        self._model = model

    def body(self, request: Request) -> bytes:
        """The texts of all messages, one after the other; no chat template has a part in it."""
        context = "\n\n".join(message["content"] for message in request.messages).rstrip()
        prompts = [context, *(f"{context}{DELIMITER}{each}" for each in request.continuations)]
        asked = {"prompt": prompts, "echo": True, "logprobs": 1, "max_tokens": 0, "temperature": 0}
        return orjson.dumps({"model": self._model, **asked})

    def read(self, reply: ServerReply) -> TokenLogprobs:
        """Read every prompt's tokens, in the order of the prompts."""
        content = load_json(reply.body)
        try:
            choices = sorted(content["choices"], key=lambda choice: int(choice["index"]))
            found = [each["logprobs"] for each in choices]
            tokens = [list(zip(each["tokens"], each["token_logprobs"], strict=True)) for each in found]
        except (KeyError, TypeError, ValueError):
            raise ValueError("no token_logprobs in it") from None
        if not all(len(each) > 1 and all(isinstance(log, float | int) for _, log in each[1:]) for each in tokens):
            raise ValueError("no token_logprobs of the prompt in it")
        return TokenLogprobs(tokens, _used(content), reply.seconds)

    def response(self, request: Request, told: TokenLogprobs) -> Response:
        """Sums over each option's tokens."""
        context, *whole = told.tokens
        if len(whole) != len(request.continuations) or any(len(each) <= len(context) for each in whole):
            return Response(request, error="the server told too few tokens for an option")
        logs = [sum(log or 0.0 for _, log in each[len(context) :]) for each in whole]
        if not all(map(math.isfinite, logs)):
            return Response(request, error="the server gives no finite log-probability")
        return _response(request, told, logs)


def _response(request: Request, told: TokenLogprobs, logs: list[float | None] | list[float]) -> Response:
    tokens = told.input_tokens
    return Response(request, input_tokens=tokens, output_tokens=0, latency=told.seconds, logprobs=tuple(logs))


def _used(content: Any) -> int | None:
    usage = content.get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
