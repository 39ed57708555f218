"""Train datasets: a task's train items, or the user's own items, as a `datasets.Dataset` for reinforcement learning."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.reward.ground_truth import GroundTruth
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.tasks.answer_format import write
from evalsuite.util.installation import install_command

# `evalsuite.reward` is imported by every trainer process; what only the dataset needs is imported when it is made.
if TYPE_CHECKING:
    import datasets

    from evalsuite.models.backend import Thinking
    from evalsuite.models.local.chat_template import ChatTemplate
    from evalsuite.tasks.item import Item
    from evalsuite.tasks.schema import Task

Split = Literal["train", "dev", "test"]
_COMPLETE: Final = 0.95
"""Share of upstream's train items above which a data set is complete: the rest are duplicates."""


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
    data_dir: str | Path | None = None,
) -> datasets.Dataset:
    """Return a train dataset with the columns that the reward reads.

    A task's train items come from the files that `evalsuite data pull --split train` downloads, or from a mirror's,
    each item once. `dataset.info.description` says how many rows there are of how many that upstream published; if
    some are missing, a warning says so, too.

    Columns: `prompt`, `gold`, `labels`, `format`, `opens_reasoning`, `item`, `task` and `ground_truth` (gold, labels,
    format and opens_reasoning in one string, for trainers that pass a reward one string).

    `source` is a task, whose train or dev items are used, or a sequence of your own items, which are then prompted
    like the task `like` (by default with the shared English prompt). `prompt` holds chat messages or, with a
    tokenizer, the text that its chat template makes of them. With `render=False` the messages stay, for trainers that
    apply the template themselves; the tokenizer then only shows whether the template opens the reasoning.

    A gold that could never earn the reward is a `UsageError`. So are test items of a benchmark, which are recognised
    by its lock file; only `split="test"` trains on them, with a warning.
    """
    from evalsuite.tasks.schema import Task

    if tokenizer is None and thinking != "auto":
        raise UsageError(
            ErrorCode.MISSING_ARGUMENT,
            "`thinking` is switched in the chat template: pass `tokenizer`, or use the trainer's own switch",
        )
    task, items = _items(source, split, like, data_dir)
    refuse_test_items(items, split, task, user_items=not isinstance(source, str | Task))
    chat = None if tokenizer is None else _chat_template(tokenizer, thinking)
    rows = list(train_rows(task, items, format, system, chat, render))
    description = f"{len(rows):,} {split} items of {task.name}"
    if split == "train" and isinstance(source, str | Task):
        description = _state_share(task, len(rows))
    try:
        from datasets import Dataset, DatasetInfo
    except ModuleNotFoundError:
        raise UsageError(
            ErrorCode.MISSING_PACKAGE, f"a train dataset needs datasets: {install_command('train')}"
        ) from None
    return Dataset.from_list(rows, info=DatasetInfo(description=description))


def _state_share(task: Task, rows: int) -> str:
    """Return how many of the train items these are; warn if the files hold fewer than upstream has published."""
    from evalsuite.data.load import train_total

    total = train_total(task)
    if total is None:
        return f"{rows:,} train items of {task.name}, each once"
    share = f"{rows:,} of the {total:,} train items of {task.name}, each once"
    if rows < total * _COMPLETE:
        warnings.warn(
            f"{share}: these files are a part of them; evalsuite data pull --split train --tasks {task.name} "
            "downloads all",
            stacklevel=3,
        )
    return share


def train_rows(
    task: Task,
    items: Sequence[Item],
    format: str | None,
    system: str | None,
    chat: ChatTemplate | None = None,
    render: bool = True,
) -> Iterator[dict[str, Any]]:
    """Yield one row per item; an item whose perfect response would not earn the reward is a `UsageError`."""
    from evalsuite.tasks.prompt import TaskPrompt

    task_prompt = TaskPrompt(task, format or task.format, system)
    for item in items:
        messages = task_prompt.messages(item)
        text, opens = ("", False) if chat is None else chat.render(messages)
        if chat is not None and render:
            prompt: Any = _without_double_bos(chat.tokenizer, text)
        else:
            prompt = [dict(message) for message in messages]
        truth = GroundTruth(item.gold, item.labels, task_prompt.format, opens)
        _check_rewardable(truth, item)
        yield {
            "prompt": prompt,
            "gold": item.gold,
            "labels": list(item.labels),
            "format": task_prompt.format,
            "opens_reasoning": opens,
            "item": item.id,
            "task": task.name,
            "ground_truth": str(truth),
        }


def _items(
    source: str | Task | Sequence[Item], split: Split, like: str | Task | None, data_dir: str | Path | None
) -> tuple[Task, Sequence[Item]]:
    from evalsuite.data.load import load, load_split
    from evalsuite.tasks.registry import load_task
    from evalsuite.tasks.schema import BUILT_IN, Task

    def as_task(task: str | Task) -> Task:
        return load_task(task) if isinstance(task, str) else task

    if isinstance(source, str | Task):
        if like is not None:
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                "`like` chooses the prompt of your own items; a task has a prompt of its own: leave `like` out",
            )
        task, folder = as_task(source), None if data_dir is None else Path(data_dir)
        return task, load(task, folder).items if split == "test" else load_split(task, split, folder)
    if not source:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, "`source` holds no items to train on")
    return as_task(like) if like is not None else Task(name="items", version=1, folder=BUILT_IN), source


def refuse_test_items(items: Sequence[Item], split: Split, task: Task, user_items: bool = False) -> None:
    """Raise a `UsageError` if items are test items of `task` or, for `user_items`, of any benchmark.

    Train items of one benchmark that are test items of another are only warned of: the two benchmarks were published
    with that overlap. With `split="test"` training on test items is intended, and is warned of once.
    """
    from evalsuite.data.benchmark_lookup import benchmarks_of

    if split == "test":
        _warn(f"{len(items)} TEST items as training data", task.name)
        return
    for name in dict.fromkeys((benchmark_by_item := benchmarks_of(items)).values()):
        hits = [item for item, benchmark in benchmark_by_item.items() if benchmark == name]
        if user_items or name == task.name:
            raise UsageError(
                ErrorCode.DATA_REFUSED,
                f"{len(hits)} of {len(items)} items are test items of {name} (such as {hits[0]}): remove them, or "
                "pass split='test' to train on a benchmark's test items on purpose",
            )
        _warn(f"{len(hits)} of {len(items)} {split} items of {task.name} are test items of {name}", name)


def _warn(fact: str, task: str) -> None:
    # The level is that of the caller of `dataset`, so that Python shows the user's line.
    warnings.warn(
        f"{fact}: no accuracy on {task} will mean anything for this model or one derived from it", stacklevel=4
    )


def _chat_template(tokenizer: Any, thinking: Thinking) -> ChatTemplate:
    from evalsuite.models.local.chat_template import ChatTemplate

    return ChatTemplate(tokenizer, None, thinking, str(getattr(tokenizer, "name_or_path", "") or "the tokenizer"))


def _without_double_bos(tokenizer: Any, text: str) -> str:
    """Remove the BOS that a chat template wrote if the trainer's tokenizer call would add a second one.

    Trainers tokenize a rendered prompt with special tokens added; two BOS tokens would be another prompt than the one
    that the model is evaluated on.
    """
    bos = getattr(tokenizer, "bos_token", None)
    if not bos or not text.startswith(bos):
        return text
    two_bos = [tokenizer.bos_token_id] * 2
    return text.removeprefix(bos) if list(tokenizer(text)["input_ids"][:2]) == two_bos else text


def _check_rewardable(truth: GroundTruth, item: Item) -> None:
    """Raise a `UsageError` if the perfect response to an item would not earn the reward."""
    perfect = write(truth.format, truth.gold)
    try:
        reward = StrictReward(truth.format).score(perfect, truth.gold, truth.labels)
    except (UsageError, ValueError) as error:
        raise UsageError(ErrorCode.TRAINING_DATA_MALFORMED, f"item {item.id}: {error}") from None
    if reward != 1.0:
        raise UsageError(
            ErrorCode.TRAINING_DATA_MALFORMED,
            f"item {item.id}: its perfect response {perfect!r} has reward {reward:g}: correct its labels",
        )
