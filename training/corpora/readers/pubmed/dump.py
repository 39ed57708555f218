"""A folder of PubMed's files, played in order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from training.corpora.documents import Deleted, Record, Refused
from training.corpora.markup.elements import Element
from training.corpora.readers.pubmed.citation import SOURCE, read_citation
from training.corpora.readers.pubmed.files import pubmed_files
from training.corpora.readers.pubmed.final_state import FileState, final_state
from training.corpora.readers.pubmed.identity import deleted_pmids, is_deletion
from training.corpora.readers.pubmed.scan import NO_KEY, VERSIONS, Scan, key_of, scan
from training.corpora.readers.pubmed.xml_elements import MalformedError, elements, line_of


class PubmedDump:
    """The files of a folder, or one file, with the state that they end in.

    Every file is read twice: for the PMIDs, versions and deletions, which are kept, and for the texts, which aren't.
    """

    def __init__(self, path: Path, top: Path | None = None) -> None:
        self.files = pubmed_files(path)
        self._folder = top or (path if path.is_dir() else path.parent)
        scans = [scan(file) for file in self.files]
        self.states = list(zip(scans, final_state(scans), strict=True))
        """Of each file what it holds and what becomes of that."""

    def records(self, number: int) -> Iterator[Record]:
        """Yield the records of the file at a place of `files`: texts that are valid in the end, deletions, refusals."""
        file = self.files[number]
        return read_file(file, file.relative_to(self._folder).as_posix(), *self.states[number])


def read_pubmed(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the final state of a folder of baseline and update files, or of one file.

    Only the newest version of a PMID becomes a document, as the last file has it that holds it, and none that a later
    file deletes. Raises `DataError`.
    """
    dump = PubmedDump(path, top)
    return chain.from_iterable(dump.records(number) for number in range(len(dump.files)))


def read_file(path: Path, name: str, scanned: Scan, state: FileState) -> Iterator[Record]:
    """Yield the records of one file of a dump, given what becomes of its citations; `name`: how locators call it."""
    return _FileReader(path, name, scanned, state).records()


class _FileReader:
    def __init__(self, path: Path, name: str, scanned: Scan, state: FileState) -> None:
        self._path, self._name, self._scan = path, name, scanned
        self._keys: list[int] = scanned.written.tolist()
        self._valid: list[bool] = state.valid.tolist()
        self._doubled: list[bool] = state.doubled.tolist()
        self._gone: set[int] = set(scanned.deleted[state.deletes].tolist())
        self._read = 0

    def records(self) -> Iterator[Record]:
        try:
            for element in elements(self._path, self._scan.regular):
                locator = f"{self._name}:{line_of(element)}"
                if is_deletion(element):
                    yield from self._deleted(element, locator)
                else:
                    yield from self._citation(element, locator)
                    self._read += 1
        except MalformedError as error:
            unread = len(self._keys) - self._read
            behind = f"; {unread:,} citations behind it aren't read" if unread else ""
            yield Refused(f"{self._name}:{error.line}", error.reason, f"{error}{behind}")

    def _citation(self, element: Element, locator: str) -> Iterator[Record]:
        place = self._read
        key = self._keys[place] if place < len(self._keys) else NO_KEY
        if key == NO_KEY:
            yield Refused(locator, "missing_id", "a citation without a PMID")
        elif self._doubled[place]:
            pmid, version = divmod(key, VERSIONS)
            detail = f"PMID {pmid}, version {version} is in this file again; the last one counts"
            yield Refused(locator, "doubled_id", detail)
        elif self._valid[place]:
            yield from read_citation(element, divmod(key, VERSIONS), locator)

    def _deleted(self, element: Element, locator: str) -> Iterator[Record]:
        for identity in deleted_pmids(element):
            if key_of(*identity) in self._gone:
                yield Deleted(f"{SOURCE}:{identity[0]}", locator)
