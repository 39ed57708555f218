"""The settings by which duplicates are found, and the bands that follow from the threshold."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Final

from pydantic import Field

from evalsuite.util.validation import StrictModel

_RECALL: Final = 0.997
"""The least probability that a pair at the threshold is a candidate."""
_MARGIN: Final = 0.2
"""By how much the similarity at which half of the pairs are candidates lies below the threshold, at least."""
_MOST_FUNCTIONS: Final = 160


class DuplicateSettings(StrictModel):
    """What counts as a near duplicate."""

    words: Annotated[int, Field(ge=1, le=20)] = 5
    """Tokens of a shingle; a shorter text has exact duplicates only."""
    threshold: Annotated[float, Field(ge=0.5, le=0.95)] = 0.8
    """The Jaccard similarity of two texts' sets of shingles from which on they are near duplicates."""
    numbers_agree: bool = True
    """Whether two texts are no near duplicates if each has a number, unit or negation that the other lacks, or if one
    has more of them without being longer by at least four tokens for each."""

    @property
    def bands(self) -> tuple[int, int]:
        """The number of bands and the MinHash values of each."""
        return bands_for(self.threshold)


@cache
def bands_for(threshold: float) -> tuple[int, int]:
    """Return bands and rows: the most rows, so the fewest needless candidates, that few enough functions allow.

    A pair of similarity s is a candidate with the probability 1 - (1 - s^rows)^bands.
    """
    found = (_MOST_FUNCTIONS // 2, 2)
    for rows in range(2, 12):
        bands = next(
            (
                bands
                for bands in range(1, _MOST_FUNCTIONS // rows + 1)
                if candidate_probability(threshold, bands, rows) >= _RECALL
                and candidate_probability(threshold - _MARGIN, bands, rows) >= 0.5
            ),
            None,
        )
        if bands is None:
            return found
        found = bands, rows
    return found


def candidate_probability(similarity: float, bands: int, rows: int) -> float:
    """Return the probability that two texts of a similarity have the same values in one of the bands."""
    return 1.0 - (1.0 - similarity**rows) ** bands
