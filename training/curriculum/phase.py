"""A phase as it goes: the pool is mined when it is time, a plateau ends it, a policy that is lost stops it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from evalsuite.errors import RunError
from training.curriculum.collapse import WINDOW, collapsed
from training.curriculum.mining import MiningHistory, MiningResult
from training.curriculum.plateau import PlateauVerdict, judge
from training.recipe import Mining, Plateau
from training.run_folder import StageFolder


class PhaseCallback(TrainerCallback):
    """Mines and stops; what it decides follows from the logged steps alone, which a checkpoint brings back."""

    def __init__(
        self,
        folder: StageFolder,
        plateau: Plateau | None,
        mining: Mining | None = None,
        history: MiningHistory | None = None,
        ask: Callable[[], MiningResult] | None = None,
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
        lost = collapsed(steps, () if self._history is None else self._history.means)
        if lost is not None:
            raise RunError(f"{self._folder.path.name}: collapsed at step {state.global_step}: {lost}")
        verdict = self._judged([line["reward"] for line in steps])
        if verdict is not None and verdict.ended:
            control.should_training_stop = control.should_save = True
            if state.is_world_process_zero:
                self._folder.note(ended={"step": state.global_step, "why": f"plateau: {verdict}; {_sparse(steps)}"})

    def _judged(self, rewards: Sequence[float]) -> PlateauVerdict | None:
        """What the rule says; of the whole pool's means where it is mined, for what is drawn changes there."""
        if self._plateau is None:
            return None
        if self._history is None:
            return judge(rewards, self._plateau)
        return judge(self._history.means, self._plateau.model_copy(update={"window": 1}))

    def _mine(self, state: TrainerState) -> dict[str, float]:
        assert self._history is not None and self._ask is not None
        self._history.add(self._ask(), write=state.is_world_process_zero)
        return self._history.shown()


def _sparse(steps: Sequence[dict[str, Any]]) -> str:
    """How sparse the rewards have become, which is how Fleming-R1 tells a plateau."""
    dead = [line["frac_reward_zero_std"] for line in steps]
    first, last = (sum(part) / len(part) for part in (dead[:WINDOW], dead[-WINDOW:]))
    return f"dead groups were {first:.0%} of the first {WINDOW} steps' and are {last:.0%} of the last {WINDOW} steps'"
