"""Tasks whose items a program handed over, stored in the run folder: nothing else could load them again.

tasks/<name>/task.yaml, prompt.j2, items.jsonl      a task folder like any other
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import orjson

from evalsuite.data import canonical
from evalsuite.data.load import load
from evalsuite.data.own_items import native_row, own_items
from evalsuite.errors import ErrorCode, RunError
from evalsuite.run_folder import RunFolder, disk_error
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task
from evalsuite.util.atomic_write import atomic_folder
from evalsuite.util.jsonl import JsonLineError, dump_json_line, read_jsonl

ITEMS: Final = "items.jsonl"


def store_tasks(folder: RunFolder, datasets: Iterable[Dataset]) -> None:
    """Write the tasks that have no files of their own to the run folder, each once."""
    for dataset in datasets:
        path = _place(folder.path, dataset.task.name)
        if not has_own_files(dataset.task) and not (path / "task.yaml").exists():
            try:
                path.parent.mkdir(exist_ok=True)
                with atomic_folder(path) as partial:
                    write_task_files(partial, dataset)
            except OSError as error:
                raise disk_error(path, error) from None


def write_task_files(folder: Path, dataset: Dataset) -> None:
    """Write a task's card, prompt and items to a folder, from which they can be loaded as a task. Raises `OSError`."""
    (folder / ITEMS).write_bytes(b"".join(dump_json_line(native_row(item)) for item in dataset.items))
    (folder / "prompt.j2").write_text(dataset.task.template, "utf-8")
    (folder / "task.yaml").write_bytes(_card(dataset))


def dataset_of_run(folder: RunFolder, task: str, data_dir: Path | None = None) -> Dataset:
    """Load the items of a run's task: from the run folder if they are stored there, otherwise from the task's data."""
    path = _place(folder.path, task)
    if (path / "task.yaml").is_file():
        return _stored(path, task)
    arguments = folder.facts.get("spec", {}).get("task_args", {}).get(task, {})
    return load(load_task(task).with_arguments(arguments), data_dir)


def has_own_files(task: Task) -> bool:
    """Whether a task's card names files that its items can be loaded from, or how they are drawn."""
    return bool(task.sources) or task.hub is not None or task.generated is not None


def _place(folder: Path, task: str) -> Path:
    return folder / "tasks" / task


def _stored(path: Path, name: str) -> Dataset:
    card = load_task(name, path)
    try:
        with (path / ITEMS).open("rb") as lines:
            rows = [line.value for line in read_jsonl(lines)]
    except (OSError, JsonLineError) as error:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{path / ITEMS}: can't be read: {error}") from None
    items = own_items(rows, name)
    if canonical.digest(items) != card.digest:
        raise RunError(ErrorCode.RUN_INCONSISTENT, f"{path / ITEMS}: not the items that the run was started with")
    # Without sources and with its prompt the card is the one that the run was started with.
    task = card.model_copy(update={"sources": (), "prompt_template": card.template})
    return Dataset(task, items, card.digest, card.variant, path)


def _card(dataset: Dataset) -> bytes:
    """Return the card as JSON, which is YAML, too; with the stored files it is a task folder of its own."""
    task = dataset.task
    facts = task.model_dump(mode="json", exclude_defaults=True, exclude={"folder", "prompt_template"})
    facts["sources"] = [{"path": ITEMS, "items": len(dataset.items)}]
    facts["option_counts"] = {str(options): count for options, count in task.option_counts.items()}
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
