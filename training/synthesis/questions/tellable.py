"""What a question can tell of a patient with a disease that it doesn't name."""

from __future__ import annotations

from typing import Final

from training.synthesis.graph.findings import Finding
from training.synthesis.graph.kinds import Polarity
from training.synthesis.questions.names import Names
from training.synthesis.questions.sign_table import OFTEN, SignTable

FEWEST: Final = 4
"""Signs that a patient has at least."""
TELLING: Final = 2
"""Signs that the disease often has, and of which nothing is known of a distractor, to refute it."""
_SELDOM: Final = 0.3
"""A sign that is known to be rarer than this in a disease is not stated of its patient."""
_GENERAL: Final = 0.15
"""A sign that a larger share of all diseases has is no finding, but a chapter: abnormal heart morphology."""


class Tellable:
    """Each disease's findings that a question can state of a patient: annotated, not rare, not vague, not its name."""

    def __init__(self, signs: SignTable, names: Names) -> None:
        self._signs, self._names = signs, names
        self._found: dict[int, list[Finding]] = {}
        self._most = _GENERAL * len(signs.diseases)

    def of(self, disease: int) -> list[Finding]:
        """Return a disease's findings that can be stated, those that its patients often have first."""
        if disease not in self._found:
            found = [each for each in self._signs.own(disease).values() if self._is_tellable(disease, each)]
            self._found[disease] = sorted(found, key=lambda finding: not finding.frequency.low >= OFTEN)
        return self._found[disease]

    def suffice(self, disease: int) -> bool:
        """Return whether a disease has enough telling signs to be presented."""
        found = self.of(disease)
        return len(found) >= FEWEST and found[TELLING - 1].frequency.low >= OFTEN

    def _is_tellable(self, disease: int, finding: Finding) -> bool:
        table, names = self._signs, self._names
        return (
            finding.polarity == Polarity.PRESENT
            and not finding.frequency.low < _SELDOM
            and table.spread(finding.sign) <= self._most
            and not table.is_vague(finding.sign)
            and not names.roots(disease).meet(names.roots(finding.sign))
        )
