"""Our tasks and suites as inspect-ai's: `inspect eval evalsuite/medqa --model ...`, found through its entry point.

Loaded by inspect-ai, never by the rest of the package: importing it registers a task for each of ours, a task source
for each suite (a log for each of its tasks), and the scorer and metric that they share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from inspect_ai import Task, TaskSource, task, task_source
from inspect_ai._util.error import PrerequisiteError  # not exported, and the one error that is told without a traceback
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.scorer import SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver
from rich.markup import escape

from evalsuite import answer
from evalsuite.bridges.inspect_score import KEY, SCORER, plain, score
from evalsuite.data import load
from evalsuite.errors import EvalsuiteError, UsageError
from evalsuite.formats import FORMATS
from evalsuite.grade import grade
from evalsuite.journal import Record
from evalsuite.models.backend import Asked, Decoding
from evalsuite.models.inspect import FINISH
from evalsuite.models.wire.completion import SWITCHES
from evalsuite.prompt import Prompt
from evalsuite.stats.estimate import mean
from evalsuite.task import Dataset, Item, load_suites, load_task, task_names

_THINKING: Final[Mapping[Any, bool | None]] = {"auto": None, "on": True, "off": False, True: True, False: False}
"""inspect-ai reads task parameters as YAML, where on and off are truth values."""
_SWITCHED: Final = frozenset({"openai-api", "vllm", "sglang"})
"""Providers that hand a chat template its arguments; the others would drop them without a word."""


def make_task(
    name: str,
    format: str | None = None,
    samples: int = 1,
    thinking: str | bool = "auto",
    data_dir: str | None = None,
    prompt_opens_reasoning: bool = False,
) -> Task:
    """Make one of our tasks into inspect-ai's, decoded as `evalsuite run` does unless its own options say otherwise."""
    dataset = _dataset(name, data_dir)
    format = format or dataset.task.format
    if format not in FORMATS:
        raise UsageError(f"-T format={format}: unknown; there are {', '.join(FORMATS)}")
    if thinking not in _THINKING:
        raise UsageError(f"-T thinking={thinking}: expected auto, on or off")
    prompt, switch = Prompt(dataset.task, format), _THINKING[thinking]
    return Task(
        dataset=MemoryDataset([_sample(item, prompt) for item in dataset.items], name=name),
        solver=[generate()] if switch is None else [template_is_switched(), generate()],
        scorer=graded(name, format, data_dir, prompt_opens_reasoning),
        config=_config(switch),
        epochs=samples,
        version=dataset.task.version,
        metadata={KEY: _about(dataset, prompt)},
    )


def _config(switch: bool | None) -> GenerateConfig:
    ours = Decoding()
    extra = None if switch is None else {"chat_template_kwargs": dict.fromkeys(SWITCHES, switch)}
    return GenerateConfig(temperature=ours.temperature, max_tokens=ours.max_tokens, extra_body=extra)


def _about(dataset: Dataset, prompt: Prompt) -> dict[str, Any]:
    """What `evalsuite import` needs to read a log as a run of ours."""
    return {
        "task": dataset.task.name,
        "format": prompt.format,
        "prompt_digest": prompt.digest,
        "data_digest": dataset.digest,
        "parser": answer.VERSION,
        "notes": list(dataset.notes),
    }


@cache
def _dataset(name: str, data_dir: str | None) -> Dataset:
    return load(load_task(name), Path(data_dir) if data_dir else None)


def _sample(item: Item, prompt: Prompt) -> Sample:
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    return Sample(
        id=item.id,
        input=[kinds[turn["role"]](content=plain(turn["content"])) for turn in prompt.messages(item)],
        target=item.gold,
        metadata={**item.meta, KEY: {"group": item.group}},
    )


@solver  # type: ignore[untyped-decorator]
def template_is_switched() -> Solver:
    """Refuse to ask where the thinking switch would never arrive."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.model.api not in _SWITCHED:
            raise UsageError(
                f"-T thinking: {state.model.api}/ has no chat template to switch; use inspect's --reasoning-effort"
            )
        return state

    return solve


@metric(name=SCORER, scores="unreduced")  # type: ignore[untyped-decorator]
def figures() -> Callable[[list[SampleScore]], dict[str, float]]:
    """The figures of summary.json: strict accuracy with its interval, the lenient one, and every invalid status."""

    def calculate(scores: list[SampleScore]) -> dict[str, float]:
        by_item: dict[Any, list[SampleScore]] = {}
        for each in scores:
            by_item.setdefault(each.sample_id, []).append(each)
        readings = [_readings(each) for each in scores]
        found = {**_interval("strict", "", by_item.values()), **_interval("lenient", "_lenient", by_item.values())}
        statuses = [reading["strict"]["status"] for reading in readings]
        return found | {status: float(statuses.count(status)) for status in sorted({*statuses} - {"ok"})}

    return calculate


def _interval(reading: str, suffix: str, items: Iterable[list[SampleScore]]) -> dict[str, float]:
    each = list(items)
    right = np.array([np.mean([_readings(one)[reading]["correct"] for one in item]) for item in each])
    groups = [(item[0].sample_metadata or {}).get(KEY, {}).get("group", "") for item in each]
    value, low, high = mean(right, groups, min((len(item) for item in each), default=1))
    return {f"accuracy{suffix}": value, f"low{suffix}": low, f"high{suffix}": high}


def _readings(sample: SampleScore) -> Mapping[str, Mapping[str, Any]]:
    return sample.score.metadata or {}


@scorer(metrics=[figures()], name=SCORER)  # type: ignore[untyped-decorator]
def graded(task: str, format: str, data_dir: str | None = None, prompt_opens_reasoning: bool = False) -> Scorer:
    """Grade by the parser that everything here shares; the strict verdict is the score's value."""
    items = {item.id: item for item in _dataset(task, data_dir).items}
    asked = Asked(items=(), format=format)

    async def score_state(state: TaskState, target: Target) -> Score:
        text = state.output.completion
        finish = FINISH.get(state.output.stop_reason, "stop")
        record = Record(
            str(state.sample_id), state.epoch - 1, text, "", finish, prompt_opens_reasoning, None, None, None, ""
        )
        return score(grade(items[record.item], record, asked), text)

    return score_state


def _register_task(name: str) -> None:
    def ours(
        format: str | None = None,
        samples: int = 1,
        thinking: str | bool = "auto",
        data_dir: str | None = None,
        prompt_opens_reasoning: bool = False,
    ) -> Task:
        try:
            return make_task(name, format, samples, thinking, data_dir, prompt_opens_reasoning)
        except EvalsuiteError as error:
            raise PrerequisiteError(escape(str(error))) from error

    _tasks[name] = task(name=name)(ours)


def _register_suite(name: str, tasks: tuple[str, ...]) -> None:
    def ours(
        format: str | None = None,
        samples: int = 1,
        thinking: str | bool = "auto",
        data_dir: str | None = None,
        prompt_opens_reasoning: bool = False,
    ) -> TaskSource:
        return TaskSource.from_tasks(
            [_tasks[each](format, samples, thinking, data_dir, prompt_opens_reasoning) for each in tasks]
        )

    task_source(name=name)(ours)


_tasks: dict[str, Callable[..., Task]] = {}
for _name in task_names():
    _register_task(_name)
for _suite in load_suites().values():
    _register_suite(_suite.name, _suite.tasks)
