"""Where task cards and suites are found, and how one is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from evalsuite.errors import ErrorCode, TaskError, UsageError
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.schema import BUILT_IN, Suite, Task
from evalsuite.util.validation import StrictModel, first_problem
from evalsuite.util.yaml_file import read_yaml

FOLDERS = "EVALSUITE_TASKS"
"""Environment variable: a path list of folders that hold task folders, searched before the built-in ones."""
ENTRY_POINTS = "evalsuite.tasks"
"""Entry point group: each names a `Path` (or a function that returns one) to a folder of task folders."""
LARGEST_CARD = 1 << 20
"""Bytes of a card or of a list of suites."""
M = TypeVar("M", bound=StrictModel)


@cache
def _folders(path_list: str) -> tuple[Path, ...]:
    """Where task folders are looked for, in order; the first that has a name wins."""
    from importlib.metadata import entry_points

    named = [Path(p).expanduser() for p in path_list.split(os.pathsep) if p]
    for folder in named:
        if not folder.is_dir():
            raise TaskError(f"{FOLDERS}: {folder} is not a folder")
    for point in entry_points(group=ENTRY_POINTS):
        found = point.load()
        named.append(Path(found() if callable(found) else found))
    return (*named, BUILT_IN)


def _task_folders() -> Iterator[tuple[str, Path]]:
    for root in _folders(os.environ.get(FOLDERS, "")):
        if (root / "task.yaml").is_file():
            yield root.name, root
            continue
        for card in sorted(root.glob("*/task.yaml")):
            yield card.parent.name, card.parent


def task_names() -> tuple[str, ...]:
    """Every task that can be asked for by name, third parties' first, each once."""
    return tuple(dict(_task_folders()))


def _validated(model: type[M], path: Path, facts: dict[str, object]) -> M:
    import orjson

    try:
        return model.model_validate_json(orjson.dumps(facts, option=orjson.OPT_NON_STR_KEYS))
    except ValidationError as error:
        raise TaskError(ErrorCode.INVALID_TASK_CARD, f"{path}: {first_problem(error, 'card')}") from None
    except TypeError as error:
        raise TaskError(f"{path}: {error}") from None


def load_task(name: str, folder: Path | None = None) -> Task:
    """Read one card; `folder` overrides where it is looked for. A malformed card is a `TaskError` naming the key."""
    if folder is None:
        folder = next((f for n, f in _task_folders() if n == name), None)
        if folder is None:
            raise UsageError(_unknown("task", name, task_names()) + _alias(name))
    path = folder / "task.yaml"
    facts = read_yaml(path, LARGEST_CARD, TaskError, ErrorCode.INVALID_TASK_CARD)
    if not isinstance(facts, dict):
        raise TaskError(f"{path}: a card is a mapping of keys")
    task = _validated(Task, path, {**facts, "folder": str(folder)})
    _consistent(task, path, name)
    return task


def _consistent(task: Task, path: Path, name: str) -> None:
    """Raise where a card contradicts itself."""
    problems = []
    if task.name != name:
        problems.append(f"name is {task.name!r} but the folder is {name!r}")
    if not re.fullmatch(r"[a-z0-9_]+", task.name):
        problems.append(f"name {task.name!r}: only a-z, 0-9 and _ (it is a file name and a key of summaries)")
    known = {*task.layouts, "native", ""}
    for layout in [s.layout for s in (*task.sources, *task.train, *task.dev)] + [task.hub.layout if task.hub else ""]:
        if layout not in known:
            problems.append(f"layout {layout!r} is not among layouts: {', '.join(task.layouts) or 'none'}")
    if task.option_counts and sum(task.option_counts.values()) != task.items:
        problems.append(f"option_counts add up to {sum(task.option_counts.values())}, items says {task.items}")
    for key, format in (("format", task.format), *((f"recordings {r.setting}", r.format) for r in task.recordings)):
        if format not in FORMATS:
            problems.append(f"{key}: unknown answer format {format!r}; there are {', '.join(FORMATS)}")
    if not task.prompt.is_file():
        problems.append("there is no prompt.j2")
    if problems:
        raise TaskError(f"{path}: {problems[0]}")


def load_suites() -> dict[str, Suite]:
    """All suites by name, from every `suites.yaml` beside the task folders; third parties' replace built-in ones."""
    suites: dict[str, Suite] = {}
    for root in reversed(_folders(os.environ.get(FOLDERS, ""))):
        path = root / "suites.yaml"
        if not path.is_file():
            continue
        facts = read_yaml(path, LARGEST_CARD, TaskError, ErrorCode.INVALID_TASK_CARD)
        if not isinstance(facts, dict) or not all(isinstance(v, dict) for v in facts.values()):
            raise TaskError(f"{path}: a mapping of suite name to {{about, tasks}}")
        for name, suite in facts.items():
            suites[str(name)] = _validated(Suite, path, {**suite, "name": str(name)})
    return suites


def resolve(tasks: str | None, suite: str | None) -> list[Task]:
    """Turn `--tasks a,b` and/or `--suite s` into tasks, each once, in the order given."""
    names: list[str] = []
    if suite is not None:
        suites = load_suites()
        if suite not in suites:
            raise UsageError(_unknown("suite", suite, tuple(suites)))
        names += suites[suite].tasks
    if tasks is not None:
        names += [name for name in re.split(r"[,\s]+", tasks) if name]
    if not names:
        raise UsageError(f"no tasks: name some with --tasks ({', '.join(task_names())}) or a --suite")
    return [load_task(name) for name in dict.fromkeys(names)]


def _alias(name: str) -> str:
    owner = next((known for known in task_names() if name in load_task(known).aliases), None)
    return f" ({name} is what recordings call {owner})" if owner else ""


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.5) or [k for k in known if name and (name in k or k in name)]
    offer = f"did you mean {', '.join(near)}?" if near else f"there are: {', '.join(known)}"
    return f"unknown {what} {name!r}; {offer}"
