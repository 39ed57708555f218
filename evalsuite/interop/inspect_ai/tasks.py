"""Our tasks and suites as inspect-ai's: `inspect eval evalsuite/medqa --model ...`, found through its entry point.

Loaded by inspect-ai, never by the rest of the package: importing it registers a task for each of ours, a task source
for each suite (a log for each of its tasks), and the scorer and metric that they share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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

from evalsuite import parser
from evalsuite.data.load import load
from evalsuite.errors import EvalsuiteError, UsageError
from evalsuite.grading.grade import grade
from evalsuite.interop.inspect_ai.scores import KEY, SCORER, about, plain, sample_id, score
from evalsuite.models.backend import Decoding, PromptSetup
from evalsuite.models.http.chat_completion import THINKING_SWITCHES
from evalsuite.models.inspect import FINISH
from evalsuite.run.prepared import PreparedTask
from evalsuite.run_folder import ResponseRecord
from evalsuite.stats.intervals import mean
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_suites, load_task, task_names
from evalsuite.tasks.rotation import rotated

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
    rotate_options: bool = False,
) -> Task:
    """Make one of our tasks into inspect-ai's, decoded as `evalsuite run` does unless its own options say otherwise."""
    dataset = _dataset(name, data_dir)
    format = format or dataset.task.format
    if format not in FORMATS:
        raise UsageError(f"-T format={format}: unknown; there are {', '.join(FORMATS)}")
    if thinking not in _THINKING:
        raise UsageError(f"-T thinking={thinking}: expected auto, on or off")
    asked, switch = PromptSetup(dataset.items, format), _THINKING[thinking]
    prepared = PreparedTask(dataset, TaskPrompt(dataset.task, format), asked, limit=None, rotate_options=rotate_options)
    return Task(
        dataset=MemoryDataset(list(_samples(prepared)), name=name),
        solver=[generate()] if switch is None else [template_is_switched(), generate()],
        scorer=graded(name, format, data_dir, prompt_opens_reasoning),
        config=_config(switch),
        epochs=samples,
        version=dataset.task.version,
        metadata={KEY: _about(prepared)},
    )


def _config(switch: bool | None) -> GenerateConfig:
    ours = Decoding()
    extra = None if switch is None else {"chat_template_kwargs": dict.fromkeys(THINKING_SWITCHES, switch)}
    return GenerateConfig(temperature=ours.temperature, max_tokens=ours.max_tokens, extra_body=extra)


def _about(prepared: PreparedTask) -> dict[str, Any]:
    """What `evalsuite import` needs to read a log as a run of ours."""
    identity = prepared.identity
    return {
        "task": prepared.name,
        **{name: identity[name] for name in ("format", "prompt_digest", "data_digest")},
        "rotate_options": prepared.rotate_options,
        "parser": parser.VERSION,
        "notes": list(prepared.notes),
    }


@cache
def _dataset(name: str, data_dir: str | None) -> Dataset:
    return load(load_task(name), Path(data_dir) if data_dir else None)


def _samples(prepared: PreparedTask) -> Iterator[Sample]:
    return (_sample(prepared, item, rotation) for item in prepared.items for rotation in prepared.rotations(item))


def _sample(prepared: PreparedTask, item: Item, rotation: int) -> Sample:
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    turns = prepared.prompt.messages(rotated(item, rotation))
    return Sample(
        id=sample_id(item.id, rotation),
        input=[kinds[turn["role"]](content=plain(turn["content"])) for turn in turns],
        target=item.gold,
        metadata={**item.meta, KEY: about(item, rotation)},
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
            by_item.setdefault(_own(each)["item"], []).append(each)
        readings = [_readings(each) for each in scores]
        found = {**_interval("strict", "", by_item.values()), **_interval("lenient", "_lenient", by_item.values())}
        statuses = [reading["strict"]["status"] for reading in readings]
        return found | {status: float(statuses.count(status)) for status in sorted({*statuses} - {"ok"})}

    return calculate


def _interval(reading: str, suffix: str, items: Iterable[list[SampleScore]]) -> dict[str, float]:
    each = list(items)
    right = np.array([np.mean([_readings(one)[reading]["correct"] for one in item]) for item in each])
    groups = [_own(item[0])["group"] for item in each]
    value, low, high = mean(right, groups, sum(map(len, each)) // max(1, len(each)))
    return {f"accuracy{suffix}": value, f"low{suffix}": low, f"high{suffix}": high}


def _own(sample: SampleScore) -> Mapping[str, Any]:
    """What we keep of a sample; one whose log says nothing is an item of its own."""
    own: Mapping[str, Any] = (sample.sample_metadata or {}).get(KEY, {})
    return {"item": sample.sample_id, "group": "", **own}


def _readings(sample: SampleScore) -> Mapping[str, Mapping[str, Any]]:
    return sample.score.metadata or {}


@scorer(metrics=[figures()], name=SCORER)  # type: ignore[untyped-decorator]
def graded(task: str, format: str, data_dir: str | None = None, prompt_opens_reasoning: bool = False) -> Scorer:
    """Grade by the parser that everything here shares; the strict verdict is the score's value."""
    items = {item.id: item for item in _dataset(task, data_dir).items}
    asked = PromptSetup(items=(), format=format)

    async def score_state(state: TaskState, target: Target) -> Score:
        text = state.output.completion
        finish = FINISH.get(state.output.stop_reason, "stop")
        own, epoch = state.metadata[KEY], state.epoch - 1
        record = ResponseRecord(
            item=own["item"],
            sample=epoch,
            text=text,
            reasoning="",
            finish=finish,
            opens_reasoning=prompt_opens_reasoning,
            input_tokens=None,
            output_tokens=None,
            latency=None,
            request="",
            rotation=own["rotation"],
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
        rotate_options: bool = False,
    ) -> Task:
        try:
            return make_task(name, format, samples, thinking, data_dir, prompt_opens_reasoning, rotate_options)
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
        rotate_options: bool = False,
    ) -> TaskSource:
        asked = (format, samples, thinking, data_dir, prompt_opens_reasoning, rotate_options)
        return TaskSource.from_tasks([_tasks[each](*asked) for each in tasks])

    task_source(name=name)(ours)


_tasks: dict[str, Callable[..., Task]] = {}
for _name in task_names():
    _register_task(_name)
for _suite in load_suites().values():
    _register_suite(_suite.name, _suite.tasks)
