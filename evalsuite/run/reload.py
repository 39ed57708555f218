"""The prepared tasks of a run, rebuilt from its folder and the data, so that its responses can be graded without it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalsuite.errors import DataError, ErrorCode, RunError
from evalsuite.grading.loglikelihood import FORMS, LoglikelihoodPrompt
from evalsuite.models.backend import PromptSetup
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.run.stored_responses import SentRequests, stored_responses
from evalsuite.run.stored_tasks import dataset_of_run
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import TaskPrompt

Json = dict[str, Any]


def reload_tasks(folder: RunFolder, data_dir: Path | None = None) -> tuple[PreparedTask, ...]:
    """Rebuild the tasks of a run; data other than those of the run are a `DataError`.

    `data_dir` falls back to the folder that the run itself was given, where that still exists. A task that another
    harness graded is a `RunError`.
    """
    facts = folder.facts
    try:
        tasks: dict[str, Json] = facts["identity"]["tasks"]
        spec, setups = facts["spec"], facts["prompt_setups"]
        recorded = Path(spec["data_dir"]) if spec["data_dir"] else None
        place = data_dir or (recorded if recorded and recorded.is_dir() else None)
        return tuple(
            _reload(folder, name, identity, setups.get(name), spec["system"], place) for name, identity in tasks.items()
        )
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise RunError(
            ErrorCode.RUN_NOT_REGRADABLE,
            f"{folder.path}: run.json doesn't hold the prompt setup ({type(error).__name__}: {error}): run it again",
        ) from None


def check_responses(folder: RunFolder, prepared_tasks: tuple[PreparedTask, ...]) -> None:
    """Raise a `RunError` for a stored response that doesn't answer a request of its run.

    Where the prompts that were sent can't be rendered again (recordings, imported logs, task cards that have changed
    since) only item, rotation and sample are compared.
    """
    facts = folder.facts
    sent = _sent_requests(facts)
    for prepared in prepared_tasks:
        stated = facts["identity"]["tasks"][prepared.name].get("prompt_digest")
        same_prompt = sent is not None and facts["began_as"] > 1 and prepared.prompt.digest == stated
        requests = sent or SentRequests("", 0, facts["identity"]["samples"])
        for _ in stored_responses(folder, prepared, requests, same_prompt=same_prompt):
            pass


def _sent_requests(facts: Mapping[str, Any]) -> SentRequests | None:
    """Return what determined a run's requests; None for an imported log, whose requests another tool sent."""
    if "imported" in facts:
        return None
    try:
        seed = facts["spec"]["settings"]["decoding"]["seed"]
        return SentRequests(str(facts["identity_digest"]), int(seed), facts["identity"]["samples"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"run.json: no settings of the requests ({type(error).__name__}: {error}): run it again"
        raise RunError(ErrorCode.RUN_NOT_REGRADABLE, message) from None


def _reload(
    folder: RunFolder, name: str, identity: Json, setup: Any, system: str | None, data_dir: Path | None
) -> PreparedTask:
    if "graded_by" in identity:
        reason = f"{name} was graded by {identity['graded_by']}: there is no response that our parser could read"
        raise RunError(ErrorCode.RUN_NOT_REGRADABLE, reason)
    dataset = dataset_of_run(folder, name, data_dir)
    _check_data(dataset, identity)
    # The responses answer the task's version of that time, whatever the card says today.
    task = dataset.task.model_copy(update={"version": identity["version"]})
    same_items = Dataset(task, dataset.items, dataset.digest, str(identity["variant"]), dataset.root, dataset.notes)
    prompt_setup = PromptSetup.from_json(setup, dataset)
    scoring = identity.get("scoring", "generate")
    rotate_options = identity.get("rotate_options") is True
    if scoring == "generate":
        prompt: TaskPrompt | LoglikelihoodPrompt = TaskPrompt(task, prompt_setup.format, system)
    elif scoring in FORMS:
        prompt = LoglikelihoodPrompt(task, scoring, system)
    else:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{folder.path}: run.json: {name}: unknown scoring {scoring!r}")
    prepared = PreparedTask(same_items, prompt, prompt_setup, None, scoring, rotate_options)
    differing = next((key for key, value in prepared.identity.items() if identity.get(key, value) != value), None)
    if differing is not None:
        message = f"{folder.path}: run.json contradicts itself: another {differing} of {name} in its prompt setup"
        raise RunError(ErrorCode.RUN_INCONSISTENT, message)
    return prepared


def without_loglikelihoods(prepared_tasks: tuple[PreparedTask, ...]) -> tuple[PreparedTask, ...]:
    """Return the tasks; one that was scored by log-likelihood is a `RunError`, since a parser reads generated text."""
    for prepared in prepared_tasks:
        if prepared.scoring != "generate":
            reason = f"{prepared.name} was scored by {prepared.scoring}"
            message = f"{reason}: there is no generated text that a parser could read"
            raise RunError(ErrorCode.RUN_NOT_REGRADABLE, message)
    return prepared_tasks


def _check_data(dataset: Dataset, identity: Json) -> None:
    if dataset.digest != identity["data_digest"]:
        raise DataError(
            ErrorCode.DATA_CHANGED,
            f"{dataset.task.name}: the data in {dataset.root} have digest {dataset.digest[:12]}, the run used "
            f"{str(identity['data_digest'])[:12]}: name that data with `data_dir`",
        )
