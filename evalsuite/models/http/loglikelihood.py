"""Log-probabilities from a server: of labels as the first token of a chat, or of whole options behind a plain prompt.

OpenAI-compatible servers return log-probabilities in two places, and each supports one kind of scoring. Chat
completions list the likeliest tokens at each generated position, which suffices for labels of one token. Completions
with `echo` return the log-probability of every prompt token, which suffices for options of any length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings, Request, Response
from evalsuite.models.http.chat_completion import RequestBody
from evalsuite.models.http.error_report import UnreadableReply, load_reply, outline
from evalsuite.models.http.refusal import fewer_logprobs
from evalsuite.models.http.reply import ServerReply
from evalsuite.models.token_count import token_count
from evalsuite.tasks.continuation import DELIMITER

_CONSTRAINING: Final = frozenset(
    {"structured_outputs", "structural_tag", "response_format", "json_schema", "format", "grammar", "regex", "ebnf"}
    | {"logit_bias", "logits_processors", "allowed_token_ids", "bad_words", "tools", "tool_choice"}
)
"""Fields of OpenAI, vLLM, SGLang, llama.cpp and Ollama."""
TOP_LOGPROBS: Final = 20
"""Number of likeliest tokens requested: the most that OpenAI's API and vLLM's default settings allow."""


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """The log-probabilities of one reply: for each text its tokens, with None where the server returned no value."""

    tokens: list[list[tuple[str, float | None]]]
    input_tokens: int | None
    seconds: float


class LogprobMethod(Protocol):
    """One way to request log-probabilities from a server."""

    path: str
    """Path of the endpoint, below the base URL."""
    requirement: str
    """What a server must return for this method."""

    def encode(self, request: Request) -> bytes:
        """Return the body for a request."""

    def adapt(self, refusal: bytes) -> bool:
        """Change what a refusal (the body of a 400 or 422) rejects; return whether anything was changed."""

    def parse(self, reply: ServerReply) -> TokenLogprobs:
        """Parse a reply; raise a `ValueError` if it has no log-probabilities."""

    def response(self, request: Request, logprobs: TokenLogprobs) -> Response:
        """Return the response with the log-probability of each of the request's continuations."""


class FirstTokenLogprobs:
    """A chat completion of one token: the log-probability of each label among its `top` likeliest tokens."""

    path = "chat/completions"
    requirement = "top_logprobs of the first token of a chat completion"

    def __init__(self, body: RequestBody) -> None:
        self._body = body
        self.top = TOP_LOGPROBS
        """Number of likeliest tokens requested; lower where the server refuses so many."""

    @property
    def note(self) -> str | None:
        """What a reader must know about labels that may lack a log-probability."""
        if self.top == TOP_LOGPROBS:
            return None
        return (
            f"the server returns the {self.top} likeliest tokens at most: a label that is not among them has no "
            "log-probability"
        )

    def encode(self, request: Request) -> bytes:
        """Return a body that generates one token; the server's chat template renders the messages."""
        return self._body.encode_probe(messages=request.messages, logprobs=True, top_logprobs=self.top)

    def adapt(self, refusal: bytes) -> bool:
        """Request as many likeliest tokens as the refusal allows."""
        fewer = fewer_logprobs(refusal, self.top)
        self.top = fewer or self.top
        return fewer is not None

    def parse(self, reply: ServerReply) -> TokenLogprobs:
        """Parse the likeliest alternatives of the first token: one text, with one entry per alternative."""
        content = load_reply(reply.body)
        try:
            first = content["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            tokens: list[tuple[str, float | None]] = [(str(e["token"]), float(e["logprob"])) for e in first]
        except (KeyError, IndexError, TypeError, ValueError):
            raise UnreadableReply(f"it has no top_logprobs: {outline(content)}") from None
        if not tokens:
            raise UnreadableReply(f"it has no top_logprobs: {outline(content)}")
        return TokenLogprobs([tokens], _prompt_tokens(content), reply.seconds)

    def response(self, request: Request, logprobs: TokenLogprobs) -> Response:
        """Return each label's log-probability; None for a label that is not among the likeliest tokens."""
        values = []
        for label in request.continuations:
            # "B" and " B" are different tokens that mean the same label, so their probabilities are added.
            spellings = [value for token, value in logprobs.tokens[0] if token.strip() == label and value is not None]
            finite = [value for value in spellings if math.isfinite(value)]
            values.append(_log_sum_exp(finite) if finite else None)
        return _response(request, logprobs, values)


class PromptLogprobs:
    """Completions that generate nothing and echo their prompt: the context alone, and with each option behind it.

    An option's tokens are those behind as many tokens as the context alone has, as in lm-eval's
    `LocalCompletionsAPI.parse_logprobs`.
    """

    path = "completions"
    requirement = "log-probabilities of a prompt (completions with echo, logprobs and max_tokens 0, as vLLM has them)"

    def __init__(self, model: str) -> None:
        self._model = model

    def encode(self, request: Request) -> bytes:
        """Return a body with one prompt for the context and one per option; no chat template is involved."""
        context = "\n\n".join(message["content"] for message in request.messages).rstrip()
        # All prompts in one request: they share the context, which the server's prefix cache then computes once.
        prompts = [context, *(f"{context}{DELIMITER}{option}" for option in request.continuations)]
        fields = {"prompt": prompts, "echo": True, "logprobs": 1, "max_tokens": 0, "temperature": 0}
        return orjson.dumps({"model": self._model, **fields})

    def adapt(self, refusal: bytes) -> bool:
        """Nothing can be changed: each field is needed."""
        return False

    def parse(self, reply: ServerReply) -> TokenLogprobs:
        """Parse the tokens of every prompt, in the order of the prompts."""
        content = load_reply(reply.body)
        try:
            # Servers may return the choices in the order in which they finished.
            choices = sorted(content["choices"], key=lambda choice: int(choice["index"]))
            logprobs = [choice["logprobs"] for choice in choices]
            tokens = [list(zip(each["tokens"], each["token_logprobs"], strict=True)) for each in logprobs]
        except (KeyError, TypeError, ValueError):
            raise UnreadableReply(f"it has no token_logprobs: {outline(content)}") from None
        # The first token has nothing before it, hence no log-probability: null there, a number everywhere else.
        if not all(len(each) > 1 and all(isinstance(value, float | int) for _, value in each[1:]) for each in tokens):
            raise UnreadableReply(f"it has no token_logprobs of the prompt: {outline(content)}")
        return TokenLogprobs(tokens, _prompt_tokens(content), reply.seconds)

    def response(self, request: Request, logprobs: TokenLogprobs) -> Response:
        """Return the sum over each option's tokens."""
        context, *prompts = logprobs.tokens
        if len(prompts) != len(request.continuations) or any(len(each) <= len(context) for each in prompts):
            return Response(request, error="the server returned too few tokens for an option")
        sums = [sum(value or 0.0 for _, value in each[len(context) :]) for each in prompts]
        if not all(map(math.isfinite, sums)):
            return Response(request, error="the server returned no finite log-probability")
        return _response(request, logprobs, sums)


def choose_method(settings: BackendSettings, body: RequestBody, extra: Mapping[str, Any]) -> LogprobMethod | None:
    """Choose how to request log-probabilities: through the chat template or without one; None: text is generated."""
    without_template = settings.chat_template == ""
    if settings.scoring == "generate":
        if without_template:
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                "`chat_template` none: chat completions need a template; vllm/ and hf/ can do without",
            )
        return None
    _check_unconstrained(extra)
    if without_template and settings.decoding.thinking != "auto":
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            "`thinking`: it switches a chat template, and `chat_template` none uses none; leave one of the two out",
        )
    if without_template:
        return PromptLogprobs(settings.adapter or settings.model)
    if settings.scoring == "cloze":
        raise UsageError(
            ErrorCode.UNSUPPORTED_BY_BACKEND,
            "`scoring` cloze: a server can't score given text as the start of a chat's response; "
            "set `chat_template` to none, or use vllm/ or hf/",
        )
    return FirstTokenLogprobs(body)


def _check_unconstrained(fields: Mapping[str, Any]) -> None:
    """Raise a `UsageError` for fields of `extra_body` that constrain or shift the tokens that can be generated.

    Log-probabilities are then renormalised over what is left: P(A) + P(B) = 1.000 of a model for which it is .008.
    """
    constraining = [name for name in fields if name.startswith("guided_") or name in _CONSTRAINING]
    if constraining:
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            f"`scoring`: `model_args` extra_body has {', '.join(constraining)}, which changes the log-probabilities "
            "that are to be measured; leave it out",
        )


def _log_sum_exp(values: list[float]) -> float:
    """Return log(sum(exp(values))); subtracting the maximum first keeps exp from underflowing."""
    largest = max(values)
    return largest + math.log(sum(math.exp(value - largest) for value in values))


def _response(request: Request, logprobs: TokenLogprobs, values: list[float | None] | list[float]) -> Response:
    return Response(
        request,
        input_tokens=logprobs.input_tokens,
        output_tokens=0,
        latency=logprobs.seconds,
        logprobs=tuple(values),
    )


def _prompt_tokens(content: Any) -> int | None:
    usage = content.get("usage")
    return token_count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None
