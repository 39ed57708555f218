"""What TRL pays: the benchmark's strict parse and nothing else, each completion on disk with what it was paid."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.reward import StrictReward
from evalsuite.reward.strict_reward import Completion, content_text
from training import step_log
from training.curriculum.zero_variance import zero_variance_groups

COLUMNS: Final = ("item", "task", "gold", "labels", "format", "opens_reasoning")
"""Columns of the data that go to disk beside a completion: with them it can be graded again."""


class RolloutReward:
    """The strict reward in TRL's signature; picklable, and the same whatever batch a completion comes in.

    Every completion is a line of `journal`: step (from 1, the one that it teaches), group (its place among the step's
    prompts), the data's columns, the text, its tokens and its reward. Lines are in the order of the groups and written
    by the main process alone. Shares of dead groups and the number of different items so far go to TRL's log.

    `coin`, a seed, makes it the random control: the reward is `random_reward`, and the line has the strict one
    beside it.
    """

    def __init__(self, journal: Path, generations: int, coin: int | None = None) -> None:
        self.journal, self.generations, self.coin = journal, generations, coin
        self.__name__ = "strict" if coin is None else "coin"
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
        """Pay this process's completions of a step; the data's columns come a value a completion."""
        from accelerate import PartialState
        from accelerate.utils import gather_object

        step, process = trainer_state.global_step + 1, PartialState()
        first = process.process_index * len(completions)
        strict = self._strict(completions=completions, **columns)
        paid = [self._paid(reward, step, first + index) for index, reward in enumerate(strict)]
        own = [
            {
                "step": step,
                "group": (first + index) // self.generations,
                **{column: columns[column][index] for column in COLUMNS},
                "completion": _text(completions[index]),
                "tokens": len(completion_ids[index]),
                "reward": paid[index],
                **({} if self.coin is None else {"strict": strict[index]}),
            }
            for index in range(len(completions))
        ]
        self._note(gather_object(own), process.is_main_process, log_metric)
        return paid

    def _paid(self, strict: float, step: int, index: int) -> float:
        return strict if self.coin is None else random_reward(self.coin, step, index)

    def _note(self, rows: Sequence[dict[str, Any]], write: bool, log_metric: Callable[[str, float], None]) -> None:
        """Journal the completions of all processes, and log what can be told of them only together."""
        if write:
            step_log.append(self.journal, rows)
        self._seen.update((row["task"], row["item"]) for row in rows)
        groups = zero_variance_groups([row["reward"] for row in rows], self.generations)
        log_metric("groups_all_0", groups.zero)
        log_metric("groups_all_1", groups.one)
        log_metric("unique_items", float(len(self._seen)))
        if self.coin is not None:
            log_metric("strict", sum(row["strict"] for row in rows) / len(rows))


def random_reward(seed: int, step: int, index: int) -> float:
    """A fair coin, 0.0 or 1.0, by seed, step and place in the step alone: what was written has no say.

    Fair, and not with the chance that the start model earns: half is where rewards vary most, so that the control is
    pushed about the hardest, and it needs nothing measured. Source: the random rewards of R. Shao et al., "Spurious
    rewards: rethinking training signals in RLVR" (2025).
    """
    digest = hashlib.sha256(f"{seed} {step} {index}".encode()).digest()
    return float(digest[0] & 1)


def _text(completion: Completion) -> str:
    return completion if isinstance(completion, str) else content_text(completion[-1].get("content"))
