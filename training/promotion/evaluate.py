"""A model asked by `evalsuite run` in a process of its own; an equal model under equal options is never asked twice."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from evalsuite import parser
from evalsuite.analysis.run_result import RunResult, read_result
from evalsuite.errors import RunError
from evalsuite.run_folder import RunFolder
from training.child_process import call, environment
from training.promotion.last_promoted import PromotedModel
from training.recipe import Base, Evaluation
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec

_SHOWN: Final = 16
"""Digits of the digest that names an evaluation's folder."""


def evaluate(
    run: TrainingFolder, spec: TrainingSpec, model: PromotedModel, evaluation: Evaluation, log: Path
) -> RunResult:
    """Return the finished run of a model, asked now where it isn't there; one that can't be finished is a `RunError`.

    The process works in the run's folder, so that models are named by their place in it, wherever the run is moved.
    """
    folder = run.evaluations / digest(model, evaluation)
    if not _finished(folder):
        told = options(run, spec.recipe.base, model, evaluation)
        command = ["evalsuite", "run", *told, "--out", _place(run, folder)]
        ended = call(command, environment(spec.recipe, run.tasks, alone=False), log, run.path)
        if ended.code or not _finished(folder):
            said = ended.said or f"it ended without a summary in {folder}"
            raise RunError(f"evaluation of {_place(run, model.start)}: {said}")
    return read_result(folder)


def digest(model: PromotedModel, evaluation: Evaluation) -> str:
    """Name of a model under an evaluation, by the model's content, the options and the parser's version.

    `args` that are empty are left out: evaluations that are on disk without them keep their names.
    """
    spec = evaluation.model_dump(mode="json", exclude=None if evaluation.args else {"args"})
    what = {"model": model.digest, "evaluation": spec, "parser": parser.VERSION}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:_SHOWN]


def options(run: TrainingFolder, base: Base, model: PromotedModel, evaluation: Evaluation) -> list[str]:
    """What `evalsuite run` is told: `base.eos` too, which neither the base model nor the beneath of an adapter says."""
    told = ["--model", f"{evaluation.backend}/{_place(run, model.whole)}"]
    if model.adapter is not None:
        told += ["--adapter", _place(run, model.adapter)]
    if model.revision is not None:
        told += ["--revision", model.revision]
    if base.eos is not None:
        told += ["--model-arg", f"eos={base.eos}"]
    if evaluation.chat_template == "none":
        told += ["--chat-template", "none"]
    for name in ("scoring", "max_tokens", "samples", "temperature", "limit"):
        value = getattr(evaluation, name)
        if value is not None:
            told += [f"--{name.replace('_', '-')}", str(value)]
    for name, value in evaluation.args.items():
        told += ["--model-arg", f"{name}={value}"]
    return [*told, "--tasks", ",".join(evaluation.tasks)]


def _finished(folder: Path) -> bool:
    try:
        ended = RunFolder(folder).facts["ended"]["status"]
    except RunError:
        return False
    return bool(ended == "finished" and (folder / "summary.json").is_file())


def _place(run: TrainingFolder, where: Path | str) -> str:
    """A folder's place below the run's, or as it is said where it is elsewhere."""
    if Path(where).is_absolute() and Path(where).is_relative_to(run.path):
        return os.path.relpath(where, run.path)
    return str(where)
