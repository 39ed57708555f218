"""`openai/MODEL`: one or several servers that speak `POST /chat/completions`: vLLM, SGLang, llama.cpp, hosted APIs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Request, Response, Scoring
from evalsuite.models.http.chat_completion import (
    TOKEN_FIELDS,
    ChatCompletion,
    RequestBody,
    filtered,
    parse_extra,
    read_completion,
)
from evalsuite.models.http.concurrency import Replica
from evalsuite.models.http.loglikelihood import FirstTokenLogprobs, LogprobProtocol, PromptLogprobs, TokenLogprobs
from evalsuite.models.http.origin import Origin
from evalsuite.models.http.reply import PermanentRefusal, RetryableError, ServerReply, error_message
from evalsuite.models.http.server_probe import ServedModel, ServerProbe
from evalsuite.models.http.transport import Transport, allow_files
from evalsuite.models.model_args import parse_seconds
from evalsuite.models.redaction import Redactor, read_api_key, redact_url, secrets_in_url
from evalsuite.models.request_pool import pooled
from evalsuite.tasks.item import Dataset, Item

_ARGS: Final = ("api_key_env", "extra_body", "max_tokens_field", "opens_reasoning", "patience", "timeout")
_TIMEOUT: Final = "600"
_PATIENCE: Final = "120"
_FAILURES: Final = 32
"""Requests in a row that fail for good before the whole run is given up."""
_LENGTH: Final = re.compile(r"(?i)too long|too large|context.{0,20}(length|window|size)|maximum.{0,30}(length|tokens)")


class OpenAI(Backend):
    """Asks OpenAI-compatible servers; `--base-url` may be given several times, the replicas share the load.

    The key is read from EVALSUITE_API_KEY, else OPENAI_API_KEY, and never told. `--adapter` is the name that the server
    serves a LoRA adapter under (vLLM: `--lora-modules NAME=PATH`). Temperature and top_p are always sent; what a server
    takes from the model's generation_config.json besides (top_k, repetition_penalty) stands unless `extra_body` says.

    `--model-arg`:
    api_key_env=NAME  read the key from this variable
    extra_body=JSON  more fields for every request; null takes temperature, top_p or seed away
    max_tokens_field=max_completion_tokens  found out by itself where the server says so
    opens_reasoning=auto|true|false  whether the rendered prompt ends inside `<think>`; auto asks vLLM's /tokenize
    timeout=600  seconds for one try
    patience=120  seconds without any answer and nothing under way, before a run is given up
    """

    operational_args: ClassVar[frozenset[str]] = frozenset({"api_key_env", "patience", "timeout"})
    scorings: ClassVar[frozenset[Scoring]] = frozenset({"generate", "loglikelihood", "cloze"})

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        args = settings.check_model_args(_ARGS, "openai")
        if not settings.base_urls:
            raise UsageError("--model openai/...: say where it is served: --base-url http://127.0.0.1:8000/v1")
        if settings.revision is not None:
            raise UsageError("--revision: a server chooses what it serves; start the server with that revision")
        if settings.concurrency < 1:
            raise UsageError(f"--concurrency {settings.concurrency}: at least 1")
        if args.get("opens_reasoning", "auto") not in ("auto", "true", "false"):
            raise UsageError("--model-arg opens_reasoning: auto, true or false")
        if args.get("max_tokens_field", TOKEN_FIELDS[0]) not in TOKEN_FIELDS:
            raise UsageError(f"--model-arg max_tokens_field: one of {', '.join(TOKEN_FIELDS)}")
        self._facts: BackendInfo = {}
        self._opens_reasoning = args.get("opens_reasoning") == "true"
        self._failures = 0
        self._body = RequestBody(
            settings.adapter or settings.model,
            settings.decoding,
            args.get("max_tokens_field", TOKEN_FIELDS[0]),
            settings.chat_template or None,
            parse_extra(args.get("extra_body", "{}")),
        )
        self._way = _way(settings, self._body)
        self._redactor, self._transport = self._connect(read_api_key(args.get("api_key_env")))
        self._probe = ServerProbe(self._transport, self._body, self._redactor)

    def _connect(self, key: str | None) -> tuple[Redactor, Transport[Any]]:
        urls = self.settings.base_urls
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        replicas = [Replica(Origin(url, headers), redact_url(url)) for url in urls]
        if key and any(urlsplit(url).username is not None for url in urls):
            raise UsageError("--base-url: one holds a user, and the environment an API key; leave one out")
        redactor = Redactor([key or "", *(value for url in urls for value in secrets_in_url(url))])
        for name, value in self.settings.model_args.items():
            if redactor.redact_output(value) != value:
                raise UsageError(f"--model-arg {name}: it holds a key, which run.json would keep; leave it out")
        transport: Transport[Any] = Transport(
            replicas,
            read_completion if self._way is None else self._way.read,
            redactor=redactor,
            concurrency=self.settings.concurrency,
            timeout=parse_seconds(self.settings.model_args.get("timeout", _TIMEOUT), "timeout"),
            patience=parse_seconds(self.settings.model_args.get("patience", _PATIENCE), "patience"),
        )
        return redactor, transport

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Greet every server; `BackendError` where none lives, the key is wrong or the model isn't served.

        The facts gain `max_tokens_field`, `seed_sent` and `lowest_concurrency` as the run finds them out.
        """
        allow_files(self.settings.concurrency)
        try:
            replica = await self._greet()
            await self._find_out(replica)
        except BaseException:
            await self.close()
            raise
        self._note()
        return self._facts

    async def _greet(self) -> Replica:
        replicas = self._transport.replicas.all
        model = self.settings.adapter or self.settings.model
        greeted = await asyncio.gather(*(self._probe.greet(replica, model) for replica in replicas))
        pairs = list(zip(replicas, greeted, strict=True))
        living = [(replica, served) for replica, served in pairs if isinstance(served, ServedModel)]
        if not living:
            told = "; ".join(
                f"{replica.name}: {failure.told}" for replica, failure in pairs if isinstance(failure, RetryableError)
            )
            raise BackendError(f"no server answers: {told}; start it, or correct --base-url")
        replica, served = living[0]
        tokens = self.settings.decoding.max_tokens
        if self._way is None and served.context is not None and tokens >= served.context:
            room = f"{replica.name} has room for {served.context}, the prompt included"
            raise BackendError(f"--max-tokens {tokens}: {room}; ask for less")
        self._facts |= {
            "servers": [replica.name for replica in replicas],
            "servers_down": [replica.name for replica in replicas if replica.down],
            "served_root": served.root,
            "context_tokens": served.context,
        }
        return replica

    async def _find_out(self, replica: Replica) -> None:
        """Ask the server about what it might not do as it is told, and how its template starts a response."""
        settings = self.settings
        if isinstance(self._way, PromptLogprobs):
            await self._check(replica, self._way)
            return
        if settings.decoding.thinking_budget is not None:
            advice = "vLLM takes it when it is started with --reasoning-parser"
            await self._probe.require(replica, "--thinking-budget", "thinking_token_budget", advice)
        if settings.chat_template is not None:
            advice = "vLLM takes it when it is started with --trust-request-chat-template"
            await self._probe.require(replica, "--chat-template", "chat_template", advice)
        if settings.decoding.thinking != "auto":
            self._facts["template_switches_thinking"] = await self._probe.switches_thinking(replica)
        asked = settings.model_args.get("opens_reasoning", "auto")
        opens = await self._probe.opens_reasoning(replica) if asked == "auto" else asked == "true"
        splits = await self._probe.splits_reasoning(replica) if opens else None
        self._opens_reasoning = bool(opens) and not splits
        self._facts |= {"template_opens_reasoning": opens, "server_splits_reasoning": splits}
        if self._way is not None:
            await self._check(replica, self._way)

    async def _check(self, replica: Replica, way: LogprobProtocol) -> None:
        """Make sure that a server tells what scoring needs."""
        if isinstance(way, FirstTokenLogprobs) and self._facts["template_opens_reasoning"]:
            raise UsageError(
                f"{replica.name}: its chat template opens a reasoning block, so that no answer can follow at once: "
                "switch it off with --thinking off, or use --chat-template none"
            )
        if isinstance(way, FirstTokenLogprobs):
            await self._probe.small(replica)  # learns under which name the server takes the tokens field
        item = Item("", "", ("A", "B"), ("A", "B"), "A")
        request = Request("", item, 0, ({"role": "user", "content": "Which letter? Answer:"},), 0, ("A", "B"))
        reply = await self._transport.exchange(replica, "POST", way.path, way.body(request))
        if isinstance(reply, ServerReply) and reply.status == 200:
            try:
                way.read(reply)
                return
            except ValueError as error:
                told = str(error)
        else:
            told = (
                reply.told if isinstance(reply, RetryableError) else f"HTTP {reply.status}: {error_message(reply.body)}"
            )
        raise BackendError(f"{replica.name}: {way.lacking}: {self._redactor.redact_line(told)}")

    def _note(self) -> None:
        self._facts |= {
            "max_tokens_field": self._body.tokens_field,
            "seed_sent": self._body.seeded,
            "lowest_concurrency": self._transport.pace.lowest,
        }

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Yield each response as it is whole; at most `concurrency` requests are asked and as many answers wait."""
        async with aclosing(
            pooled(requests, self._ask if self._way is None else self._weigh, self.settings.concurrency)
        ) as responses:
            async for response in responses:
                yield response

    async def _ask(self, request: Request) -> Response:
        outcome = await self._negotiate(request)
        if isinstance(outcome, ChatCompletion):
            self._failures = 0
            return self._response(request, outcome)
        if outcome.status == 400 and filtered(outcome.body):
            return Response(request, finish="refused")
        return self._refused(request, outcome)

    async def _weigh(self, request: Request) -> Response:
        assert self._way is not None
        outcome = await self._transport.post(self._way.path, self._way.body(request))
        if isinstance(outcome, TokenLogprobs):
            self._failures = 0
            return self._way.response(request, outcome)
        assert isinstance(outcome, PermanentRefusal)
        return self._refused(request, outcome)

    def _refused(self, request: Request, refusal: PermanentRefusal) -> Response:
        self._failures += not _too_long(refusal)
        if self._failures >= _FAILURES:
            raise BackendError(f"{_FAILURES} requests in a row failed for good; the last: {refusal.told}")
        return Response(request, error=refusal.told)

    async def _negotiate(self, request: Request) -> ChatCompletion | PermanentRefusal:
        """Post a request, again where the refusal names a field that needn't be sent."""
        while True:
            body = self._body.of(request)
            outcome = await self._transport.post("chat/completions", body)
            if isinstance(outcome, ChatCompletion) or outcome.status not in (400, 422):
                break
            self._body.learn(outcome.body)
            if self._body.of(request) == body:
                break
        self._note()
        return outcome

    def _response(self, request: Request, completion: ChatCompletion) -> Response:
        return Response(
            request,
            text=self._redactor.redact_output(completion.text),
            reasoning=self._redactor.redact_output(completion.reasoning),
            finish=completion.finish,
            opens_reasoning=self._opens_reasoning and not completion.reasoning,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            latency=completion.seconds,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()


def _way(settings: BackendSettings, body: RequestBody) -> LogprobProtocol | None:
    """How log-probabilities are asked for: through the chat template, or without one (`--chat-template none`)."""
    plain = settings.chat_template == ""
    if settings.scoring == "generate":
        if plain:
            raise UsageError("--chat-template none: chat completions need a template; vllm/ and hf/ can do without")
        return None
    if plain and settings.decoding.thinking != "auto":
        raise UsageError("--thinking: it switches a chat template, and --chat-template none uses none; drop one")
    if plain:
        return PromptLogprobs(settings.adapter or settings.model)
    if settings.scoring == "cloze":
        raise UsageError(
            "--scoring cloze: a server can't be given the beginning of a chat's response; use --chat-template none, "
            "or vllm/ or hf/"
        )
    return FirstTokenLogprobs(body)


def _too_long(refusal: PermanentRefusal) -> bool:
    """Whether a refusal is about this item's length: any number of those in a row says nothing about the others."""
    return refusal.status == 413 or bool(_LENGTH.search(refusal.told))
