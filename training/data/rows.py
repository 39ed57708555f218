"""The rows that a stage trains on: one schema per kind of stage, read from files that match their manifest."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalsuite.data.tables import parquet_rows
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.util.jsonl import MAX_LINE_BYTES, RepeatedKeyError, refuse_repeated_keys
from evalsuite.util.validation import first_problem
from training.data.manifest import DEV, Manifest, verify
from training.recipe import Grpo, Sft, Stage
from training.recipe_sections import Tier

if TYPE_CHECKING:
    import datasets

PARQUET: Final = ".parquet"
CACHE: Final = "cache"
"""The subfolder of a stage's folder for Arrow files: preflight writes the parsed rows, training maps them."""
Split = Literal["train", "dev"]
Kind = Literal["pretrain", "sft", "grpo", "tiered", "distill"]
NonEmpty = Annotated[str, Field(min_length=1)]


class _Row(BaseModel):
    """Strictly typed; unknown keys are dropped."""

    # Unlike a recipe a row may have keys that no stage uses, such as the metadata of the program that wrote it.

    model_config = ConfigDict(strict=True)


class ChatTurn(_Row):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class CorpusText(_Row):
    """One text for continued pretraining; the loss is on all of its tokens."""

    text: NonEmpty


class PromptCompletion(_Row):
    """One text for continued pretraining whose loss is on the completion alone."""

    prompt: NonEmpty
    completion: NonEmpty


class Trace(_Row):
    """One item with a reasoning trace that ends in its gold label."""

    prompt: Annotated[list[ChatTurn], Field(min_length=1)]
    completion: Annotated[list[ChatTurn], Field(min_length=1, max_length=1)]
    gold: NonEmpty
    labels: Annotated[list[NonEmpty], Field(min_length=1)]
    format: NonEmpty
    item: NonEmpty


class RewardPrompt(_Row):
    """One item as `evalsuite.reward.dataset` renders it, with its tier of difficulty where that is known."""

    prompt: Annotated[list[ChatTurn], Field(min_length=1)]
    gold: NonEmpty
    labels: Annotated[list[NonEmpty], Field(min_length=1)]
    format: NonEmpty
    opens_reasoning: bool
    item: NonEmpty
    task: NonEmpty
    tier: Tier | None = None


class TieredPrompt(RewardPrompt):
    """One item for a stage that selects tiers, so that each row has to name its tier."""

    tier: Tier


Row = CorpusText | PromptCompletion | Trace | RewardPrompt
Schema = type[CorpusText] | type[PromptCompletion] | type[Trace] | type[RewardPrompt]
_SCHEMAS: Final[dict[str, Schema]] = {
    "sft": Trace,
    "grpo": RewardPrompt,
    "tiered": TieredPrompt,
    "distill": RewardPrompt,
}


def kind_of(stage: Stage) -> Kind:
    """Return the kind of rows that a stage needs: `tiered` for a grpo stage that selects tiers."""
    return "tiered" if isinstance(stage, Grpo) and stage.tiers is not None else stage.kind


def load(
    folder: Path, split: Split, kind: Kind, cache: Path | None = None, manifest: Manifest | None = None
) -> datasets.Dataset:
    """Load a split of a data folder as a memory-mapped dataset with one column per field of its schema.

    `manifest` is the folder's manifest where its files have been verified already; otherwise they are verified here.
    `cache` is where Arrow files are written: files with the same digest are parsed once per cache.

    A split that the manifest doesn't name, a row of another kind, and a number of rows other than the manifest's are
    each a `DataError`.
    """
    from datasets import Dataset
    from datasets.exceptions import DatasetGenerationError

    manifest = manifest or verify(folder)
    entries = manifest.split_files(split)
    if not entries:
        raise DataError(
            ErrorCode.INVALID_MANIFEST,
            f"{folder}: the manifest of {manifest.name} names no {split}.jsonl and no shards; make the data again",
        )
    files = [folder / entry.path for entry in entries]
    schema = _schema(files[0], kind)
    # The digests are an argument of the generator so that they are part of the cache key.
    digests = [entry.sha256 for entry in entries]
    arguments = {"files": [str(file) for file in files], "schema": schema, "digests": digests}
    cache_dir = None if cache is None else str(cache)
    try:
        rows = Dataset.from_generator(_generate, features=_features(schema), cache_dir=cache_dir, gen_kwargs=arguments)
    except DatasetGenerationError as error:  # datasets wraps whatever the generator raises
        raise (error.__cause__ if isinstance(error.__cause__, DataError) else error) from None
    stated = sum(entry.rows for entry in entries)
    if len(rows) != stated:
        raise DataError(
            ErrorCode.INVALID_MANIFEST,
            f"{folder}: {len(rows)} rows of {split}, but the manifest states {stated}; make the data again",
        )
    return rows


def read(folder: Path, split: Split, kind: Kind) -> Iterator[Row]:
    """Read a split row by row without checking its manifest; a row of another kind is a `DataError`."""
    file = folder / f"{split}.jsonl"
    try:
        yield from (row for _, row in parse_rows(file, _schema(file, kind)))
    except OSError as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{file}: can't be read: {error.strerror or error}") from None


def has_dev(folder: Path) -> bool:
    """Return whether a data folder has dev rows."""
    return (folder / DEV).is_file()


def splits(stage: Stage, folder: Path) -> tuple[Split, ...]:
    """Return the splits of a data folder that a stage reads: dev rows only where they select the checkpoint."""
    selects = isinstance(stage, Sft) and stage.patience is not None and has_dev(folder)
    return ("train", "dev") if selects else ("train",)


def refuse_missing_dev(stage: Sft, folder: Path) -> None:
    """Raise a `UsageError` where a stage stops early and neither data nor recipe give the dev rows for that."""
    if stage.patience is not None and stage.hold_out is None and "dev" not in splits(stage, folder):
        raise UsageError(
            ErrorCode.INVALID_RECIPE,
            f"stage {stage.name}: patience needs dev rows to measure the loss on: add {folder / DEV}, or set hold_out",
        )


def refuse_missing_tiers(stage: Grpo, present: Collection[str | None], folder: Path) -> None:
    """Raise a `DataError` where no row has one of the tiers that a stage selects; `present`: the rows' tiers."""
    for tier in stage.tiers or ():
        if tier not in present:
            known = ", ".join(sorted(set(map(str, present))))
            raise DataError(
                ErrorCode.TRAINING_DATA_MALFORMED,
                f"{folder}: no row of tier {tier}, which stage {stage.name} selects; its rows are {known}",
            )


def split_off_dev(rows: datasets.Dataset, count: int, seed: int) -> tuple[datasets.Dataset, datasets.Dataset]:
    """Return train rows and at least `count` dev rows, drawn with a seed.

    Items are moved with all of their rows, so that none is on both sides. A `DataError` where no train row is left.
    """
    items: dict[str, list[int]] = {}
    for index, item in enumerate(rows["item"]):
        items.setdefault(item, []).append(index)
    # Sorted first, so that the draw does not depend on the order of the file.
    names = sorted(items)
    random.Random(seed).shuffle(names)
    dev: set[int] = set()
    while names and len(dev) < count:
        dev.update(items[names.pop()])
    if not names:
        raise DataError(
            ErrorCode.TRAINING_DATA_MALFORMED,
            f"{count} of {len(rows)} rows can't be held out, as none would be left to train on; lower hold_out",
        )
    return rows.select([index for index in range(len(rows)) if index not in dev]), rows.select(sorted(dev))


def _schema(file: Path, kind: Kind) -> Schema:
    """Return the schema of a file's rows; for pretraining the first row decides between the two."""
    if kind != "pretrain":
        return _SCHEMAS[kind]
    if file.suffix == PARQUET:
        return CorpusText
    with file.open("rb") as stream:
        first = stream.readline(MAX_LINE_BYTES)
    try:
        PromptCompletion.model_validate_json(first)
    except ValidationError:
        return CorpusText
    return PromptCompletion


def _generate(files: list[str], schema: Schema, digests: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of files for `datasets`; `digests` are unused but key the cache."""
    for file in map(Path, files):
        rows = _shard_rows(file, schema) if file.suffix == PARQUET else (row for _, row in parse_rows(file, schema))
        yield from (row.model_dump() for row in rows)


def _shard_rows(file: Path, schema: Schema) -> Iterator[Row]:
    """Yield the rows of a Parquet file; what is no row of the schema is a `DataError` that names the row."""
    try:
        for number, values in enumerate(parquet_rows(file, list(schema.model_fields)), 1):
            try:
                yield schema.model_validate(values)
            except ValidationError as error:
                message = f"{file}: row {number}: {first_problem(error, 'row')}; make the data again"
                raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, message) from None
    except ValueError as error:
        message = f"{file}: {error}; make the data again"
        raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, message) from None


def schema_of(file: Path) -> Schema:
    """Return the schema that a file's first row has; a `DataError` where it has none."""
    with file.open("rb") as stream:
        first = stream.readline(MAX_LINE_BYTES)
    if not first:
        raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, f"{file}: no rows; leave this source out")
    for schema in (Trace, RewardPrompt, PromptCompletion, CorpusText):
        try:
            schema.model_validate_json(first)
        except ValidationError:
            continue
        return schema
    raise DataError(
        ErrorCode.TRAINING_DATA_MALFORMED, f"{file}:1: not a row of any stage (pretrain, sft, grpo); correct the row"
    )


def parse_rows(file: Path, schema: Schema) -> Iterator[tuple[bytes, Row]]:
    """Yield a file's rows, each with its line; what is no row of the schema is a `DataError` that names the line."""
    number = 0
    with file.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES), b""), 1):
            if len(line) == MAX_LINE_BYTES:
                message = f"{file}:{number}: longer than {MAX_LINE_BYTES:,} bytes; correct the row"
                raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, message)
            try:
                refuse_repeated_keys(line)
                yield line, schema.model_validate_json(line)
            except (RepeatedKeyError, ValidationError) as error:
                problem = first_problem(error, "row") if isinstance(error, ValidationError) else error
                raise DataError(
                    ErrorCode.TRAINING_DATA_MALFORMED, f"{file}:{number}: {problem}; correct the row"
                ) from None
    if not number:
        raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, f"{file}: no rows")


def _features(schema: Schema) -> datasets.Features:
    from datasets import Features, Value

    text, messages = Value("string"), [{"role": Value("string"), "content": Value("string")}]
    special = {"labels": [text], "opens_reasoning": Value("bool")}
    if schema in (Trace, RewardPrompt, TieredPrompt):
        special |= {"prompt": messages, "completion": messages}
    return Features({name: special.get(name, text) for name in schema.model_fields})
