"""Notes for each file of PubMed which of its citations are valid once all files were played in order.

With that each file is read by a task of its own, and all together have what a reader of the whole folder would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from evalsuite.util.atomic_write import atomic_folder
from training.corpora.documents import Record
from training.corpora.job import PUBMED, Job
from training.corpora.readers.pubmed.dump import PubmedDump, read_file
from training.corpora.readers.pubmed.final_state import FileState
from training.corpora.readers.pubmed.scan import Scan
from training.corpora.steps.result import is_done, write_result

STEP: Final = "pubmed"


def tasks(job: Job) -> int:
    """Return 1 where a source is read by the reader of PubMed, else 0."""
    return int(any(source.reader == PUBMED for source in job.config.sources))


def note(job: Job, task: int) -> None:
    """Write the state of each file of each source of PubMed's, unless it is there."""
    folder = job.folder(STEP, task)
    if is_done(folder):
        return
    numbers = {path: number for number, read in enumerate(job.reads) for path in read.paths}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as partial:
        files = 0
        for source in job.config.sources:
            if source.reader == PUBMED:
                dump = PubmedDump(job.inputs / source.path)
                for file, (scanned, state) in zip(dump.files, dump.states, strict=True):
                    number = numbers[file.relative_to(job.inputs).as_posix()]
                    arrays = {"written": scanned.written, "deleted": scanned.deleted, **state._asdict()}
                    np.savez(partial / f"{number:05d}.npz", regular=np.array(scanned.regular), **arrays)
                    files += 1
        write_result(partial, {"files": files})


def records(job: Job, task: int) -> Iterator[Record]:
    """Yield the records of the one file that a task of the step `clean` reads."""
    path = job.reads[task].paths[0]
    with np.load(job.folder(STEP, 0) / f"{task:05d}.npz") as arrays:
        scanned = Scan(arrays["written"], arrays["deleted"], bool(arrays["regular"]))
        state = FileState(*(arrays[name] for name in FileState._fields))
    yield from read_file(job.inputs / path, path, scanned, state)
