"""A teacher's trace as the filters see it, and why one is discarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class DiscardReason(StrEnum):
    """Why a trace is discarded; the names are those of the manifest and of the report."""

    NO_REASONING = "no_reasoning"
    UNBALANCED_MARKS = "unbalanced_marks"
    NO_STRICT_ANSWER = "no_strict_answer"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    WRONG_LANGUAGE = "wrong_language"
    REPETITION = "repetition"
    COPIED_QUESTION = "copied_question"
    ANSWER_WAS_SHOWN = "answer_was_shown"
    """The trace mentions that it was given the answer."""
    ANSWER_BEFORE_EVIDENCE = "answer_before_evidence"
    WRONG_ARITHMETIC = "wrong_arithmetic"
    WRONG_CONVERSION = "wrong_conversion"
    WRONG_FORMULA = "wrong_formula"
    UNLIKE_UNITS = "unlike_units"
    CHANGED_UNIT = "changed_unit"
    """A dose that keeps its number and not its unit."""
    SNIPPET_NOT_IN_SOURCE = "snippet_not_in_source"
    NO_ASSUMPTION = "no_assumption"
    NO_UNCERTAINTY = "no_uncertainty"


@dataclass(frozen=True, slots=True)
class TeacherTrace:
    """What a teacher wrote about one question."""

    question: str
    options: Mapping[str, str]
    """Text by label, in the order of the prompt."""
    gold: str
    """The label of the right option."""
    reasoning: str
    """Without its marks."""
    final: str
    """The final segment, with the answer in the form that the prompt requests."""
    sources: tuple[str, ...] = ()
    """Texts that the teacher could quote, such as passages of guidelines."""
    gold_shown: bool = False
    """Whether the prompt stated the gold label."""
    language: str = "en"
    """`en`, `zh` or `ja`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first fault of a trace."""

    reason: DiscardReason
    detail: str
    """The place in the trace."""
