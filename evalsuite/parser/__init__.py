"""The answer contract: which option did a response choose?

There is no second parser anywhere: the harness grades with this one, the reward uses it, the integrations call it.
It is pure, total and linear: any text gives a verdict, in time proportional to its length.
"""

from collections.abc import Sequence

from evalsuite.parser.answer_slot import FinalSegment
from evalsuite.parser.final_segment import (
    cut_at_stop,
    final_segment,
    prompt_opens_reasoning,
    reasoning_open,
    response_wrapper,
    without_ceremony,
    wrapped_in_answer_tags,
)
from evalsuite.parser.item_labels import labels_of, options_of
from evalsuite.parser.lenient import parse_lenient
from evalsuite.parser.reasoning_dialects import DIALECTS, ReasoningDialect
from evalsuite.parser.result import (
    EMPTY,
    NO_ANSWER,
    OK,
    REFUSED,
    STATUSES,
    TRUNCATED,
    UNCLOSED,
    LenientParse,
    ParseResult,
    StrictParse,
    unanswered,
)
from evalsuite.parser.strict import FORMATS, parse_strict

__all__ = ["FORMATS", "STATUSES", "VERSION", "LenientParse", "ParseResult", "StrictParse"]
__all__ += ["DIALECTS", "ReasoningDialect"]
__all__ += ["cut_at_stop", "final_segment", "parse", "prompt_opens_reasoning", "reasoning_open"]
__all__ += ["response_wrapper", "wrapped_in_answer_tags"]

VERSION = "2"
"""Recorded with the grades of every run: it changes whenever any text may be parsed differently."""

_WITHOUT_ANSWER = frozenset({NO_ANSWER, EMPTY, UNCLOSED})


def parse(
    text: str,
    labels: Sequence[str],
    options: Sequence[str] | None = None,
    format: str = "answer_tag",
    finish: str = "stop",
    prompt_opens_reasoning: bool = False,
) -> ParseResult:
    """Parse a response strictly and leniently.

    What is graded is the final segment: the text behind the last reasoning block of any dialect, without end-of-turn
    marks and without a family's wrapper around all of it. `prompt_opens_reasoning`: the prompt ended inside a block.
    `finish` is "length" where the token limit ended it and "refused" where the backend says so: a refusal is never
    graded, and at the limit a response without any answer is `truncated`, wherever it broke off.
    """
    names = tuple(labels)
    known = labels_of(names)
    if format not in FORMATS:
        raise ValueError(f"unknown answer format {format!r}, expected one of {', '.join(FORMATS)}")
    if options is not None and len(options) != len(names):
        raise ValueError(f"{len(options)} options for {len(names)} labels")
    if finish == "refused":
        return unanswered(REFUSED)
    cut = finish == "length"
    start = final_segment(text, prompt_opens_reasoning)
    if start is None:
        return unanswered(TRUNCATED if cut else UNCLOSED)
    start, end = without_ceremony(text, start, format)
    strict = parse_strict(text, start, end, known, format)
    if strict.status == OK:
        return ParseResult(strict, LenientParse(strict.label, OK, strict.span, format))
    segment = text[start:end]
    lowered = segment.replace("İ", "ı").lower()  # the one letter whose lower case is longer: offsets must hold
    lenient = parse_lenient(
        FinalSegment(segment, lowered, known, None if options is None else options_of(names, tuple(options)), cut)
    )
    return ParseResult(_final_strict(strict, lenient, cut), _in_whole_text(lenient, start, cut))


def _final_strict(strict: StrictParse, lenient: LenientParse, cut: bool) -> StrictParse:
    status = EMPTY if lenient.status == EMPTY else strict.status
    return StrictParse(None, TRUNCATED if cut and status in _WITHOUT_ANSWER else status, None)


def _in_whole_text(lenient: LenientParse, start: int, cut: bool) -> LenientParse:
    if lenient.span is None:
        return lenient._replace(status=TRUNCATED) if cut and lenient.status in _WITHOUT_ANSWER else lenient
    begin, end = lenient.span
    return LenientParse(lenient.label, lenient.status, (start + begin, start + end), lenient.form)
