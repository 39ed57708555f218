"""The reward function of GRPO: the strict parse and nothing else, with every completion and its reward journalled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.reward import StrictReward
from evalsuite.reward.strict_reward import Completion, content_text
from training import step_log
from training.curriculum.zero_variance_groups import zero_variance_groups

COLUMNS: Final = ("item", "task", "gold", "labels", "format", "opens_reasoning")
"""Dataset columns that the journal repeats for each completion, so that it can be graded again."""


class RolloutReward:
    """One reward in TRL's signature; picklable, and independent of how completions are batched.

    The journal gets one line per completion: step (from 1, the step that trains on it), group (the index of its prompt
    in the step), the dataset's columns, the text, its number of tokens and its reward. Lines are in the order of the
    groups and written by the main process alone. The shares of zero-variance groups and the number of distinct items
    so far are logged through TRL.

    With `random_seed` it is the control: the reward is `random_reward`, and each line also has the strict reward.
    """

    def __init__(self, journal: Path, generations: int, random_seed: int | None = None) -> None:
        self.journal, self.generations, self.random_seed = journal, generations, random_seed
        # TRL logs a reward under its `__name__`.
        self.__name__ = "strict" if random_seed is None else "random"
        self._strict = StrictReward()
        self._seen = {(line["task"], line["item"]) for line in step_log.read(journal)}

    def __call__(
        self,
        completions: Sequence[Completion],
        completion_ids: Sequence[Sequence[int]],
        trainer_state: Any,
        log_metric: Callable[[str, float], None],
        **columns: Any,
    ) -> list[float]:
        """Return the rewards of this process's completions of a step; `columns` have one value per completion."""
        from accelerate import PartialState
        from accelerate.utils import gather_object

        step, process = trainer_state.global_step + 1, PartialState()
        offset = process.process_index * len(completions)
        strict = self._strict(completions=completions, **columns)
        rewards = [self._reward(score, step, offset + index) for index, score in enumerate(strict)]
        lines = [
            {
                "step": step,
                "group": (offset + index) // self.generations,
                **{column: columns[column][index] for column in COLUMNS},
                "completion": _text(completions[index]),
                "tokens": len(completion_ids[index]),
                "reward": rewards[index],
                **({} if self.random_seed is None else {"strict": strict[index]}),
            }
            for index in range(len(completions))
        ]
        self._record(gather_object(lines), process.is_main_process, log_metric)
        return rewards

    def _reward(self, strict: float, step: int, index: int) -> float:
        return strict if self.random_seed is None else random_reward(self.random_seed, step, index)

    def _record(self, lines: Sequence[dict[str, Any]], write: bool, log_metric: Callable[[str, float], None]) -> None:
        """Journal the completions of all processes and log their statistics.

        A group may be spread over processes, so its variance is only known after gathering.
        """
        if write:
            step_log.append(self.journal, lines)
        self._seen.update((line["task"], line["item"]) for line in lines)
        groups = zero_variance_groups([line["reward"] for line in lines], self.generations)
        log_metric("groups_all_0", groups.all_zero)
        log_metric("groups_all_1", groups.all_one)
        log_metric("unique_items", float(len(self._seen)))
        if self.random_seed is not None:
            log_metric("strict", sum(line["strict"] for line in lines) / len(lines))


def random_reward(seed: int, step: int, index: int) -> float:
    """Return 0.0 or 1.0 with equal probability, by seed, step and index in the step alone, whatever was written.

    The probability is 1/2 and not the start model's mean reward: at 1/2 rewards vary most, so the control is moved as
    far as a reward without information can move it, and nothing has to be measured first. Source: the random rewards
    of Shao et al. 2025, "Spurious Rewards: Rethinking Training Signals in RLVR", arXiv:2506.10947.
    """
    digest = hashlib.sha256(f"{seed} {step} {index}".encode()).digest()
    return float(digest[0] & 1)


def _text(completion: Completion) -> str:
    return completion if isinstance(completion, str) else content_text(completion[-1].get("content"))
