"""Which of our tasks a log is about: its questions joined with our items by what they say, never by their place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.data.load import load
from evalsuite.errors import DataError
from evalsuite.interop.importing.log import HarnessLog, LoggedQuestion
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.registry import load_task, task_names

_FEW: Final = 3
_LABEL: Final = re.compile(r"[(*\[]*([A-Z])[)*\].:、]")
_BETWEEN: Final = 12
"""Most characters of a label between two options, white space apart."""
_ANCHOR: Final = 12
"""Characters of a question's beginning by which it is looked up in a prompt."""


@dataclass(frozen=True, slots=True)
class TaskMatch:
    """A log's questions as items of a task."""

    dataset: Dataset
    items: tuple[Item | None, ...]
    """For each question of the log; None: it is none of this task's."""

    @property
    def whole(self) -> bool:
        """Whether every question is an item of this task."""
        return None not in self.items

    @property
    def size(self) -> int:
        """Characters of questions and options that were found."""
        return sum(len(item.question) + sum(map(len, item.options)) for item in self.items if item)


def find(log: HarnessLog, task: str | None, data_dir: Path | None) -> TaskMatch | None:
    """Find the task that holds every question of a log, of several the smallest; None: there is none.

    With `task` named, a question that isn't among its items is a `RunError`.
    """
    if task is not None:
        match = join(load(load_task(task), data_dir), log.questions)
        if not match.whole:
            raise log.error(_lacking(match, log.questions))
        return match
    found = [each for dataset in _candidates(log, data_dir) if (each := join(dataset, log.questions)).whole]
    return max(found, key=lambda each: (each.size, -len(each.dataset.items)), default=None)


def join(dataset: Dataset, questions: Sequence[LoggedQuestion]) -> TaskMatch:
    """Join by the texts of question and options, these in our order; items that say the same are given out in turn.

    Between question and options every prompt must hold the same words: others would be a part of the question.
    """
    index = _Index(dataset.items)
    seen = [index.look_up(question.prompt) for question in questions]
    words = Counter(words for place in seen if place and not place.unlisted for words in place.between)
    usual = words.most_common(1)[0][0] if words else ""
    used: set[str] = set()
    found: list[Item | None] = []
    for question, place in zip(questions, seen, strict=True):
        same = place.items if place and place.may_hold(usual) else ()
        known = [item for item in same if item.id not in used]
        item = next((item for item in known if said_gold(question, item) == item.gold), known[0] if known else None)
        found.append(item)
        used |= {item.id} if item else set()
    return TaskMatch(dataset, tuple(found))


def said_gold(question: LoggedQuestion, item: Item) -> str | None:
    """The label that a log's target names: itself, by the option's text or by its number; None: it names none."""
    target = question.target.strip()
    if target in item.labels:
        return target
    if target in item.options:
        return item.labels[item.options.index(target)]
    if target.isascii() and target.isdigit() and int(target) < len(item.labels):
        return item.labels[int(target)]
    return None


def revised(match: TaskMatch, log: HarnessLog) -> list[Item]:
    """Items whose key in the log isn't ours."""
    pairs = zip(log.questions, match.items, strict=True)
    return [item for question, item in pairs if item and said_gold(question, item) not in (None, item.gold)]


def _candidates(log: HarnessLog, data_dir: Path | None) -> Iterator[Dataset]:
    """Tasks whose data are here and that hold the first few questions."""
    for name in task_names():
        try:
            dataset = load(load_task(name), data_dir)
        except DataError:
            continue
        if len(dataset.items) >= len(log.questions) and join(dataset, log.questions[:_FEW]).whole:
            yield dataset


def _lacking(match: TaskMatch, questions: Sequence[LoggedQuestion]) -> str:
    lacking = [q.prompt for q, item in zip(questions, match.items, strict=True) if item is None]
    shown = " ".join(lacking[0].split())[-80:]
    return (
        f"{len(lacking)} of {len(questions)} questions are no items of {match.dataset.task.name}, "
        f"or show its options in another order; the first ends in {shown!r}"
    )


class _Index:
    """Items by how their questions begin; white space apart, since each harness breaks lines in its own way."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items: dict[str, list[_Shown]] = {}
        for item in items:
            shown = _Shown(item, _squeezed(item.question), tuple(map(_squeezed, item.options)))
            self._items.setdefault(shown.question[:_ANCHOR], []).append(shown)
        self._lengths = sorted({len(key) for key in self._items} - {0}, reverse=True)

    def look_up(self, prompt: str) -> _Place | None:
        """Find the items whose question and options the prompt holds, at the last place where any does.

        Of several those that account for most of it: another's question may be its beginning, its options a part.
        """
        text = _squeezed(prompt)
        for place in range(len(text) - 1, -1, -1):
            for length in self._lengths:
                known = self._items.get(text[place : place + length], ())
                found = [(shown, between) for shown in known if (between := shown.at(text, place))]
                if found:
                    most = max(shown.size for shown, _ in found)
                    best = [(shown.item, between) for shown, between in found if shown.size == most]
                    return _Place(tuple(item for item, _ in best), best[0][1])
        return None


class _Place(NamedTuple):
    """Where a prompt holds items that say the same."""

    items: tuple[Item, ...]
    between: frozenset[str]
    """What may stand between question and options: an option `A` is found in the label before it, too."""

    @property
    def unlisted(self) -> bool:
        """Whether the options needn't be shown: they are their own labels."""
        return self.items[0].options == self.items[0].labels

    def may_hold(self, words: str) -> bool:
        """Whether these words may be what stands between."""
        return self.unlisted or words in self.between


class _Shown(NamedTuple):
    """An item's texts without white space."""

    item: Item
    question: str
    options: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.question) + sum(map(len, self.options))

    def at(self, text: str, place: int) -> frozenset[str]:
        """What may stand between question and options, if the question begins at `place`; empty: it doesn't.

        The options must be ours, in our order, and none more; those that are their own labels needn't be shown.
        """
        end = place + len(self.question)
        if not text.startswith(self.question, place):
            return frozenset()
        if self.item.options == self.item.labels:
            return frozenset(("",))
        return frozenset(text[end:start] for start in self._starts(text, end) if self._listed_at(text, start))

    def _starts(self, text: str, end: int) -> Iterator[int]:
        start = text.find(self.options[0], end)
        while start >= 0:
            yield start
            start = text.find(self.options[0], start + 1)

    def _listed_at(self, text: str, start: int) -> bool:
        """Whether the options stand one behind the other, with no more than labels between them."""
        end = start
        for option in self.options:
            start = text.find(option, end, end + _BETWEEN + len(option))
            if start < 0:
                return False
            end = start + len(option)
        more = _LABEL.match(text, end)
        return more is None or ord(more[1]) != ord(self.item.labels[-1][0]) + 1


def _squeezed(text: str) -> str:
    return "".join(text.split())


def keys(match: TaskMatch) -> Mapping[str, int]:
    """Item id to the place of its question in the log."""
    return {item.id: place for place, item in enumerate(match.items) if item}
