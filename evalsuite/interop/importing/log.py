"""What another harness's log says, in one shape: questions, what was answered, and how that was scored there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import RunError, UsageError
from evalsuite.models.backend import Finish

DECODING: Final = ("temperature", "top_p", "max_tokens", "seed", "thinking", "thinking_budget")
"""What decoding is described by; None where a log doesn't say."""
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class LoggedReply:
    """One answer to a question."""

    text: str = ""
    reasoning: str = ""
    finish: Finish = "stop"
    opens_reasoning: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency: float | None = None
    score: float | None = None
    """Its score there; None: none, or none that is a number."""
    answer: str | None = None
    """What was read there as the answer."""
    abstained: bool = False
    """Whether the score there says that no answer was found."""
    error: str | None = None
    """Why nothing came back."""


@dataclass(slots=True)
class LoggedQuestion:
    """One item as a log holds it."""

    content: str
    """Digest of what was asked and of its key, whatever its place in the file."""
    prompt: str
    """What was sent, as text; choices that were sent apart stand behind it."""
    target: str
    choices: int = 0
    """Number of options; 0: the log doesn't say."""
    replies: list[LoggedReply] = field(default_factory=list)
    """By sample; the place of one that is absent holds an error."""


@dataclass(frozen=True, slots=True)
class HarnessLog:
    """One task that one model answered, as another harness recorded it."""

    tool: str
    """The harness and its version."""
    model: str
    task: str
    version: str | int
    metric: str
    """Which of the harness's own scores the replies carry."""
    questions: tuple[LoggedQuestion, ...]
    decoding: Mapping[str, Any]
    begun: str
    files: tuple[Path, ...]
    generated: bool = True
    """Whether the replies are texts that a model wrote; False: options chosen by log-likelihood."""
    notes: tuple[str, ...] = ()
    asked: Mapping[str, Any] | None = None
    """How a run of ours had asked, where the log is an export of one."""

    @property
    def samples(self) -> int:
        """Answers a question; a `RunError` where questions differ in it."""
        counts = {len(question.replies) for question in self.questions}
        if len(counts) != 1 or 0 in counts:
            raise self.error(
                f"its questions have {', '.join(map(str, sorted(counts))) or 'no'} replies each, not one number"
            )
        return counts.pop()

    def error(self, what: str) -> RunError:
        """Say in one line what is wrong with a log."""
        return RunError(f"{self.files[0]}: {self.task}: {what}")


def content_digest(content: Any) -> str:
    """Identify a question by what it says; keys in any order."""
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(plain.encode()).hexdigest()


def item_ids(questions: Sequence[LoggedQuestion]) -> list[str]:
    """Name each question by its content, so that two runs can be paired; a repeated one is numbered."""
    seen: dict[str, int] = {}
    ids = []
    for question in questions:
        name = question.content[:_ID_DIGITS]
        seen[name] = seen.get(name, 0) + 1
        ids.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return ids


def prompt_digest(questions: Sequence[LoggedQuestion]) -> str:
    """Identify what was sent to a model, whatever the order of the questions."""
    whole = hashlib.sha256()
    for line in sorted(f"{q.content} {hashlib.sha256(_bytes(q.prompt)).hexdigest()}\n" for q in questions):
        whole.update(line.encode())
    return whole.hexdigest()


def task_key(tool: str, task: str) -> str:
    """A name for a task of another harness that is a file name, a key, and no name of ours."""
    return re.sub(r"[^a-z0-9]+", "_", f"{tool.split()[0]} {task}".lower()).strip("_")[:80]


_STRICT: Final = "strict,evalsuite"
"""Of the two readings that our exported tasks of lm-eval score, the one that counts."""


def choose_metric(known: Sequence[str], wanted: Sequence[str], where: str) -> str:
    """Choose the one score that grades are made from; where there are several, the user's word is needed."""
    chosen = [name for name in known if name in wanted] or [name for name in known if name == _STRICT] or list(known)
    if not known:
        raise RunError(f"{where}: no score is in it, so there is nothing to make grades from")
    if len(chosen) > 1:
        raise UsageError(f"{where}: scored by {' and by '.join(known)}; choose with --metric, for example {known[0]}")
    return chosen[0]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
