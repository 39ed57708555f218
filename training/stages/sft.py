"""Supervised fine-tuning on reasoning traces: the loss is on trace and answer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import EarlyStoppingCallback
from trl import SFTTrainer

from training import trainer_config, weights
from training.checks.recheck import refuse_wrong_traces
from training.data import rows
from training.recipe import Sft
from training.stages.job import StageJob

if TYPE_CHECKING:
    import datasets

_LEARNT = ["prompt", "completion"]
"""All that TRL is shown: it would take an item's labels for those of the tokens."""


def prepare(job: StageJob) -> tuple[SFTTrainer, dict[str, Any]]:
    """Make the trainer, and say what it was given; traces that are wrong or too long are a `DataError`."""
    stage = job.stage
    assert isinstance(stage, Sft)
    train, held_out = _split(job, stage)
    tokenizer = weights.load_tokenizer(job.recipe, job.start, job.data)
    refuse_wrong_traces(stage, job.start, job.data, tokenizer)
    spec = trainer_config.sft(job.recipe, stage, job.folder.checkpoints)
    trainer = SFTTrainer(
        model=weights.load(job.recipe, job.start, job.data),
        args=spec,
        train_dataset=train.select_columns(_LEARNT),
        eval_dataset=None if held_out is None else held_out.select_columns(_LEARNT),
        processing_class=tokenizer,
        callbacks=[] if stage.patience is None else [EarlyStoppingCallback(stage.patience)],
    )
    return trainer, {"rows": len(train), "held_out": 0 if held_out is None else len(held_out)}


def _split(job: StageJob, stage: Sft) -> tuple[datasets.Dataset, datasets.Dataset | None]:
    """Rows to train on and rows that are held out: the data's own dev rows, or as many as the recipe says."""
    rows.refuse_nothing_held_out(stage, job.rows)
    train = rows.load(job.rows, "train", "sft", job.cache)
    if stage.patience is None:
        return train, None
    if "dev" in rows.splits(stage, job.rows):
        return train, rows.load(job.rows, "dev", "sft", job.cache)
    assert stage.hold_out is not None, "nothing held out is refused above"
    return rows.hold_out(train, stage.hold_out, job.recipe.seed)
