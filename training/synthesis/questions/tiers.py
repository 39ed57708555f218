"""How difficult a question is, by what the graph alone shows."""

from __future__ import annotations

from typing import Final

from training.recipe_sections import Tier
from training.synthesis.questions.question import Question
from training.synthesis.questions.source import QuestionSource

_RARE: Final = 20
"""A subject with fewer edges is one of which little has been described."""
_NEAR: Final = (0.5, 0.75)
"""Shares of what is stated that hold for a distractor, too: from each on, a question is a point more difficult."""


def tier(source: QuestionSource, question: Question) -> Tier:
    """Return a question's tier: a point for each hop beyond the first (two at most), for a rare subject, and for each
    bound of `closeness` that the nearest distractor reaches; none or one is easy, two moderate, more difficult.
    """
    points = min(2, question.hops - 1) + (source.degree(question.subject) < _RARE)
    points += sum(question.closeness >= bound for bound in _NEAR)
    return "easy" if points <= 1 else "moderate" if points == 2 else "difficult"
