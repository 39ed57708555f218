"""The lenient reading: one unambiguous statement of one label, by the forms that are listed here.

| form | what it looks like |
| --- | --- |
| `tag` | an answer tag that the strict reading refuses: bold, with the option's text, in capitals, unclosed |
| `boxed` | a LaTeX box |
| `statement` | the answer is X, Answer: X, the correct option is X, and the same in the other languages; a JSON field too |
| `heading` | a heading "Answer" with X under it |
| `verdict` | X is the correct answer |
| `choice` | I choose X |
| `line` | X, (X), X. with its own text, or the full text of one option, alone on the first or the last line |
| `conclusion` | a last line that leads up to one label in bold or parentheses |

Every statement must name the same label.
"""

import re

from evalsuite.answer.lines import lone_lines
from evalsuite.answer.reading import EMPTY, NO_ANSWER, NOT_A_LABEL, OK, SEVERAL, Lenient
from evalsuite.answer.slot import Segment
from evalsuite.answer.statement import Crowded, Statement, statements

_SECOND_THOUGHTS = (
    "wait", "actually", "correction", "scratch that", "second thought", "reflection", "reconsider", "mistake", "i mean",
    "hmm", "oops", "sorry", " no,", "that is wrong", "that's wrong", "that is incorrect",
)  # fmt: skip
_SENTENCE_START = re.compile(r"(?:\A|[.!?\n;:—…(*-]|\bbut|\bno|\bon|\boh|\bthen)[\s*]*\Z")


def read_lenient(segment: Segment) -> Lenient:
    """The lenient reading of a final segment whose strict reading isn't ok."""
    if not segment.text.strip():
        return _none(EMPTY)
    found: Statement | None = None
    end = 0
    foreign = False
    try:
        for statement in _all(segment):
            slot = statement.slot
            foreign = foreign or slot.status == NOT_A_LABEL
            end = max(end, slot.end)
            if slot.status == SEVERAL or foreign and found or found and slot.label != found.slot.label:
                return _none(SEVERAL)
            if slot.label is not None:
                if foreign:
                    return _none(SEVERAL)
                found = found or statement
    except Crowded:
        return _none(NO_ANSWER)
    if found is None:
        return _none(NOT_A_LABEL if foreign else NO_ANSWER)
    if _taken_back(segment.lowered, end):
        return _none(NO_ANSWER)
    return Lenient(found.slot.label, OK, (found.slot.start, found.slot.end), found.form)


def _all(segment: Segment):
    yield from statements(segment)
    yield from lone_lines(segment)


def _none(status: str) -> Lenient:
    return Lenient(None, status, None, None)


def _taken_back(lowered: str, end: int) -> bool:
    """Whether a second thought opens a sentence behind the last statement."""
    for word in _SECOND_THOUGHTS:
        at = lowered.find(word, end)
        if at >= 0 and _SENTENCE_START.search(lowered, max(end, at - 8), at):
            return True
    return False
