"""Search files of training data for benchmark items, and write what was found and the files without it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, nullcontext
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.data.overlap.benchmark_items import BenchmarkItem, Benchmarks
from evalsuite.data.overlap.documents import Document, SourceFile, documents, named_apart
from evalsuite.data.overlap.index import OverlapIndex
from evalsuite.data.overlap.match import RULES, Match, Rule
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.util.atomic_write import atomic_folder, write_atomically
from evalsuite.util.jsonl import dump_json_line

DEFAULT_RULES: Final[tuple[Rule, ...]] = ("exact", "near")
"""The rules that say that a document has an item; the others also hold for phrases that many vignettes share."""
MATCHES: Final = "matches.jsonl"
REPORT: Final = "overlap.json"
CLEAN: Final = "clean"
SCHEMA: Final = 2
_BATCH: Final = 1 << 20
"""Characters of the documents that are searched at once."""
_SHOWN: Final = 400
"""Characters of each text that a match shows."""


class Hit(NamedTuple):
    """One document that has an item of a benchmark."""

    file: str
    place: str
    item: BenchmarkItem
    part: str
    rules: tuple[Rule, ...]
    share: float
    has_answer: bool
    """Whether the document has the text of the gold option, too."""
    text: str
    question: str

    def to_json(self) -> dict[str, Any]:
        """Return the match as a line of matches.jsonl."""
        return {
            "file": self.file,
            "place": self.place,
            "benchmark": self.item.column,
            "item": self.item.id,
            "part": self.part,
            "rules": list(self.rules),
            "share": round(self.share, 4),
            "has_answer": self.has_answer,
            "text": self.text,
            "question": self.question,
        }


class Overlap:
    """Counts of what was found in all files."""

    def __init__(self, benchmarks: Benchmarks, rules: Sequence[Rule]) -> None:
        self.benchmarks, self.rules = benchmarks, tuple(rules)
        self.documents: Counter[str] = Counter()
        """Documents read, by file."""
        self.matched: Counter[str] = Counter()
        """Documents that have an item by the chosen rules, by file."""
        self._items: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def add(self, file: str, hits: Sequence[Hit]) -> bool:
        """Count one document, and return whether it has an item by the chosen rules."""
        self.documents[file] += 1
        chosen = False
        for hit in hits:
            counts = self._items[file, hit.item.column]
            for rule in hit.rules:
                counts[rule].add(hit.item.id)
            if set(hit.rules) & set(self.rules):
                chosen = True
                counts["items"].add(hit.item.id)
                if hit.has_answer:
                    counts["with_answer"].add(hit.item.id)
        self.matched[file] += chosen
        return chosen

    def items(self, column: str, file: str | None = None) -> set[str]:
        """Return the ids of a benchmark's items that one file, or any of them, has by the chosen rules."""
        files = self.documents if file is None else [file]
        return set().union(*(self._items[each, column]["items"] for each in files if (each, column) in self._items))

    def to_json(self) -> dict[str, Any]:
        """Return the content of overlap.json."""
        return {
            "schema": SCHEMA,
            "rules": list(self.rules),
            "benchmarks": self.benchmarks.items,
            "data_digests": self.benchmarks.data_digests,
            "unavailable": self.benchmarks.unavailable,
            "files": {file: {"documents": n, "matched": self.matched[file]} for file, n in self.documents.items()},
            "overlap": [
                {"file": file, "benchmark": column}
                | {key: len(counts[key]) for key in ("items", "with_answer", *RULES)}
                for (file, column), counts in self._items.items()
            ],
            "items": {column: sorted(found) for column in self.benchmarks.items if (found := self.items(column))},
        }


def search(
    files: Iterable[SourceFile],
    benchmarks: Benchmarks,
    rules: Sequence[Rule] = DEFAULT_RULES,
    out: Path | None = None,
    remove: bool = False,
    workers: int = 1,
) -> Overlap:
    """Search files for the items of benchmarks.

    `out`: a new folder for overlap.json and matches.jsonl. `remove`: write each file without the documents that have an
    item by the chosen rules to its subfolder `clean`; running text can't be cut into rows and is a `DataError`.
    """
    files = named_apart(files)
    if remove:
        _check_removable(files)
    if out is None:
        return _search_all(files, benchmarks, rules, None, remove, workers)
    if out.exists() and any(out.iterdir()):
        raise DataError(ErrorCode.OUTPUT_EXISTS, f"{out}: is not empty (`out`); name a new folder")
    if out.is_dir():
        out.rmdir()  # the new folder takes its place whole, so that a search that fails can be repeated
    with atomic_folder(out) as folder:
        return _search_all(files, benchmarks, rules, folder, remove, workers)


def _check_removable(files: Sequence[SourceFile]) -> None:
    """Raise an error for a file that can't be written without some of its documents."""
    if texts := [file.path for file in files if not file.rows]:
        message = f"{texts[0]}: `remove` takes whole rows, and running text has none; make it JSON lines or Parquet"
        raise DataError(ErrorCode.DATA_UNREADABLE, message)
    written: dict[str, SourceFile] = {}
    for file in files:
        if (other := written.setdefault(_clean_name(file), file)) is not file:
            message = f"{file.path}: `remove` would write it where it writes {other.path}; search one of them alone"
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)


def _search_all(
    files: Sequence[SourceFile],
    benchmarks: Benchmarks,
    rules: Sequence[Rule],
    out: Path | None,
    remove: bool,
    workers: int,
) -> Overlap:
    overlap = Overlap(benchmarks, rules)
    with ExitStack() as stack:
        matches = stack.enter_context((out / MATCHES).open("wb")) if out is not None else None
        searcher = stack.enter_context(_Searcher(benchmarks, workers))
        for file in files:
            overlap.documents[file.name] += 0  # one without any document is named, too
            with _CleanFile(out / CLEAN, file) if remove and out is not None else nullcontext() as clean:
                for document, hits in searcher.search(file):
                    chosen = overlap.add(file.name, hits)
                    if matches is not None:
                        matches.writelines(dump_json_line(hit.to_json()) for hit in hits)
                    if clean is not None and not chosen:
                        clean.write(document)
    if not overlap.documents.total():
        which = ", ".join(str(file.path) for file in files[:3])
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{which}: no document to search; name files that hold some")
    if out is not None:
        write_atomically(out / REPORT, json.dumps(overlap.to_json(), ensure_ascii=False, indent=1).encode())
    return overlap


def _clean_name(file: SourceFile) -> str:
    name = file.name.removesuffix(".gz")
    return name if file.kind in (".jsonl", ".ndjson") else f"{name}.jsonl"


class _CleanFile:
    """The rows of one file that stay: its own lines, or rows as JSON lines."""

    def __init__(self, folder: Path, file: SourceFile) -> None:
        self.path = folder / _clean_name(file)

    def __enter__(self) -> _CleanFile:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self.path.open("xb")
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def write(self, document: Document) -> None:
        """Write one row."""
        raw = document.content
        line = raw if isinstance(raw, bytes) else dump_json_line(raw)
        self._stream.write(line if line.endswith(b"\n") else line + b"\n")


class _Searcher:
    """Searches batches of documents here or in worker processes, in order."""

    def __init__(self, benchmarks: Benchmarks, workers: int) -> None:
        self._questions = benchmarks.questions
        self._workers = workers

    def __enter__(self) -> _Searcher:
        if self._workers > 1:
            # A fresh process holds no locks of threads that this one may have.
            self._pool: ProcessPoolExecutor | None = ProcessPoolExecutor(
                self._workers, get_context("spawn"), _start_worker, (self._questions,)
            )
        else:
            self._pool = None
            _start_worker(self._questions)
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def search(self, file: SourceFile) -> Iterator[tuple[Document, list[Hit]]]:
        """Yield each document of a file with its matches."""
        batches = _batches(documents(file))
        if self._pool is None:
            for batch in batches:
                yield from zip(batch, _search_batch(file.name, file.rows, _searched(batch)), strict=True)
            return
        # As many batches are on the way as keep the workers busy, or a large file would be in memory at once.
        while group := list(islice(batches, 2 * self._workers)):
            found = [self._pool.submit(_search_batch, file.name, file.rows, _searched(batch)) for batch in group]
            for batch, future in zip(group, found, strict=True):
                yield from zip(batch, future.result(), strict=True)


def _searched(batch: Sequence[Document]) -> list[tuple[str, tuple[str, ...]]]:
    return [(document.place, document.fields) for document in batch]


def _batches(source: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in source:
        batch.append(document)
        size += sum(map(len, document.fields))
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


_index: OverlapIndex | None = None
"""The index of this process: a worker builds it once, as it is too large to be sent with each batch."""


def _start_worker(questions: tuple[Any, ...]) -> None:
    global _index
    _index = OverlapIndex(questions)


def _search_batch(file: str, rows: bool, batch: Sequence[tuple[str, tuple[str, ...]]]) -> list[list[Hit]]:
    assert _index is not None
    found: list[list[Hit]] = [[] for _ in batch]
    for match in _index.search([fields for _, fields in batch], rows):
        place, fields = batch[match.document]
        found[match.document] += _hits(_index, file, place, fields, match)
    return found


def _hits(index: OverlapIndex, file: str, place: str, fields: tuple[str, ...], match: Match) -> Iterator[Hit]:
    question = index.questions[match.question]
    text = fields[match.field][slice(*match.span)][:_SHOWN]
    own = question.text[slice(*match.question_span)][:_SHOWN]
    for item in question.items:
        has_answer = index.has_text(fields, item.answer)
        yield Hit(file, place, item, question.part, match.rules, match.share, has_answer, text, own)
