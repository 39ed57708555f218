"""The whole pool, asked by the policy as it is now, through the same generation that its rollouts go through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from evalsuite.reward import StrictReward
from training.curriculum.mining import MiningResult

if TYPE_CHECKING:
    import datasets


def ask(trainer: Any, pool: datasets.Dataset, samples: int, seed: int) -> MiningResult:
    """Sample `samples` responses an item at the rollouts' temperature and count the right ones by the strict parse.

    The pool is shared among the processes. Random numbers come from the seed, the step and the process, and those of
    the training are left as they were: a training that mines draws the same as one that doesn't.
    """
    from accelerate import PartialState
    from accelerate.utils import gather_object

    process, step = PartialState(), int(trainer.state.global_step)
    own = _share(len(pool), process.process_index, process.num_processes)
    at_once = max(1, trainer.args.per_device_train_batch_size * trainer.args.steps_per_generation // samples)
    found: list[tuple[int, int]] = []
    with _evaluating(trainer, [seed, step, process.process_index]):
        for start in range(0, len(own), at_once):
            batch = own[start : start + at_once]
            found += zip(batch, _right(trainer, pool.select(batch), samples), strict=True)
    right = dict(gather_object(found))
    return MiningResult(step, samples, tuple(right[row] for row in range(len(pool))))


def _share(rows: int, place: int, processes: int) -> list[int]:
    """This process's rows: as many as every other's, for they generate together; a few are asked twice for it."""
    each = -(-rows // processes)
    return [row % rows for row in range(place * each, (place + 1) * each)]


def _right(trainer: Any, rows: datasets.Dataset, samples: int) -> list[int]:
    repeated = [row for row in rows for _ in range(samples)]
    completions = trainer._generate([row["prompt"] for row in repeated])[3]
    columns = {name: [row[name] for row in repeated] for name in ("gold", "labels", "format", "opens_reasoning")}
    paid = StrictReward()(completions=completions, **columns)
    return [int(sum(paid[start : start + samples])) for start in range(0, len(paid), samples)]


@contextmanager
def _evaluating(trainer: Any, seed: Sequence[int]) -> Iterator[None]:
    """Dropout off, random numbers apart, and nothing of it in the training's log."""
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    trained = trainer.model.training
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        trainer.model.eval()
        try:
            yield
        finally:
            trainer.model.train(trained)
            trainer._metrics["eval"].clear()
