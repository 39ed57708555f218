"""A phase as it goes: the pool is mined when it is time, a plateau ends it, a policy that is lost stops it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from evalsuite.errors import RunError
from training.curriculum.collapse import collapsed
from training.curriculum.mining import History, Mined
from training.curriculum.plateau import judge
from training.folder import StageFolder
from training.recipe import Mining, Plateau


class Phase(TrainerCallback):
    """Mines and stops; what it decides follows from the logged steps alone, which a checkpoint brings back."""

    def __init__(
        self,
        folder: StageFolder,
        plateau: Plateau | None,
        mining: Mining | None = None,
        history: History | None = None,
        ask: Callable[[], Mined] | None = None,
    ) -> None:
        self._folder, self._plateau = folder, plateau
        self._mining, self._history, self._ask = mining, history, ask
        self._found: dict[str, float] = {}

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mine once before the first step, if that isn't on disk; the first step's numbers show it."""
        if self._history is None or state.global_step:
            return
        self._found = self._history.shown() if self._history.minings else self._mine(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mine again every so many steps; after the last one there is nothing to draw."""
        if self._mining is None or state.global_step == state.max_steps:
            return
        if state.global_step % self._mining.every == 0:
            self._found = self._mine(state)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, Any], **_: Any
    ) -> None:
        """Add to a step's numbers what was mined, and end the phase where it is time."""
        if "reward" not in logs:
            return
        logs.update(self._found)
        self._found = {}
        steps = [line for line in state.log_history if "reward" in line]
        self._refuse_collapse(state, steps)
        if self._plateau is not None and judge([line["reward"] for line in steps], self._plateau).ended:
            control.should_training_stop = control.should_save = True
            if state.is_world_process_zero:
                self._folder.note(ended={"step": state.global_step, "why": _why(steps, self._plateau)})

    def _mine(self, state: TrainerState) -> dict[str, float]:
        assert self._history is not None and self._ask is not None
        self._history.add(self._ask(), write=state.is_world_process_zero)
        return self._history.shown()

    def _refuse_collapse(self, state: TrainerState, steps: Sequence[dict[str, Any]]) -> None:
        lost = collapsed(steps)
        if lost is not None:
            raise RunError(f"{self._folder.path.name}: collapsed at step {state.global_step}: {lost}")


def _why(steps: Sequence[dict[str, Any]], rule: Plateau) -> str:
    dead = [line["frac_reward_zero_std"] for line in steps]
    first, last = (sum(part) / rule.window for part in (dead[: rule.window], dead[-rule.window :]))
    verdict = judge([line["reward"] for line in steps], rule)
    return f"plateau: {verdict}; dead groups were {first:.0%} in the first window and {last:.0%} in the last"
