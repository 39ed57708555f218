"""The rows that a stage trains on, as `datasets` has them: the manifest checked, every row of the kind it must be."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalsuite.errors import DataError, UsageError
from evalsuite.util.validation import first_problem
from training.data.manifest import verify
from training.recipe import Grpo, Pretrain, Sft, Tier

if TYPE_CHECKING:
    import datasets

Split = Literal["train", "dev"]
Kind = Literal["pretrain", "sft", "grpo", "tiered"]
Said = Annotated[str, Field(min_length=1)]


class _Row(BaseModel):
    """Typed strictly; what a stage has no use for is left out."""

    model_config = ConfigDict(strict=True)


class ChatTurn(_Row):
    """A turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class CorpusText(_Row):
    """A text to go on pretraining with."""

    text: Said


class PromptCompletion(_Row):
    """A text whose end alone is learnt."""

    prompt: Said
    completion: Said


class Trace(_Row):
    """An item, and a trace that reasons to its gold label."""

    prompt: Annotated[list[ChatTurn], Field(min_length=1)]
    completion: Annotated[list[ChatTurn], Field(min_length=1, max_length=1)]
    gold: Said
    labels: Annotated[list[Said], Field(min_length=1)]
    format: Said
    item: Said


class RewardPrompt(_Row):
    """An item as `evalsuite.reward.dataset` asks it, and how hard it is, where that is known."""

    prompt: Annotated[list[ChatTurn], Field(min_length=1)]
    gold: Said
    labels: Annotated[list[Said], Field(min_length=1)]
    format: Said
    opens_reasoning: bool
    item: Said
    task: Said
    tier: Tier | None = None


class TieredPrompt(RewardPrompt):
    """An item for a stage that takes some tiers alone."""

    tier: Tier


Row = CorpusText | PromptCompletion | Trace | RewardPrompt
Shape = type[CorpusText] | type[PromptCompletion] | type[Trace] | type[RewardPrompt]
_SHAPES: Final[dict[str, Shape]] = {"sft": Trace, "grpo": RewardPrompt, "tiered": TieredPrompt}


def kind_of(stage: Pretrain | Sft | Grpo) -> Kind:
    """The kind of rows that a stage reads: where it names tiers, each row has to name its own."""
    return "tiered" if isinstance(stage, Grpo) and stage.tiers is not None else stage.kind


def load(folder: Path, split: Split, kind: Kind, cache: Path | None = None) -> datasets.Dataset:
    """Load a split of a data folder, its files checked against the manifest; `cache` is where Arrow files go.

    A split that the manifest doesn't name, a row that isn't of its kind, and a number of rows that isn't the
    manifest's are each a `DataError`.
    """
    from datasets import Dataset
    from datasets.exceptions import DatasetGenerationError

    manifest = verify(folder)
    known = next((file for file in manifest.files if file.path == f"{split}.jsonl"), None)
    if known is None:
        raise DataError(f"{folder}: the manifest of {manifest.name} names no {split}.jsonl; make the data set again")
    file = folder / known.path
    shape = _shape(file, kind)
    given = {"file": str(file), "shape": shape, "digest": known.sha256}
    place = None if cache is None else str(cache)
    try:
        loaded = Dataset.from_generator(_rows, features=_features(shape), cache_dir=place, gen_kwargs=given)
    except DatasetGenerationError as error:
        raise (error.__cause__ if isinstance(error.__cause__, DataError) else error) from None
    if len(loaded) != known.rows:
        raise DataError(f"{file}: {len(loaded)} rows, but the manifest says {known.rows}; make the data set again")
    return loaded


def read(folder: Path, split: Split, kind: Kind) -> Iterator[Row]:
    """Read a split's rows one at a time, the manifest unread; a row that isn't of its kind is a `DataError`."""
    file = folder / f"{split}.jsonl"
    try:
        yield from _read(file, _shape(file, kind))
    except OSError as error:
        raise DataError(f"{file}: can't be read: {error.strerror or error}") from None


def has_dev(folder: Path) -> bool:
    """Whether a data folder has dev rows of its own."""
    return (folder / "dev.jsonl").is_file()


def splits(stage: Pretrain | Sft | Grpo, folder: Path) -> tuple[Split, ...]:
    """The splits of a data folder that a stage reads: its dev rows too where they choose what is kept."""
    chosen_by = isinstance(stage, Sft) and stage.patience is not None and has_dev(folder)
    return ("train", "dev") if chosen_by else ("train",)


def refuse_nothing_held_out(stage: Sft, folder: Path) -> None:
    """Raise a `UsageError` where a stage is to stop early and neither data nor recipe say by which rows."""
    if stage.patience is not None and stage.hold_out is None and "dev" not in splits(stage, folder):
        raise UsageError(
            f"stage {stage.name}: patience needs rows that are held out: give {folder / 'dev.jsonl'}, or hold_out"
        )


def refuse_absent_tiers(stage: Grpo, found: Collection[str | None], folder: Path) -> None:
    """Raise a `DataError` where a tier that a stage takes has no row."""
    for tier in stage.tiers or ():
        if tier not in found:
            known = ", ".join(sorted(set(map(str, found))))
            raise DataError(f"{folder}: no row of tier {tier}, which stage {stage.name} takes; it has {known}")


def hold_out(rows: datasets.Dataset, count: int, seed: int) -> tuple[datasets.Dataset, datasets.Dataset]:
    """Split off at least `count` rows, drawn by a seed: whole items, so that none is on both sides; train, held out."""
    items: dict[str, list[int]] = {}
    for index, item in enumerate(rows["item"]):
        items.setdefault(item, []).append(index)
    names = sorted(items)
    random.Random(seed).shuffle(names)
    held: set[int] = set()
    while names and len(held) < count:
        held.update(items[names.pop()])
    if not names:
        raise DataError(f"{count} rows can't be held out of {len(rows)}: nothing would be left to train on")
    return rows.select([index for index in range(len(rows)) if index not in held]), rows.select(sorted(held))


def _shape(file: Path, kind: Kind) -> Shape:
    """What the rows must be; those of pretraining are of the shape that the first one has."""
    if kind != "pretrain":
        return _SHAPES[kind]
    with file.open("rb") as stream:
        first = stream.readline()
    try:
        PromptCompletion.model_validate_json(first)
    except ValidationError:
        return CorpusText
    return PromptCompletion


def _rows(file: str, shape: Shape, digest: str) -> Iterator[dict[str, Any]]:
    """Yield a file's rows; `digest` makes the cached rows those of these bytes."""
    for row in _read(Path(file), shape):
        yield row.model_dump()


def _read(file: Path, shape: Shape) -> Iterator[Row]:
    number = 0
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                yield shape.model_validate_json(line)
            except ValidationError as error:
                raise DataError(f"{file}:{number}: {first_problem(error, 'row')}; mend the row") from None
    if not number:
        raise DataError(f"{file}: no rows")


def _features(shape: Shape) -> datasets.Features:
    from datasets import Features, Value

    text, messages = Value("string"), [{"role": Value("string"), "content": Value("string")}]
    special = {"labels": [text], "opens_reasoning": Value("bool")}
    if shape in (Trace, RewardPrompt, TieredPrompt):
        special |= {"prompt": messages, "completion": messages}
    return Features({name: special.get(name, text) for name in shape.model_fields})
