"""Our tasks as tasksets of verifiers' v1 (`eval`, prime-rl): the same prompt, grades and reward as its older interface.

A package of the hub exports a subclass: examples/environments/evalsuite_medqa is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import verifiers.v1 as vf

from evalsuite.data.load import load, load_split
from evalsuite.grading.grade import Grade, grade
from evalsuite.models.backend import Finish, PromptSetup
from evalsuite.reward.train_dataset import refuse_test_items, train_rows
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task


class ItemData(vf.TaskData):
    """An item as it goes over the wire: all that its grade needs."""

    item: str
    gold: str
    labels: tuple[str, ...]
    options: tuple[str, ...]
    format: str
    prompt_opens_reasoning: bool


class ItemTask(vf.Task[ItemData]):
    """One item: `strict` is the reward, `lenient`, `invalid` and `truncated` stand beside it.

    `trace.info["grade"]` holds both readings whole, as an inspect log's metadata do.
    """

    @property
    def key(self) -> str:
        """The item's id: unique in a taskset, and the same in every run."""
        return str(self.data.item)

    @vf.reward
    async def strict(self, trace: vf.Trace) -> float:
        """1.0 where the strict parse names the gold label."""
        found = self.graded(trace)
        trace.info["grade"] = {
            "strict": found.strict._asdict(),
            "lenient": {**found.lenient._asdict(), "form": found.form},
        }
        return float(found.strict.correct)

    @vf.metric
    async def readings(self, trace: vf.Trace) -> dict[str, float]:
        """What is reported and pays nothing."""
        found = self.graded(trace)
        return {
            "lenient": float(found.lenient.correct),
            "invalid": float(found.strict.status != "ok"),
            "truncated": float(found.strict.status == "truncated"),
        }

    def graded(self, trace: vf.Trace) -> Grade:
        """Grade the last reply as a run of ours would."""
        data, said = self.data, trace.assistant_messages
        text = (said[-1].content or "") if said else ""
        reasoning = (said[-1].reasoning_content or "") if said else ""
        finish: Finish = "length" if trace.is_truncated else "stop"
        opens = data.prompt_opens_reasoning and not reasoning
        item = Item(data.item, "", data.options, data.labels, data.gold)
        record = ResponseRecord(data.item, 0, text, reasoning, finish, opens, None, None, None, "")
        return grade(item, record, PromptSetup((item,), data.format))


class ItemsConfig(vf.TasksetConfig):
    """Which items, and how they are put (`--env.taskset.*`)."""

    benchmark: str = "medqa"
    split: Literal["train", "dev", "test"] = "test"
    format: str | None = None
    prompt_opens_reasoning: bool = False
    data_dir: Path | None = None


class ItemsTaskset(vf.Taskset[ItemTask, ItemsConfig]):
    """The items of a task: its test items, or with `split` its train or dev items, none of which is a test item."""

    def load(self) -> Iterator[ItemTask]:
        """Yield a task an item, in the task's own order."""
        config = self.config
        card = load_task(config.benchmark)
        if config.split == "test":
            items = load(card, config.data_dir).items
        else:
            items = load_split(card, config.split, config.data_dir)
            refuse_test_items(items, config.split, card)
        made = train_rows(card, items, config.format, None)
        for number, (item, row) in enumerate(zip(items, made, strict=True)):
            yield ItemTask(_data(number, item, row, config.prompt_opens_reasoning), config.task)


def _data(number: int, item: Item, row: dict[str, Any], opens: bool) -> ItemData:
    return ItemData(
        idx=number,
        name=item.id,
        prompt=row["prompt"][-1]["content"],
        item=item.id,
        gold=item.gold,
        labels=item.labels,
        options=item.options,
        format=row["format"],
        prompt_opens_reasoning=opens,
    )
