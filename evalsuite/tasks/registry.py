"""Find and read task cards and suites: built-in ones, those of plug-ins, and those in folders of the user."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from evalsuite.errors import ErrorCode, ExtensionWarning, TaskError, UsageError
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.schema import BUILT_IN, Suite, Task
from evalsuite.util.validation import StrictModel, first_problem
from evalsuite.util.yaml_file import read_yaml

FOLDERS = "EVALSUITE_TASKS"
"""Environment variable: a list of folders with task folders, searched before the built-in ones."""
ENTRY_POINTS = "evalsuite.tasks"
"""Entry point group: each entry is a `Path` (or a function that returns one) to a folder with task folders."""
MAX_CARD_BYTES = 1 << 20
"""Largest file with a task card or with suites."""
M = TypeVar("M", bound=StrictModel)


@cache
def _folders(path_list: str) -> tuple[Path, ...]:
    """Return the folders that are searched for task folders, in order: the first one that has a task wins."""
    from importlib.metadata import entry_points

    named = [Path(p).expanduser() for p in path_list.split(os.pathsep) if p]
    for folder in named:
        if not folder.is_dir():
            raise TaskError(ErrorCode.INVALID_ARGUMENT, f"{FOLDERS}: {folder} is not a folder")
    for point in entry_points(group=ENTRY_POINTS):
        try:
            folder = point.load()
            named.append(Path(folder() if callable(folder) else folder))
        except Exception as error:  # whatever is wrong with another package stops nothing but its own tasks
            leave_out(f"the tasks of {point.name} ({point.value})", f"{type(error).__name__}: {error}")
    return (*named, BUILT_IN)


def leave_out(what: str, reason: object) -> None:
    """Warn in one line that something of another package or of the user can't be used; an `ExtensionWarning`."""
    warnings.warn(f"{what} can't be used and are left out: {' '.join(str(reason).split())}", ExtensionWarning, 3)


def _task_folders() -> Iterator[tuple[str, Path]]:
    for root in _folders(os.environ.get(FOLDERS, "")):
        if (root / "task.yaml").is_file():
            yield root.name, root
            continue
        for card in sorted(root.glob("*/task.yaml")):
            yield card.parent.name, card.parent


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks, each once, those of plug-ins and user folders first."""
    return tuple(dict(_task_folders()))


def all_tasks() -> list[Task]:
    """Return the cards of all tasks; a malformed one that is not built in is left out with an `ExtensionWarning`."""
    tasks = []
    for name, folder in dict(reversed([*_task_folders()])).items():
        try:
            tasks.append(load_task(name, folder))
        except TaskError as error:
            if folder.parent == BUILT_IN:
                raise
            leave_out(f"the items of task {name}", error)
    order = {name: place for place, name in enumerate(task_names())}
    return sorted(tasks, key=lambda task: order[task.name])


def _invalid(message: str) -> TaskError:
    return TaskError(ErrorCode.INVALID_TASK_CARD, message)


def _validated(model: type[M], path: Path, content: dict[str, object]) -> M:
    import orjson

    try:
        # In JSON, strict validation accepts a list for a tuple and a string key for an integer, as YAML writes them.
        return model.model_validate_json(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS))
    except ValidationError as error:
        raise _invalid(f"{path}: {first_problem(error, 'card')}") from None
    except TypeError as error:
        raise _invalid(f"{path}: {error}") from None


def load_task(name: str, folder: Path | None = None) -> Task:
    """Read one task card, from `folder` if it is given; a malformed card is a `TaskError` that names the key."""
    if folder is None:
        folder = next((f for n, f in _task_folders() if n == name), None)
        if folder is None:
            raise UsageError(ErrorCode.UNKNOWN_TASK, _unknown("task", name, task_names()) + _alias(name))
    path = folder / "task.yaml"
    content = read_yaml(path, MAX_CARD_BYTES, TaskError, ErrorCode.INVALID_TASK_CARD)
    if not isinstance(content, dict):
        raise _invalid(f"{path}: a card is a mapping of keys")
    task = _validated(Task, path, {**content, "folder": str(folder)})
    for problem in _problems(task, name):
        raise _invalid(f"{path}: {problem}")
    return task


def _problems(task: Task, name: str) -> Iterator[str]:
    """Yield the contradictions in a card, each in a few words."""
    if task.name != name:
        yield f"name is {task.name!r} but the folder is {name!r}"
    if not re.fullmatch(r"[a-z0-9_]+", task.name):
        yield f"name {task.name!r}: only a-z, 0-9 and _ (it is a file name and a key of summaries)"
    known = {*task.layouts, "native", ""}
    for layout in [s.layout for s in (*task.sources, *task.train, *task.dev)] + [task.hub.layout if task.hub else ""]:
        if layout not in known:
            yield f"layout {layout!r} is not among layouts: {', '.join(task.layouts) or 'none'}"
    if task.option_counts and sum(task.option_counts.values()) != task.items:
        yield f"option_counts add up to {sum(task.option_counts.values())}, items says {task.items}"
    for key, format in (("format", task.format), *((f"recordings {r.setting}", r.format) for r in task.recordings)):
        if format not in FORMATS:
            yield f"{key}: unknown answer format {format!r}; there are {', '.join(FORMATS)}"
    if not task.prompt.is_file():
        yield "there is no prompt.j2"


def load_suites() -> dict[str, Suite]:
    """Return all suites by name, from each `suites.yaml` beside task folders; a user's suite replaces a built-in."""
    suites: dict[str, Suite] = {}
    for root in reversed(_folders(os.environ.get(FOLDERS, ""))):
        path = root / "suites.yaml"
        if not path.is_file():
            continue
        try:
            suites |= _read_suites(path)
        except TaskError as error:
            if root == BUILT_IN:
                raise
            leave_out(f"the suites of {path}", error)
    return suites


def _read_suites(path: Path) -> dict[str, Suite]:
    content = read_yaml(path, MAX_CARD_BYTES, TaskError, ErrorCode.INVALID_TASK_CARD)
    if not isinstance(content, dict) or not all(isinstance(suite, dict) for suite in content.values()):
        raise _invalid(f"{path}: a mapping of suite name to {{about, tasks}}")
    return {str(name): _validated(Suite, path, {**suite, "name": str(name)}) for name, suite in content.items()}


def resolve(tasks: str | None, suite: str | None) -> list[Task]:
    """Return the tasks of a suite and those of a list of names with commas, each once, in the order given."""
    names: list[str] = []
    if suite is not None:
        suites = load_suites()
        if suite not in suites:
            raise UsageError(ErrorCode.UNKNOWN_SUITE, _unknown("suite", suite, tuple(suites)))
        names += suites[suite].tasks
    if tasks is not None:
        names += [name for name in re.split(r"[,\s]+", tasks) if name]
    if not names:
        message = f"no tasks: name some in `tasks` ({', '.join(task_names())}) or a `suite`"
        raise UsageError(ErrorCode.MISSING_ARGUMENT, message)
    return [load_task(name) for name in dict.fromkeys(names)]


def _alias(name: str) -> str:
    owner = next((task.name for task in all_tasks() if name in task.aliases), None)
    return f" ({name} is what recordings call {owner})" if owner else ""


def _unknown(kind: str, name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.5) or [k for k in known if name and (name in k or k in name)]
    offer = f"did you mean {', '.join(near)}?" if near else f"there are: {', '.join(known)}"
    return f"unknown {kind} {name!r}; {offer}"
