"""Supervised fine-tuning on reasoning traces; the loss is on trace and answer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from transformers import EarlyStoppingCallback
from trl import SFTTrainer

from training import trainer_config, weights
from training.checks.checked_rows import Splits, load_splits
from training.checks.recheck import refuse_wrong_traces
from training.data import rows
from training.recipe import Sft
from training.stages.job import StageJob

if TYPE_CHECKING:
    import datasets

_COLUMNS: Final = ["prompt", "completion"]
"""The columns that TRL gets: it would take the column `labels`, an item's answer labels, for token labels."""


def prepare(job: StageJob) -> tuple[SFTTrainer, dict[str, Any]]:
    """Return the trainer, and facts for stage.json; traces that are wrong or too long are a `DataError`."""
    stage = job.stage
    assert isinstance(stage, Sft)
    rows.refuse_missing_dev(stage, job.data_folder)
    splits = load_splits(stage, job.data_folder, job.cache)
    train, dev = _train_and_dev(job, stage, splits)
    tokenizer = weights.load_tokenizer(job.recipe, job.start, job.data)
    refuse_wrong_traces(stage, splits, job.data_folder, job.start, tokenizer)
    trainer = SFTTrainer(
        model=weights.load(job.recipe, job.start, job.data),
        args=trainer_config.sft(job.recipe, stage, job.folder.checkpoints),
        train_dataset=train.select_columns(_COLUMNS),
        eval_dataset=None if dev is None else dev.select_columns(_COLUMNS),
        processing_class=tokenizer,
        callbacks=[] if stage.patience is None else [EarlyStoppingCallback(stage.patience)],
    )
    return trainer, {"rows": len(train), "held_out": 0 if dev is None else len(dev)}


def _train_and_dev(job: StageJob, stage: Sft, splits: Splits) -> tuple[datasets.Dataset, datasets.Dataset | None]:
    """Return the rows to train on and the rows for early stopping: the data's dev rows, or train rows held out."""
    if stage.patience is None:
        return splits["train"], None
    if "dev" in splits:
        return splits["train"], splits["dev"]
    assert stage.hold_out is not None, "refuse_missing_dev has refused this stage"
    return rows.split_off_dev(splits["train"], stage.hold_out, job.recipe.seed)
