"""Mixes training data of several sources by stated shares, and reports what each of them gave."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.util.atomic_write import atomic_folder
from evalsuite.util.jsonl import dump_json_line
from training.data.manifest import TRAIN, Filter, Manifest, describe, write_manifest
from training.synthesis.questions.draw import Draw
from training.synthesis.refine.mixture_source import MixtureSource, open_source

LEFT_OUT: Final = "left_out.jsonl"
"""Rows that could not be drawn: source, line and reason."""
_SMALLEST: Final = 1e-9
_LARGEST: Final = 1e9
"""Of shares, so that no sum or quotient of them is infinite."""


def parse_source(text: str) -> tuple[str, float]:
    """Return a source and its share, written as `SOURCE=SHARE`; a path may hold an equals sign."""
    name, equals, value = text.rpartition("=")
    try:
        share = float(value) if equals else 1.0
    except ValueError:
        share = math.nan
    if not _SMALLEST <= share <= _LARGEST or not (name or not equals):
        message = f"{text!r}: write a source and its share, a number from {_SMALLEST:g} to {_LARGEST:g}: refined=0.7"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    return (name if equals else text), share


def mix(
    shares: Mapping[str, float],
    out: Path,
    count: int | None = None,
    seed: int = 1,
    allow_short: bool = False,
    data_dir: Path | None = None,
) -> Manifest:
    """Draw rows from sources in proportion to their shares, and write them to a new folder; return its manifest.

    A source is a data folder with a manifest, or a task's name. `count` rows are drawn, by default as many as the
    shares allow; a source that has too few is a `DataError`, unless `allow_short` takes what there is. A question that
    is there twice counts for the source that is named first; one with two answers is drawn from none. The same sources,
    shares and seed give the same rows.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(ErrorCode.OUTPUT_EXISTS, f"`out` {out}: is not empty; name a new folder")
    with tempfile.TemporaryDirectory() as scratch:
        sources = [open_source(name, share, Path(scratch), data_dir) for name, share in shares.items()]
        _check_sources(sources)
        for source in sources:
            source.index()
        _leave_out(sources)
        _ask(sources, _largest(sources) if count is None else count)
        if not allow_short:
            _refuse_short(sources)
        for source in sources:
            source.drawn = Draw(seed, source.name).sample(source.eligible, source.requested)
        return _write(sources, seed, out)


def _check_sources(sources: Sequence[MixtureSource]) -> None:
    names = Counter(source.name for source in sources)
    if twice := next((name for name, times in names.items() if times > 1), None):
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, f"two sources are named {twice}: rename the folder of one")
    kinds = {source.schema for source in sources}
    if len(kinds) > 1:
        which = ", ".join(f"{source.name} ({source.schema.__name__})" for source in sources)
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, f"these are rows of different stages: {which}; mix one kind")


def _leave_out(sources: Sequence[MixtureSource]) -> None:
    """Note the rows that another row repeats or contradicts."""
    first: dict[bytes, str] = {}
    answers: dict[bytes, set[bytes]] = {}
    for source in sources:
        for place, key in enumerate(source.keys):
            answers.setdefault(key.question, set()).add(key.answer)
            if key.content in first:
                source.left_out[place] = f"duplicate of {first[key.content]}"
            first.setdefault(key.content, source.name)
    for source in sources:
        for place, key in enumerate(source.keys):
            if len(answers[key.question]) > 1:
                source.left_out[place] = "contradicting gold"


def _largest(sources: Sequence[MixtureSource]) -> int:
    """Return the largest number of rows that the shares allow."""
    whole = math.fsum(source.share for source in sources)
    count = min(int(len(source.eligible) * whole / source.share) for source in sources)
    while count:
        _ask(sources, count)
        if all(source.requested <= len(source.eligible) for source in sources):
            return count
        count -= 1
    raise DataError(ErrorCode.DATA_NOT_FOUND, "a source has no row that can be drawn, so that no mixture has its share")


def _ask(sources: Sequence[MixtureSource], count: int) -> None:
    """Set how many rows each source is to give: its share of `count`, the remainders to the largest fractions."""
    whole = math.fsum(source.share for source in sources)
    exact = [count * source.share / whole for source in sources]
    for source, wanted in zip(sources, exact, strict=True):
        source.requested = int(wanted)
    order = sorted(range(len(sources)), key=lambda place: (sources[place].requested - exact[place], place))
    for place in order[: count - sum(source.requested for source in sources)]:
        sources[place].requested += 1


def _refuse_short(sources: Sequence[MixtureSource]) -> None:
    short = [source for source in sources if source.requested > len(source.eligible)]
    if short:
        lacking = "; ".join(f"{s.name} has {len(s.eligible):,} of {s.requested:,} rows" for s in short)
        message = f"`n`: {lacking}; take at most {_largest(sources):,}, or what there is with `allow_short`"
        raise DataError(ErrorCode.DATA_NOT_FOUND, message)


def _write(sources: Sequence[MixtureSource], seed: int, out: Path) -> Manifest:
    if out.is_dir():
        out.rmdir()  # empty, as was checked; the new folder takes its place whole
    with atomic_folder(out) as folder:
        with (folder / TRAIN).open("wb") as stream:
            stream.writelines(map(dump_json_line, _mixed(sources, seed)))
        with (folder / LEFT_OUT).open("wb") as stream:
            stream.writelines(map(dump_json_line, _left_out_rows(sources)))
        drawn, left_out = sum(len(s.drawn) for s in sources), sum(len(s.left_out) for s in sources)
        if not drawn:
            raise DataError(ErrorCode.DATA_NOT_FOUND, "no row can be drawn from these sources")
        rows = sum(len(source.keys) for source in sources)
        manifest = Manifest(
            name=out.resolve().name,
            about="A mixture. " + " ".join(f"{source.name}: {source.about}" for source in sources),
            licence="; ".join(f"{source.name}: {source.licence}" for source in sources),
            files=describe(folder, [(TRAIN, drawn), (LEFT_OUT, left_out)]),
            filters=[Filter(name="repeated or contradicting", kept=rows - left_out, dropped=left_out)],
            made_by={
                "program": "evalsuite train mix",
                "seed": seed,
                "sources": [_report(source) for source in sources],
            },
            sources={source.name: source.manifest for source in sources if source.manifest is not None},
        )
        write_manifest(folder, manifest)
    return manifest


def _mixed(sources: Sequence[MixtureSource], seed: int) -> Iterator[dict[str, Any]]:
    """Yield the drawn rows of all sources in one random order."""
    order = [number for number, source in enumerate(sources) for _ in source.drawn]
    Draw(seed, "order").shuffle(order)
    streams = [source.rows(source.drawn) for source in sources]
    for number in order:
        yield next(streams[number])


def _left_out_rows(sources: Sequence[MixtureSource]) -> Iterator[dict[str, Any]]:
    for source in sources:
        for place, reason in sorted(source.left_out.items()):
            yield {"source": source.name, "line": place + 1, "reason": reason}


def _report(source: MixtureSource) -> dict[str, Any]:
    """Return what a source should give, had and gave, and why rows of it were left out."""
    return {
        "name": source.name,
        "share": source.share,
        "requested": source.requested,
        "had": len(source.keys),
        "left_out": dict(sorted(Counter(source.left_out.values()).items())),
        "given": len(source.drawn),
        "not_drawn": len(source.eligible) - len(source.drawn),
        "tiers": dict(sorted(Counter(source.tiers[place] for place in source.drawn).items())),
        **({"data_digest": source.data_digest} if source.data_digest else {}),
    }
