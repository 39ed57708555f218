"""Continued pretraining: the next token of packed text, or of completions where the rows have prompts."""

from __future__ import annotations

from typing import Any

from trl import SFTTrainer

from training import trainer_config, weights
from training.checks.recheck import refuse_long_pairs
from training.data import rows
from training.recipe import Pretrain
from training.stages.job import StageJob, devices
from training.stages.row_order import RowOrderCallback


def prepare(job: StageJob) -> tuple[SFTTrainer, dict[str, Any]]:
    """Make the trainer, and say what it was given."""
    stage = job.stage
    assert isinstance(stage, Pretrain)
    given = rows.load(job.rows, "train", "pretrain", job.cache)
    packed = "text" in given.column_names
    tokenizer = weights.load_tokenizer(job.recipe, job.start, job.data, stage.evaluation.chat_template == "own")
    if not packed:
        refuse_long_pairs(stage, job.data, tokenizer)
    spec = trainer_config.pretrain(job.recipe, stage, job.folder.checkpoints, devices(), packed)
    trainer = SFTTrainer(
        model=weights.load(job.recipe, job.start, job.data),
        args=spec,
        train_dataset=given,
        processing_class=tokenizer,
        callbacks=[] if packed else [RowOrderCallback(job.folder.checkpoints)],
    )
    return trainer, {"rows": len(given), "sequences": len(trainer.train_dataset), "packed": packed}
