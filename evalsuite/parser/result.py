"""What a parse returns: two readings of one response, each with its status."""

from typing import NamedTuple

OK = "ok"
NO_ANSWER = "no_answer"
SEVERAL = "several_answers"
NOT_A_LABEL = "not_a_label"
UNCLOSED = "reasoning_unclosed"
TRUNCATED = "truncated"
EMPTY = "empty"
REFUSED = "refused"
REASONING_ONLY = "reasoning_only"
"""The server put the whole text into the reasoning, which is not graded: only a grade, which knows it, has this."""

STATUSES = (OK, NO_ANSWER, SEVERAL, NOT_A_LABEL, UNCLOSED, TRUNCATED, EMPTY, REFUSED, REASONING_ONLY)

Span = tuple[int, int]


class StrictParse(NamedTuple):
    """The reading that demands the answer format to the letter."""

    label: str | None
    status: str
    span: Span | None


class LenientParse(NamedTuple):
    """The reading that accepts any unambiguous statement; `form` names the one that was read."""

    label: str | None
    status: str
    span: Span | None
    form: str | None


class ParseResult(NamedTuple):
    """Both readings of one response; they are always stored together."""

    strict: StrictParse
    lenient: LenientParse


def unanswered(status: str) -> ParseResult:
    """Both readings without a label, for a response that has nothing to read."""
    return ParseResult(StrictParse(None, status, None), LenientParse(None, status, None, None))
