"""Which tasks there are, their cards and their items."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from evalsuite.data import load as data
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.tasks import registry
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import Task
from evalsuite.util.arguments import PATH, TEXT, check_arguments, instance_of, optional

_TASK: Final = instance_of(str | Task, "a task's name or card")


def tasks(suite: str | None = None) -> tuple[str, ...]:
    """Return the names of all tasks, or of those in a suite."""
    check_arguments({"suite": optional(TEXT)}, {"suite": suite})
    return registry.task_names() if suite is None else tuple(task.name for task in registry.resolve(None, suite))


def load_task(name: str) -> Task:
    """Return a task's card; `task.messages(item)` renders its prompt."""
    check_arguments({"name": TEXT}, {"name": name})
    if name not in registry.task_names() and name in registry.load_suites():
        raise UsageError(
            ErrorCode.UNKNOWN_TASK, f"{name!r} is a suite, not a task: es.tasks({name!r}) returns the tasks in it"
        )
    return registry.load_task(name)


def load_items(
    task: str | Task, data_dir: str | Path | None = None, split: Literal["test", "train", "dev"] = "test"
) -> tuple[Item, ...]:
    """Return a task's items: those that evaluation uses, or those of another split that the card knows.

    `data_dir` falls back to `EVALSUITE_DATA`, then to the folder that `evalsuite data pull` fills. Items that differ
    from the task's lock are a `DataError`.
    """
    check_arguments({"task": _TASK, "data_dir": optional(PATH)}, locals())
    card = load_task(task) if isinstance(task, str) else task
    folder = None if data_dir is None else Path(data_dir)
    if split == "test":
        return data.load(card, folder).items
    if split not in ("train", "dev"):
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`split` is {split!r}: it must be test, train or dev")
    return data.load_split(card, split, folder)
