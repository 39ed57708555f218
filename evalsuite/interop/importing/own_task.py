"""A log of one of our tasks: its responses are graded by our parser, in the format that its prompt asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from evalsuite.errors import UsageError
from evalsuite.interop.importing.log import HarnessLog, prompt_digest
from evalsuite.interop.importing.match import TaskMatch, keys, revised
from evalsuite.models.backend import PromptSetup
from evalsuite.run.prepared import PreparedTask
from evalsuite.tasks.answer_format import FORMATS, write
from evalsuite.tasks.prompt import TaskPrompt

_ALSO: Final = {"answer_line": "answer: $letter"}
"""Other words by which well-known prompts ask for a format."""
_NAMED: Final = 5


def format_of(log: HarnessLog, wanted: str | None) -> str | None:
    """The answer format that a log's prompts asked for: as named, as our export says, or as every prompt shows."""
    own = str(log.asked["format"]) if log.asked and "format" in log.asked else None
    if wanted is not None and wanted not in FORMATS:
        raise UsageError(f"--format {wanted}: unknown; there are {', '.join(FORMATS)}")
    if own is not None and wanted not in (None, own):
        raise UsageError(f"--format {wanted}: {log.files[0]} says itself that it asked for {own}")
    return wanted or own or _shown(log)


def _shown(log: HarnessLog) -> str | None:
    """The one format whose written form stands in every prompt."""
    prompts = [question.prompt.lower() for question in log.questions]
    found = [format for format in FORMATS if all(_asks_for(prompt, format) for prompt in prompts)]
    return found[0] if len(found) == 1 else None


def _asks_for(prompt: str, format: str) -> bool:
    form = re.escape(write(format, "X").lower().rstrip("."))
    return re.search(form + r"(?![a-z])", prompt) is not None or _ALSO.get(format, "\0") in prompt


def prepared_task(log: HarnessLog, match: TaskMatch, format: str) -> PreparedTask:
    """Make a log's task ready to be graded here."""
    said = dict(log.asked) if log.asked else {}
    places = keys(match)
    asked = PromptSetup(
        items=tuple(item for item in match.dataset.items if item.id in places),
        format=format,
        labels=_texts(said.get("labels")),
        stop=_texts(said.get("stop")) or (),
        prompt_digest=str(said.get("prompt_digest") or prompt_digest(log.questions)),
        notes=tuple(_notes(log, match, format)),
    )
    return PreparedTask(match.dataset, TaskPrompt(match.dataset.task, format), asked, limit=None)


def with_note(ready: PreparedTask, note: str) -> PreparedTask:
    """The same with one more note."""
    return replace(ready, prompt_setup=replace(ready.prompt_setup, notes=(*ready.prompt_setup.notes, note)))


def _texts(said: Any) -> tuple[str, ...] | None:
    return tuple(map(str, said)) if isinstance(said, list | tuple) else None


def _notes(log: HarnessLog, match: TaskMatch, format: str) -> Iterator[str]:
    covered, total = len(match.items), len(match.dataset.items)
    yield f"imported from {log.tool}, task {log.task}; graded here, as asked for {format}"
    if covered < total:
        yield f"covers {covered:,} of {total:,} items: comparable only with results on the same items"
    differ = [item.id for item in revised(match, log)]
    if differ:
        rest = f" and {len(differ) - _NAMED} more" if len(differ) > _NAMED else ""
        yield f"the log's key of {', '.join(differ[:_NAMED])}{rest} differs from this data's: graded by this data's key"
    yield from log.notes
    if log.asked:
        yield from map(str, log.asked.get("notes") or ())
