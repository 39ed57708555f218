"""What the shapes whose options are signs of a disease have in common."""

from __future__ import annotations

from collections.abc import Iterable

from training.synthesis.graph.findings import Finding
from training.synthesis.questions.names import Roots
from training.synthesis.questions.source import QuestionSource


def not_rarer(one: Finding, other: Finding) -> bool:
    """Return whether a sign is stated to be at least as frequent as another, at both ends of their intervals."""
    return one.frequency.low >= other.frequency.low and one.frequency.high >= other.frequency.high


def apart(source: QuestionSource, answer: int, signs: Iterable[int], stated: Roots) -> list[int]:
    """Return the signs that are not the answer, a kind or an ancestor of it, and share no root with what is stated."""
    upper, names = source.signs.upper(answer), source.names
    return [
        sign
        for sign in signs
        if sign not in upper and answer not in source.signs.upper(sign) and not stated.meet(names.roots(sign))
    ]
