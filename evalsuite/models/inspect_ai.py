"""`inspect/PROVIDER/MODEL`: any provider that inspect-ai supports, hosted or local."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final

from rich.text import Text

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Request, Response
from evalsuite.models.finish_reason import finish_of
from evalsuite.models.http.error_report import error_message
from evalsuite.models.http.refusal import is_about_any_model
from evalsuite.models.inspect_sent import observe_requests, unsent_settings
from evalsuite.models.model_args import parse_yaml_value, stops_at_reasoning_only
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.models.redaction import redact_url
from evalsuite.models.request_pool import FailureStreak, process_concurrently
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import Message
from evalsuite.util.jsonl import dump_json_line

_BUDGET_PROVIDERS = ("anthropic", "bedrock", "google", "openrouter")
"""Providers to which inspect-ai passes `reasoning_tokens`; for the others it drops the value silently."""
_DECODING_ARGS = frozenset({"max_tokens", "reasoning_tokens", "seed", "system_message", "temperature", "top_p"})
_OPENAI_MODEL: Final = re.compile(r"gpt|codex|deep-research|(?<![a-z0-9])o\d", re.IGNORECASE)
"""Names that inspect-ai recognises as models of OpenAI."""
_RETRIES = 6
_FATAL_STATUS = frozenset({401, 403, 404})
_MALFORMED = frozenset({400, 422})
"""Statuses under which some servers report that there is no such model."""
_FEW_CONNECTIONS = 20
"""inspect-ai's adaptive connections start here; a lower number must be fixed."""


class Inspect(Backend):
    """Models through inspect-ai: `inspect/anthropic/...`, `inspect/google/...`, `inspect/openai-api/SERVICE/MODEL`.

    API keys are read from the environment by inspect-ai. Retries are inspect-ai's, 6 unless the model argument
    `max_retries` sets another number. Model arguments are the other fields of its GenerateConfig (`reasoning_effort`,
    `top_k`, ...); those that are not are passed to the provider. `thinking_budget` works with providers that support
    `reasoning_tokens`; instead of `thinking`, use `reasoning_effort`. `reasoning_only` is that of openai/.
    """

    operational_args: ClassVar[frozenset[str]] = frozenset(
        {"attempt_timeout", "max_retries", "reasoning_only", "timeout"}
    )

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        _check_settings(settings)
        self.stops_at_reasoning_only = stops_at_reasoning_only(settings.model_args)
        passed = {key: value for key, value in settings.model_args.items() if key != "reasoning_only"}
        self._model_args = {key: parse_yaml_value(value, key) for key, value in passed.items()}
        self._info: BackendInfo = {}
        if settings.decoding.top_p == 1:
            self.unsent.add("top_p")
        self._failures = FailureStreak()
        self._model: Any = None
        self._library: Any = None

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Create the provider's client; raise a `BackendError` if the provider is unknown or its key is missing."""
        self._library = import_optional("inspect_ai.model", "inspect")
        fields = self._library.GenerateConfig.model_fields
        config_args = {key: value for key, value in self._model_args.items() if key in fields}
        provider_args = {key: value for key, value in self._model_args.items() if key not in fields}
        base_url = self.settings.base_urls[0] if self.settings.base_urls else None
        try:
            config = self._library.GenerateConfig(**{**self._config(), **config_args})
            self._model = self._library.get_model(
                self.settings.model, config=config, base_url=base_url, memoize=False, **provider_args
            )
        except Exception as error:  # providers raise errors of their own classes
            raise BackendError(
                ErrorCode.MODEL_NOT_LOADABLE, f"inspect/{self.settings.model}: {_plain_message(error)}"
            ) from error
        observe_requests(self._model.api, self._record_sent)
        self._info |= {"inspect_ai": import_optional("inspect_ai", "inspect").__version__}
        self._info |= {"servers": [redact_url(base_url)]} if base_url else {}
        return self._info

    def _config(self) -> dict[str, Any]:
        decoding = self.settings.decoding
        concurrency = self.settings.concurrency
        kind = "adaptive_connections" if concurrency > _FEW_CONNECTIONS else "max_connections"
        return {
            kind: concurrency,
            "max_retries": _RETRIES,
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
            # Some providers refuse temperature and top_p together, and 1 is every provider's default.
            "top_p": decoding.top_p if decoding.top_p < 1 else None,
            "reasoning_tokens": decoding.thinking_budget,
        }

    def _record_sent(self, request: Mapping[str, Any]) -> None:
        """Record the decoding settings that inspect-ai left out, as it does for models that don't support them."""
        for setting in unsent_settings(request) - self.unsent:
            self.unsent.add(setting)
            self.notes[setting] = f"{setting} was not sent: inspect-ai leaves it out for {self.settings.model}"

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Send up to `concurrency` requests at once; see `Backend.answer`."""
        async with aclosing(process_concurrently(requests, self._generate, self.settings.concurrency)) as responses:
            async for response in responses:
                yield response

    async def _generate(self, request: Request) -> Response:
        config = self._library.GenerateConfig(seed=request.seed)
        try:
            output = await self._model.generate([self._chat_message(turn) for turn in request.messages], config=config)
        except Exception as error:  # after inspect-ai's retries; providers raise errors of their own classes
            return self._failed(request, error)
        if output.error or not output.choices:
            return self._failed(request, RuntimeError(output.error or "the provider returned no choice"))
        self._failures.reset()
        self._info["model_served"] = output.model
        return _response(request, output)

    def _chat_message(self, turn: Message) -> Any:
        classes = {
            "system": self._library.ChatMessageSystem,
            "user": self._library.ChatMessageUser,
            "assistant": self._library.ChatMessageAssistant,
        }
        return classes[turn["role"]](content=turn["content"])

    def _failed(self, request: Request, error: Exception) -> Response:
        """Return the failed response; raise a `BackendError` for a refused key or too many failures in a row."""
        message = _plain_message(error)
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        body = getattr(error, "body", None)
        # Of what a provider raises inspect-ai sometimes keeps the words alone.
        words = body if isinstance(body, dict) else {"message": message}
        if status in _MALFORMED and is_about_any_model(dump_json_line(words)):
            status = 404
        refused_key = self._model.api.is_auth_failure(error)
        if status in _FATAL_STATUS or refused_key:
            code = ErrorCode.MODEL_NOT_SERVED if status == 404 and not refused_key else ErrorCode.AUTHENTICATION_FAILED
            raise BackendError(code, f"inspect/{self.settings.model}: {message}") from error
        self._failures.add(message, error)
        return Response(request, error=message)

    async def close(self) -> None:
        """Close the provider's client."""
        model, self._model = self._model, None
        if model is not None:
            await model.api.aclose()


def _check_settings(settings: BackendSettings) -> None:
    """Raise a `UsageError` for settings that no provider, or not this one, honours."""
    name = f"inspect/{settings.model}"
    for argument in ("revision", "adapter", "chat_template"):
        if getattr(settings, argument) is not None:
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND, f"`{argument}`: the provider of {name} sets it; use hf/ or vllm/"
            )
    provider, _, model = settings.model.partition("/")
    # inspect-ai 0.3.285 takes every name that it doesn't know for OpenAI's newest model under a code name: it uses the
    # responses API, which many servers lack, and drops the seed (findings/inspect_openai_unknown_model.sh).
    if provider == "openai" and settings.base_urls and not _OPENAI_MODEL.search(model):
        raise UsageError(
            ErrorCode.UNSUPPORTED_BY_BACKEND,
            f"{name}: with a server of its own and a model that isn't OpenAI's, inspect-ai's provider openai uses the "
            f"responses API and sends no seed; use openai/{model}, or inspect/openai-api/SERVICE/{model}",
        )
    if settings.decoding.thinking != "auto":
        raise UsageError(
            ErrorCode.UNSUPPORTED_BY_BACKEND,
            f"`thinking`: the providers of {name} have no common switch; use `model_args` reasoning_effort=...",
        )
    if settings.decoding.thinking_budget is not None and settings.model.partition("/")[0] not in _BUDGET_PROVIDERS:
        raise UsageError(
            ErrorCode.UNSUPPORTED_BY_BACKEND,
            f"`thinking_budget`: of inspect-ai's providers, {', '.join(_BUDGET_PROVIDERS)} enforce one",
        )
    if len(settings.base_urls) > 1:
        raise UsageError(
            ErrorCode.UNSUPPORTED_BY_BACKEND,
            "`base_urls`: inspect/ accepts one; openai/ shares the load among several",
        )
    for key in settings.model_args:
        if key in _DECODING_ARGS:
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                f"`model_args` {key}: it is part of the run's decoding settings; set it there",
            )


def _response(request: Request, output: Any) -> Response:
    message = output.choices[0].message
    usage = output.usage
    return Response(
        request,
        text=message.text,
        reasoning=reasoning_of(message),
        finish=finish_of(output.choices[0].stop_reason),
        input_tokens=usage and _input_tokens(usage),
        output_tokens=usage and usage.output_tokens,
        latency=output.time,
    )


def reasoning_of(message: Any) -> str:
    """Return the reasoning of inspect-ai's message that the provider separated from its text."""
    parts = message.content if isinstance(message.content, list) else []
    # Redacted reasoning is encrypted text; its summary is what can be read.
    return "\n".join(
        (part.summary or "") if part.redacted else part.reasoning for part in parts if part.type == "reasoning"
    )


def _input_tokens(usage: Any) -> int:
    """Return all tokens of the prompt: inspect-ai counts its cached parts separately."""
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return int(usage.input_tokens + cached)


def _plain_message(error: Exception) -> str:
    """Return an error's message in one line: the server's own words, if there are any, before those of the libraries.

    inspect-ai formats some messages with rich's markup, and begins others with the whole request.
    """
    cause: BaseException | None = error
    while cause is not None:
        words = _server_words(cause)
        if words:
            status = getattr(cause, "status_code", None)
            return describe_error(RuntimeError(f"{words} ({type(cause).__name__}{f' {status}' if status else ''})"))
        attempt = getattr(cause, "last_attempt", None)  # tenacity's, after the last retry
        cause = attempt.exception() if attempt is not None else cause.__cause__
    message = describe_error(error)
    return Text.from_markup(message).plain if type(error).__name__ == "PrerequisiteError" else message


def _server_words(error: BaseException) -> str | None:
    """Return what a server replied, as the clients of the providers keep it in their exceptions."""
    body = getattr(error, "body", None)
    if isinstance(body, dict | list) and body:
        return error_message(dump_json_line(body))
    response = getattr(error, "response", None)
    text = body if isinstance(body, str) else getattr(response, "text", None)
    return error_message(text.encode("utf-8", "replace")) if isinstance(text, str) and text.strip() else None
