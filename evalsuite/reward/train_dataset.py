"""Training data for the reward: a task's train items, or items of one's own, as a `datasets.Dataset`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from evalsuite.errors import UsageError
from evalsuite.reward.ground_truth import GroundTruth
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.tasks.answer_format import write

if TYPE_CHECKING:
    import datasets

    from evalsuite.models.backend import Thinking
    from evalsuite.models.local.chat_template import ChatTemplate
    from evalsuite.tasks.item import Item
    from evalsuite.tasks.schema import Task

Split = Literal["train", "dev", "test"]


def dataset(
    source: str | Task | Sequence[Item],
    tokenizer: Any = None,
    *,
    render: bool = True,
    split: Split = "train",
    like: str | Task | None = None,
    format: str | None = None,
    system: str | None = None,
    thinking: Thinking = "auto",
    data_dir: Path | None = None,
) -> datasets.Dataset:
    """Make training data whose columns the reward reads: prompt, gold, labels, format, opens_reasoning; and item, task.

    `source` is a task, whose train (or dev) items are taken, or items of your own, put as the task `like` puts its own
    (without it: by the shared English prompt). `prompt` is messages or, with a tokenizer, the text that its chat
    template makes of them; with `render=False` the tokenizer only tells whether the template opens the reasoning, for
    trainers that apply the template themselves. `ground_truth` says gold, labels, format and opens_reasoning in one
    string, for trainers that hand a reward one string.

    A gold that the reward could never pay is a `UsageError`, and so are test items of a benchmark, told by its lock
    file: only `split="test"` trains on them, and warns.
    """
    from evalsuite.tasks.schema import Task

    if tokenizer is None and thinking != "auto":
        raise UsageError("thinking is switched in the chat template: give a tokenizer, or set the trainer's own switch")
    task, items = _items(source, split, like, data_dir)
    refuse_test_items(items, split, task, own=not isinstance(source, str | Task))
    chat = None if tokenizer is None else _chat(tokenizer, thinking)
    made = list(rows(task, items, format, system, chat, render))
    try:
        from datasets import Dataset
    except ModuleNotFoundError:
        raise UsageError("training data needs datasets: pip install 'evalsuite[train]'") from None
    return Dataset.from_list(made)


def rows(
    task: Task,
    items: Sequence[Item],
    format: str | None,
    system: str | None,
    chat: ChatTemplate | None = None,
    render: bool = True,
) -> Iterator[dict[str, Any]]:
    """Yield a row an item, each proven payable."""
    from evalsuite.tasks.prompt import TaskPrompt

    asked = TaskPrompt(task, format or task.format, system)
    for item in items:
        messages = asked.messages(item)
        text, opens = ("", False) if chat is None else chat.rendered(messages)
        if chat is not None and render:
            prompt: Any = _bos_once(chat.tokenizer, text)
        else:
            prompt = [dict(message) for message in messages]
        truth = GroundTruth(item.gold, item.labels, asked.format, opens)
        _prove(truth, item)
        yield {
            "prompt": prompt,
            "gold": item.gold,
            "labels": list(item.labels),
            "format": asked.format,
            "opens_reasoning": opens,
            "item": item.id,
            "task": task.name,
            "ground_truth": str(truth),
        }


def _items(
    source: str | Task | Sequence[Item], split: Split, like: str | Task | None, data_dir: Path | None
) -> tuple[Task, Sequence[Item]]:
    from evalsuite.data.load import load, load_split
    from evalsuite.tasks.registry import load_task
    from evalsuite.tasks.schema import BUILT_IN, Task

    def known(task: str | Task) -> Task:
        return load_task(task) if isinstance(task, str) else task

    if isinstance(source, str | Task):
        if like is not None:
            raise UsageError("like says how items of your own are put; a task has a prompt of its own")
        task = known(source)
        return task, load(task, data_dir).items if split == "test" else load_split(task, split, data_dir)
    if not source:
        raise UsageError("no items to train on")
    return known(like) if like is not None else Task(name="items", version=1, folder=BUILT_IN), source


def refuse_test_items(items: Sequence[Item], split: Split, task: Task, own: bool = False) -> None:
    """Raise on test items of the task, and of any benchmark where the items are the user's `own`; else warn of them."""
    from evalsuite.data.benchmark_lookup import benchmarks_of

    if split == "test":
        _warn(f"{len(items)} TEST items as training data", task.name)
        return
    for name in dict.fromkeys((found := benchmarks_of(items)).values()):
        hits = [item for item, benchmark in found.items() if benchmark == name]
        if own or name == task.name:
            raise UsageError(
                f"{len(hits)} of {len(items)} items are test items of {name} (such as {hits[0]}): take them out, or "
                "say split='test' if training on a benchmark is what you mean"
            )
        _warn(f"{len(hits)} of {len(items)} {split} items of {task.name} are test items of {name}", name)


def _warn(what: str, task: str) -> None:
    warnings.warn(f"{what}: no accuracy on {task} will mean anything for this model or one made from it", stacklevel=4)


def _chat(tokenizer: Any, thinking: Thinking) -> ChatTemplate:
    from evalsuite.models.local.chat_template import ChatTemplate

    return ChatTemplate(tokenizer, None, thinking, str(getattr(tokenizer, "name_or_path", "") or "the tokenizer"))


def _bos_once(tokenizer: Any, text: str) -> str:
    """Take off the BOS that a template wrote and that a trainer's tokenizer call would write again."""
    bos = getattr(tokenizer, "bos_token", None)
    if not bos or not text.startswith(bos):
        return text
    twice = [tokenizer.bos_token_id] * 2
    return text.removeprefix(bos) if list(tokenizer(text)["input_ids"][:2]) == twice else text


def _prove(truth: GroundTruth, item: Item) -> None:
    """Raise on an item whose perfect response would not be paid."""
    perfect = write(truth.format, truth.gold)
    try:
        paid = StrictReward(truth.format).pay(perfect, truth.gold, truth.labels)
    except (UsageError, ValueError) as error:
        raise UsageError(f"item {item.id}: {error}") from None
    if paid != 1.0:
        raise UsageError(f"item {item.id}: its perfect response {perfect!r} is paid {paid:g}: mend its labels")
