"""`inspect/PROVIDER/MODEL`: any provider that inspect-ai knows, hosted or local."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import yaml
from rich.text import Text

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Finish, Request, Response
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.models.redaction import redact_url
from evalsuite.models.request_pool import pooled
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import Message

FINISH: Mapping[str, Finish] = {"max_tokens": "length", "model_length": "length", "content_filter": "refused"}
"""inspect-ai's stop reasons that are no plain end, as ours."""
_BUDGETED = ("anthropic", "bedrock", "google", "openrouter")
"""Providers in whose code inspect-ai hands `reasoning_tokens` on; elsewhere it is dropped without a word."""
_OURS = frozenset({"max_tokens", "reasoning_tokens", "seed", "system_message", "temperature", "top_p"})
_SECRET = frozenset({"api_key"})
_RETRIES = 6
_FAILURES = 32
"""Requests in a row that fail for good before the whole run is given up."""
_HOPELESS = frozenset({401, 403, 404})
_FEW = 20
"""inspect-ai's adaptive connections begin here; below, the number is fixed."""


class Inspect(Backend):
    """Asks through inspect-ai: `inspect/anthropic/...`, `inspect/google/...`, `inspect/openai-api/SERVICE/MODEL`.

    Keys are read from the environment, as inspect-ai does. Retries are inspect-ai's, 6 unless `--model-arg max_retries`
    says otherwise. `--model-arg` takes any other field of its GenerateConfig (`reasoning_effort`, `top_k`, ...), and
    hands what isn't one to the provider. `--thinking-budget` works where the provider takes `reasoning_tokens`;
    thinking on or off is a matter of `reasoning_effort` here.
    """

    operational_args = frozenset({"attempt_timeout", "max_retries", "timeout"})

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        _refuse_what_no_provider_takes(settings)
        self._args = {key: yaml.safe_load(value) for key, value in settings.model_args.items()}
        self._facts: BackendInfo = {}
        self._failures = 0
        self._model: Any = None
        self._library: Any = None

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Make the provider's client; `BackendError` where the provider is unknown or its key is missing."""
        self._library = import_optional("inspect_ai.model", "inspect")
        own = {key: value for key, value in self._args.items() if key in self._library.GenerateConfig.model_fields}
        provider = {key: value for key, value in self._args.items() if key not in own}
        base_url = self.settings.base_urls[0] if self.settings.base_urls else None
        try:
            config = self._library.GenerateConfig(**{**self._config(), **own})
            self._model = self._library.get_model(
                self.settings.model, config=config, base_url=base_url, memoize=False, **provider
            )
        except Exception as error:  # each provider has its own way of saying no
            raise BackendError(f"inspect/{self.settings.model}: {_plain(error)}") from error
        self._facts |= {"inspect_ai": import_optional("inspect_ai", "inspect").__version__}
        self._facts |= {"servers": [redact_url(base_url)]} if base_url else {}
        return self._facts

    def _config(self) -> dict[str, Any]:
        decoding = self.settings.decoding
        most = self.settings.concurrency
        connections = {"adaptive_connections": most} if most > _FEW else {"max_connections": most}
        return {
            **connections,
            "max_retries": _RETRIES,
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
            # Some providers refuse both together, and 1 is every provider's default.
            "top_p": decoding.top_p if decoding.top_p < 1 else None,
            "reasoning_tokens": decoding.thinking_budget,
        }

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Ask up to `concurrency` at once; see `Backend.answer`."""
        async with aclosing(pooled(requests, self._ask, self.settings.concurrency)) as responses:
            async for response in responses:
                yield response

    async def _ask(self, request: Request) -> Response:
        config = self._library.GenerateConfig(seed=request.seed)
        try:
            output = await self._model.generate([self._message(turn) for turn in request.messages], config=config)
        except Exception as error:  # after inspect-ai's retries, each provider raises its own
            return self._failed(request, error)
        if output.error or not output.choices:
            return self._failed(request, RuntimeError(output.error or "the provider gave no choice"))
        self._failures = 0
        self._facts["model_served"] = output.model
        return _response(request, output)

    def _message(self, turn: Message) -> Any:
        kinds = {
            "system": self._library.ChatMessageSystem,
            "user": self._library.ChatMessageUser,
            "assistant": self._library.ChatMessageAssistant,
        }
        return kinds[turn["role"]](content=turn["content"])

    def _failed(self, request: Request, error: Exception) -> Response:
        """One failure is an item's; a refused key or a long row of failures is everybody's."""
        told = _plain(error)
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        if status in _HOPELESS or self._model.api.is_auth_failure(error):
            raise BackendError(f"inspect/{self.settings.model}: {told}") from error
        self._failures += 1
        if self._failures >= _FAILURES:
            raise BackendError(f"{_FAILURES} requests in a row failed for good; the last: {told}") from error
        return Response(request, error=told)

    async def close(self) -> None:
        """Close the provider's client."""
        model, self._model = self._model, None
        if model is not None:
            await model.api.aclose()


def _refuse_what_no_provider_takes(settings: BackendSettings) -> None:
    name = f"inspect/{settings.model}"
    for option, value in (
        ("--revision", settings.revision),
        ("--adapter", settings.adapter),
        ("--chat-template", settings.chat_template),
    ):
        if value is not None:
            raise UsageError(f"{option}: {name} is served elsewhere, where this can't be set; use hf/ or vllm/")
    if settings.decoding.thinking != "auto":
        raise UsageError(f"{name}: providers have no thinking switch in common; use --model-arg reasoning_effort=...")
    if settings.decoding.thinking_budget is not None and settings.model.partition("/")[0] not in _BUDGETED:
        raise UsageError(f"--thinking-budget: of inspect-ai's providers, {', '.join(_BUDGETED)} enforce one")
    if len(settings.base_urls) > 1:
        raise UsageError("--base-url: inspect/ takes one; openai/ shares the load among several")
    for key in settings.model_args:
        if key in _SECRET:
            raise UsageError(f"--model-arg {key}: it would be written into run.json; set the provider's variable")
        if key in _OURS:
            raise UsageError(f"--model-arg {key}: it is a part of the run's decoding; set it there")


def _response(request: Request, output: Any) -> Response:
    message = output.choices[0].message
    parts = message.content if isinstance(message.content, list) else []
    reasoning = [part for part in parts if part.type == "reasoning"]
    usage = output.usage
    return Response(
        request,
        text=message.text,
        reasoning="\n".join((part.summary or "") if part.redacted else part.reasoning for part in reasoning),
        finish=FINISH.get(output.choices[0].stop_reason, "stop"),
        input_tokens=usage and _input_tokens(usage),
        output_tokens=usage and usage.output_tokens,
        latency=output.time,
    )


def _input_tokens(usage: Any) -> int:
    """All of the prompt: inspect-ai counts its cached parts apart."""
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return int(usage.input_tokens + cached)


def _plain(error: Exception) -> str:
    """An error in one line; inspect-ai writes some in rich's markup."""
    told = describe_error(error)
    return Text.from_markup(told).plain if type(error).__name__ == "PrerequisiteError" else told
