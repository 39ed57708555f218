"""An imported log of an evalsuite task: its responses are graded by evalsuite's parser in the format of its prompts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.interop.importing.harness_log import HarnessLog, prompt_digest
from evalsuite.interop.importing.match_items import TaskMatch, items_with_other_gold, question_numbers
from evalsuite.interop.importing.shown_labels import shown_labels
from evalsuite.models.backend import PromptSetup
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.tasks.answer_format import FORMATS, write
from evalsuite.tasks.prompt import TaskPrompt

_OTHER_WORDING: Final = {"answer_line": "answer: $letter"}
"""Other words by which well-known prompts request a format; this one is inspect-ai's multiple_choice."""
_LISTED_ITEMS: Final = 5
"""Number of items that a note lists by id."""


def requested_format(log: HarnessLog, format: str | None) -> str | None:
    """Return the answer format that a log's prompts requested; None: it cannot be determined.

    `format` is the user's choice. Without it, the format that an evalsuite export states, or the one that every prompt
    shows. A choice that contradicts the export is a `UsageError`.
    """
    setup = log.exported_setup
    exported = str(setup["format"]) if setup and "format" in setup else None
    if format is not None and format not in FORMATS:
        raise UsageError(ErrorCode.UNKNOWN_ANSWER_FORMAT, f"`format` {format} is unknown; known: {', '.join(FORMATS)}")
    if exported is not None and format not in (None, exported):
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            f"`format` {format}: {log.files[0]} states that its prompts requested {exported}",
        )
    return format or exported or _format_in_prompts(log)


def _format_in_prompts(log: HarnessLog) -> str | None:
    """Return the one format whose written form is in every prompt."""
    prompts = [question.prompt.lower() for question in log.questions if question.sent]
    formats = [format for format in FORMATS if all(_requests(prompt, format) for prompt in prompts)]
    return formats[0] if len(formats) == 1 else None


def requested_labels(log: HarnessLog, match: TaskMatch, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the labels that a log's prompts gave to the options, by place; None: those of the items.

    `labels` is the user's choice; too few of them, or others than an export states, are a `UsageError`. Without it they
    are what an evalsuite export states, or what the prompts show.
    """
    if log.exported_setup is not None:
        exported = _texts(log.exported_setup.get("labels"))
        if labels not in (None, exported):
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                f"`labels`: {log.files[0]} states itself how its prompts labelled options",
            )
        return exported
    if labels is None:
        return shown_labels(log, match)
    needed = max(len(item.labels) for item in match.items if item)
    if len(labels) < needed or len({label.casefold() for label in labels}) < len(labels):
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            f"`labels` {','.join(labels)}: {needed} different labels are needed, such as A,B,C",
        )
    return labels


def _requests(prompt: str, format: str) -> bool:
    form = re.escape(write(format, "X").lower().rstrip("."))
    # Not before a letter: `<answer>Xylitol</answer>` shows no format.
    return re.search(form + r"(?![a-z])", prompt) is not None or _OTHER_WORDING.get(format, "\0") in prompt


def prepared_task(log: HarnessLog, match: TaskMatch, format: str, labels: tuple[str, ...] | None) -> PreparedTask:
    """Make a log's task ready to be graded, with the prompt setup of the log."""
    exported = dict(log.exported_setup) if log.exported_setup else {}
    numbers = question_numbers(match)
    setup = PromptSetup(
        items=tuple(item for item in match.dataset.items if item.id in numbers),
        format=format,
        labels=labels,
        stop=_texts(exported.get("stop")) or (),
        prompt_digest=str(exported.get("prompt_digest") or prompt_digest(log.questions)),
        notes=tuple(_notes(log, match, format, labels)),
    )
    return PreparedTask(match.dataset, TaskPrompt(match.dataset.task, format), setup, limit=None)


def with_note(prepared: PreparedTask, note: str) -> PreparedTask:
    """Return the task with one more note."""
    setup = prepared.prompt_setup
    return replace(prepared, prompt_setup=replace(setup, notes=(*setup.notes, note)))


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else None


def _notes(log: HarnessLog, match: TaskMatch, format: str, labels: tuple[str, ...] | None) -> Iterator[str]:
    covered, total = len(match.items), len(match.dataset.items)
    yield f"imported from {log.tool}, task {log.task}; graded by evalsuite's parser in the format {format}"
    if labels:
        yield f"its prompts labelled the options {', '.join(labels)}: mapped to the items' own labels by place"
    if covered < total:
        yield f"covers {covered:,} of {total:,} items: comparable only with results on the same items"
    revised = [item.id for item in items_with_other_gold(match, log)]
    if revised:
        rest = f" and {len(revised) - _LISTED_ITEMS} more" if len(revised) > _LISTED_ITEMS else ""
        yield (
            f"the log's gold label of {', '.join(revised[:_LISTED_ITEMS])}{rest} differs from this data's: "
            "graded by this data's gold label"
        )
    yield from log.notes
    if log.exported_setup:
        yield from map(str, log.exported_setup.get("notes") or ())
