"""How often a sign occurs in a disease: three notations in the files, one interval here.

- a class of the Human Phenotype Ontology, which is a range (`HP:0040282`, Frequent: 30% to 79%);
- a count of patients (`5/13`): its interval is Wilson's at 95%, so that 1/1 is one patient and not "always"
  (E. B. Wilson, JASA 22, 1927);
- a percentage (`76.3%`): a point without a sample size.

An empty field is unknown, which is neither 0% nor 100%. `0/13`, `0%` and `HP:0040285` state absence.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

_RANGES: Final = {
    "HP:0040280": (1.0, 1.0),
    "HP:0040281": (0.80, 0.99),
    "HP:0040282": (0.30, 0.79),
    "HP:0040283": (0.05, 0.29),
    "HP:0040284": (0.01, 0.04),
    "HP:0040285": (0.0, 0.0),
}
_COUNT: Final = re.compile(r"(\d{1,9})/(\d{1,9})\Z", re.ASCII)
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)%\Z", re.ASCII)
_Z: Final = 1.959963984540054


class Frequency(NamedTuple):
    """An interval of fractions, and the patients with the sign and in all where they were counted (else 0 of 0).

    Unknown: `low` and `high` are nan.
    """

    low: float
    high: float
    affected: int = 0
    patients: int = 0

    @property
    def known(self) -> bool:
        """Whether the file states any frequency."""
        return not math.isnan(self.low)

    @property
    def excluded(self) -> bool:
        """Whether this frequency states absence: none of the patients, 0%."""
        return self.affected == 0 if self.patients else self.high == 0


UNKNOWN: Final = Frequency(math.nan, math.nan)


def parse_frequency(text: str) -> Frequency:
    """Return a frequency field of `phenotype.hpoa`. Raises `ValueError` for anything but the notations above."""
    if not text:
        return UNKNOWN
    if text in _RANGES:
        return Frequency(*_RANGES[text])
    if count := _COUNT.match(text):
        affected, patients = int(count[1]), int(count[2])
        if not 0 < patients >= affected:
            raise ValueError(f"the frequency {text} is not a part of a number of patients")
        return counted(affected, patients)
    if percent := _PERCENT.match(text):
        share = float(percent[1]) / 100
        if share <= 1:
            return Frequency(share, share)
    raise ValueError(f"the frequency {text[:40]!r} is no frequency class, count or percentage")


def counted(affected: int, patients: int) -> Frequency:
    """Return the frequency of a sign seen in some of a number of patients, with Wilson's 95% interval."""
    share, extent = affected / patients, _Z * _Z / patients
    middle = (share + extent / 2) / (1 + extent)
    half = _Z * math.sqrt(share * (1 - share) / patients + extent / (4 * patients)) / (1 + extent)
    low = 0.0 if affected == 0 else middle - half
    high = 1.0 if affected == patients else middle + half
    return Frequency(low, high, affected, patients)
