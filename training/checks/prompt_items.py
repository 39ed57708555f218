"""The item that a prompt asks, read back from the prompt's text.

A task's template is rendered with marks in place of an item's texts; what stands between the marks must stand in the
prompt, too. What was read so is only believed when rendering it again gives the prompt to the letter.
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
_CONTEXT = ("heading", "text")
_SECTIONS = 12
"""Most sections of context that are looked for."""


class PromptItemReader:
    """Reads items back from prompts that some tasks' templates made."""

    def __init__(self, tasks: Iterable[str]) -> None:
        self._tasks = tuple(tasks)

    def read(self, row: CheckedRow) -> list[Item]:
        """Return every item whose prompt the row's would be, most often one; none where no template could make it.

        A context can be cut into sections in several ways, each of which gives the same prompt.
        """
        for task in dict.fromkeys((row.task, *self._tasks)):
            prompt = _prompt(task, row.format)
            items = [] if prompt is None else list(_read(prompt, row))
            if items:
                return items
        return []


@lru_cache(maxsize=256)
def _prompt(task: str, format: str) -> TaskPrompt | None:
    try:
        return TaskPrompt(load_task(task), format)
    except EvalsuiteError:  # a row may name a task that nobody knows
        return None


def _read(prompt: TaskPrompt, row: CheckedRow) -> Iterator[Item]:
    for sections in range(_SECTIONS if "item.context" in prompt.task.template else 1):
        try:
            item = _filled(row, _pattern(prompt, row.labels, sections))
            if item is not None and prompt.messages(item)[-1]["content"] == row.prompt_text:
                yield item
        except EvalsuiteError:  # a template may refuse these labels
            return


@lru_cache(maxsize=1024)
def _pattern(prompt: TaskPrompt, labels: tuple[str, ...], sections: int) -> list[str]:
    """What the prompt of such an item is made of: texts, and between them the names of what varies."""
    marked = Item(
        id="?",
        question="\0question\0",
        options=tuple(f"\0option {label}\0" for label in labels),
        labels=labels,
        gold=labels[0],
        context=tuple((f"\0heading {i}\0", f"\0text {i}\0") for i in range(sections)),
    )
    return _MARK.split(prompt.messages(marked)[-1]["content"])


def _filled(row: CheckedRow, pattern: Sequence[str]) -> Item | None:
    """The item whose texts stand where the pattern has names: the context read forwards, the rest from the end."""
    texts, names = pattern[::2], pattern[1::2]
    ahead = sum(name.startswith(_CONTEXT) for name in names)
    if not all(texts[1:-1]) or not (row.prompt_text.startswith(texts[0]) and row.prompt_text.endswith(texts[-1])):
        return None
    rest = row.prompt_text[len(texts[0]) : len(row.prompt_text) - len(texts[-1])]
    found: dict[str, str] = {}
    for name, text in zip(names[:ahead], texts[1:-1], strict=False):
        found[name], _, rest = rest.partition(text)
    for name, text in zip(names[:ahead:-1], texts[-2:ahead:-1], strict=True):
        rest, _, found[name] = rest.rpartition(text)
    found[names[ahead]] = rest
    context = tuple((found.get(f"heading {i}", ""), found.get(f"text {i}", "")) for i in range(ahead // 2))
    options = tuple(found.get(f"option {label}", label) for label in row.labels)
    return Item(row.item, found.get("question", ""), options, row.labels, row.gold, context)
