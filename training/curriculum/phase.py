"""The trainer callback of a phase: it mines the pool, ends the phase on a plateau, and stops a collapsed policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from evalsuite.errors import ErrorCode, RunError
from training.curriculum.mining import MiningHistory, MiningResult
from training.curriculum.plateau import PlateauVerdict, judge
from training.curriculum.policy_collapse import WINDOW, find_collapse
from training.recipe_sections import Mining, Plateau
from training.run_folder import StageFolder


class PhaseCallback(TrainerCallback):
    """One phase of a curriculum.

    Every decision follows from the logged steps alone, which a checkpoint restores, so that a resumed phase ends where
    it would have ended.
    """

    def __init__(
        self,
        folder: StageFolder,
        plateau: Plateau | None,
        mining: Mining | None = None,
        history: MiningHistory | None = None,
        mine: Callable[[], MiningResult] | None = None,
    ) -> None:
        self._folder, self._plateau = folder, plateau
        self._mining, self._history, self._mine = mining, history, mine
        self._metrics: dict[str, float] = {}

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mine once before the first step, unless that is on disk already; the first step's log has its numbers."""
        if self._history is None or state.global_step:
            return
        self._metrics = self._history.metrics() if self._history.minings else self._mine_pool(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mine after every `mining.every` steps, but not after the last, when nothing will be drawn."""
        if self._mining is None or state.global_step == state.max_steps:
            return
        if state.global_step % self._mining.every == 0:
            self._metrics = self._mine_pool(state)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, Any], **_: Any
    ) -> None:
        """Add the mining's numbers to a step's log, and end the phase on a plateau; a collapse is a `RunError`."""
        if "reward" not in logs:
            return
        logs.update(self._metrics)
        self._metrics = {}
        steps = [line for line in state.log_history if "reward" in line]
        collapse = find_collapse(steps, () if self._history is None else self._history.means)
        if collapse is not None:
            raise RunError(
                ErrorCode.TRAINING_FAILED,
                f"{self._folder.path.name}: the policy collapsed by step {state.global_step}: {collapse}",
            )
        verdict = self._judge([line["reward"] for line in steps])
        if verdict is not None and verdict.ended:
            # The last step is saved too, as a stage that was killed now must not train on.
            control.should_training_stop = control.should_save = True
            if state.is_world_process_zero:
                reason = f"plateau: {verdict}; {_describe_sparsity(steps)}"
                self._folder.note(ended={"step": state.global_step, "why": reason})

    def _judge(self, rewards: Sequence[float]) -> PlateauVerdict | None:
        """Apply the plateau rule to the steps' mean rewards, or to the pool's where the pool is mined.

        Mining changes what is drawn, so the rewards of steps are not comparable across minings.
        """
        if self._plateau is None:
            return None
        if self._history is None:
            return judge(rewards, self._plateau)
        return judge(self._history.means, self._plateau.model_copy(update={"window": 1}))

    def _mine_pool(self, state: TrainerState) -> dict[str, float]:
        assert self._history is not None and self._mine is not None
        self._history.add(self._mine(), write=state.is_world_process_zero)
        return self._history.metrics()


def _describe_sparsity(steps: Sequence[dict[str, Any]]) -> str:
    """Describe how the share of zero-variance groups has changed, by which Fleming-R1 recognises a plateau."""
    shares = [line["frac_reward_zero_std"] for line in steps]
    first, last = (sum(part) / len(part) for part in (shares[:WINDOW], shares[-WINDOW:]))
    return f"zero-variance groups: {first:.0%} in the first {WINDOW} steps, {last:.0%} in the last {WINDOW}"
