"""Reads files of a source and keeps what passes: language, quality, and nothing that would lead to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.atomic_write import atomic_folder
from training.corpora.config import CorpusConfig
from training.corpora.documents import BAD_INPUT, Deleted, Document, Record, Refused
from training.corpora.filters.language import detect_language
from training.corpora.filters.personal import replace_personal
from training.corpora.filters.quality import first_broken
from training.corpora.job import PUBMED, Job
from training.corpora.readers import OWN_IDS, READERS
from training.corpora.steps import pubmed_state
from training.corpora.steps.dropped import DroppedWriter, excerpt
from training.corpora.steps.part import MOST_CHARACTERS, MOST_DOCUMENTS, id_hash, text_of, write_part
from training.corpora.steps.result import is_done, write_result

STEP: Final = "clean"
DELETED: Final = "deleted.npz"
FOR_GOOD: Final = (1 << 40) - 1
"""In the place of a deletion's place: behind every record of every task."""


def part_folder(folder: Path, number: int) -> Path:
    """Return the folder of one part of a task's result."""
    return folder / f"part-{number:04d}"


def clean(job: Job, task: int) -> None:
    """Write the result of one task's files, unless it is there: parts, dropped documents, deletions and counts."""
    folder = job.folder(STEP, task)
    if is_done(folder):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as partial, DroppedWriter(partial) as dropped:
        _Cleaner(job, task, partial, dropped).run()


class _Cleaner:
    """The work on one task's files."""

    def __init__(self, job: Job, task: int, folder: Path, dropped: DroppedWriter) -> None:
        self._job, self._folder, self._dropped = job, folder, dropped
        self._task, self._number = job.reads[task], task
        self._source = job.source(self._task.source)
        place = job.inputs / self._source.path
        self._top = place if place.is_dir() else place.parent
        self._namespace = f"{self._source.name}/" if self._source.reader in OWN_IDS else ""
        self._batch: list[tuple[int, Document]] = []
        self._size = 0
        self._parts: list[int] = []
        self._counts: Counter[str] = Counter()
        self._personal: Counter[str] = Counter()
        self._licences: Counter[str] = Counter()
        self._deleted: list[tuple[int, int]] = []

    def run(self) -> None:
        """Read the files to their end and write everything."""
        records = chain.from_iterable(map(self._records, self._task.paths))
        for order, record in enumerate(records):
            self._counts["records"] += 1
            if isinstance(record, Document):
                self._add(order, record)
            elif isinstance(record, Deleted):
                self._deleted.append((id_hash(record.id), FOR_GOOD if record.for_good else order))
            else:
                self._refuse(record)
        self._write_part()
        deleted = np.array(self._deleted, np.uint64).reshape(-1, 2)
        np.savez(self._folder / DELETED, ids=deleted[:, 0], orders=deleted[:, 1].astype(np.int64))
        write_result(self._folder, self._result())

    def _records(self, path: str) -> Iterator[Record]:
        try:
            if self._source.reader == PUBMED:
                yield from pubmed_state.records(self._job, self._number)
            else:
                yield from READERS[self._source.reader](self._job.inputs / path, self._top)
        except DataError as error:
            if not self._job.skip_bad:
                raise
            yield Refused(path, "unreadable", str(error))

    def _refuse(self, record: Refused) -> None:
        if record.reason in BAD_INPUT and not self._job.skip_bad:
            message = f"{record.locator}: {record.reason}: {record.detail}; restore the file, or give `skip_bad`"
            raise DataError(ErrorCode.DATA_MALFORMED, message)
        self._dropped.add(self._source.name, "", record.locator, "read", record.reason, record.detail, "")

    def _add(self, order: int, document: Document) -> None:
        text = text_of(document)
        refusal = _refusal(text, document.language, self._job.config)
        if refusal is not None:
            shown = excerpt(text)  # its example is as little to lead to a person as the texts that stay
            shown = replace_personal(shown).text if self._job.config.personal else shown
            self._dropped.add(self._source.name, document.id, document.locator, *refusal, shown)
            return
        if self._job.config.personal:
            text = self._without_personal(document, text)
        self._batch.append((order, replace(document, text=text)))
        self._size += len(text)
        self._licences[document.licence] += 1
        if len(self._batch) >= MOST_DOCUMENTS or self._size >= MOST_CHARACTERS:
            self._write_part()

    def _without_personal(self, document: Document, text: str) -> str:
        replaced = replace_personal(text)
        for kind in replaced.kinds:
            self._personal[kind] += 1
            # The example shows the placeholder in its place, and never what stood there.
            at = replaced.text.find(f"[{kind.upper()}]")
            example = {"id": document.id, "locator": document.locator, "text": replaced.text[max(0, at - 80) : at + 80]}
            self._dropped.add_example(f"personal: {kind}", example)
        return replaced.text

    def _write_part(self) -> None:
        if self._batch:
            number = len(self._parts)
            write_part(part_folder(self._folder, number), self._batch, self._job.config.duplicates, self._namespace)
            self._parts.append(len(self._batch))
            self._batch, self._size = [], 0

    def _result(self) -> dict[str, Any]:
        return {
            "source": self._source.name,
            "parts": self._parts,
            "records": self._counts["records"],
            "deleted": len(self._deleted),
            "personal": dict(sorted(self._personal.items())),
            "licences": dict(sorted(self._licences.items())),
            **self._dropped.result(),
        }


def _refusal(text: str, stated: str, config: CorpusConfig) -> tuple[str, str, str] | None:
    """Return the step, the reason and the detail by which a text is refused, or None."""
    if not text.strip():
        return "read", "empty", "no text"
    if config.language is not None:
        bounds = config.language
        language, share = detect_language(text)
        # A short text has too few function words to tell: what the source states counts.
        if len(text.split()) < bounds.fewest_words and stated != "und":
            language, share = stated.split("-")[0].lower(), 1.0
        if language not in bounds.keep:
            return "language", f"is {language}", f"{share:.3f}"
        if share < bounds.least_share:
            return "language", f"too few function words of {language}", f"{share:.3f} < {bounds.least_share}"
    broken = first_broken(text, config.quality)
    return None if broken is None else ("quality", broken.rule, f"{broken.value:.4g}, bound {broken.bound:g}")
