"""The order of rows that are batched by length, preserved when training is resumed within an epoch.

The trainer draws the order of an epoch from torch's random state where the epoch begins. When it resumes within an
epoch it draws another order, from whatever that state is then, and skips as many batches as were used. So some
rows would be seen twice and others never. The sampler of packed text has a separate seed and is not affected.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.stages import checkpoints

FILE: Final = "order.safetensors"


class RowOrderCallback(TrainerCallback):
    """One callback that saves with each checkpoint the random state its epoch began with, and restores it."""

    def __init__(self, folder: Path) -> None:
        last = checkpoints.latest(folder)
        file = None if last is None else last.path / FILE
        self._saved = load_file(file) if file is not None and file.is_file() else {}
        self._epoch_state = torch.get_rng_state()

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, train_dataloader: Any, **_: Any
    ) -> None:
        """Remember the random state from which the epoch's order is drawn; after a resume, restore it first.

        The trainer calls this before the data loader draws the order, and restores the checkpoint's random state itself
        once it has skipped the used batches.
        """
        steps = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
        if self._saved:
            # Within an epoch the order is the one that was drawn at its beginning. A checkpoint at an epoch's end is
            # followed by a new epoch, whose order is drawn from the state after the checkpoint's step.
            torch.set_rng_state(self._saved["epoch" if state.global_step % steps else "step"])
            self._saved = {}
        self._epoch_state = torch.get_rng_state()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Add the random states at the epoch's beginning and now to the checkpoint."""
        if state.is_world_process_zero:
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            save_file({"epoch": self._epoch_state, "step": torch.get_rng_state()}, path / FILE)
