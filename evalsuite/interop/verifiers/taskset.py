"""Tasks as tasksets of verifiers' v1 interface (`eval`, prime-rl), with the same prompt, grades and reward.

A package of the environments hub exports the taskset: examples/environments/evalsuite_medqa is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import verifiers.v1 as vf
from pydantic import Field

from evalsuite.data.load import load, load_split
from evalsuite.grading.grade import Grade
from evalsuite.interop.grade_response import grade_response, grade_to_json
from evalsuite.reward.train_dataset import refuse_test_items, train_rows
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task


class ItemData(vf.TaskData):
    """One item in the form that verifiers serialises: all that its grade needs."""

    item: str
    gold: str
    labels: tuple[str, ...]
    options: tuple[str, ...]
    format: str
    prompt_opens_reasoning: bool


class ItemTask(vf.Task[ItemData]):
    """One item as a task of verifiers: `strict` is the reward; `lenient`, `invalid` and `truncated` are metrics.

    `trace.info["grade"]` holds both parses in full, like the metadata of an inspect-ai log.
    """

    @property
    def key(self) -> str:
        """The item's id: unique in a taskset and the same in every run."""
        return str(self.data.item)

    @vf.reward
    async def strict(self, trace: vf.Trace) -> float:
        """1.0 if the strict parse is the gold label."""
        grade = self.grade(trace)
        trace.info["grade"] = grade_to_json(grade)
        return float(grade.strict.correct)

    @vf.metric
    async def parse_metrics(self, trace: vf.Trace) -> dict[str, float]:
        """Return what is reported beside the reward."""
        grade = self.grade(trace)
        return {
            "lenient": float(grade.lenient.correct),
            "invalid": float(grade.strict.status != "ok"),
            "truncated": float(grade.strict.status == "truncated"),
        }

    def grade(self, trace: vf.Trace) -> Grade:
        """Grade the last response like `evalsuite run`."""
        data, messages = self.data, trace.assistant_messages
        return grade_response(
            Item(data.item, "", data.options, data.labels, data.gold),
            data.format,
            (messages[-1].content or "") if messages else "",
            reasoning=(messages[-1].reasoning_content or "") if messages else "",
            finish="length" if trace.is_truncated else "stop",
            opens_reasoning=data.prompt_opens_reasoning,
        )


class ItemsConfig(vf.TasksetConfig):
    """One taskset's settings (`--env.taskset.*`): which items, and how they are prompted."""

    benchmark: str = "medqa"
    split: Literal["train", "dev", "test"] = "test"
    format: str | None = None
    prompt_opens_reasoning: bool = False
    data_dir: Path | None = None
    task_args: dict[str, int | str] = Field(default_factory=dict)
    """Arguments of the benchmark, such as the seed of its items."""


class ItemsTaskset(vf.Taskset[ItemTask, ItemsConfig]):
    """One benchmark's items: its test items, or with `split` its train or dev items, none of which is a test item."""

    def load(self) -> Iterator[ItemTask]:
        """Yield one task per item, in the benchmark's order."""
        config = self.config
        card = load_task(config.benchmark).with_arguments(config.task_args)
        if config.split == "test":
            items = load(card, config.data_dir).items
        else:
            items = load_split(card, config.split, config.data_dir)
            refuse_test_items(items, config.split, card)
        rows = train_rows(card, items, config.format, None)
        for number, (item, row) in enumerate(zip(items, rows, strict=True)):
            yield ItemTask(_item_data(number, item, row, config.prompt_opens_reasoning), config.task)


def _item_data(number: int, item: Item, row: dict[str, Any], prompt_opens_reasoning: bool) -> ItemData:
    return ItemData(
        idx=number,
        name=item.id,
        prompt=row["prompt"][-1]["content"],
        item=item.id,
        gold=item.gold,
        labels=item.labels,
        options=item.options,
        format=row["format"],
        prompt_opens_reasoning=prompt_opens_reasoning,
    )
