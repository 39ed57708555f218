"""The item behind a prompt, recovered from the prompt's text and its task's template.

The template is rendered with marks in place of the item's texts. What it writes between the marks must occur in the
prompt as well, and so separates the texts there. A recovered item counts only if rendering it gives back the prompt to
the character, so a wrong split is never reported as an item.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from evalsuite.errors import EvalsuiteError
from evalsuite.tasks.item import Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task
from training.checks.checked_rows import CheckedRow

_MARK = re.compile("\0([^\0]+)\0")
_CONTEXT_FIELDS = ("heading", "text")
_MAX_SECTIONS = 12
"""Fewer sections of context than this are tried; no task has more."""


class PromptItemReader:
    """One reader of prompts that were rendered with the templates of given tasks."""

    def __init__(self, tasks: Iterable[str]) -> None:
        self._tasks = tuple(tasks)

    def read(self, row: CheckedRow) -> list[Item]:
        """Return every item whose prompt is the row's: usually one, none where no template could have rendered it.

        Where a context can be split into sections in several ways, each way gives the same prompt and another item.
        """
        for task in dict.fromkeys((row.task, *self._tasks)):
            prompt = _prompt(task, row.format)
            items = [] if prompt is None else list(_recover(prompt, row))
            if items:
                return items
        return []


@lru_cache(maxsize=256)
def _prompt(task: str, format: str) -> TaskPrompt | None:
    try:
        return TaskPrompt(load_task(task), format)
    except EvalsuiteError:  # a row may name a task that is not installed here
        return None


def _recover(prompt: TaskPrompt, row: CheckedRow) -> Iterator[Item]:
    # The number of context sections is not known, and each number renders another pattern: try all of them.
    for sections in range(_MAX_SECTIONS if "item.context" in prompt.task.template else 1):
        try:
            item = _match(row, _pattern(prompt, row.labels, sections))
            if item is not None and prompt.messages(item)[-1]["content"] == row.prompt_text:
                yield item
        except EvalsuiteError:  # a template may refuse these labels
            return


@lru_cache(maxsize=1024)
def _pattern(prompt: TaskPrompt, labels: tuple[str, ...], sections: int) -> list[str]:
    """Return the template's literal texts at even places and the names of the item's fields between them."""
    marked = Item(
        id="?",
        question="\0question\0",
        options=tuple(f"\0option {label}\0" for label in labels),
        labels=labels,
        gold=labels[0],
        context=tuple((f"\0heading {i}\0", f"\0text {i}\0") for i in range(sections)),
    )
    return _MARK.split(prompt.messages(marked)[-1]["content"])


def _match(row: CheckedRow, pattern: Sequence[str]) -> Item | None:
    """Return the item with the texts that the prompt has in place of the pattern's field names, or None."""
    literals, names = pattern[::2], pattern[1::2]
    pivot = sum(name.startswith(_CONTEXT_FIELDS) for name in names)
    # Two fields without a literal between them can't be separated.
    if not all(literals[1:-1]) or not _has_ends(row.prompt_text, literals[0], literals[-1]):
        return None
    rest = row.prompt_text[len(literals[0]) : len(row.prompt_text) - len(literals[-1])]
    fields: dict[str, str] = {}
    # The question, behind the context and before the options, is the longest free text and may contain any literal,
    # such as a line break or "A. ". So the context is split off from the front and the options from the back, each at
    # the nearest literal, and the question is what remains in the middle.
    for name, literal in zip(names[:pivot], literals[1:-1], strict=False):
        fields[name], _, rest = rest.partition(literal)
    for name, literal in zip(names[:pivot:-1], literals[-2:pivot:-1], strict=True):
        rest, _, fields[name] = rest.rpartition(literal)
    fields[names[pivot]] = rest
    context = tuple((fields.get(f"heading {i}", ""), fields.get(f"text {i}", "")) for i in range(pivot // 2))
    # A template that shows labels alone (yes, no, maybe) has no option texts: the labels are the options.
    options = tuple(fields.get(f"option {label}", label) for label in row.labels)
    return Item(row.item, fields.get("question", ""), options, row.labels, row.gold, context)


def _has_ends(text: str, prefix: str, suffix: str) -> bool:
    return text.startswith(prefix) and text.endswith(suffix)
