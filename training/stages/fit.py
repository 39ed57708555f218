"""A trainer run to its end: from the last whole checkpoint, if there is one, to `model/`."""

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


class _InPlace(Exception):
    """A checkpoint's weights are loaded."""


class _Load(TrainerCallback):
    """Ends a training before its first step: the trainer has no other way to load a checkpoint of each kind.

    A finished one must not be gone on with: the trainer would take a step more.
    """

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        raise _InPlace


def fit(job: StageJob, trainer: Trainer, facts: dict[str, Any]) -> None:
    """Train, and keep the model and what was seen; `facts` go into stage.json too."""
    folder, first = job.folder, trainer.is_world_process_zero()
    last = checkpoints.latest(folder.checkpoints)
    if first:
        checkpoints.clear(folder.checkpoints)
        folder.note(state="training", seed=job.recipe.seed, versions=versions(), **facts)
        if last is not None:
            checkpoints.settle(last)
    trainer.accelerator.wait_for_everyone()
    if job.recipe.base.quantise != "none":
        train_in_float32(trainer.model)
    record = MetricsCallback(folder, last.seconds if last else 0.0)
    trainer.remove_callback(PrinterCallback)
    _run(trainer, record, last)
    if first:
        folder.note(**_seen(trainer, record))
    _save(job, trainer)
    if first:
        shutil.rmtree(job.cache, ignore_errors=True)
        folder.note(state="trained")


def _run(trainer: Trainer, record: MetricsCallback, last: Checkpoint | None) -> None:
    if last is None or not last.final:
        trainer.add_callback(record)
        trainer.train(resume_from_checkpoint=None if last is None else str(last.path))
        return
    kept = checkpoints.best(last) if trainer.args.load_best_model_at_end else None
    trainer.add_callback(_Load)
    try:
        trainer.train(resume_from_checkpoint=str(kept or last.path))
    except _InPlace:
        trainer.state = type(trainer.state).load_from_json(str(last.path / checkpoints.STATE))


def _seen(trainer: Trainer, record: MetricsCallback) -> dict[str, Any]:
    state = trainer.state
    return {
        "steps": state.global_step,
        "epochs": state.epoch,
        "best_step": state.best_global_step,
        "tokens": state.num_input_tokens_seen,
        "seconds": round(record.seconds, 1),
    }


def _save(job: StageJob, trainer: Trainer) -> None:
    """Write what was trained, and show it as a whole; the trainer's settings, a pickle, are not a part of it."""
    partial = partial_folder(job.folder.model)
    if trainer.is_world_process_zero():
        new_partial_folder(job.folder.model)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(partial))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        (partial / "training_args.bin").unlink(missing_ok=True)
        partial.rename(job.folder.model)
