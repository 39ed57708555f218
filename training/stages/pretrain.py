"""Continued pretraining on packed text, or on prompt-completion rows whose loss is on the completions."""

from __future__ import annotations

from typing import Any

from trl import SFTTrainer

from training import trainer_config, weights
from training.checks.checked_rows import load_splits
from training.checks.recheck import refuse_long_pairs
from training.recipe import Pretrain
from training.stages.job import StageJob, world_size
from training.stages.row_order import RowOrderCallback


def prepare(job: StageJob) -> tuple[SFTTrainer, dict[str, Any]]:
    """Return the trainer, and facts for stage.json; pairs that are longer than a sequence are a `DataError`."""
    stage = job.stage
    assert isinstance(stage, Pretrain)
    splits = load_splits(stage, job.data_folder, job.cache)
    packed = "text" in splits["train"].column_names
    tokenizer = weights.load_tokenizer(job.recipe, job.start, job.data, stage.evaluation.chat_template == "own")
    if not packed:
        refuse_long_pairs(stage, splits, job.data_folder, tokenizer)
    trainer = SFTTrainer(
        model=weights.load(job.recipe, job.start, job.data),
        args=trainer_config.pretrain(job.recipe, stage, job.folder.checkpoints, world_size(), packed),
        train_dataset=splits["train"],
        processing_class=tokenizer,
        # Packed sequences have one length and are not batched by length, so their order needs no saved state.
        callbacks=[] if packed else [RowOrderCallback(job.folder.checkpoints)],
    )
    return trainer, {"rows": len(splits["train"]), "sequences": len(trainer.train_dataset), "packed": packed}
