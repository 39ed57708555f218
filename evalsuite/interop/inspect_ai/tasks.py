"""Tasks and suites registered with inspect-ai: `inspect eval evalsuite/medqa --model ...`, found by its entry point.

inspect-ai loads this module; the rest of the package does not. Importing it registers one inspect-ai task per task, one
task source per suite (with a log for each of its tasks), and the scorer and metric that they share.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from inspect_ai import Task, TaskSource, task, task_source
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.scorer import SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver
from rich.markup import escape

from evalsuite import parser
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, EvalsuiteError, UsageError
from evalsuite.interop.grade_response import grade_response
from evalsuite.interop.inspect_ai.private_api import PrerequisiteError
from evalsuite.interop.inspect_ai.scores import (
    METADATA_KEY,
    SCORER,
    sample_id,
    sample_metadata,
    score,
    unanswered,
    without_surrogates,
)
from evalsuite.models.backend import THINKING_SWITCHES, Decoding, PromptSetup
from evalsuite.models.finish_reason import finish_of
from evalsuite.models.inspect_ai import reasoning_of
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.stats.intervals import mean
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import all_tasks, load_suites, load_task
from evalsuite.tasks.rotation import rotated
from evalsuite.tasks.task_arguments import Value

T = TypeVar("T")
_THINKING: Final[Mapping[Any, bool | None]] = {"auto": None, "on": True, "off": False, True: True, False: False}
"""inspect-ai reads task parameters as YAML, in which on and off are truth values."""
_TEMPLATE_PROVIDERS: Final = frozenset({"openai-api", "vllm", "sglang"})
"""Providers that pass arguments to a chat template; others would drop them silently."""
_UNANSWERED: Final = {key: {"status": "unanswered", "correct": False} for key in ("strict", "lenient")}
"""The parses of a sample whose request failed."""


def make_task(
    name: str,
    format: str | None = None,
    samples: int = 1,
    thinking: str | bool = "auto",
    data_dir: str | None = None,
    prompt_opens_reasoning: bool = False,
    rotate_options: bool = False,
    task_args: Mapping[str, Value] | None = None,
) -> Task:
    """Make an inspect-ai task of a task; it decodes like `evalsuite run` unless inspect-ai's options say otherwise."""
    arguments = tuple(sorted((task_args or {}).items()))
    dataset = _dataset(name, data_dir, arguments)
    format = format or dataset.task.format
    if format not in FORMATS:
        raise UsageError(
            ErrorCode.UNKNOWN_ANSWER_FORMAT, f"-T format={format}: is unknown; known: {', '.join(FORMATS)}"
        )
    if thinking not in _THINKING:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"-T thinking={thinking}: must be auto, on or off")
    setup, switch = PromptSetup(dataset.items, format), _THINKING[thinking]
    prepared = PreparedTask(dataset, TaskPrompt(dataset.task, format), setup, limit=None, rotate_options=rotate_options)
    return Task(
        dataset=MemoryDataset(list(_samples(prepared)), name=name),
        solver=[generate()] if switch is None else [require_template_switch(), generate()],
        scorer=grade_scorer(name, format, data_dir, prompt_opens_reasoning, dict(arguments)),
        config=_config(switch),
        epochs=samples,
        version=dataset.task.version,
        metadata={METADATA_KEY: _metadata(prepared)},
    )


def _config(switch: bool | None) -> GenerateConfig:
    decoding = Decoding()
    extra = None if switch is None else {"chat_template_kwargs": dict.fromkeys(THINKING_SWITCHES, switch)}
    return GenerateConfig(temperature=decoding.temperature, max_tokens=decoding.max_tokens, extra_body=extra)


def _metadata(prepared: PreparedTask) -> dict[str, Any]:
    """Return what `evalsuite import` needs to read a log as a run of this task."""
    identity = prepared.identity
    return {
        "task": prepared.name,
        **{name: identity[name] for name in ("format", "prompt_digest", "data_digest")},
        "task_args": prepared.dataset.task.given_arguments,
        "rotate_options": prepared.rotate_options,
        "parser": parser.VERSION,
        "notes": list(prepared.notes),
    }


# The task and its scorer each load the data, and a suite has both for each of its tasks.
@cache
def _dataset(name: str, data_dir: str | None, task_args: tuple[tuple[str, Value], ...]) -> Dataset:
    return load(load_task(name).with_arguments(dict(task_args)), Path(data_dir) if data_dir else None)


def _samples(prepared: PreparedTask) -> Iterator[Sample]:
    return (_sample(prepared, item, rotation) for item in prepared.items for rotation in prepared.rotations(item))


def _sample(prepared: PreparedTask, item: Item, rotation: int) -> Sample:
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    messages = prepared.prompt.messages(rotated(item, rotation))
    return Sample(
        id=sample_id(item.id, rotation),
        input=[kinds[message["role"]](content=without_surrogates(message["content"])) for message in messages],
        target=item.gold,
        metadata={**item.meta, METADATA_KEY: sample_metadata(item, rotation)},
    )


@solver  # type: ignore[untyped-decorator]
def require_template_switch() -> Solver:
    """Refuse to generate if the thinking switch would not reach a chat template."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.model.api not in _TEMPLATE_PROVIDERS:
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"-T thinking: {state.model.api}/ has no chat template to switch; use inspect's --reasoning-effort",
            )
        return state

    return solve


@metric(name=SCORER, scores="unreduced")  # type: ignore[untyped-decorator]
def summary_metrics() -> Callable[[list[SampleScore]], dict[str, float]]:
    """The values of summary.json: strict and lenient accuracy with intervals, and the count of each invalid status."""

    def calculate(scores: list[SampleScore]) -> dict[str, float]:
        by_item: dict[Any, list[SampleScore]] = {}
        for each in scores:
            by_item.setdefault(_sample_metadata(each)["item"], []).append(each)
        accuracy = {**_interval("strict", "", by_item.values()), **_interval("lenient", "_lenient", by_item.values())}
        statuses = [_parses(each)["strict"]["status"] for each in scores]
        return accuracy | {status: float(statuses.count(status)) for status in sorted({*statuses} - {"ok"})}

    return calculate


def _interval(parse: str, suffix: str, samples_by_item: Iterable[list[SampleScore]]) -> dict[str, float]:
    items = list(samples_by_item)
    accuracies = np.array([np.mean([_parses(sample)[parse]["correct"] for sample in samples]) for samples in items])
    groups = [_sample_metadata(samples[0])["group"] for samples in items]
    # Epochs are averaged per item, because items are the independent units of the interval.
    value, low, high = mean(accuracies, groups, sum(map(len, items)) // max(1, len(items)))
    return {f"accuracy{suffix}": value, f"low{suffix}": low, f"high{suffix}": high}


def _sample_metadata(sample: SampleScore) -> Mapping[str, Any]:
    """Return the metadata that evalsuite stored with a sample; without it, a sample is an item of its own."""
    stored: Mapping[str, Any] = (sample.sample_metadata or {}).get(METADATA_KEY, {})
    return {"item": sample.sample_id, "group": "", **stored}


def _parses(sample: SampleScore) -> Mapping[str, Mapping[str, Any]]:
    return sample.score.metadata or _UNANSWERED


@scorer(metrics=[summary_metrics()], name=SCORER)  # type: ignore[untyped-decorator]
def grade_scorer(
    task: str,
    format: str,
    data_dir: str | None = None,
    prompt_opens_reasoning: bool = False,
    task_args: Mapping[str, Value] | None = None,
) -> Scorer:
    """Grade by the same call as `evalsuite run`; the score's value is the strict grade."""
    arguments = tuple(sorted((task_args or {}).items()))
    items = {item.id: item for item in _dataset(task, data_dir, arguments).items}

    async def score_state(state: TaskState, target: Target) -> Score:
        if not state.output.choices:  # `inspect score` also scores samples whose request failed
            return unanswered()
        text, stored = state.output.completion, state.metadata[METADATA_KEY]
        grade = grade_response(
            items[stored["item"]],
            format,
            text,
            reasoning=reasoning_of(state.output.choices[0].message),
            finish=finish_of(state.output.stop_reason),
            opens_reasoning=prompt_opens_reasoning,
            sample=state.epoch - 1,
            rotation=stored["rotation"],
        )
        return score(grade, text)

    return score_state


def _register_task(name: str) -> None:
    # inspect-ai takes the parameters of `-T` from the signature, so it is written out here and for suites.
    def parametrized(
        format: str | None = None,
        samples: int = 1,
        thinking: str | bool = "auto",
        data_dir: str | None = None,
        prompt_opens_reasoning: bool = False,
        rotate_options: bool = False,
        **task_args: Value,
    ) -> Task:
        try:
            return make_task(
                name, format, samples, thinking, data_dir, prompt_opens_reasoning, rotate_options, task_args
            )
        except EvalsuiteError as error:
            # inspect-ai prints the message as rich markup, in which brackets have a meaning.
            raise PrerequisiteError(escape(str(error))) from error

    _tasks[name] = task(name=name)(_with_parameters(parametrized, _arguments[name]))


def _register_suite(name: str, tasks: tuple[str, ...]) -> None:
    def parametrized(
        format: str | None = None,
        samples: int = 1,
        thinking: str | bool = "auto",
        data_dir: str | None = None,
        prompt_opens_reasoning: bool = False,
        rotate_options: bool = False,
        **task_args: Value,
    ) -> TaskSource:
        parameters = (format, samples, thinking, data_dir, prompt_opens_reasoning, rotate_options)
        missing = [each for each in tasks if each not in _tasks]
        if missing:
            raise PrerequisiteError(f"suite {name}: {', '.join(missing)} can't be used, or there is no such task")
        return TaskSource.from_tasks([_tasks[each](*parameters, **_taken(each, task_args)) for each in tasks])

    taken = {key: default for each in tasks for key, default in _arguments.get(each, {}).items()}
    task_source(name=name)(_with_parameters(parametrized, taken))


def _with_parameters(function: Callable[..., T], arguments: Mapping[str, Value]) -> Callable[..., T]:
    """Name the arguments of tasks in a function's signature, where inspect-ai looks for what `-T` may set."""
    signature = inspect.signature(function)
    own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=type(default))
        for name, default in arguments.items()
    ]
    function.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    return function


def _taken(task: str, task_args: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in task_args.items() if name in _arguments[task]}


_arguments: dict[str, Mapping[str, Value]] = {}
"""The arguments that each task takes, with their defaults."""
_tasks: dict[str, Callable[..., Task]] = {}
for _card in all_tasks():
    _arguments[_card.name] = _card.arguments
    _register_task(_card.name)
for _suite in load_suites().values():
    _register_suite(_suite.name, _suite.tasks)
