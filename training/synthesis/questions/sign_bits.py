"""Signs as bits of whole numbers, so that all that is stated of a patient is compared with a disease at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from training.synthesis.questions.sign_table import SignTable
from training.synthesis.questions.tellable import Tellable


class SignBits:
    """The signs that can be stated of a patient, a bit each, and what is known of them for each disease."""

    def __init__(self, table: SignTable, tellable: Tellable) -> None:
        self._table, self._tellable = table, tellable
        self._lacked: dict[int, int] = {}
        self._spoken: dict[int, int] = {}
        self._had: dict[int, int] = {}

    def of(self, signs: Iterable[int]) -> int:
        """Return signs as one number."""
        places, found = self._places, 0
        for sign in signs:
            found |= 1 << places[sign]
        return found

    def had(self, disease: int) -> int:
        """Return the signs that a disease has (`SignTable.has`)."""
        found = self._had.get(disease)
        if found is None:
            found = self._had[disease] = self._known(self._table.profile(disease).have)
        return found

    def lacked(self, disease: int) -> int:
        """Return the signs that a row denies a disease (`SignTable.lacks`)."""
        found = self._lacked.get(disease)
        if found is None:
            profile = self._table.profile(disease)
            found = self._lacked[disease] = (
                self._kinds(profile.lack) & ~self._known(profile.known) & ~self._kinds(profile.both)
                if profile.lack
                else 0
            )
        return found

    def spoken(self, disease: int) -> int:
        """Return the signs on which a disease is not silent (`SignTable.is_silent`)."""
        found = self._spoken.get(disease)
        if found is None:
            profile = self._table.profile(disease)
            found = self._spoken[disease] = self._known(profile.known) | self._kinds(profile.touched)
        return found

    def _known(self, signs: frozenset[int]) -> int:
        places, found = self._places, 0
        for sign in signs:
            place = places.get(sign)
            if place is not None:
                found |= 1 << place
        return found

    def _kinds(self, signs: frozenset[int]) -> int:
        """Return some signs and all their kinds."""
        below, found = self._below, 0
        for sign in signs:
            found |= below.get(sign, 0)
        return found

    @cached_property
    def _places(self) -> dict[int, int]:
        return {sign: place for place, sign in enumerate(sorted(self._tellable.by_sign))}

    @cached_property
    def _below(self) -> dict[int, int]:
        """For each sign the stated ones that are it or a kind of it."""
        found: dict[int, int] = defaultdict(int)
        for sign, place in self._places.items():
            for each in self._table.upper(sign):
                found[each] |= 1 << place
        return dict(found)
