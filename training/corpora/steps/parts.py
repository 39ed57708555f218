"""All parts of a corpus, and its documents numbered through from 0."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evalsuite.data.overlap.word_hashes import Places
from training.corpora.job import RUN, Job
from training.corpora.steps.clean import STEP, part_folder
from training.corpora.steps.result import read_result


class PartInfo(NamedTuple):
    """One part of the documents of one task."""

    folder: Path
    task: int
    """The number of the task that read it."""
    source: str
    first: int
    """The number of its first document."""
    documents: int

    @property
    def rows(self) -> slice:
        """The numbers of its documents."""
        return slice(self.first, self.first + self.documents)


def all_parts(job: Job) -> list[PartInfo]:
    """Return the parts of all tasks, in their order; the step `clean` must have ended."""
    folders = tuple((job.folder(STEP, task), read.source) for task, read in enumerate(job.reads))
    # Every task of every later step needs them, and there are as many results to read as tasks.
    return list(_read_parts(folders, (job.work / RUN).stat().st_mtime_ns))


@lru_cache(maxsize=1)
def _read_parts(folders: tuple[tuple[Path, str], ...], begun: int) -> tuple[PartInfo, ...]:
    """Read the parts in folders of results; `begun`: when the run began, of which a folder can hold another one."""
    found: list[PartInfo] = []
    first = 0
    for task, (folder, source) in enumerate(folders):
        for number, count in enumerate(read_result(folder)["parts"]):
            found.append(PartInfo(part_folder(folder, number), task, source, first, count))
            first += count
    return tuple(found)


def sources_of(job: Job, parts: list[PartInfo]) -> Places:
    """Return the number of the source of each document."""
    numbers = {source.name: number for number, source in enumerate(job.config.sources)}
    each = np.array([numbers[part.source] for part in parts], np.int64)
    return np.repeat(each, [part.documents for part in parts])
