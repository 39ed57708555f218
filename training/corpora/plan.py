"""What a corpus needs before anything is fetched: files, bytes, tokens, hours and disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.text import visible
from training.corpora.config import CorpusConfig, Source
from training.corpora.job import source_files

BYTES_PER_TOKEN: Final = 4.5
"""Of English medical text with a vocabulary of 150,000: a word of 6 characters with its space is 4/3 tokens."""
WORK_DISK: Final = {"clean": 1.09, "split": 0.66}
"""Bytes that a step leaves in the work folder for each byte of text."""
STORED: Final = 0.39
"""Bytes of a shard for each byte of text."""
MEGABYTES_PER_SECOND: Final = {"clean": 2.0, "tokens": 1.6, "split": 92.0, "shards": 83.0}
"""MB of text a second and core, by step."""
TEXTS_PER_SECOND: Final = 20_000
"""Texts a second of the step that finds duplicates, on one core."""
MEASURED: Final = "rates and disk: benchmarks/corpus_speed.py and corpus_dedup.py; reading XML and HTML is on top"
_MIN_WIDTH: Final = 110
"""Characters: a table that wraps is better than one whose numbers are cut off."""


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What is known or expected of one source."""

    name: str
    present: bool
    """Whether its files are there; their number and bytes are then those on the disk."""
    files: int
    bytes: int
    documents: int | None
    """Expected; None where neither the configuration nor the files tell."""
    tokens: int | None
    wanted: int | None
    """The tokens that it is to give; None where the mixture states no number."""
    source: str
    """Where the figures are from."""

    @property
    def lacks(self) -> int:
        """Tokens by which it falls short of what it is to give."""
        return max(0, (self.wanted or 0) - self.tokens) if self.tokens is not None else 0


@dataclass(frozen=True, slots=True)
class CorpusPlan:
    """The plan of one corpus."""

    name: str
    sources: tuple[SourcePlan, ...]
    workers: int
    tokens: int
    """Tokens of the finished corpus."""
    hours: dict[str, float]
    """By step, on the workers of the configuration."""
    disk: dict[str, int]
    """Bytes of the inputs, of the work folder at its largest, and of the finished corpus."""
    shards: int

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {
            "schema": 1,
            "corpus": self.name,
            "sources": [asdict(source) | {"lacks": source.lacks} for source in self.sources],
            "workers": self.workers,
            "tokens": self.tokens,
            "shards": self.shards,
            "hours": self.hours,
            "disk": self.disk,
            "measured": MEASURED,
        }


def make_plan(config: CorpusConfig, inputs: Path) -> CorpusPlan:
    """Return what a corpus needs, by the files that are there and otherwise by what its configuration expects.

    Raises `DataError` for files that are there and can't be a source, such as those of two years of PubMed.
    """
    whole = sum(source.share for source in config.sources)
    total = config.mixture.tokens
    sources = tuple(
        _source_plan(source, inputs, None if total is None else round(total * source.share / whole))
        for source in config.sources
    )
    read = sum(source.tokens or 0 for source in sources)
    documents = sum(source.documents or 0 for source in sources)
    made = _made(config, sources)
    workers = config.executor.workers
    hours = {step: read * BYTES_PER_TOKEN / 1e6 / rate / workers / 3600 for step, rate in MEGABYTES_PER_SECOND.items()}
    for step in ("split", "shards"):
        hours[step] = made * BYTES_PER_TOKEN / 1e6 / MEGABYTES_PER_SECOND[step] / workers / 3600
    hours["duplicates"] = documents / TEXTS_PER_SECOND / 3600
    text, kept = read * BYTES_PER_TOKEN, made * BYTES_PER_TOKEN
    disk = {
        "inputs": sum(source.bytes for source in sources),
        "work": round(text * WORK_DISK["clean"] + kept * (WORK_DISK["split"] + STORED)),
        "corpus": round(kept * STORED),
    }
    return CorpusPlan(config.name, sources, workers, made, hours, disk, max(1, round(made / config.shard_tokens)))


def _made(config: CorpusConfig, sources: tuple[SourcePlan, ...]) -> int:
    """Return the tokens of the corpus: those that are wanted, or those that the sources and their shares allow."""
    if config.mixture.tokens is not None:
        return sum(min(source.wanted or 0, source.tokens or source.wanted or 0) for source in sources)
    whole = sum(source.share for source in config.sources)
    known = [(plan.tokens, source.share) for plan, source in zip(sources, config.sources, strict=True)]
    return int(min((tokens * whole / share for tokens, share in known if tokens is not None), default=0))


def _source_plan(source: Source, inputs: Path, wanted: int | None) -> SourcePlan:
    expected = source.expected
    documents, tokens = (None, None) if expected is None else (expected.documents, expected.tokens)
    try:
        files = source_files(source, inputs)
    except DataError as error:
        if error.code is not ErrorCode.DATA_NOT_FOUND:
            raise
        if expected is None:
            return SourcePlan(source.name, False, 0, 0, None, None, wanted, "nothing is known: state `expected`")
        return SourcePlan(
            source.name, False, expected.files, expected.bytes, documents, tokens, wanted, expected.source
        )
    size = sum(file.stat().st_size for file in files)
    origin = "files and bytes: on the disk; documents and tokens: " + ("not known" if not expected else expected.source)
    return SourcePlan(source.name, True, len(files), size, documents, tokens, wanted, origin)


def print_plan(plan: CorpusPlan) -> None:
    """Print a plan as a table and what doesn't fit."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.width = max(console.width, _MIN_WIDTH)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for index, column in enumerate(("source", "state", "files", "GB", "documents", "tokens", "to give")):
        table.add_column(column, justify="right" if index > 1 else "left", no_wrap=True)
    for each in plan.sources:
        state = "there" if each.present else "to fetch"
        numbers = (each.documents, each.tokens, each.wanted)
        counts = ("not known" if number is None else f"{number:,}" for number in numbers)
        table.add_row(visible(each.name), state, f"{each.files:,}", f"{each.bytes / 1e9:,.2f}", *counts)
    console.print(table, soft_wrap=False, crop=False)
    for each in plan.sources:
        if each.lacks:
            message = f"{each.name} lacks {each.lacks:,} of {each.wanted:,} tokens: add files, or lower its share"
            console.print(Text(visible(message), style="yellow"))
    hours = ", ".join(f"{step} {time:,.1f}" for step, time in plan.hours.items())
    console.print(Text(f"corpus: {plan.tokens:,} tokens in {plan.shards:,} shards"))
    console.print(Text(f"hours on {plan.workers:,} workers: {sum(plan.hours.values()):,.1f} ({hours})"))
    disk = ", ".join(f"{name} {size / 1e9:,.1f} GB" for name, size in plan.disk.items())
    console.print(Text(f"disk: {disk}"))
    for each in plan.sources:
        console.print(Text(visible(f"{each.name}: {each.source}"), style="dim"))
    console.print(Text(MEASURED, style="dim"))
