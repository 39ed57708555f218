"""The search for the questions of a fixed list in a text, as near duplicates or word for word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from evalsuite.data.duplicates import SHARED, SHARED_RARE, SHORTEST, STOCK, grams, words

SHORTEST_PHRASE: Final = 8
"""Words of the shortest question that is searched for word for word."""


class StemIndex:
    """One inverted index from word sequences to the questions (stems) that contain them.

    Each text is looked up by itself, so memory doesn't grow with the number of texts.
    """

    def __init__(self, questions: Sequence[str]) -> None:
        self._stems = [grams(question) for question in questions]
        postings: dict[int, list[int]] = defaultdict(list)
        for index, stem in enumerate(self._stems):
            for gram in stem:
                postings[gram].append(index)
        # A sequence that many questions share ("which of the following is the most") would propose all of them.
        self._stock = frozenset(gram for gram, indices in postings.items() if len(indices) > STOCK)
        self._postings = {gram: indices for gram, indices in postings.items() if gram not in self._stock}

    def near(self, text: frozenset[int]) -> Iterator[tuple[int, float]]:
        """Yield the index of each question that a text nearly contains, with the share of common word sequences.

        The text is given as its `grams`. The rule is that of `near_duplicates`, except that a text of less than half
        of a question's length doesn't contain it: many a short question is the last sentence of a longer one.
        """
        candidates = {index for gram in self._postings.keys() & text for index in self._postings[gram]}
        for index in sorted(candidates):
            stem = self._stems[index]
            shared = _share(stem, text)
            # Shared stock phrases alone must not make two questions near duplicates.
            rare = _share(stem - self._stock, text - self._stock)
            if 2 * len(text) >= len(stem) and shared >= SHARED and rare >= SHARED_RARE:
                yield index, shared


def _share(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / min(len(a), len(b))


class PhraseIndex:
    """One index of the questions that are too short for `StemIndex`, by their first words."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._by_head: dict[int, list[tuple[list[str], int]]] = defaultdict(list)
        self.too_short = 0
        """Questions that are too short even for this search."""
        for index, question in enumerate(map(words, questions)):
            if len(question) < SHORTEST_PHRASE:
                self.too_short += 1
            elif len(question) < SHORTEST:
                self._by_head[_head(question, 0)].append((question, index))

    def within(self, text: list[str]) -> Iterator[int]:
        """Yield the index of each question that occurs word for word in a text, given as its `words`."""
        if not self._by_head:  # saves hashing every position of a corpus
            return
        for start in range(len(text) - SHORTEST_PHRASE + 1):
            for question, index in self._by_head.get(_head(text, start), ()):
                if text[start : start + len(question)] == question:
                    yield index


def _head(text: list[str], start: int) -> int:
    return hash(tuple(text[start : start + SHORTEST_PHRASE]))
