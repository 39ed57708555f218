"""The filter that removes training rows whose question is one fact away from an item of the world's benchmarks.

All questions of the world are made from a few phrases, so the search of `evalsuite data overlap` rightly takes two of
them for different ones unless they are equal. But "Which effect is caused by the drug that treats X?" answers most of
"Which antidote reverses the effect that is caused by the drug that treats X?".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from training.data.manifest import Filter
from training.tinyworld.graph import RELATIONS
from training.tinyworld.paths import FactPath

NAME: Final = "near a question of the benchmark"
SHORTEST: Final = 12
"""Words of the shortest question that counts: what a shorter one has in common with others is one name."""
NAMED: Final = 10
"""A benchmark's questions about a name that more of them ask about don't count: they share it with too many."""


class Decontaminator:
    """One filter against the paths of several benchmarks."""

    def __init__(self, benchmarks: Iterable[Sequence[FactPath]]) -> None:
        paths = [path for benchmark in benchmarks for path in _distinct(benchmark)]
        self._questions = set(filter(_is_long, (path.question() for path in paths)))
        self._questions |= {question for path in paths if _is_long(path.question()) for question in _one_further(path)}
        before = (FactPath(path.facts[:-1]).question() for path in paths if len(path.facts) > 1)
        self._before = set(filter(_is_long, before))
        """Questions that a benchmark takes one fact further; a text that goes on after them has more than these."""
        self.passed = self.dropped = 0

    def filter_rows(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows that have none of these questions."""
        for row in rows:
            if self._matches(row["prompt"]):
                self.dropped += 1
            else:
                self.passed += 1
                yield row

    def _matches(self, prompt: Any) -> bool:
        """Return whether a prompt, a text or messages, has a question of a benchmark or one that is a fact away."""
        if isinstance(prompt, str):
            return any(line.removeprefix("Question: ") in self._questions for line in prompt.splitlines())
        question = prompt[0]["content"].partition("\n")[0]
        return question in self._questions or question in self._before

    @property
    def manifest_entry(self) -> Filter:
        """The filter's entry in the manifest."""
        return Filter(name=NAME, kept=self.passed, dropped=self.dropped)


def _distinct(benchmark: Sequence[FactPath]) -> Iterator[FactPath]:
    named = Counter(path.start for path in benchmark)
    return (path for path in benchmark if named[path.start] <= NAMED)


def _one_further(path: FactPath) -> Iterator[str]:
    """Yield the questions that ask for one fact more about a path's end."""
    last = path.facts[-1].relation
    subject = path.start
    for fact in path.facts:
        subject = fact.relation.noun_phrase.format(subject)
    return (relation.question.format(subject) for relation in RELATIONS if relation.subject == last.object)


def _is_long(question: str) -> bool:
    return len(question.split()) >= SHORTEST
