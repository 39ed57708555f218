"""The recall of the candidates at the threshold, measured on the corpus itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from training.corpora.duplicates.settings import DuplicateSettings
from training.corpora.duplicates.signatures import Ragged, Signatures, band_values

_SEED: Final = 20_261
SAMPLE: Final = 4_000
_FEWEST_SHINGLES: Final = 20
"""Of a shorter text no part has about the similarity of the threshold."""


class Recall(NamedTuple):
    """How many of the pairs at the threshold were candidates."""

    pairs: int
    found: int


def measured_recall(parts: Sequence[Signatures], settings: DuplicateSettings, sample: int = SAMPLE) -> Recall:
    """Return how many of a sample's texts and their counterparts share a band.

    A counterpart is the text's set of shingles with so many of them replaced by others that the Jaccard similarity is
    the smallest which is at least the threshold. Texts are spread evenly over the corpus; no random state is kept.
    """
    random = np.random.RandomState(_SEED)
    sets = list(_spread(parts, sample))
    others = []
    for values in sets:
        size = len(values)
        replaced = int(np.floor(size * (1 - settings.threshold) / (1 + settings.threshold) + 1e-9))
        changed = values.copy()
        changed[random.permutation(size)[:replaced]] = random.randint(0, 1 << 32, replaced, np.uint32)
        others.append(np.unique(changed))
    a, b = band_values(_ragged(sets), settings), band_values(_ragged(others), settings)
    return Recall(len(sets), int((a == b).any(axis=0).sum()))


def _spread(parts: Sequence[Signatures], sample: int) -> list[np.ndarray[tuple[int], np.dtype[np.uint32]]]:
    total = sum(len(part.tokens) for part in parts)
    wanted = np.unique(np.linspace(0, total - 1, min(sample, total)).astype(np.int64)) if total else np.empty(0, int)
    firsts = np.cumsum([0, *(len(part.tokens) for part in parts)])
    found = []
    for text in wanted.tolist():
        part = int(np.searchsorted(firsts, text, side="right")) - 1
        values = parts[part].shingles.of(text - int(firsts[part]))
        if len(values) >= _FEWEST_SHINGLES:
            found.append(np.asarray(values))
    return found


def _ragged(sets: Sequence[np.ndarray[tuple[int], np.dtype[np.uint32]]]) -> Ragged:
    bounds = np.cumsum([0, *map(len, sets)])
    return Ragged(np.concatenate([np.empty(0, np.uint32), *sets]), bounds)
