"""Items that a program hands over, as a task that can be evaluated without a folder and without a plug-in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from evalsuite.data.own_items import card_facts, own_items
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.tasks.answer_format import DEFAULT, FORMATS, LANGUAGE_TAG
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import task_names
from evalsuite.tasks.schema import BUILT_IN, Task
from evalsuite.util.arguments import TEXT, ArgumentType, check_arguments, optional

CONTEXT_TEMPLATE: Final = """\
{% for heading, text in item.context %}
{{ heading }}: {{ text }}

{% endfor %}
"""
"""Goes before the built-in prompt where items have a context."""

_TYPES: Final = {
    "items": ArgumentType(
        lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping),
        "a list of items, which are Item objects or mappings",
    ),
    "answer_format": TEXT,
    "name": TEXT,
    "prompt": optional(TEXT),
    "language": ArgumentType(
        lambda value: isinstance(value, str) and re.fullmatch(LANGUAGE_TAG, value) is not None,
        "a language's tag, such as en, de or zh",
    ),
}


class OwnDataset(Dataset):
    """Own items as a task: validated, with a digest, and with a prompt that shows every option.

    `items` are `Item` objects or mappings with the keys `question`, `options` (label to text, or a list of texts that
    get the letters from A on) and `answer` (a label), and optionally `id`, `context`, `group` and `meta`. `prompt` is a
    Jinja template instead of the built-in one; it sees `item.question`, `item.context`, `item.options` (label and text)
    and `item.meta`, and `answer_instruction`, and never the gold label.

    Items without a usable question, options or gold label, and two items with one id, are a `DataError`.
    """

    def __init__(
        self,
        items: Iterable[Item | Mapping[str, Any]],
        answer_format: str = DEFAULT,
        name: str = "custom",
        prompt: str | None = None,
        language: str = "en",
    ) -> None:
        check_arguments(_TYPES, locals())
        _check_name(name)
        if answer_format not in FORMATS:
            raise UsageError(
                ErrorCode.UNKNOWN_ANSWER_FORMAT,
                f"`answer_format` {answer_format!r} is unknown; known: {', '.join(FORMATS)}",
            )
        converted = own_items(items, name)
        facts = card_facts(converted)
        task = Task(
            name=name,
            version=1,
            title=name,
            about="Items that a program handed over.",
            language=language,
            format=answer_format,
            variant="own",
            prompt_template=prompt_template(converted) if prompt is None else prompt,
            folder=BUILT_IN,
            **facts,
        )
        super().__init__(task, converted, task.digest, task.variant, BUILT_IN)
        rendered = TaskPrompt(task, answer_format)
        for item in converted:  # a template that leaves out an option is refused here and not in the middle of a run
            rendered.messages(item)

    def __repr__(self) -> str:
        task = self.task
        return f"Dataset({task.name!r}, {len(self.items)} items, {task.format}, digest {self.digest[:12]})"


def prompt_template(items: Iterable[Item]) -> str:
    """Return the built-in prompt's template, with the context before the question where items have one."""
    shared = (BUILT_IN / "prompt.j2").read_text("utf-8")
    return CONTEXT_TEMPLATE + shared if any(item.context for item in items) else shared


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            f"`name` {name!r}: only a-z, 0-9 and _ (it is a file name and a key of summaries)",
        )
    if name in task_names():
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`name` {name!r} is a task of evalsuite; choose another one")
