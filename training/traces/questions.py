"""The questions to which a teacher is to write traces, with the prompts that the student will get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.api.dataset import prompt_template
from evalsuite.data import canonical
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.run.stored_tasks import ITEMS
from evalsuite.tasks.item import Item
from evalsuite.tasks.prompt import Message, TaskPrompt
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import BUILT_IN, Task
from training.data.manifest import Manifest
from training.synthesis.refine.format_filter import RejectedRow, filter_rows
from training.synthesis.refine.question_rows import DEFAULT_NAME, QuestionRows, read_questions
from training.traces.upstream_files import upstream_rows

TIER: Final = "tier"


class TraceQuestion(NamedTuple):
    """One item and its prompt, as evaluation would send it to the student."""

    item: Item
    messages: tuple[Message, ...]

    @property
    def gold_text(self) -> str:
        """The text of the correct option."""
        return self.item.options[self.item.labels.index(self.item.gold)]

    @property
    def options(self) -> dict[str, str]:
        """The texts of the options by their labels."""
        return dict(zip(self.item.labels, self.item.options, strict=True))


@dataclass(frozen=True, slots=True)
class TraceQuestions:
    """What a source of questions holds."""

    source: str
    task: str
    about: str
    licence: str
    language: str
    format: str
    """The answer format that the prompts request."""
    digest: str
    """SHA-256 over the items."""
    prompt_digest: str
    """What identifies the prompts but for the items."""
    questions: tuple[TraceQuestion, ...]
    rejected: tuple[RejectedRow, ...]
    """Rows that are no questions to train on, each with its reasons."""
    manifest: Manifest | None = None
    test_items_of: Mapping[str, int] = field(default_factory=dict)
    """Benchmarks that published train items of a task as test items, with the number of these."""


def questions_from(
    source: str,
    format: str | None = None,
    licence: str | None = None,
    limit: int | None = None,
    data_dir: Path | None = None,
) -> TraceQuestions:
    """Read the questions of a task's train split, a folder of `evalsuite train synthesize` or `refine`, or a file.

    A file is in the native layout or in one of `upstream_files`.

    Rows that the format filter rejects, test items of benchmarks among them, are left out with their reasons. `format`:
    another answer format than the task's. `limit`: only the first so many questions.
    """
    rows, like = _read(source, licence, data_dir)
    filtered = filter_rows(rows.rows, train_of=rows.train_of)
    items = filtered.items[:limit]
    if not items:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{source}: the format filter leaves no question of it")
    task = _task(source, rows, like, items)
    prompt = TaskPrompt(task, format or task.format)
    return TraceQuestions(
        source=Path(source).name,
        task=task.name,
        about=rows.about,
        licence=rows.licence,
        language=task.language,
        format=prompt.format,
        digest=canonical.digest(items),
        prompt_digest=prompt.digest,
        questions=tuple(TraceQuestion(item, prompt.messages(item)) for item in items),
        rejected=tuple(filtered.rejected),
        manifest=rows.manifest,
        test_items_of=dict(filtered.other_benchmarks),
    )


def _read(source: str, licence: str | None, data_dir: Path | None) -> tuple[QuestionRows, str | None]:
    """Return the rows of a source, and the task whose prompt they have where that isn't their own."""
    path = Path(source)
    upstream = upstream_rows(path) if path.is_file() else None
    if upstream is None:
        return read_questions(source, licence, data_dir=data_dir), None
    if not licence:
        message = f"`licence`: say under which licence the rows of {path} are"
        raise UsageError(ErrorCode.MISSING_ARGUMENT, message)
    return QuestionRows(DEFAULT_NAME, licence, upstream.language, upstream.rows, upstream.about), upstream.like


def _task(source: str, rows: QuestionRows, like: str | None, items: list[Item]) -> Task:
    """Return the task whose prompt the questions have: their own, or the shared one where they come from a file."""
    if rows.manifest is not None:
        path = next(file.path for file in rows.manifest.files if file.path.endswith(f"/{ITEMS}"))
        folder = (Path(source) / path).parent
        return load_task(folder.name, folder)
    if like or rows.train_of:
        return load_task(like or rows.train_of)
    template = prompt_template(items)
    return Task(name=DEFAULT_NAME, version=1, language=rows.language, prompt_template=template, folder=BUILT_IN)
