"""What of a stage's data is there: its manifest is read and its files are looked at, but not hashed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from evalsuite.errors import DataError
from training.data.manifest import DEV, TRAIN, File, Manifest, check_sizes
from training.recipe import Data, Pretrain, Stage

BYTES_A_TOKEN: Final = 4
"""Of English text under a vocabulary of 150,000, roughly: a manifest counts rows and bytes."""

State = Literal["not looked for", "made", "missing", "damaged", "short", "there"]


@dataclass(frozen=True, slots=True)
class DataNeed:
    """A stage's data folder, against what the recipe asks of it."""

    folder: str
    state: State
    said: str
    """What is missing, and how much; empty where nothing is."""
    rows: int | None = None
    """Rows of train.jsonl."""
    wanted_rows: int | None = None
    wanted_tokens: int | None = None
    dev: bool = False
    """Whether there are held-out rows of its own."""


def data_need(stage: Stage, data: Path | None, made: bool = False) -> DataNeed:
    """Look for a stage's data below a folder; that it is absent or damaged is said, not raised.

    `made`: a run makes it, so that without a folder there is nothing to look for.
    """
    rows, tokens = _wanted(stage)
    wanted = _said(rows, "rows") if rows else _said(tokens, "tokens") if tokens else "its rows"
    folder = stage.data.folder
    if data is None and made:
        return DataNeed(folder, "made", "by the run itself", None, rows, tokens)
    if data is None:
        return DataNeed(folder, "not looked for", f"{wanted} in {folder}/{TRAIN}", None, rows, tokens)
    if not (data / folder).is_dir():
        return DataNeed(folder, "missing", f"{wanted} in {data / folder / TRAIN}", None, rows, tokens)
    try:
        manifest = check_sizes(data / folder)
        train = _train(data / folder, manifest)
    except DataError as error:
        return DataNeed(folder, "damaged", str(error), None, rows, tokens)
    lack = _lack(train, rows, tokens)
    dev = any(known.path == DEV for known in manifest.files)
    return DataNeed(folder, "short" if lack else "there", lack, train.rows, rows, tokens, dev)


def _wanted(stage: Stage) -> tuple[int | None, int | None]:
    """Rows and tokens that a stage asks for: what it expects, else all that its sources have."""
    if isinstance(stage, Pretrain):
        return None, stage.tokens or _sum(stage.data, "tokens")
    if stage.expects is not None and stage.expects.rows:
        return stage.expects.rows, None
    return _sum(stage.data, "items"), None


def _sum(data: Data, what: Literal["tokens", "items"]) -> int | None:
    return sum(getattr(need, what) or 0 for need in data.needs) or None


def _train(folder: Path, manifest: Manifest) -> File:
    """The manifest's train.jsonl; none is a `DataError`."""
    train = next((known for known in manifest.files if known.path == TRAIN), None)
    if train is None:
        raise DataError(f"{folder}: its manifest has no {TRAIN}; make the data again")
    return train


def _lack(train: File, wanted_rows: int | None, wanted_tokens: int | None) -> str:
    if wanted_rows and train.rows < wanted_rows:
        return f"{train.rows:,} of {wanted_rows:,} rows"
    if wanted_tokens and train.bytes / BYTES_A_TOKEN < wanted_tokens:
        return f"about {train.bytes // BYTES_A_TOKEN:,} of {wanted_tokens:,} tokens, at {BYTES_A_TOKEN} bytes each"
    return ""


def _said(count: int | None, what: str) -> str:
    return f"{count:,} {what}"
