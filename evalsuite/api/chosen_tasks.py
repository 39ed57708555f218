"""From the tasks, the suite and the task arguments of a call to the tasks of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalsuite.api.catalogue import load_task as named_task
from evalsuite.data.load import split_present
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.registry import load_task, resolve
from evalsuite.tasks.schema import Task
from evalsuite.tasks.task_arguments import Value, with_task_args
from evalsuite.util.text import with_article

TaskLike = str | Task | Dataset


class ChosenTasks(NamedTuple):
    """The tasks of a run, the suite's first."""

    names: tuple[str, ...]
    datasets: dict[str, Dataset]
    """The items that were given, by task."""
    arguments: dict[str, dict[str, Value]]
    """By task the arguments that differ from its card's defaults."""
    absent: tuple[str, ...]
    """A line for each task of the suite that is left out."""


def chosen_tasks(
    tasks: TaskLike | Sequence[TaskLike], suite: str | None, data_dir: str | None, task_args: Mapping[str, object]
) -> ChosenTasks:
    """Return the tasks of a call; each of the arguments has to be one that some of them takes.

    A task of the suite is absent if its data is not in `data_dir` ("" is the default folder); None: none may be.
    """
    named, datasets = _named_tasks(tasks)
    if suite is None and not named:
        raise UsageError(ErrorCode.MISSING_ARGUMENT, "no tasks: name at least one in `tasks`, or a `suite`")
    known = {} if suite is None else {task.name: task for task in resolve(None, suite)}
    cards = _with_arguments({**known, **named}, datasets, task_args)
    absent: dict[str, str] = {}
    if data_dir is not None and known:
        _, absent = split_present([cards[name] for name in known], Path(data_dir) if data_dir else None)
    chosen = {name: card for name, card in cards.items() if name in named or name not in absent}
    if not chosen:
        first = next(iter(absent.values()))
        raise DataError(
            ErrorCode.DATA_NOT_FOUND, f"none of the {len(known)} tasks of suite {suite} has its data: {first}"
        )
    arguments = {name: card.given_arguments for name, card in chosen.items() if card.given_arguments}
    left_out = tuple(line for name, line in absent.items() if name not in named)
    return ChosenTasks(tuple(chosen), datasets, arguments, left_out)


def _with_arguments(
    cards: Mapping[str, Task], datasets: Mapping[str, Dataset], task_args: Mapping[str, object]
) -> dict[str, Task]:
    """Return the cards with the arguments; items that were given were drawn before, and take none."""
    changed = with_task_args([card for name, card in cards.items() if name not in datasets], task_args)
    return {**cards, **{card.name: card for card in changed}}


def _named_tasks(tasks: TaskLike | Sequence[TaskLike]) -> tuple[dict[str, Task], dict[str, Dataset]]:
    """Return the cards of the tasks, each once, and the items of those that were given with them."""
    listed: Sequence[Any] = [tasks] if isinstance(tasks, str | Task | Dataset) else _listed(tasks)
    named: dict[str, Task] = {}
    datasets: dict[str, Dataset] = {}
    for task in listed:
        if isinstance(task, Dataset):
            if datasets.setdefault(task.task.name, task) is not task:
                raise UsageError(
                    ErrorCode.CONFLICTING_ARGUMENTS, f"two datasets are named {task.task.name}: give one another `name`"
                )
            card = task.task
        elif isinstance(task, str):
            card = named_task(task)
        elif isinstance(task, Task):
            card = _registered(task)
        else:
            raise UsageError(
                ErrorCode.INVALID_ARGUMENT,
                f"`tasks` holds {with_article(type(task).__name__)}: give names, tasks or Datasets",
            )
        if named.setdefault(card.name, card).given_arguments != card.given_arguments:
            message = f"`tasks` holds {card.name} with several arguments: one run has each task once"
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
    return named, datasets


def _listed(tasks: Any) -> list[Any]:
    if not isinstance(tasks, Iterable) or isinstance(tasks, bytes | Path):
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT, f"`tasks` is a {type(tasks).__name__}: give names, tasks or Datasets"
        )
    return list(tasks)


def _registered(task: Task) -> Task:
    """Return a task; a card that its name doesn't find would be another task when the run is read again."""
    if load_task(task.name).with_arguments(task.given_arguments) != task:
        raise UsageError(
            ErrorCode.UNKNOWN_TASK,
            f"{task.name}: {task.folder} isn't what this name stands for; put its parent into EVALSUITE_TASKS",
        )
    return task
