"""Decides over all documents which stay: the newest version of each, not deleted by its source, no duplicate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.word_hashes import Places
from evalsuite.util.atomic_write import atomic_folder
from training.corpora.duplicates.find import Duplicates, find_duplicates
from training.corpora.duplicates.recall import measured_recall
from training.corpora.duplicates.signatures import load_signatures
from training.corpora.job import Job
from training.corpora.steps import clean
from training.corpora.steps.dropped import EXAMPLES, DroppedWriter, excerpt
from training.corpora.steps.part import SIGNATURES, Keys, read_keys, read_rows
from training.corpora.steps.parts import PartInfo, all_parts
from training.corpora.steps.result import is_done, write_result

STEP: Final = "duplicates"
STAYS, EXACT, NEAR, REPLACED, DELETED = range(5)
"""What becomes of a document; `REPLACED`: by a newer version of itself."""
REASONS: Final = {EXACT: "exact", NEAR: "near", REPLACED: "older version", DELETED: "deleted by its source"}
_FATES: Final = "fates.npy"


def fates(job: Job) -> NDArray[np.uint8]:
    """Return what becomes of each document."""
    found: NDArray[np.uint8] = np.load(job.folder(STEP, 0) / _FATES)
    return found


def find(job: Job, task: int) -> None:
    """Write what becomes of each document, unless it is there."""
    folder = job.folder(STEP, task)
    if is_done(folder):
        return
    parts = all_parts(job)
    found = _superseded(job, parts)
    signatures = [load_signatures(part.folder / SIGNATURES) for part in parts]
    duplicates = find_duplicates(signatures, job.config.duplicates, alive=found.fates == STAYS)
    copies = duplicates.kind > 0
    found.fates[copies], found.stays[copies] = duplicates.kind[copies], duplicates.stays[copies]
    recall = measured_recall(signatures, job.config.duplicates)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as partial:
        with DroppedWriter(partial) as dropped:
            _Report(parts, found, duplicates).write(dropped)
        np.save(partial / _FATES, found.fates)
        facts: dict[str, Any] = {
            "documents": len(found.fates),
            "kept": int((found.fates == STAYS).sum()),
            "candidates": duplicates.candidates,
            "differ_in_numbers": duplicates.apart_count,
            "not_compared": duplicates.not_compared,
            "recall_at_threshold": {"pairs": recall.pairs, "found": recall.found},
        }
        write_result(partial, facts | dropped.result())


class _Found(NamedTuple):
    fates: NDArray[np.uint8]
    stays: Places
    """The document that stays in the place of each; itself where it stays or nothing does."""


def _superseded(job: Job, parts: Sequence[PartInfo]) -> _Found:
    """Return which documents a newer version replaces, and which their source has deleted.

    Of documents of one id that with the highest version stays, and of these the last one in the order of the files.
    """
    keys = _all_keys(parts)
    fates, stays = np.zeros(len(keys.ids), np.uint8), np.arange(len(keys.ids))
    order = np.lexsort((keys.orders, keys.versions, keys.ids))
    last = np.concatenate([keys.ids[order][1:] != keys.ids[order][:-1], [True]]) if len(order) else np.zeros(0, bool)
    newest = order[last][np.cumsum(np.concatenate([[False], last[:-1]])) if len(order) else np.zeros(0, np.int64)]
    fates[order[~last]], stays[order[~last]] = REPLACED, newest[~last]
    ids, orders = _deletions(job)
    for name in (keys.ids, keys.bases):
        place = np.minimum(np.searchsorted(ids, name), max(0, len(ids) - 1))
        gone = (ids[place] == name) & (orders[place] > keys.orders) if len(ids) else np.zeros(len(name), bool)
        fates[gone], stays[gone] = DELETED, np.flatnonzero(gone)
    return _Found(fates, stays)


def _all_keys(parts: Sequence[PartInfo]) -> Keys:
    each = [(part, read_keys(part.folder)) for part in parts]
    if not each:
        none = np.empty(0, np.uint64)
        return Keys(none, none, np.empty(0, np.int64), np.empty(0, np.int64))
    return Keys(
        np.concatenate([keys.ids for _, keys in each]),
        np.concatenate([keys.bases for _, keys in each]),
        np.concatenate([keys.versions for _, keys in each]),
        np.concatenate([_places(part.task, keys.orders) for part, keys in each]),
    )


def _places(task: int, orders: Places) -> Places:
    """Return the places of records among all files: a task's number in the upper bits."""
    return np.int64(task) << np.int64(40) | orders


def _deletions(job: Job) -> tuple[NDArray[np.uint64], Places]:
    """Return the ids that sources have deleted, in ascending order, and the last place at which each one is deleted."""
    ids, places = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for task in range(len(job.reads)):
        with np.load(job.folder(clean.STEP, task) / clean.DELETED) as arrays:
            ids.append(arrays["ids"])
            orders = arrays["orders"]
            places.append(np.where(orders == clean.FOR_GOOD, np.iinfo(np.int64).max, _places(task, orders)))
    all_ids, all_places = np.concatenate(ids), np.concatenate(places)
    order = np.lexsort((all_places, all_ids))
    all_ids, all_places = all_ids[order], all_places[order]
    last = np.concatenate([all_ids[1:] != all_ids[:-1], [True]]) if len(order) else np.zeros(0, bool)
    return all_ids[last], all_places[last]


class _Report:
    """Writes the documents that do not stay, part by part."""

    def __init__(self, parts: Sequence[PartInfo], found: _Found, duplicates: Duplicates) -> None:
        self._parts, self._found, self._duplicates = parts, found, duplicates
        self._names = self._named()
        self._texts: dict[int, str] = {}

    def _named(self) -> Any:
        """Return the id of every document."""
        import pyarrow as pa

        ids = [table["id"] for part in self._parts for table in read_rows(part.folder, ["id"])]
        return pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string())

    def write(self, dropped: DroppedWriter) -> None:
        """Write the rows, the counts and the examples."""
        fates = self._found.fates
        wanted = {0: list(self._duplicates.apart[:EXAMPLES])}
        for fate in REASONS:
            numbers = np.flatnonzero(fates == fate)[:EXAMPLES].tolist()
            wanted[fate] = [(int(self._found.stays[number]), number) for number in numbers]
        self._read_texts({number for pairs in wanted.values() for pair in pairs for number in pair})
        for part in self._parts:
            self._write_part(part, dropped)
        for better, worse in wanted[0]:
            example = {"id": self._name(better), "other": self._name(worse)}
            texts = {"text": excerpt(self._texts[better]), "other_text": excerpt(self._texts[worse])}
            dropped.add_example("duplicates: alike but for a number, not dropped", example | texts)

    def _write_part(self, part: PartInfo, dropped: DroppedWriter) -> None:
        fates = self._found.fates[part.rows]
        if not fates.any():
            return
        numbers = iter(range(part.first, part.first + part.documents))
        for table in read_rows(part.folder, ["id", "locator"]):
            for identifier, locator in zip(table["id"].to_pylist(), table["locator"].to_pylist(), strict=True):
                number = next(numbers)
                fate = int(self._found.fates[number])
                if fate != STAYS:
                    detail, text = self._detail(number, fate), self._texts.get(number, "")
                    dropped.add(part.source, identifier, locator, STEP, REASONS[fate], detail, text)

    def _detail(self, number: int, fate: int) -> str:
        if fate == DELETED:
            return ""
        other = self._name(int(self._found.stays[number]))
        return f"{other} stays, similarity {self._duplicates.similarity[number]:.3f}" if fate == NEAR else other

    def _name(self, number: int) -> str:
        return str(self._names[number].as_py())

    def _read_texts(self, numbers: set[int]) -> None:
        """Read the texts of examples."""
        for part in self._parts:
            inside = [number for number in numbers if part.first <= number < part.first + part.documents]
            if inside:
                texts = [text for table in read_rows(part.folder, ["text"]) for text in table["text"].to_pylist()]
                self._texts |= {number: texts[number - part.first] for number in inside}
