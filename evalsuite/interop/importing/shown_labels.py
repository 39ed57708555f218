"""The labels that a log's prompts gave to the options: letters, numbers or numerals, found by place in the prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from evalsuite.errors import ErrorCode
from evalsuite.interop.importing.harness_log import HarnessLog
from evalsuite.interop.importing.match_items import TaskMatch
from evalsuite.tasks.item import Item
from evalsuite.tasks.option_labels import labels_by_place

_MARKS: Final = "()[]<>{}*_`#.:;,/|=-–—、：，．）（•·\"'"
_MOST_MARKS: Final = 6
_WORDS: Final = ("option", "choice", "answer")
"""Words that may stand before a label: "Option A: ..."."""

Labels = tuple[str, ...]


def shown_labels(log: HarnessLog, match: TaskMatch) -> Labels | None:
    """Return the labels that every prompt gave to the options, by place; None: they are the items' own.

    Prompts without labels, or with several kinds of them, are a `RunError` that names the argument `labels`.
    """
    shown = [(q.prompt, item) for q, item in zip(log.questions, match.items, strict=True) if item and q.sent]
    longest = max((len(item.labels) for _, item in shown), default=0)
    ways: dict[str, Labels] = dict(labels_by_place(longest)) if longest else {}
    own = True
    for prompt, item in shown:
        text = "".join(prompt.split())
        own = own and (item.options == item.labels or _shows(text, item, item.labels))
        ways = {name: labels for name, labels in ways.items() if _shows(text, item, labels)}
        if not own and not ways:
            raise log.error(
                ErrorCode.LOG_NOT_IMPORTABLE,
                f"these are items of {match.dataset.task.name}, but their prompts don't all label the options in one "
                "known way: name the labels by `labels`, in the options' order",
            )
    return _chosen(own, ways, shown)


def _chosen(own: bool, ways: Mapping[str, Labels], shown: Sequence[tuple[str, Item]]) -> Labels | None:
    # Options that are their own labels are in every prompt as such, so a list with other labels in front decides.
    are_labels = bool(shown) and shown[0][1].options == shown[0][1].labels
    if not ways or (own and not are_labels):
        return None
    return next(iter(ways.values()))


def _shows(text: str, item: Item, labels: Sequence[str]) -> bool:
    """Whether a prompt without white space lists the item's options, each behind its label."""
    options = ["".join(option.split()) for option in item.options]
    return any(_continues(text, end, labels[1:], options[1:]) for end in _first_ends(text, labels[0], options[0]))


def _first_ends(text: str, label: str, option: str) -> Iterator[int]:
    """Yield the ends of every place where the first option stands behind its label."""
    start = text.find(option)
    while start >= 0:
        behind = start
        for _ in range(_MOST_MARKS):
            if text.endswith(label, 0, behind):
                yield start + len(option)
                break
            if behind == 0 or text[behind - 1] not in _MARKS:
                break
            behind -= 1
        start = text.find(option, start + 1)


def _continues(text: str, end: int, labels: Sequence[str], options: Sequence[str]) -> bool:
    """Whether the other options follow, with nothing but their labels and marks between them."""
    for label, option in zip(labels, options, strict=False):
        ends = (
            place + len(option)
            for start in _behind_marks(text, end)
            if text.startswith(label, start)
            for place in _behind_marks(text, start + len(label))
            if text.startswith(option, place)
        )
        end = next(ends, -1)
        if end < 0:
            return False
    return True


def _behind_marks(text: str, start: int) -> Iterator[int]:
    """Yield the places at `start` and behind each further mark; a word such as "Option" counts as one."""
    yield start
    for _ in range(_MOST_MARKS):
        word = next((word for word in _WORDS if text[start : start + len(word)].lower() == word), None)
        if word is None and text[start : start + 1] not in tuple(_MARKS):
            return
        start += len(word) if word else 1
        yield start
