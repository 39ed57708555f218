"""Which benchmark an item belongs to, according to the item locks alone: no benchmark's data is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from evalsuite.data import canonical, item_lock
from evalsuite.data.locate import sources
from evalsuite.errors import DataError
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import all_tasks, leave_out
from evalsuite.tasks.schema import BUILT_IN, Task


def benchmarks_of(items: Iterable[Item], tasks: Iterable[Task] | None = None) -> dict[str, str]:
    """Return {item id: task} for the items that a task's test data has under the same id with the same content.

    `tasks` are the tasks to look in, by default all known ones. An id that `load_split` made also counts without its
    file's name. Items whose text or id was changed are not matched: that takes the data itself.
    """
    locked = _locked(all_tasks() if tasks is None else tasks)
    benchmarks = {}
    for item in items:
        for name in (item.id, item.id.rpartition(":")[2]):
            owners = locked.get(name, {})
            task = owners.get(canonical.short(replace(item, id=name))) if owners else None
            if task is not None:
                benchmarks[item.id] = task
                break
    return benchmarks


def _locked(tasks: Iterable[Task]) -> dict[str, dict[str, str]]:
    """Return {item id: {short digest: task}} over the test files of some tasks."""
    owners: dict[str, dict[str, str]] = {}
    for task in tasks:
        try:
            sections = item_lock.read_lock(task.folder)
        except DataError as error:
            if task.folder.parent == BUILT_IN:
                raise
            leave_out(f"the items of task {task.name}", error)
            continue
        test = {item_lock.section_name(source) for source in sources(task)} & sections.keys()
        for section in sections if task.generated else test:
            for item, short_digest in sections[section].items():
                owners.setdefault(item, {})[short_digest] = task.name
    return owners
