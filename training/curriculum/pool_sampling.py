"""The policy's responses to the whole pool, generated like its rollouts and scored by the strict parse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.reward import StrictReward
from training.curriculum.mining import MiningResult

if TYPE_CHECKING:
    import datasets


def sample_pool(trainer: Any, pool: datasets.Dataset, samples: int, seed: int) -> MiningResult:
    """Sample `samples` responses per item at the rollouts' temperature and count the right ones.

    The pool is divided among the processes. Random numbers come from the seed, the step and the process, and training's
    random state is left as it was: a training that mines draws the same numbers as one that doesn't.
    """
    from accelerate import PartialState
    from accelerate.utils import gather_object

    process, step = PartialState(), int(trainer.state.global_step)
    indices = _share(len(pool), process.process_index, process.num_processes)
    # As many responses at once as a training step generates, as that is known to fit into memory.
    batch_size = max(1, trainer.args.per_device_train_batch_size * trainer.args.steps_per_generation // samples)
    counts: list[tuple[int, int]] = []
    with _evaluation_mode(trainer, [seed, step, process.process_index]):
        for start in range(0, len(indices), batch_size):
            batch = indices[start : start + batch_size]
            counts += zip(batch, _count_right(trainer, pool.select(batch), samples), strict=True)
    right = dict(gather_object(counts))
    return MiningResult(step, samples, tuple(right[index] for index in range(len(pool))))


def _share(rows: int, process: int, processes: int) -> list[int]:
    """Return the row indices of one process.

    Each process gets equally many, as they generate together; some rows are sampled by two processes for that, and the
    last count is used.
    """
    size = -(-rows // processes)
    return [index % rows for index in range(process * size, (process + 1) * size)]


def _count_right(trainer: Any, rows: datasets.Dataset, samples: int) -> list[int]:
    repeated = [row for row in rows for _ in range(samples)]
    completions = trainer.complete([row["prompt"] for row in repeated])
    columns = {name: [row[name] for row in repeated] for name in ("gold", "labels", "format", "opens_reasoning")}
    rewards = StrictReward()(completions=completions, **columns)
    return [int(sum(rewards[start : start + samples])) for start in range(0, len(rewards), samples)]


@contextmanager
def _evaluation_mode(trainer: Any, seed: Sequence[int]) -> Iterator[None]:
    """Switch dropout off, use separate random numbers, and keep what TRL measures out of the training's log."""
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    was_training = trainer.model.training
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        trainer.model.eval()
        try:
            yield
        finally:
            trainer.model.train(was_training)
            trainer.discard_evaluation_metrics()
