"""The prepared tasks of a finished run, rebuilt from its folder and the data, so that its responses can be regraded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalsuite.errors import DataError, ErrorCode, RunError
from evalsuite.models.backend import PromptSetup
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.run.stored_tasks import dataset_of_run
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import TaskPrompt


def reload_tasks(folder: RunFolder, data_dir: Path | None = None) -> tuple[PreparedTask, ...]:
    """Rebuild the tasks of a run; data other than those of the run are a `DataError`.

    `data_dir` falls back to the folder that the run itself was given, where that still exists.
    """
    facts = folder.facts
    try:
        tasks: dict[str, dict[str, Any]] = facts["identity"]["tasks"]
        spec, setups = facts["spec"], facts["prompt_setups"]
        recorded = Path(spec["data_dir"]) if spec["data_dir"] else None
        place = data_dir or (recorded if recorded and recorded.is_dir() else None)
        return tuple(
            _reload(folder, name, identity, setups.get(name), spec["system"], place) for name, identity in tasks.items()
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(
            ErrorCode.RUN_NOT_REGRADABLE,
            f"{folder.path}: run.json doesn't hold the prompt setup ({type(error).__name__}: {error}): run it again",
        ) from None


def _reload(
    folder: RunFolder, name: str, identity: dict[str, Any], setup: Any, system: str | None, data_dir: Path | None
) -> PreparedTask:
    if "graded_by" in identity:
        reason = f"{name} was graded by {identity['graded_by']}: there is no response that our parser could read"
        raise RunError(ErrorCode.RUN_NOT_REGRADABLE, reason)
    if identity.get("scoring", "generate") != "generate":
        reason = f"{name} was scored by {identity['scoring']}: there is no generated text that a parser could read"
        raise RunError(ErrorCode.RUN_NOT_REGRADABLE, reason)
    dataset = dataset_of_run(folder, name, data_dir)
    _check_data(dataset, identity)
    # The responses answer the task's version of that time, whatever the card says today.
    task = dataset.task.model_copy(update={"version": identity["version"]})
    prompt_setup = PromptSetup.from_json(setup, dataset)
    same_items = Dataset(task, dataset.items, dataset.digest, dataset.variant, dataset.root, dataset.notes)
    prompt = TaskPrompt(task, prompt_setup.format, system)
    rotate_options = identity.get("rotate_options") is True
    return PreparedTask(same_items, prompt, prompt_setup, limit=None, rotate_options=rotate_options)


def _check_data(dataset: Dataset, identity: dict[str, Any]) -> None:
    if dataset.digest != identity["data_digest"]:
        raise DataError(
            ErrorCode.DATA_CHANGED,
            f"{dataset.task.name}: the data in {dataset.root} have digest {dataset.digest[:12]}, the run used "
            f"{str(identity['data_digest'])[:12]}: name that data with `data_dir`",
        )
