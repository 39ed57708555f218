"""Which questions of a fixed list a text holds, nearly or word for word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from evalsuite.data.duplicates import SHARED, SHARED_RARE, SHORTEST, STOCK, grams, words

WORD_FOR_WORD: Final = 8
"""Words of the shortest question that is looked for in text."""


class StemIndex:
    """An index of questions; each text is looked up by itself, so that any number of them takes no memory."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._stems = [grams(question) for question in questions]
        holders: dict[int, list[int]] = defaultdict(list)
        for place, stem in enumerate(self._stems):
            for gram in stem:
                holders[gram].append(place)
        self._stock = frozenset(gram for gram, places in holders.items() if len(places) > STOCK)
        self._holders = {gram: places for gram, places in holders.items() if gram not in self._stock}

    def near(self, text: frozenset[int]) -> Iterator[tuple[int, float]]:
        """Yield the questions that a text, given as its `grams`, nearly holds, and the share of common sequences.

        The rule of `near_duplicates`, except that a text of less than half of a question's length doesn't hold it: many
        a short question is another one's last sentence.
        """
        proposed = {place for gram in self._holders.keys() & text for place in self._holders[gram]}
        for place in sorted(proposed):
            stem = self._stems[place]
            shared = _share(stem, text)
            rare = _share(stem - self._stock, text - self._stock)
            if 2 * len(text) >= len(stem) and shared >= SHARED and rare >= SHARED_RARE:
                yield place, shared


def _share(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / min(len(a), len(b))


class PhraseIndex:
    """An index of questions too short for `StemIndex`, found in text where they stand word for word."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._heads: dict[int, list[tuple[list[str], int]]] = defaultdict(list)
        self.left_out = 0
        """How many are too short even for this."""
        for place, own in enumerate(map(words, questions)):
            if len(own) < WORD_FOR_WORD:
                self.left_out += 1
            elif len(own) < SHORTEST:
                self._heads[_head(own, 0)].append((own, place))

    def within(self, text: list[str]) -> Iterator[int]:
        """Yield the questions that stand in a text, given as its `words`."""
        if not self._heads:
            return
        for start in range(len(text) - WORD_FOR_WORD + 1):
            for own, place in self._heads.get(_head(text, start), ()):
                if text[start : start + len(own)] == own:
                    yield place


def _head(text: list[str], start: int) -> int:
    return hash(tuple(text[start : start + WORD_FOR_WORD]))
