"""Which citation of which file is valid once all files have been played in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.corpora.readers.pubmed.scan import NO_KEY, VERSIONS, Keys, Scan

Mask = NDArray[np.bool_]


class FileState(NamedTuple):
    """What becomes of a file's citations, one value each, and of its deletions."""

    valid: Mask
    """The newest version of a PMID, as it was last written, unless a later file deletes it."""
    doubled: Mask
    """Written again further down in the same file, which a file of PubMed never does."""
    deletes: Mask
    """Deletions after which a PMID has no text."""


def final_state(scans: Sequence[Scan]) -> list[FileState]:
    """Play files in order. A version counts as its file last wrote it; of a PMID's versions the highest one counts.

    16 bytes of memory for each citation, and as much again while they are sorted.
    """
    keys = np.concatenate([part for scan in scans for part in (scan.written, scan.deleted)] or [np.empty(0, np.int64)])
    is_write = np.concatenate(
        [np.full(len(part), writes) for scan in scans for part, writes in ((scan.written, True), (scan.deleted, False))]
        or [np.empty(0, np.bool_)]
    )
    order = np.argsort(keys, kind="stable")
    last = order[_last_of_each(keys[order])]  # for each version what happened to it last, in the order of the keys
    written = last[is_write[last] & (keys[last] != NO_KEY)]
    newest = written[_last_of_each(keys[written] // VERSIONS)]
    valid = np.zeros(len(keys), np.bool_)
    valid[newest] = True
    gone = ~is_write
    gone[gone] = ~np.isin(keys[~is_write] // VERSIONS, keys[newest] // VERSIONS)
    return _by_file(scans, valid, gone)


def _last_of_each(values: Keys) -> Mask:
    """Return where a value of a sorted array is the last of its kind."""
    return np.append(values[1:] != values[:-1], True)[: len(values)]


def _by_file(scans: Sequence[Scan], valid: Mask, gone: Mask) -> list[FileState]:
    states, place = [], 0
    for scan in scans:
        middle, end = place + len(scan.written), place + len(scan.written) + len(scan.deleted)
        states.append(FileState(valid[place:middle], _doubled(scan.written), gone[middle:end]))
        place = end
    return states


def _doubled(written: Keys) -> Mask:
    doubled = np.zeros(len(written), np.bool_)
    order = np.argsort(written, kind="stable")
    doubled[order] = ~_last_of_each(written[order])
    doubled[written == NO_KEY] = False
    return doubled
