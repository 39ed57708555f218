"""Matches a log's questions with a task's items by their text: the question and the options in their order.

A log of another harness shares no ids with evalsuite and may hold its questions in any order, behind few-shot examples
and with other line breaks. What it does share is the text of the prompts. An item matches a prompt if the prompt
contains its question and, after it, exactly its options in their order, with only labels between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.data.load import load
from evalsuite.errors import DataError, ErrorCode
from evalsuite.interop.importing.harness_log import HarnessLog, LoggedQuestion
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.option_labels import KeyReading, learn_key_reading
from evalsuite.tasks.registry import all_tasks, load_task

_FIRST_QUESTIONS: Final = 3
"""Number of questions by which a task is tried before all of them are matched."""
_LABEL: Final = re.compile(r"[(*\[]*([A-Z])[)*\].:、]")
_LONGEST_LABEL: Final = 12
"""Most characters of a label between two options, white space removed."""
_PREFIX: Final = 12
"""Characters of a question's beginning by which it is looked up in a prompt."""


@dataclass(frozen=True, slots=True)
class TaskMatch:
    """A log's questions as items of a task."""

    dataset: Dataset
    items: tuple[Item | None, ...]
    """One entry per question of the log; None: it is not an item of this task."""
    reading: KeyReading
    """How the log's targets name options."""

    @property
    def complete(self) -> bool:
        """Whether every question is an item of this task."""
        return None not in self.items

    @property
    def matched_characters(self) -> int:
        """Characters of the questions and options that were found in the log."""
        return sum(len(item.question) + sum(map(len, item.options)) for item in self.items if item)


def match_task(log: HarnessLog, task: str | None, data_dir: Path | None) -> TaskMatch | None:
    """Find the task that contains every question of a log; None: there is none.

    If `task` is named, a question that is not among its items is a `RunError`.
    """
    if task is not None:
        arguments = log.task_args if task == log.exported_task else {}
        match = match_questions(load(load_task(task).with_arguments(arguments), data_dir), log.questions)
        if not match.complete:
            raise log.error(ErrorCode.LOG_TASK_UNKNOWN, _unmatched(match, log.questions))
        return match
    matches = (match_questions(dataset, log.questions) for dataset in _candidates(log, data_dir))
    # Benchmarks overlap: medqa's items with five options contain those with four, and a task may be a part of another.
    # The best match explains most of the prompts' text; of equal ones, the smallest task.
    return max(
        (match for match in matches if match.complete),
        key=lambda match: (match.matched_characters, -len(match.dataset.items)),
        default=None,
    )


def match_questions(dataset: Dataset, questions: Sequence[LoggedQuestion]) -> TaskMatch:
    """Match each question with an item whose text its prompt contains.

    Items with the same text are assigned in turn, first to the question whose target is their gold label.
    """
    index = _ItemIndex(dataset.items)
    # All questions are located first: what is usual between question and options shows only in all of them together.
    occurrences = [index.find(question.prompt) for question in questions]
    usual_text = _usual_text_between([each for q, each in zip(questions, occurrences, strict=True) if q.sent])
    located = [
        (question, occurrence.items if occurrence and occurrence.allows(usual_text, question.sent) else ())
        for question, occurrence in zip(questions, occurrences, strict=True)
    ]
    # A target such as "1" is ambiguous; all targets together are not.
    reading = learn_key_reading((question.target, same_text[0]) for question, same_text in located if same_text)
    assigned: set[str] = set()
    items: list[Item | None] = []
    for question, same_text in located:
        # Two items with the same text are two questions of the log; each item is assigned to one of them.
        free = [item for item in same_text if item.id not in assigned]
        right = (item for item in free if reading.label_of(question.target, item) == item.gold)
        item = next(right, free[0] if free else None)
        items.append(item)
        assigned |= {item.id} if item else set()
    return TaskMatch(dataset, tuple(items), reading)


def _usual_text_between(occurrences: Sequence[_Occurrence | None]) -> str:
    """Return the text that most prompts have between question and options, such as "Choose one:".

    Text that only one prompt has there belongs to its question, which then is not the item's question.
    """
    texts = Counter(text for each in occurrences if each and not each.may_omit_options for text in each.text_between)
    return texts.most_common(1)[0][0] if texts else ""


def items_with_other_gold(match: TaskMatch, log: HarnessLog) -> list[Item]:
    """Return the items whose gold label in the log differs from the task's."""
    pairs = zip(log.questions, match.items, strict=True)
    return [item for q, item in pairs if item and match.reading.label_of(q.target, item) not in (None, item.gold)]


def question_numbers(match: TaskMatch) -> Mapping[str, int]:
    """Return {item id: index of its question in the log}."""
    return {item.id: number for number, item in enumerate(match.items) if item}


def _candidates(log: HarnessLog, data_dir: Path | None) -> Iterator[Dataset]:
    """Yield the tasks whose data is present and that contain the log's first few questions."""
    for task in all_tasks():
        if task.generated is not None:  # to draw its items takes a while; a log of a task of ours names it
            continue
        try:
            dataset = load(task, data_dir)
        except DataError:  # most users have the data of a few tasks only
            continue
        # Matching all questions with every task would be slow; the first few exclude nearly all tasks.
        first = log.questions[:_FIRST_QUESTIONS]
        if len(dataset.items) >= len(log.questions) and match_questions(dataset, first).complete:
            yield dataset


def _unmatched(match: TaskMatch, questions: Sequence[LoggedQuestion]) -> str:
    prompts = [q.prompt for q, item in zip(questions, match.items, strict=True) if item is None]
    ending = " ".join(prompts[0].split())[-80:]
    return (
        f"{len(prompts)} of {len(questions)} questions are not items of {match.dataset.task.name}, "
        f"or show its options in another order; the first ends in {ending!r}"
    )


class _Occurrence(NamedTuple):
    """Where a prompt contains items, all with the same text."""

    items: tuple[Item, ...]
    text_between: frozenset[str]
    """Possible texts between question and options: an option `A` also occurs in the label in front of it."""

    @property
    def may_omit_options(self) -> bool:
        """Whether the prompt needs no list of options, because they are their own labels (yes, no, maybe)."""
        return self.items[0].options == self.items[0].labels

    def allows(self, text: str, sent: bool) -> bool:
        """Whether `text` may be what is between question and options; in a prompt that was not sent, nothing is."""
        return self.may_omit_options or (text if sent else "") in self.text_between


class _ItemIndex:
    """A task's items by the beginning of their questions, compared without white space.

    White space is ignored because each harness breaks lines in its own way.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._by_prefix: dict[str, list[_ItemText]] = {}
        for item in items:
            text = _ItemText(item, _without_space(item.question), tuple(map(_without_space, item.options)))
            self._by_prefix.setdefault(text.question[:_PREFIX], []).append(text)
        # Questions shorter than the prefix are indexed by all of their text; longer keys are tried first.
        self._prefix_lengths = sorted({len(prefix) for prefix in self._by_prefix} - {0}, reverse=True)

    def find(self, prompt: str) -> _Occurrence | None:
        """Find the items whose question and options the prompt contains.

        The search runs from the end, because few-shot examples come before the question that is to be answered. Of
        several items at one position those with the longest text win: a question may be the beginning of another one,
        and its options a part of the other's.
        """
        text = _without_space(prompt)
        for start in range(len(text) - 1, -1, -1):
            for length in self._prefix_lengths:
                candidates = self._by_prefix.get(text[start : start + length], ())
                matches = [(item, between) for item in candidates if (between := item.text_between(text, start))]
                if matches:
                    longest = max(item.length for item, _ in matches)
                    best = [(item.item, between) for item, between in matches if item.length == longest]
                    return _Occurrence(tuple(item for item, _ in best), best[0][1])
        return None


class _ItemText(NamedTuple):
    """An item with its texts without white space."""

    item: Item
    question: str
    options: tuple[str, ...]

    @property
    def length(self) -> int:
        return len(self.question) + sum(map(len, self.options))

    def text_between(self, text: str, start: int) -> frozenset[str]:
        """Return the possible texts between question and options if the item is at `start`; empty: it is not.

        The options must be the item's, in its order, and no more of them. Options that are their own labels may be
        missing, because prompts such as PubMedQA's do not list yes, no and maybe.
        """
        end = start + len(self.question)
        if not text.startswith(self.question, start):
            return frozenset()
        if self.item.options == self.item.labels:
            return frozenset(("",))
        # Every start of the first option is tried: its text may also occur in the label or in the words before it.
        return frozenset(text[end:first] for first in self._first_options(text, end) if self._has_options(text, first))

    def _first_options(self, text: str, end: int) -> Iterator[int]:
        """Yield every position behind the question where the first option's text occurs."""
        start = text.find(self.options[0], end)
        while start >= 0:
            yield start
            start = text.find(self.options[0], start + 1)

    def _has_options(self, text: str, start: int) -> bool:
        """Whether the options follow one another from `start`, with nothing longer than a label between them."""
        end = start
        for option in self.options:
            # The bound keeps an option from being found further on, for example in the next example of the prompt.
            start = text.find(option, end, end + _LONGEST_LABEL + len(option))
            if start < 0:
                return False
            end = start + len(option)
        # A label that would be the next one means a further option: then it is an item with more options.
        next_label = _LABEL.match(text, end)
        return next_label is None or ord(next_label[1]) != ord(self.item.labels[-1][0]) + 1


def _without_space(text: str) -> str:
    return "".join(text.split())
