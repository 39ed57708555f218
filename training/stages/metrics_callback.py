"""What a stage leaves while it trains: a line of metrics a step, a mark on each whole checkpoint, a reason to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from evalsuite.errors import RunError
from training import step_log
from training.run_folder import StageFolder
from training.stages import checkpoints

NAMES: Final = {"completions/clipped_ratio": "clipped", "completions/mean_length": "length"}
"""TRL's names for what metrics.jsonl calls otherwise."""
_SUMMARY: Final = "train_loss"
"""Marks the line that the trainer logs when it is done, which is no step's."""
_LOST: Final = ("num_tokens", "eval_num_tokens", "train_runtime")
"""What begins again from 0 when a stage goes on; `num_input_tokens_seen` and `time` don't."""


class MetricsCallback(TrainerCallback):
    """Writes metrics.jsonl, marks checkpoints, and stops the stage when its loss or gradient isn't finite."""

    def __init__(self, folder: StageFolder, seconds: float = 0.0) -> None:
        self._folder = folder
        self._began = time.monotonic() - seconds

    @property
    def seconds(self) -> float:
        """What the stage has taken, over all its processes, as far as it went on from what they left."""
        return time.monotonic() - self._began

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Cut what was logged behind the checkpoint that the stage goes on from; say how many steps there will be."""
        if state.is_world_process_zero:
            step_log.truncate_after(self._folder.metrics, state.global_step)
            self._folder.note(max_steps=state.max_steps)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any],
        **_: Any,
    ) -> None:
        """Write a step's numbers; one that isn't finite is null there."""
        if _SUMMARY in logs:
            return
        if state.is_world_process_zero:
            step_log.append(self._folder.metrics, [{"step": state.global_step, "time": time.time(), **_numbers(logs)}])
        self._refuse_nonsense(state.global_step, logs)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint as whole, once each process has written its part."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            checkpoints.mark(path, state.global_step, control.should_training_stop, self.seconds)

    def _refuse_nonsense(self, step: int, logs: Mapping[str, Any]) -> None:
        for name in ("loss", "grad_norm"):
            if name in logs and not math.isfinite(logs[name]):
                raise RunError(
                    f"{self._folder.path.name}: {name} is not finite ({logs[name]}) at step {step} at learning rate "
                    f"{logs.get('learning_rate', math.nan):g}: lower optimiser.learning_rate or optimiser.clip"
                )


def _numbers(logs: Mapping[str, Any]) -> dict[str, float | None]:
    named = {NAMES.get(name, name): value for name, value in logs.items() if name not in _LOST}
    return {
        name: float(value) if math.isfinite(value) else None
        for name, value in named.items()
        if isinstance(value, int | float)
    }
