"""How a run had asked, rebuilt from its folder and the data, so that its responses can be read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalsuite.data.load import load
from evalsuite.errors import DataError, RunError
from evalsuite.models.backend import PromptSetup
from evalsuite.run.prepared import PreparedTask
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task


def reload_tasks(folder: RunFolder, data_dir: Path | None = None) -> tuple[PreparedTask, ...]:
    """Rebuild the tasks of a run; other data than was asked then is a `DataError`.

    `data_dir` falls back to the one that the run itself was given, where that is still there.
    """
    facts = folder.facts
    try:
        tasks: dict[str, dict[str, Any]] = facts["identity"]["tasks"]
        plan, setup = facts["spec"], facts["prompt_setups"]
        own = Path(plan["data_dir"]) if plan["data_dir"] else None
        place = data_dir or (own if own and own.is_dir() else None)
        return tuple(_prepared(name, said, setup.get(name), plan["system"], place) for name, said in tasks.items())
    except (KeyError, TypeError, AttributeError) as error:
        told = f"{type(error).__name__}: {error}"
        raise RunError(f"{folder.path}: its run.json doesn't say how it asked ({told}): run it again") from None


def _prepared(name: str, said: dict[str, Any], setup: Any, system: str | None, place: Path | None) -> PreparedTask:
    if "graded_by" in said:
        raise RunError(f"{name} was graded by {said['graded_by']}: there is nothing that our parser could read again")
    if said.get("scoring", "generate") != "generate":
        raise RunError(f"{name} was scored by {said['scoring']}: no response was written that a parser could read")
    dataset = load(load_task(name), place)
    _check_data(dataset, said)
    # What was asked then keeps its version, whatever the card says today.
    then = dataset.task.model_copy(update={"version": said["version"]})
    how = PromptSetup.from_json(setup, dataset)
    known = Dataset(then, dataset.items, dataset.digest, dataset.variant, dataset.root, dataset.notes)
    moved = said.get("rotate_options") is True
    return PreparedTask(known, TaskPrompt(then, how.format, system), how, limit=None, rotate_options=moved)


def _check_data(dataset: Dataset, said: dict[str, Any]) -> None:
    if dataset.digest != said["data_digest"]:
        raise DataError(
            f"{dataset.task.name}: the data in {dataset.root} has digest {dataset.digest[:12]}, the run asked "
            f"{str(said['data_digest'])[:12]}: name that data with --data-dir"
        )
