"""What is missing of a stage's data, by its manifest and its files' sizes; nothing is hashed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from evalsuite.errors import DataError, ErrorCode
from training.data.manifest import DEV, TRAIN, File, Manifest, check_sizes
from training.recipe import Pretrain, Stage
from training.recipe_sections import Data

BYTES_PER_TOKEN: Final = 4
"""Roughly, of English text with a vocabulary of 150,000: a manifest counts rows and bytes, not tokens."""

State = Literal["unchecked", "generated", "missing", "damaged", "incomplete", "complete"]


@dataclass(frozen=True, slots=True)
class DataNeed:
    """One stage's data folder compared with what the recipe expects of it."""

    folder: str
    state: State
    detail: str
    """What is missing and how much; empty where nothing is."""
    rows: int | None = None
    """Rows of train.jsonl."""
    expected_rows: int | None = None
    expected_tokens: int | None = None
    has_dev: bool = False
    """Whether the data have dev rows."""


def data_need(stage: Stage, data: Path | None, generated: bool = False) -> DataNeed:
    """Compare a stage's data below a folder with the recipe; absent or damaged data are reported, not raised.

    `generated`: the run generates the data, so without a folder there is nothing to compare yet.
    """
    rows, tokens = _expected(stage)
    expected = _count(rows, "rows") if rows else _count(tokens, "tokens") if tokens else "its rows"
    folder = stage.data.folder
    if data is None and generated:
        return DataNeed(folder, "generated", "by the run itself", None, rows, tokens)
    if data is None:
        return DataNeed(folder, "unchecked", f"{expected} in {folder}/{TRAIN}", None, rows, tokens)
    if not (data / folder).is_dir():
        return DataNeed(folder, "missing", f"{expected} in {data / folder / TRAIN}", None, rows, tokens)
    try:
        manifest = check_sizes(data / folder)
        train = _train_file(data / folder, manifest)
    except DataError as error:
        return DataNeed(folder, "damaged", str(error), None, rows, tokens)
    shortfall = _shortfall(train, rows, tokens)
    has_dev = manifest.find(DEV) is not None
    state: State = "incomplete" if shortfall else "complete"
    return DataNeed(folder, state, shortfall, train.rows, rows, tokens, has_dev)


def _expected(stage: Stage) -> tuple[int | None, int | None]:
    """Return the rows and the tokens that a stage expects, or else the sum over its sources."""
    if isinstance(stage, Pretrain):
        return None, stage.tokens or _sum(stage.data, "tokens")
    if stage.expects is not None and stage.expects.rows:
        return stage.expects.rows, None
    return _sum(stage.data, "items"), None


def _sum(data: Data, field: Literal["tokens", "items"]) -> int | None:
    return sum(getattr(need, field) or 0 for need in data.needs) or None


def _train_file(folder: Path, manifest: Manifest) -> File:
    train = manifest.find(TRAIN)
    if train is None:
        raise DataError(ErrorCode.INVALID_MANIFEST, f"{folder}: its manifest has no {TRAIN}; make the data again")
    return train


def _shortfall(train: File, expected_rows: int | None, expected_tokens: int | None) -> str:
    if expected_rows and train.rows < expected_rows:
        return f"{train.rows:,} of {expected_rows:,} rows"
    if expected_tokens and train.bytes / BYTES_PER_TOKEN < expected_tokens:
        tokens = train.bytes // BYTES_PER_TOKEN
        return f"about {tokens:,} of {expected_tokens:,} tokens, at {BYTES_PER_TOKEN} bytes each"
    return ""


def _count(count: int | None, noun: str) -> str:
    return f"{count:,} {noun}"
