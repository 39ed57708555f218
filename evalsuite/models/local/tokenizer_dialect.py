"""The reasoning dialect that a tokenizer's vocabulary shows, and its marks written as `<think>` and `</think>`."""

from __future__ import annotations

from collections.abc import Container

from evalsuite.parser import DIALECTS, ReasoningDialect

PLAIN = DIALECTS[0]
"""`<think>` itself, which needs no translation."""


def dialect_of(vocabulary: Container[str]) -> ReasoningDialect:
    """Find the dialect by its own token; a vocabulary without one means plain `<think>`."""
    return next((dialect for dialect in DIALECTS if dialect.token and dialect.token in vocabulary), PLAIN)


def with_think_marks(text: str, dialect: ReasoningDialect) -> str:
    """Write the marks of `dialect` as `<think>` and `</think>`, and leave its ceremony out.

    The text comes with its special tokens, so the words that are left without them are plain words here.
    """
    closings = [mark for mark in dialect.closings if not mark.isalpha()]
    ceremony = (*dialect.ceremony, *(mark for wrapper in dialect.wrappers for mark in wrapper))
    # Longest first: one mark may begin another one.
    for marks, replacement in ((ceremony, ""), (closings, PLAIN.closings[0]), (dialect.openings, PLAIN.openings[0])):
        for mark in sorted(marks, key=len, reverse=True):
            text = text.replace(mark, replacement)
    return text
