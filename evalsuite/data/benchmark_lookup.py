"""Which benchmark an item belongs to, told from the lock files alone: no benchmark's data is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from evalsuite.data import canonical, lock
from evalsuite.data.locate import sources
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task, task_names
from evalsuite.tasks.schema import Task


def benchmarks_of(items: Iterable[Item], tasks: Iterable[Task] | None = None) -> dict[str, str]:
    """Return {item id: task} for the items that a task's test data holds under the same id with the same content.

    `tasks`: where to look, in all known ones unless they are named. An id that `load_split` made counts without its
    file's name. Items whose text or id was changed are not found: that takes the data itself.
    """
    locked = _locked(map(load_task, task_names()) if tasks is None else tasks)
    found = {}
    for item in items:
        for name in (item.id, item.id.rpartition(":")[2]):
            marks = locked.get(name, {})
            task = marks.get(canonical.short(replace(item, id=name))) if marks else None
            if task is not None:
                found[item.id] = task
                break
    return found


def _locked(tasks: Iterable[Task]) -> dict[str, dict[str, str]]:
    """Item id to {short digest: task}, over the test files of some tasks."""
    marks: dict[str, dict[str, str]] = {}
    for task in tasks:
        sections = lock.read_lock(task.folder)
        for section in {lock.section(source) for source in sources(task)} & sections.keys():
            for item, mark in sections[section].items():
                marks.setdefault(item, {})[mark] = task.name
    return marks
