"""A log of another harness in one shape: its questions, the responses, and the harness's own scores of them."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import ErrorCode, RunError, UsageError

DECODING_FIELDS: Final = ("temperature", "top_p", "max_tokens", "seed", "thinking", "thinking_budget")
"""The settings that describe decoding; a setting that a log does not state is None."""
_LARGEST_SETTING: Final = 2**63 - 1
"""The largest whole number that the JSON files of a run hold."""
_ID_DIGITS = 16
"""Hexadecimal digits of an item's id; 64 bits make a collision within a benchmark practically impossible."""


@dataclass(frozen=True, slots=True)
class LoggedResponse:
    """One response to a question, with the harness's own score of it."""

    text: str = ""
    reasoning: str = ""
    finish: str = "stop"
    """As in `models.backend.Response`."""
    opens_reasoning: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency: float | None = None
    score: float | None = None
    """The harness's score; None: there is none, or it is not a number."""
    answer: str | None = None
    """What the harness parsed as the answer."""
    no_answer: bool = False
    """Whether the harness's score states that it found no answer."""
    error: str | None = None
    """Why there is no response."""


@dataclass(slots=True)
class LoggedQuestion:
    """One item as a log shows it."""

    digest: str
    """Digest of the question's content and its target, whatever its position in the file."""
    prompt: str
    """The text that was sent; options that were sent separately follow it."""
    target: str
    options: int = 0
    """Number of options; 0: the log does not state it."""
    sent: bool = True
    """Whether the prompt was sent; else it is only the question and its options, which no template has shaped."""
    responses: list[LoggedResponse] = field(default_factory=list)
    """By sample; a sample that is missing from the log is a response with an error."""


@dataclass(frozen=True, slots=True)
class HarnessLog:
    """One task that one model answered, as another harness recorded it."""

    tool: str
    """The harness and its version."""
    model: str
    task: str
    version: str | int
    metric: str
    """Which of the harness's own scores the responses carry."""
    questions: tuple[LoggedQuestion, ...]
    decoding: Mapping[str, Any]
    started: str
    files: tuple[Path, ...]
    ended: str = ""
    """When the evaluation ended, by the harness; empty: the log does not state it."""
    not_parsed: str = ""
    """Why evalsuite's parser can't grade the responses; empty: they are what a model wrote."""
    notes: tuple[str, ...] = ()
    exported_setup: Mapping[str, Any] | None = None
    """The prompt setup of the evalsuite run that this log was exported from, if it was."""
    exported_task: str | None = None
    """The evalsuite task that the log states, where an export or a task of evalsuite made it."""
    task_args: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of that task, which differ from its card's defaults."""

    @property
    def generated(self) -> bool:
        """Whether the responses are texts that a model wrote."""
        return not self.not_parsed

    @property
    def samples(self) -> int:
        """Number of responses per question; a `RunError` if questions differ in it."""
        counts = {len(question.responses) for question in self.questions}
        if len(counts) != 1 or 0 in counts:
            listed = ", ".join(map(str, sorted(counts))) or "no"
            raise self.error(
                ErrorCode.LOG_INCOMPLETE, f"its questions have {listed} responses each, not one number of them"
            )
        return counts.pop()

    def error(self, code: ErrorCode, problem: str) -> RunError:
        """Return a `RunError` that names the log's file and task."""
        return RunError(code, f"{self.files[0]}: {self.task}: {problem}")


def decoding_settings(stated: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of `DECODING_FIELDS` that a log states; None for one that can't be a setting."""
    return {name: stated.get(name) if _is_setting(stated.get(name)) else None for name in DECODING_FIELDS}


def _is_setting(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) <= _LARGEST_SETTING
    return isinstance(value, str) or (isinstance(value, float) and math.isfinite(value))


def content_digest(content: Any) -> str:
    """Return the SHA-256 of a question's content, independent of the order of its keys."""
    # Documents of lm-eval may hold values that JSON has no type for, such as dates.
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(plain.encode()).hexdigest()


def item_ids(questions: Sequence[LoggedQuestion]) -> list[str]:
    """Name each question by its content, so that two runs can be paired; repeated ones get a number (`...#2`)."""
    seen: dict[str, int] = {}
    ids = []
    for question in questions:
        name = question.digest[:_ID_DIGITS]
        seen[name] = seen.get(name, 0) + 1
        ids.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return ids


def prompt_digest(questions: Sequence[LoggedQuestion]) -> str:
    """Return one digest of all prompts, independent of the order of the questions."""
    total = hashlib.sha256()
    for line in sorted(f"{q.digest} {hashlib.sha256(_utf8(q.prompt)).hexdigest()}\n" for q in questions):
        total.update(line.encode())
    return total.hexdigest()


def external_task_name(tool: str, task: str) -> str:
    """Return the name `<tool>_<task>`: usable as a file name, and never the name of an evalsuite task."""
    return re.sub(r"[^a-z0-9]+", "_", f"{tool.split()[0]} {task}".lower()).strip("_")[:80]


_STRICT: Final = "strict,evalsuite"
"""The default among the two scores that evalsuite's exported lm-eval tasks report: that of the strict parse."""


def choose_metric(available: Sequence[str], requested: Sequence[str], where: str) -> str:
    """Return the one score to make grades from: the requested one, or the only one there is.

    Where there are several and none was requested, the user must choose: a `UsageError`.
    """
    chosen = (
        [name for name in available if name in requested]
        or [name for name in available if name == _STRICT]
        or list(available)
    )
    if not available:
        raise RunError(ErrorCode.LOG_INCOMPLETE, f"{where}: contains no score, so there is nothing to make grades from")
    if len(chosen) > 1:
        raise UsageError(
            ErrorCode.MISSING_ARGUMENT,
            f"{where}: scored by {' and by '.join(available)}; choose with `metrics`, for example {available[0]}",
        )
    return chosen[0]


def _utf8(text: str) -> bytes:
    # Responses and prompts may hold lone surrogates, which plain UTF-8 cannot encode.
    return text.encode("utf-8", "surrogatepass")
