"""Draws questions of all shapes from one graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from evalsuite.errors import ErrorCode, UsageError
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.question import Question
from training.synthesis.questions.shapes.all import SHAPES
from training.synthesis.questions.source import QuestionSource

GENERATOR_VERSION: Final = 6
"""Raised whenever the same graph and seed give other questions."""


def parse_shares(text: str) -> dict[str, float]:
    """Return shares written as `diagnosis=2,gene`, where a shape without a number has the share 1."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        try:
            shares[name] = float(value or 1)
        except ValueError:
            shares[name] = math.nan
        if not 0 < shares[name] < math.inf:
            message = f"`shapes`: {part.strip()!r} is not a shape, or a shape and a positive number: diagnosis=2,gene"
            raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    return shares


def generate(
    source: QuestionSource, count: int, seed: int, shares: Mapping[str, float] | None = None
) -> list[Question]:
    """Return `count` different questions.

    `shares`: by shape the part of all questions that it gets, relative to the others; without it each shape's own. A
    shape that runs out of questions leaves its part to the others. No two questions have the same text. Raises
    `UsageError` for an unknown shape, and where the graph has not so many questions.
    """
    shares = {name: shape.share for name, shape in SHAPES.items()} if shares is None else shares
    if unknown := [name for name in shares if name not in SHAPES]:
        message = f"`shapes`: there is no shape {unknown[0]}; known: {', '.join(SHAPES)}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    streams = {name: SHAPES[name](source).questions(Draw(seed, name)) for name, share in shares.items() if share > 0}
    found: list[Question] = []
    given = dict.fromkeys(streams, 0)
    while streams and len(found) < count:
        name = min(streams, key=lambda each: (given[each] + 1) / shares[each])
        question = next(streams[name], None)
        if question is None:
            del streams[name]
            continue
        given[name] += 1
        found.append(question)
    if len(found) < count:
        message = f"`n`: this graph gives {len(found):,} questions of these shapes; take fewer, or more shapes"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    return found
