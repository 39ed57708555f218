"""From the arguments of `evaluate` to the request of a run: which model, which tasks, which settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, get_args

from evalsuite.api.chosen_tasks import TaskLike, chosen_tasks
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models import TINY, check_scoring, make_backend, model_name, prefix_of, split_name
from evalsuite.models.backend import Backend, BackendSettings, Decoding, Scoring, Thinking
from evalsuite.models.function import THREADS, FunctionBackend, ModelFunction, is_async, name_of
from evalsuite.run.execute import RunRequest, folder_choice
from evalsuite.run.spec import RunSpec
from evalsuite.util.arguments import (
    BOOLEAN,
    INTEGER,
    NAME,
    NAMES,
    NUMBER,
    PATH,
    TEXT,
    TEXT_MAPPING,
    check_arguments,
    instance_of,
    names_of,
    one_of,
    optional,
)
from evalsuite.util.text import with_article

Model = str | Backend | type[Backend] | ModelFunction
"""What can be evaluated: `backend/name`, a backend or its class, or a function from messages to text."""
TINY_TOKENS: Final = 128
"""Token limit of `tiny`, several times its longest answer: an endless response would hold up the rest of its batch."""
_BASE_SETTINGS: Final = BackendSettings("")
_TYPES: Final = {
    "suite": optional(NAME),
    "require_all": BOOLEAN,
    "name": optional(NAME),
    "version": optional(NAME),
    "base_urls": NAMES,
    "samples": INTEGER,
    "limit": optional(INTEGER),
    "answer_format": optional(TEXT),
    "system": optional(TEXT),
    "temperature": NUMBER,
    "top_p": NUMBER,
    "max_tokens": optional(INTEGER),
    "seed": INTEGER,
    "thinking": one_of(get_args(Thinking)),
    "thinking_budget": optional(INTEGER),
    "scoring": one_of(get_args(Scoring)),
    "rotate_options": BOOLEAN,
    "chat_template": optional(TEXT),
    "revision": optional(TEXT),
    "adapter": optional(TEXT),
    "model_args": optional(TEXT_MAPPING),
    "concurrency": optional(INTEGER),
    "task_args": optional(instance_of(Mapping, "a mapping of names to values")),
    "data_dir": optional(PATH),
    "out": optional(PATH),
}


def run_request(
    model: Model,
    tasks: TaskLike | Sequence[TaskLike] = (),
    *,
    suite: str | None = None,
    require_all: bool = False,
    name: str | None = None,
    version: str | None = None,
    base_urls: str | Sequence[str] = (),
    samples: int = 1,
    limit: int | None = None,
    answer_format: str | None = None,
    system: str | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_tokens: int | None = None,
    seed: int = 0,
    thinking: Thinking = "auto",
    thinking_budget: int | None = None,
    scoring: Scoring = "generate",
    rotate_options: bool = False,
    chat_template: str | None = None,
    revision: str | None = None,
    adapter: str | None = None,
    model_args: Mapping[str, str] | None = None,
    concurrency: int | None = None,
    task_args: Mapping[str, object] | None = None,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
) -> RunRequest:
    """Return the request of a new run; see `evaluate` for the arguments."""
    check_arguments(_TYPES, locals())
    most_tokens = _token_limit(model, scoring) if max_tokens is None else max_tokens
    settings = BackendSettings(
        model="",
        decoding=Decoding(temperature, top_p, most_tokens, seed, thinking, thinking_budget),
        base_urls=names_of(base_urls),
        revision=revision,
        adapter=adapter,
        chat_template=chat_template,
        concurrency=_concurrency(model) if concurrency is None else concurrency,
        model_args=dict(model_args or {}),
        scoring=scoring,
    )
    prefix, settings, backend = _resolve(model, settings, name, version)
    folder = str(Path(data_dir).resolve()) if data_dir else None
    chosen = chosen_tasks(tasks, suite, None if require_all else folder or "", task_args or {})
    spec = RunSpec(
        prefix, chosen.names, settings, samples, limit, answer_format, system, folder, rotate_options, chosen.arguments
    )
    return RunRequest(spec, folder_choice(spec, Path(out) if out else None), chosen.datasets, backend, chosen.absent)


def _token_limit(model: Model, scoring: Scoring) -> int:
    return TINY_TOKENS if model == TINY and scoring == "generate" else Decoding().max_tokens


def _concurrency(model: Model) -> int:
    return THREADS if _is_function(model) and not is_async(model) else _BASE_SETTINGS.concurrency  # type: ignore[arg-type]


def _is_function(model: Model) -> bool:
    return callable(model) and not isinstance(model, Backend | type)


def _resolve(
    model: Model, settings: BackendSettings, name: str | None, version: str | None
) -> tuple[str, BackendSettings, Callable[[], Backend]]:
    """Return the backend's prefix, the settings with the model's name, and how the backend is made."""
    if version is not None and not _is_function(model):
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS, "`version` is for functions: name a model's version with `revision`"
        )
    if isinstance(model, str):
        if name is not None:
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS, f"`name` is for functions and backends: {model!r} is a name already"
            )
        prefix, own_name = split_name(model)
        settings = replace(settings, model=own_name)
        return prefix, settings, partial(make_backend, prefix, settings)
    if isinstance(model, Backend):
        return _resolve_instance(model, settings, name)
    if isinstance(model, type) and issubclass(model, Backend):
        prefix = prefix_of(model)
        if name is None and prefix != TINY:
            raise UsageError(
                ErrorCode.MISSING_ARGUMENT, f"`name` is missing: it names the model that {model.__name__} runs"
            )
        settings = replace(settings, model=name or "")
        check_scoring(model, model_name(prefix, settings.model), settings.scoring)
        return prefix, settings, partial(model, settings)
    if callable(model) and not isinstance(model, type):
        settings = replace(settings, model=name or name_of(model))
        return "function", settings, partial(FunctionBackend, settings, model, version)
    raise UsageError(
        ErrorCode.INVALID_ARGUMENT,
        f"`model` is {with_article(type(model).__name__)}: "
        "give backend/name, a Backend, or a function from messages to text",
    )


def _resolve_instance(
    backend: Backend, settings: BackendSettings, name: str | None
) -> tuple[str, BackendSettings, Callable[[], Backend]]:
    if name is not None or settings != _BASE_SETTINGS:
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            f"`model` is {with_article(type(backend).__name__)} with settings of its own: "
            "give the name and the settings to it",
        )
    prefix = prefix_of(type(backend))
    settings = backend.settings
    check_scoring(type(backend), model_name(prefix, settings.model), settings.scoring)
    return prefix, settings, lambda: backend
