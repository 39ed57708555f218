"""Training rows kept apart from the benchmark: none that asks nearly what an item of it asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evalsuite.data.duplicates import grams
from training.data.manifest import Filter
from training.data.question_index import StemIndex

NAME = "near a question of the benchmark"


class Decontaminator:
    """Lets rows through that hold no question of several lists, by the rule that preflight refuses them by."""

    def __init__(self, lists: Iterable[Iterable[str]]) -> None:
        self._stems = [StemIndex(list(questions)) for questions in lists]
        self.kept = self.dropped = 0

    def only(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows that hold none."""
        for row in rows:
            held = grams(_asked(row))
            if any(True for stems in self._stems for _ in stems.near(held)):
                self.dropped += 1
            else:
                self.kept += 1
                yield row

    @property
    def filter(self) -> Filter:
        """What the manifest says of it."""
        return Filter(name=NAME, kept=self.kept, dropped=self.dropped)


def _asked(row: Mapping[str, Any]) -> str:
    """A text as a whole; of messages the question, which stands in their first line."""
    if isinstance(row["prompt"], str):
        return str(row["prompt"]) + str(row["completion"])
    return str(row["prompt"][0]["content"]).partition("\n")[0]
