"""What a teacher is sent: a question alone, a question with its gold label, or its last try with a strategy."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from evalsuite.tasks.answer_format import instruction, instruction_language
from evalsuite.tasks.prompt import Message
from evalsuite.tasks.template_sandbox import BoundedTemplate
from training.model_requests import Prompt, prompt
from training.traces.questions import TraceQuestion

Mode = Literal["question", "resample", "gold"]
_FOLDER: Final = Path(__file__).with_name("prompts")
_GOLD: Final = "gold"
WRONG: Final = "wrong_answer"
BELOW_BAND: Final = "below_band"
"""Reasons of discards that a teacher is given in words of their own."""


class Discard(NamedTuple):
    """Why a try or a question was not kept: the name of the reason and its detail."""

    reason: str
    detail: str


class Strategy(NamedTuple):
    """One way to refine a try; its prompt is the file of its name."""

    name: str
    reason: str
    """The verdict on a trace that doesn't follow the strategy."""
    follows: Callable[[str], bool]
    """Whether a reasoning does what the strategy demands."""


def _statements(label: str) -> re.Pattern[str]:
    """Return a pattern of lines that begin with a label and say at least three words behind it."""
    space = r"[^\S\n]"
    return re.compile(rf"^[^\w\n]*{label}[^\w\n]*{space}((?:\S+{space}+){{2,}}\S+.*)$", re.IGNORECASE | re.MULTILINE)


_ASSUMPTION, _HYPOTHESIS = _statements("assumption re-?examined"), _statements("hypothesis(?: [0-9a-z])?")
_ERROR, _CORRECTION = _statements("error"), _statements("correction")


def _explores(text: str) -> bool:
    return len({match[1].strip().lower() for match in _HYPOTHESIS.finditer(text)}) > 1


def _corrects(text: str) -> bool:
    error = _ERROR.search(text)
    return error is not None and _CORRECTION.search(text, error.end()) is not None


STRATEGIES: Final[Mapping[str, Strategy]] = {
    each.name: each
    for each in (
        Strategy("backtracking", "no_assumption_reexamined", lambda text: _ASSUMPTION.search(text) is not None),
        Strategy("path_exploration", "no_other_hypothesis", _explores),
        Strategy("self_correction", "no_error_corrected", _corrects),
    )
}
"""As in Fleming-R1, section 3.2, in the order in which they are tried."""


class TeacherPrompts:
    """The prompts of one set of questions. `gold_shown`: the teacher gets the gold label with the question."""

    def __init__(self, format: str, language: str, gold_shown: bool) -> None:
        self.format, self.gold_shown = format, gold_shown
        self._language = instruction_language(language)

    def first(self, question: TraceQuestion, sample: int) -> Prompt:
        """Return the prompt of a first try."""
        return prompt(*self._messages(question), sample=sample)

    def refining(self, question: TraceQuestion, strategy: Strategy, last: str, problem: Discard, number: int) -> Prompt:
        """Return the prompt of a round that has the last try refined: its text, and what is wrong with it."""
        text = {
            WRONG: "The answer that you gave is not correct.",
            BELOW_BAND: "Most answers that you gave to this question were not correct.",
        }.get(problem.reason, f"Your text can't be used ({problem.reason.replace('_', ' ')}: {problem.detail}).")
        request = _render(strategy.name, problem=text, answer_instruction=self._instruction(question))
        tried = Message(role="assistant", content=last.strip() or "(no text)")
        return prompt(*self._messages(question), tried, Message(role="user", content=request), sample=number)

    def _messages(self, question: TraceQuestion) -> tuple[Message, ...]:
        if not self.gold_shown:
            return question.messages
        *before, last = question.messages
        fields = {"prompt": last["content"], "gold": question.item.gold, "gold_text": question.gold_text}
        text = _render(_GOLD, **fields, answer_instruction=self._instruction(question))
        return (*before, Message(role="user", content=text))

    def _instruction(self, question: TraceQuestion) -> str:
        return instruction(self.format, question.item.labels, self._language)


def prompt_digests() -> dict[str, str]:
    """Return the SHA-256 of each prompt file, by its name."""
    names = (_GOLD, *STRATEGIES)
    return {name: hashlib.sha256(_source(name).encode()).hexdigest() for name in names}


def _render(name: str, **fields: Any) -> str:
    return BoundedTemplate(_source(name)).render(**fields).strip()


@cache
def _source(name: str) -> str:
    return (_FOLDER / f"{name}.j2").read_text("utf-8")
