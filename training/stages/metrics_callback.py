"""The trainer callback that writes metrics.jsonl and checkpoint markers, and stops a stage whose loss diverges."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from evalsuite.errors import ErrorCode, RunError
from training import step_log
from training.run_folder import StageFolder
from training.stages import checkpoints

NAMES: Final = {"completions/clipped_ratio": "clipped", "completions/mean_length": "length"}
"""TRL's names of metrics with the shorter names that metrics.jsonl has."""
_SUMMARY_KEY: Final = "train_loss"
"""A key of the summary that the trainer logs at its end, which belongs to no step."""
_NOT_RESUMED: Final = ("num_tokens", "eval_num_tokens", "train_runtime")
"""Counters that restart at 0 when a stage is resumed; `num_input_tokens_seen` and `time` don't."""


class MetricsCallback(TrainerCallback):
    """One stage's log: a line per step in metrics.jsonl, and a marker on each complete checkpoint."""

    def __init__(self, folder: StageFolder, seconds: float = 0.0) -> None:
        self._folder = folder
        self._started = time.monotonic() - seconds

    @property
    def seconds(self) -> float:
        """The training time in seconds, including what earlier processes spent up to the resumed checkpoint."""
        return time.monotonic() - self._started

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Remove lines after the checkpoint that training resumes from, and note the number of steps."""
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
        """Write the numbers of a step; a value that is not finite is written as null.

        A loss or gradient norm that is not finite is a `RunError`.
        """
        if _SUMMARY_KEY in logs:
            return
        if state.is_world_process_zero:
            step_log.append(self._folder.metrics, [{"step": state.global_step, "time": time.time(), **_numbers(logs)}])
        self._refuse_divergence(state.global_step, logs)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint as complete once every process has written its part."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            checkpoints.mark_complete(path, state.global_step, control.should_training_stop, self.seconds)

    def _refuse_divergence(self, step: int, logs: Mapping[str, Any]) -> None:
        for name in ("loss", "grad_norm"):
            if name in logs and not math.isfinite(logs[name]):
                raise RunError(
                    ErrorCode.TRAINING_FAILED,
                    f"{self._folder.path.name}: {name} is not finite ({logs[name]}) at step {step} at learning rate "
                    f"{logs.get('learning_rate', math.nan):g}: lower optimiser.learning_rate or optimiser.clip",
                )


def _numbers(logs: Mapping[str, Any]) -> dict[str, float | None]:
    renamed = {NAMES.get(name, name): value for name, value in logs.items() if name not in _NOT_RESUMED}
    return {
        name: float(value) if math.isfinite(value) else None
        for name, value in renamed.items()
        if isinstance(value, int | float)
    }
