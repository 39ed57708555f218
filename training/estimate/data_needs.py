"""What is missing of a stage's data, by its manifest and its files' sizes; nothing is hashed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from evalsuite.errors import DataError, ErrorCode
from training.data.manifest import DEV, TRAIN, File, Manifest, check_sizes
from training.recipe import Pretrain, Sft, Stage
from training.recipe_sections import Data

BYTES_PER_TOKEN: Final = 4
"""Roughly, of English text with a vocabulary of 150,000: a manifest counts rows and bytes, not tokens."""

_TOLERANCE: Final = 0.001
"""The part of the tokens that may lack, as whole documents are drawn."""

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
        detail = f"{expected} in {data / folder / TRAIN}{_command(stage, data / folder)}"
        return DataNeed(folder, "missing", detail, None, rows, tokens)
    try:
        manifest = check_sizes(data / folder)
        files = _train_files(data / folder, manifest)
    except DataError as error:
        return DataNeed(folder, "damaged", str(error), None, rows, tokens)
    present = sum(file.rows for file in files)
    shortfall = _shortfall(files, manifest.tokens, rows, tokens)
    has_dev = manifest.find(DEV) is not None
    state: State = "incomplete" if shortfall else "complete"
    return DataNeed(folder, state, shortfall, present, rows, tokens, has_dev)


def _command(stage: Stage, folder: Path) -> str:
    """Return the command that makes data of a stage's kind, where there is one."""
    if not isinstance(stage, Sft):
        return ""
    return f"; to make them: evalsuite train traces TASK --teacher MODEL --out {shlex.quote(str(folder))}"


def _expected(stage: Stage) -> tuple[int | None, int | None]:
    """Return the rows and the tokens that a stage expects, or else the sum over its sources."""
    if isinstance(stage, Pretrain):
        return None, stage.tokens or _sum(stage.data, "tokens")
    if stage.expects is not None and stage.expects.rows:
        return stage.expects.rows, None
    return _sum(stage.data, "items"), None


def _sum(data: Data, field: Literal["tokens", "items"]) -> int | None:
    return sum(getattr(need, field) or 0 for need in data.needs) or None


def _train_files(folder: Path, manifest: Manifest) -> list[File]:
    files = manifest.split_files("train")
    if not files:
        message = f"{folder}: its manifest has no {TRAIN} and no shards; make the data again"
        raise DataError(ErrorCode.INVALID_MANIFEST, message)
    return files


def _shortfall(files: list[File], counted: int | None, expected_rows: int | None, expected_tokens: int | None) -> str:
    rows = sum(file.rows for file in files)
    if expected_rows and rows < expected_rows:
        return f"{rows:,} of {expected_rows:,} rows"
    tokens = sum(file.bytes for file in files) // BYTES_PER_TOKEN if counted is None else counted
    if expected_tokens and tokens < expected_tokens * (1 - _TOLERANCE):
        how = f"about {tokens:,} of {expected_tokens:,} tokens, at {BYTES_PER_TOKEN} bytes each"
        return how if counted is None else f"{tokens:,} of {expected_tokens:,} tokens"
    return ""


def _count(count: int | None, noun: str) -> str:
    return f"{count:,} {noun}"
