"""Evaluates a model by `evalsuite run` in a process of its own; an evaluation that is on disk is not repeated."""

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
from training.child_process import environment, run_module
from training.promotion.last_promoted import PromotedModel
from training.recipe import Base
from training.recipe_sections import Evaluation
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec

_DIGEST_LENGTH: Final = 16
"""Hexadecimal digits of the digest that names an evaluation's folder."""


def evaluate(
    run: TrainingFolder, spec: TrainingSpec, model: PromotedModel, evaluation: Evaluation, log: Path
) -> RunResult:
    """Return the finished evaluation of a model, which is run or resumed if needed.

    The process works in the run's folder, so that models are named by their path in it and the run can be moved. An
    evaluation that can't be finished is a `RunError`.
    """
    folder = run.evaluations / evaluation_digest(model, evaluation)
    if not _finished(folder):
        options = run_options(run, spec.recipe.base, model, evaluation)
        command = ["evalsuite", "run", *options, "--out", _relative(run, folder)]
        # Every device is visible: the backend of an evaluation may use several, whatever trains the stage.
        ended = run_module(command, environment(spec.recipe, run.tasks, limit_devices=False), log, run.path)
        if ended.status or not _finished(folder):
            message = ended.message or f"it ended without a summary in {folder}"
            raise RunError(ended.error_code, f"evaluation of {_relative(run, model.start)}: {message}")
    return read_result(folder)


def evaluation_digest(model: PromotedModel, evaluation: Evaluation) -> str:
    """Return the name of an evaluation's folder: a digest of the model's content, the options and the parser's version.

    Empty `args` are left out, since evaluations were written without them before they existed.
    """
    options = evaluation.model_dump(mode="json", exclude=None if evaluation.args else {"args"})
    # The parser's version, because another version may read other answers from the same responses.
    content = {"model": model.digest, "evaluation": options, "parser": parser.VERSION}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGEST_LENGTH]


def run_options(run: TrainingFolder, base: Base, model: PromotedModel, evaluation: Evaluation) -> list[str]:
    """Return the options of `evalsuite run`, with the end token `base.eos` if the recipe names one.

    Neither the base model nor the base weights of an adapter know that token by themselves.
    """
    options = ["--model", f"{evaluation.backend}/{_relative(run, model.weights)}"]
    if model.adapter is not None:
        options += ["--adapter", _relative(run, model.adapter)]
    if model.revision is not None:
        options += ["--revision", model.revision]
    if base.eos is not None:
        options += ["--model-arg", f"eos={base.eos}"]
    if evaluation.chat_template == "none":
        options += ["--chat-template", "none"]
    for name in ("scoring", "max_tokens", "samples", "temperature", "limit"):
        value = getattr(evaluation, name)
        if value is not None:
            options += [f"--{name.replace('_', '-')}", str(value)]
    for name, value in evaluation.args.items():
        options += ["--model-arg", f"{name}={value}"]
    return [*options, "--tasks", ",".join(evaluation.tasks)]


def _finished(folder: Path) -> bool:
    try:
        status = RunFolder(folder).facts["ended"]["status"]
    except RunError:
        return False
    return bool(status == "finished" and (folder / "summary.json").is_file())


def _relative(run: TrainingFolder, path: Path | str) -> str:
    """Return a path below the run's folder relative to it, and any other path or hub name as it is."""
    if Path(path).is_absolute() and Path(path).is_relative_to(run.path):
        return os.path.relpath(path, run.path)
    return str(path)
