"""Responses of the start model to some of a stage's prompts, sampled with the settings of its rollouts.

They come from evalsuite's backends. Each request has a seed, so the same recipe, start model and data give the same
responses.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from evalsuite.models import make_backend
from evalsuite.models.backend import BackendSettings, Decoding, Request, Response
from evalsuite.tasks.item import Item
from training import weights
from training.checks.checked_rows import CheckedRow
from training.recipe import Grpo, Recipe

MAX_ITEMS = 64
"""Largest number of items that are sampled."""


def draw_rows(rows: Sequence[CheckedRow], seed: int) -> list[CheckedRow]:
    """Return up to `MAX_ITEMS` random rows in their original order."""
    indices = random.Random(seed).sample(range(len(rows)), min(MAX_ITEMS, len(rows)))
    return [rows[index] for index in sorted(indices)]


def sample(recipe: Recipe, stage: Grpo, rows: Sequence[CheckedRow], start: str | Path, data: Path) -> list[Response]:
    """Return `rollout.generations` responses per row, in the order of the rows."""
    backend, settings = _settings(recipe, stage, start, data)
    requests = [_request(recipe.seed, row, k) for row in rows for k in range(stage.rollout.generations)]
    return asyncio.run(_respond(backend, settings, requests))


def _settings(recipe: Recipe, stage: Grpo, start: str | Path, data: Path) -> tuple[str, BackendSettings]:
    rollout, is_adapter = stage.rollout, weights.is_adapter(start)
    name = weights.base_weights_of(recipe, start, data) if is_adapter else str(start)
    backend = "hf" if rollout.engine == "transformers" else "vllm"
    decoding = Decoding(
        temperature=rollout.temperature, top_p=rollout.top_p, max_tokens=rollout.max_tokens, seed=recipe.seed
    )
    return backend, BackendSettings(
        model=name,
        decoding=decoding,
        revision=None if Path(name).is_dir() else recipe.base.revision,
        adapter=str(start) if is_adapter else None,
        model_args=backend_args(recipe, stage, backend),
    )


def backend_args(recipe: Recipe, stage: Grpo, backend: str) -> dict[str, str]:
    """Return the backend's arguments: those of the stage's evaluation where it uses the same backend, and defaults."""
    evaluation_args = stage.evaluation.args if stage.evaluation.backend == backend else {}
    return {
        "dtype": recipe.base.dtype,
        **({} if recipe.base.eos is None else {"eos": recipe.base.eos}),
        **evaluation_args,
    }


def _request(seed: int, row: CheckedRow, sample_index: int) -> Request:
    digest = hashlib.blake2b(f"{seed}\0{row.item}\0{sample_index}".encode(), digest_size=4).digest()
    item = Item(row.item, row.prompt_text, row.labels, row.labels, row.gold)
    return Request("preflight", item, sample_index, row.prompt, int.from_bytes(digest) >> 1)


async def _respond(prefix: str, settings: BackendSettings, requests: list[Request]) -> list[Response]:
    backend = make_backend(prefix, settings)
    await backend.open([])
    try:
        async with aclosing(backend.answer(iter(requests))) as responses:
            by_request = {id(response.request): response async for response in responses}
    finally:
        await backend.close()
    return [by_request[id(request)] for request in requests]
