"""`openai/MODEL`: one or several servers that offer `POST /chat/completions`: vLLM, SGLang, llama.cpp, hosted APIs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import date
from functools import partial
from typing import Any, ClassVar, Final

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Request, Response, Scoring
from evalsuite.models.http.access import gain_access, guarded_access
from evalsuite.models.http.adaptation import Adaptation
from evalsuite.models.http.chat_completion import (
    TOKEN_FIELDS,
    RequestBody,
    parse_extra_body,
)
from evalsuite.models.http.chat_reply import ChatCompletion, parse_completion
from evalsuite.models.http.concurrency import Replica
from evalsuite.models.http.context_limit import context_limit
from evalsuite.models.http.error_report import error_message, is_content_filter
from evalsuite.models.http.loglikelihood import (
    FirstTokenLogprobs,
    LogprobMethod,
    PromptLogprobs,
    TokenLogprobs,
    choose_method,
)
from evalsuite.models.http.refusal import is_about_any_model, is_token_limit
from evalsuite.models.http.reply import CHECK_NAME_AND_URL, PermanentRefusal, RetryableError, ServerReply
from evalsuite.models.http.server_probe import ServedModel, ServerProbe
from evalsuite.models.http.thinking import ThinkingCheck
from evalsuite.models.http.transport import Transport, allow_open_files
from evalsuite.models.model_args import parse_bool, parse_seconds, stops_at_reasoning_only
from evalsuite.models.prompt_day import server_day_note
from evalsuite.models.request_pool import FailureStreak, process_concurrently
from evalsuite.parser import prompt_opens_reasoning
from evalsuite.tasks.item import Dataset, Item

_MODEL_ARGS: Final = (
    "api_key_env",
    "extra_body",
    "headers",
    "max_tokens_field",
    "opens_reasoning",
    "patience",
    "reasoning_only",
    "stream",
    "timeout",
)
_TIMEOUT: Final = "600"
_PATIENCE: Final = "120"


class OpenAI(Backend):
    """Chat completions from OpenAI-compatible servers; several `base_urls` are replicas that share the load.

    The API key is read from EVALSUITE_API_KEY, else from OPENAI_API_KEY, and never printed or stored. `adapter` is the
    name under which the server serves a LoRA adapter (vLLM: `--lora-modules NAME=PATH`). Temperature and top_p are
    sent, but for a top_p of 1 at temperature 0, where it can't matter; one that the server refuses is left out from
    then on and recorded as null. Other defaults that a server takes from the model's generation_config.json (top_k,
    repetition_penalty) apply unless `extra_body` overrides them.

    Model arguments:
    api_key_env=NAME  read the key from this environment variable
    extra_body=JSON  additional fields for every request; null removes temperature, top_p or seed
    headers=@FILE  further headers, as YAML or `Name: value` lines, such as Azure's api-key; never stored or printed
    max_tokens_field=max_completion_tokens  detected where the server's refusal names the field
    opens_reasoning=auto|true|false  whether the rendered prompt ends inside `<think>`; auto queries vLLM's /tokenize
    stream=true  have responses streamed, for servers that do nothing else
    timeout=600  seconds for one attempt
    patience=120  seconds without any response and with nothing in flight before the run is given up; with requests in
        flight, these seconds after the first of them could have timed out. Where servers report errors (5xx) for so
        long, a request that fails is not repeated, and 32 such requests end the run
    reasoning_only=stop|keep  whether the run stops when a fifth of the responses have all their text in the reasoning
    """

    operational_args: ClassVar[frozenset[str]] = frozenset(
        {"api_key_env", "headers", "patience", "reasoning_only", "stream", "timeout"}
    )
    scorings: ClassVar[frozenset[Scoring]] = frozenset({"generate", "loglikelihood", "cloze"})

    @classmethod
    def guarded(cls, settings: BackendSettings) -> frozenset[str]:
        """Return what names a key, and where there is a key the addresses to which it is sent."""
        return guarded_access(settings.model_args)

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        args = settings.check_model_args(_MODEL_ARGS, "openai")
        _check_settings(settings)
        self.stops_at_reasoning_only = stops_at_reasoning_only(args)
        self._info: BackendInfo = {}
        self._opens_reasoning = args.get("opens_reasoning") == "true"
        self._failures = FailureStreak()
        extra = parse_extra_body(args.get("extra_body", "{}"))
        self._body = RequestBody(
            settings.adapter or settings.model,
            settings.decoding,
            args.get("max_tokens_field", TOKEN_FIELDS[0]),
            settings.chat_template or None,
            extra,
            parse_bool(args.get("stream", "false"), "stream"),
        )
        self._logprob_method = choose_method(settings, self._body, extra)
        access = gain_access(settings.base_urls, args)
        self.notes |= access.notes
        self.unsent |= self._body.unsent
        self._redactor = access.redactor
        self._transport: Transport[Any] = Transport(
            access.replicas,
            parse_completion if self._logprob_method is None else self._logprob_method.parse,
            redactor=access.redactor,
            concurrency=settings.concurrency,
            timeout=parse_seconds(args.get("timeout", _TIMEOUT), "timeout"),
            patience=parse_seconds(args.get("patience", _PATIENCE), "patience"),
            tell=lambda text: self.tell(text),
        )
        server, model = access.replicas[0].name, settings.adapter or settings.model
        self._adaptation = Adaptation(self._body, server, model, access.redactor, self.notes)
        self._probe = ServerProbe(self._transport, self._body, self._adaptation, self._redactor)
        checks_thinking = settings.decoding.thinking == "off" and settings.scoring == "generate"
        self._thinking = ThinkingCheck(server, model) if checks_thinking else None

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Check every server's health; raise a `BackendError` if none is up, refuses the key or lacks the model.

        The returned dictionary gains `max_tokens_field`, `top_logprobs` and `lowest_concurrency` during the run.
        """
        allow_open_files(self.settings.concurrency)
        try:
            replica = await self._check_health()
            await self._probe_features(replica)
        except BaseException:
            await self.close()
            raise
        self._update_info()
        return self._info

    async def _check_health(self) -> Replica:
        """Check all replicas at once; return the first healthy one."""
        replicas = self._transport.replicas.all
        model = self.settings.adapter or self.settings.model
        results = await asyncio.gather(*(self._probe.check_health(replica, model) for replica in replicas))
        pairs = list(zip(replicas, results, strict=True))
        healthy = [(replica, served) for replica, served in pairs if isinstance(served, ServedModel)]
        if not healthy:
            messages = "; ".join(
                f"{replica.name}: {error.message}" for replica, error in pairs if isinstance(error, RetryableError)
            )
            raise BackendError(
                ErrorCode.SERVER_UNREACHABLE, f"no server responds: {messages}; start it, or correct `base_urls`"
            )
        replica, served = healthy[0]
        tokens = self.settings.decoding.max_tokens
        if self._logprob_method is None and served.context is not None and tokens >= served.context:
            raise BackendError(
                ErrorCode.CONTEXT_TOO_SHORT,
                f"{replica.name}: the server's context limit is {served.context} tokens, the prompt included, and "
                f"`max_tokens` {tokens} leaves none for it; start the server with a longer context, or set fewer",
            )
        self._info |= {
            "servers": [replica.name for replica in replicas],
            "servers_down": [replica.name for replica in replicas if replica.suspended],
            "served_root": served.root,
            "context_tokens": served.context,
        }
        return replica

    async def _probe_features(self, replica: Replica) -> None:
        """Find out whether the server honours the settings, and how its template starts a response."""
        settings = self.settings
        # Prompt log-probabilities involve no chat template, so none of the checks below applies.
        if isinstance(self._logprob_method, PromptLogprobs):
            await self._check_logprobs(replica, self._logprob_method)
            return
        if settings.decoding.thinking_budget is not None:
            advice = "vLLM honours it when it is started with --reasoning-parser"
            await self._probe.require_field(replica, "thinking_budget", "thinking_token_budget", advice)
        if settings.chat_template is not None:
            advice = "vLLM honours it when it is started with --trust-request-chat-template"
            await self._probe.require_field(replica, "chat_template", "chat_template", advice)
        if settings.decoding.thinking != "auto":
            self._info["template_switches_thinking"] = await self._probe.honours_thinking_switch(replica)
        prompt = await self._probe.render_prompt(replica)
        if note := server_day_note(settings.adapter or settings.model, prompt, date.today()):
            self.notes["prompt_day"] = note
        setting = settings.model_args.get("opens_reasoning", "auto")
        rendered = None if prompt is None else prompt_opens_reasoning(prompt)
        opens = rendered if setting == "auto" else setting == "true"
        # A server that returns reasoning separately has closed the block itself: the text starts outside it.
        separates = await self._probe.separates_reasoning(replica) if opens else None
        self._opens_reasoning = bool(opens) and not separates
        self._info |= {"template_opens_reasoning": opens, "server_splits_reasoning": separates}
        if self._logprob_method is not None:
            await self._check_logprobs(replica, self._logprob_method)

    async def _check_logprobs(self, replica: Replica, method: LogprobMethod) -> None:
        """Raise a `BackendError` unless the server returns the log-probabilities that scoring needs."""
        if isinstance(method, FirstTokenLogprobs) and self._info["template_opens_reasoning"]:
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"{replica.name}: its chat template opens a reasoning block, so that no answer can follow at once: "
                "set `thinking` to off, or `chat_template` to none",
            )
        if isinstance(method, FirstTokenLogprobs):
            await self._probe.generate(replica)  # adapts the name of the tokens field to the server
        item = Item("", "", ("A", "B"), ("A", "B"), "A")
        request = Request("", item, 0, ({"role": "user", "content": "Which letter? Answer:"},), 0, ("A", "B"))
        while True:
            reply = await self._transport.exchange(replica, "POST", method.path, method.encode(request))
            if isinstance(reply, RetryableError) or reply.status not in (400, 422) or not method.adapt(reply.body):
                break
        if isinstance(reply, ServerReply) and reply.status == 200:
            try:
                method.parse(reply)
                return
            except ValueError as error:
                message = str(error)
        elif isinstance(reply, RetryableError):
            message = reply.message
        else:
            message = f"HTTP {reply.status}: {error_message(reply.body)}"
        raise BackendError(
            ErrorCode.LOGPROBS_UNAVAILABLE,
            f"{replica.name}: does not return {method.requirement}: {self._redactor.redact_line(message)}",
        )

    def _update_info(self) -> None:
        self._info |= {
            "max_tokens_field": self._body.tokens_field,
            "lowest_concurrency": self._transport.limit.lowest,
        }
        self.unsent |= self._body.unsent
        if isinstance(self._logprob_method, FirstTokenLogprobs):
            self._info["top_logprobs"] = self._logprob_method.top
            if self._logprob_method.note:
                self.notes["top_logprobs"] = self._logprob_method.note

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Yield each response when it is complete; at most `concurrency` requests are sent or wait to be consumed."""
        process = self._generate if self._logprob_method is None else self._score
        async with aclosing(process_concurrently(requests, process, self.settings.concurrency)) as responses:
            async for response in responses:
                yield response

    async def _generate(self, request: Request) -> Response:
        outcome = await self._post("chat/completions", partial(self._body.encode, request))
        if isinstance(outcome, ChatCompletion):
            self._failures.reset()
            return self._response(request, outcome)
        if outcome.status == 400 and is_token_limit(outcome.body):
            return Response(request, finish="length")
        if is_content_filter(outcome.body):
            return Response(request, finish="refused")
        return self._failed(request, outcome)

    async def _score(self, request: Request) -> Response:
        method = self._logprob_method
        assert method is not None
        outcome = await self._post(method.path, partial(method.encode, request), method.adapt)
        if isinstance(outcome, TokenLogprobs):
            self._failures.reset()
            return method.response(request, outcome)
        assert isinstance(outcome, PermanentRefusal)
        return self._failed(request, outcome)

    def _failed(self, request: Request, refusal: PermanentRefusal) -> Response:
        # A refusal for length concerns this item: any number of them in a row predicts nothing about the others.
        too_long = refusal.status is not None and context_limit(refusal.status, refusal.body) is not None
        self._failures.add(refusal.message, counts=not too_long)
        return Response(request, error=refusal.message)

    async def _post(
        self, path: str, encode: Callable[[], bytes], adapt: Callable[[bytes], object] | None = None
    ) -> Any:
        """Post a request; again without a field that the refusal names, if it can be left out or changed."""
        while True:
            body = encode()
            outcome = await self._transport.post(path, body)
            if not isinstance(outcome, PermanentRefusal) or outcome.status not in (400, 422):
                break
            self._adaptation.learn(outcome.body, accepted=self._transport.succeeded)
            if adapt is not None:
                adapt(outcome.body)
            if encode() == body:
                break
        self._check_model_exists(outcome)
        self._update_info()
        return outcome

    def _check_model_exists(self, outcome: Any) -> None:
        """Raise a `BackendError` if nothing was ever answered and the refusal is about the model, not the request."""
        if not isinstance(outcome, PermanentRefusal) or outcome.status is None or self._transport.succeeded:
            return
        if context_limit(outcome.status, outcome.body) is None and is_about_any_model(outcome.body):
            server = self._transport.replicas.all[0].name
            raise BackendError(ErrorCode.MODEL_NOT_SERVED, f"{server}: {outcome.message}; {CHECK_NAME_AND_URL}")

    def _response(self, request: Request, completion: ChatCompletion) -> Response:
        if self._thinking is not None and (note := self._thinking.add(completion.text, completion.reasoning)):
            self.notes["thinking"] = note
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


def _check_settings(settings: BackendSettings) -> None:
    args = settings.model_args
    if not settings.base_urls:
        raise UsageError(
            ErrorCode.MISSING_ARGUMENT,
            "`base_urls`: openai/ needs the address of a server, such as http://127.0.0.1:8000/v1",
        )
    if settings.revision is not None:
        raise UsageError(
            ErrorCode.UNSUPPORTED_BY_BACKEND,
            "`revision`: the server determines what it serves; start it with that revision",
        )
    if settings.concurrency < 1:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`concurrency` {settings.concurrency}: it must be at least 1")
    if args.get("opens_reasoning", "auto") not in ("auto", "true", "false"):
        raise UsageError(ErrorCode.INVALID_ARGUMENT, "`model_args` opens_reasoning: expected auto, true or false")
    if args.get("max_tokens_field", TOKEN_FIELDS[0]) not in TOKEN_FIELDS:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT, f"`model_args` max_tokens_field: expected {' or '.join(TOKEN_FIELDS)}"
        )
