"""The training loop of every kind of stage: from the last complete checkpoint, if there is one, to `model/`."""

from __future__ import annotations

import shutil
from typing import Any

from transformers import PrinterCallback, Trainer, TrainerCallback

from evalsuite.util.atomic_write import new_partial_folder, partial_folder
from training.run_spec import versions
from training.stages import checkpoints
from training.stages.checkpoints import Checkpoint
from training.stages.job import StageJob
from training.stages.metrics_callback import MetricsCallback
from training.weights import train_in_float32


class _CheckpointLoaded(Exception):
    """Raised once the weights of a checkpoint are in the model."""


class _LoadOnlyCallback(TrainerCallback):
    """One callback that stops `Trainer.train` before its first step.

    The trainer has no other way to load a checkpoint of every kind (sharded, adapter, full). A finished stage must not
    simply be resumed: the trainer would make one more step.
    """

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        raise _CheckpointLoaded


def fit(job: StageJob, trainer: Trainer, facts: dict[str, Any]) -> None:
    """Train to the end and save the model; `facts` and the numbers of the training go into stage.json."""
    folder, is_main = job.folder, trainer.is_world_process_zero()
    last = checkpoints.latest(folder.checkpoints)
    if is_main:
        checkpoints.delete_incomplete(folder.checkpoints)
        folder.note(state="training", seed=job.recipe.seed, versions=versions(), **facts)
        if last is not None:
            checkpoints.update_best_path(last)
    trainer.accelerator.wait_for_everyone()
    if job.recipe.base.quantise != "none":
        train_in_float32(trainer.model)
    metrics = MetricsCallback(folder, last.seconds if last else 0.0)
    trainer.remove_callback(PrinterCallback)
    _train(trainer, metrics, last)
    if is_main:
        folder.note(**_totals(trainer, metrics))
    _save(job, trainer)
    if is_main:
        shutil.rmtree(job.cache, ignore_errors=True)
        folder.note(state="trained")


def _train(trainer: Trainer, metrics: MetricsCallback, last: Checkpoint | None) -> None:
    if last is None or not last.final:
        trainer.add_callback(metrics)
        trainer.train(resume_from_checkpoint=None if last is None else str(last.path))
        return
    # Training had ended but the model was not saved: load what the trainer would have ended with.
    best = checkpoints.best(last) if trainer.args.load_best_model_at_end else None
    trainer.add_callback(_LoadOnlyCallback)
    try:
        trainer.train(resume_from_checkpoint=str(best or last.path))
    except _CheckpointLoaded:
        trainer.state = type(trainer.state).load_from_json(str(last.path / checkpoints.STATE))


def _totals(trainer: Trainer, metrics: MetricsCallback) -> dict[str, Any]:
    state = trainer.state
    return {
        "steps": state.global_step,
        "epochs": state.epoch,
        "best_step": state.best_global_step,
        "tokens": state.num_input_tokens_seen,
        "seconds": round(metrics.seconds, 1),
    }


def _save(job: StageJob, trainer: Trainer) -> None:
    """Save the model to a temporary folder and rename it, so that `model/` is complete whenever it exists."""
    partial = partial_folder(job.folder.model)
    if trainer.is_world_process_zero():
        new_partial_folder(job.folder.model)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(partial))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        # A pickle of the trainer's settings: nothing needs it, and loading a pickle can run code.
        (partial / "training_args.bin").unlink(missing_ok=True)
        partial.rename(job.folder.model)
