"""The order of rows that are put together by length, kept over a kill in the middle of an epoch.

The trainer draws an epoch's order from torch's random numbers where the epoch begins, and where it goes on from a
checkpoint it draws it anew: from what the numbers are by then, which gives another order.
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
    """Keeps with each checkpoint the random state that its epoch began with, and puts it back where that goes on."""

    def __init__(self, folder: Path) -> None:
        last = checkpoints.latest(folder)
        found = None if last is None else last.path / FILE
        self._kept = load_file(found) if found is not None and found.is_file() else {}
        self._drawn = torch.get_rng_state()

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, train_dataloader: Any, **_: Any
    ) -> None:
        """Note what the epoch's order is drawn from; where it has begun before, what it was drawn from then.

        A checkpoint at an epoch's end is gone on from with the random state that it was made with.
        """
        steps = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
        if self._kept:
            torch.set_rng_state(self._kept["epoch" if state.global_step % steps else "step"])
            self._kept = {}
        self._drawn = torch.get_rng_state()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Add the epoch's state and the step's to the checkpoint."""
        if state.is_world_process_zero:
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            save_file({"epoch": self._drawn, "step": torch.get_rng_state()}, path / FILE)
