"""Responses whose whole text is in the reasoning: when there are many, the server's reasoning parser takes the answers.

vLLM with `--reasoning-parser` puts everything that a model without reasoning marks writes into the reasoning and leaves
the content empty; a stop string that is met inside the reasoning does the same. Such a run measures the server.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.grading.grade import Grade
from evalsuite.parser.result import REASONING_ONLY
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.run_folder import RunFolder, disk_error
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.regular_file import open_for_appending

LIMIT: Final = 0.2
"""Share of the responses above which a run stops."""
FEWEST: Final = 20
"""Responses before which no share is computed."""


class ReasoningOnlyWatch:
    """Counts the responses of a run; with `stops` it raises a `BackendError` when too many are only reasoning."""

    def __init__(self, model: str, stops: bool) -> None:
        self._model, self._stops = model, stops
        self._responses = self._reasoning_only = 0

    def add(self, grade: Grade) -> None:
        """Count a response that is on disk."""
        self._responses += 1
        self._reasoning_only += grade.strict.status == REASONING_ONLY
        if self._stops and self._responses >= FEWEST and self._reasoning_only > LIMIT * self._responses:
            raise BackendError(
                ErrorCode.ANSWERS_IN_REASONING,
                f"{self._model}: {self._reasoning_only} of {self._responses} responses have all their text in the "
                "reasoning and no answer: start the server without --reasoning-parser if the model doesn't reason, "
                "leave out stop strings that occur in its reasoning, then resume the run, which requests these again; "
                "to keep them as they are, start the run with --model-arg reasoning_only=keep",
            )


def take_back(folder: RunFolder, prepared_tasks: Iterable[PreparedTask], journals: dict[str, int]) -> None:
    """Take such responses out of the journals of a run that stopped because of them, so that they are requested again.

    They are kept in `taken_back/<task>.jsonl`; `journals` is lowered to the lines that are left of each journal.
    """
    if not _stopped_by_them(folder):
        return
    for prepared in prepared_tasks:
        taken: list[bytes] = []
        left: list[bytes] = []
        items = {item.id: item for item in prepared.items}
        for line, record in folder.stored_lines(prepared.name):
            item = items.get(record.item)
            is_taken = item is not None and prepared.grade(item, record).strict.status == REASONING_ONLY
            (taken if is_taken else left).append(line)
        if taken:
            _move(folder, prepared.name, taken, left)
            journals[prepared.name] = len(left)


def _move(folder: RunFolder, task: str, taken: Sequence[bytes], left: Sequence[bytes]) -> None:
    copy, journal = folder.path / "taken_back" / f"{task}.jsonl", folder.journal(task)
    try:
        copy.parent.mkdir(exist_ok=True)
        # First the copy: a kill in between leaves a line in both files, and none is lost.
        with os.fdopen(open_for_appending(copy), "ab") as stream:
            stream.writelines(taken)
        write_atomically(journal, b"".join(left))
    except OSError as error:
        raise disk_error(journal, error) from None


def _stopped_by_them(folder: RunFolder) -> bool:
    if not (folder.path / "run.json").exists():
        return False
    return bool(folder.facts["ended"].get("code") == ErrorCode.ANSWERS_IN_REASONING)
