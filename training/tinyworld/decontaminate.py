"""The filter that removes training rows with nearly the same question as an item of the world's benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evalsuite.data.duplicates import grams
from training.data.manifest import Filter
from training.data.question_index import StemIndex

NAME = "near a question of the benchmark"


class Decontaminator:
    """One filter against several lists of questions, by the rule of preflight's check of benchmark overlap."""

    def __init__(self, lists: Iterable[Iterable[str]]) -> None:
        self._stems = [StemIndex(list(questions)) for questions in lists]
        self.passed = self.dropped = 0

    def filter_rows(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows that contain none of the questions."""
        for row in rows:
            text = grams(_searched_text(row))
            if any(True for stems in self._stems for _ in stems.near(text)):
                self.dropped += 1
            else:
                self.passed += 1
                yield row

    @property
    def manifest_entry(self) -> Filter:
        """The filter's entry in the manifest."""
        return Filter(name=NAME, kept=self.passed, dropped=self.dropped)


def _searched_text(row: Mapping[str, Any]) -> str:
    """Return the full text of a row, or for a row of messages the question, which is their first line."""
    if isinstance(row["prompt"], str):
        return str(row["prompt"]) + str(row["completion"])
    return str(row["prompt"][0]["content"]).partition("\n")[0]
