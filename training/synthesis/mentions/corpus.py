"""Counts how often texts name the nodes of a graph."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.util.jsonl import parse_json
from evalsuite.util.regular_file import files_in
from training.synthesis.graph.linking import Linker
from training.synthesis.graph.sources import Problems
from training.synthesis.wiki.compressed import ChunkReader, DumpCutShortError
from training.synthesis.wiki.xml_dump import XmlDump

SUFFIXES: Final = (".txt", ".md", ".wikitext", ".jsonl", ".xml")
_PACKED: Final = (".gz", ".bz2")
_LONGEST: Final = 16 << 20
"""Bytes of the longest line that is read."""


class Counted(NamedTuple):
    """Mentions by node; those of names that several nodes bear count for none of them."""

    counts: Counter[int]
    ambiguous: int
    texts: int
    sha256: str


def count_mentions(paths: Sequence[Path], linker: Linker, problems: Problems, field: str = "text") -> Counted:
    """Count the mentions in files of text, JSON lines (in a field of each row) and dumps, and in folders of such.

    A dump is counted as it stands, markup included. What can't be read is a problem with file and line.
    """
    counts: Counter[int] = Counter()
    ambiguous = texts = 0
    digest = hashlib.sha256()
    for path in _each_once(_files(paths)):
        for text in _texts(path, problems, field, digest):
            texts += 1
            for mention in linker.mentions(text):
                if len(mention.nodes) == 1:
                    counts[mention.nodes[0]] += 1
                else:
                    ambiguous += 1
    if not texts and not problems.counts:
        message = f"{', '.join(map(str, paths))}: no text in this corpus; name files that hold some"
        raise DataError(ErrorCode.DATA_NOT_FOUND, message)
    return Counted(counts, ambiguous, texts, digest.hexdigest())


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = [file for file in files_in(path) if _kind(file) in SUFFIXES]
            if not found:
                raise DataError(ErrorCode.DATA_NOT_FOUND, f"{path}: no {', '.join(SUFFIXES)} in this folder")
            yield from found
        else:
            yield path


def _each_once(files: Iterable[Path]) -> Iterator[Path]:
    """Yield the files; one that is there twice would count twice, and is a `UsageError`."""
    seen: set[Path] = set()
    for file in files:
        if (real := file.resolve()) in seen:
            message = f"{file}: is in the corpus twice; name it once, and no link to it"
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
        seen.add(real)
        yield file


def _kind(path: Path) -> str:
    return (path.with_suffix("") if path.suffix.lower() in _PACKED else path).suffix.lower()


def _texts(path: Path, problems: Problems, field: str, digest: Any) -> Iterator[str]:
    """Yield the texts of a file, whose checksum is added to that of the corpus."""
    if _kind(path) == ".xml":
        dump = XmlDump(path)
        yield from (page.text for page in dump.pages(problems) if not page.redirect)
        digest.update(dump.sha256.encode())
        return
    reader = ChunkReader(path)
    for number, line in _lines(reader, problems):
        try:
            text = line.decode()
            row = parse_json(text) if _kind(path) == ".jsonl" and text.strip() else text
        except ValueError as error:
            problems.add(path, number, f"can't be read ({str(error)[:100]})", ErrorCode.DATA_UNREADABLE)
            continue
        if isinstance(row, str):
            yield row
        elif isinstance(row, dict) and isinstance(row.get(field), str):
            yield row[field]
        else:
            problems.add(path, number, f"no text in {field!r}")
    digest.update(reader.sha256.encode())


def _lines(reader: ChunkReader, problems: Problems) -> Iterator[tuple[int, bytes]]:
    number, rest = 1, b""
    try:
        for chunk in reader.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield number, line
                number += 1
            if len(rest) > _LONGEST:
                problems.add(reader.path, number, f"a line of more than {_LONGEST:,} bytes", ErrorCode.DATA_TOO_LARGE)
                return
    except DumpCutShortError as error:
        problems.add(reader.path, number, str(error), ErrorCode.DATA_UNREADABLE)
    if rest:
        yield number, rest
