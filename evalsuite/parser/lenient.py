"""The lenient parse: strict, or else one unambiguous statement of one label, by the forms that are listed here.

| form | what it looks like |
| --- | --- |
| the format's name | the strict parse is ok; nothing else is looked at |
| `tag` | an answer tag that strict refuses: bold or text inside, in capitals, unclosed, twice, in a fence |
| `boxed` | a LaTeX box |
| `statement` | the answer is X, Answer: X, the correct option is X, `"answer": "X"`, the next step is: X; and so in |
| | Chinese, Japanese, Korean, Arabic, Russian, Spanish, French, German, Portuguese, Italian, Dutch and others |
| `heading` | a heading "Answer" with X under it |
| `verdict` | X is the correct answer; option X is correct, as the last sentence where nothing else is stated |
| `choice` | I choose X |
| `line` | the first or the last line is only X, (X), X. with its own text, or the full text of one option |
| `conclusion` | the last line leads up to one label in bold or brackets: Therefore the diagnosis is **(X)** |

X is a label in either case, full-width or with invisible characters around it, or the full text of one option. Every
statement found must name the same label; so a correction of an earlier answer is no answer. A label beside another
option's text, a hedge, a question and "none of the above" leave no answer either; a negation, a condition, an example
and a quotation state nothing.
"""

import re

from evalsuite.parser.answer_line import lone_lines
from evalsuite.parser.answer_slot import FinalSegment
from evalsuite.parser.cues import TooManyCues
from evalsuite.parser.result import EMPTY, NO_ANSWER, NOT_A_LABEL, OK, SEVERAL, LenientParse
from evalsuite.parser.statement import AnswerStatement, statements, verdicts

_SECOND_THOUGHTS = (
    "wait", "actually", "correction", "scratch that", "second thought", "reflection", "reconsider", "mistake", "i mean",
    "hmm", "oops", "sorry", " no,", "just kidding", "that is wrong", "that's wrong", "that is incorrect",
)  # fmt: skip
_SENTENCE_START = re.compile(r"(?:\A|[.!?\n;:—…(*-]|\bbut|\bno|\bon|\boh|\bthen)[\s*]*\Z")
_SOON = 4000


def read_lenient(segment: FinalSegment) -> LenientParse:
    """The lenient parse of a final segment whose strict parse isn't ok."""
    if not segment.text or segment.text.isspace():
        return _none(EMPTY)
    try:
        found = _found(segment)
    except TooManyCues:
        return _none(NO_ANSWER)
    status = _common(found)
    if status != OK:
        return _none(status)
    if _taken_back(segment.lowered, max(statement.slot.end for statement in found)):
        return _none(NO_ANSWER)
    slot, form = found[0]
    return LenientParse(slot.label, OK, (slot.start, slot.end), form)


def _found(segment: FinalSegment) -> list[AnswerStatement]:
    found = list(statements(segment))
    found.extend(lone_lines(segment, stated=max((statement.slot.end for statement in found), default=0)))
    return found or verdicts(segment)


def _none(status: str) -> LenientParse:
    return LenientParse(None, status, None, None)


def _common(found: list[AnswerStatement]) -> str:
    """The status of all statements together: ok where every one of them names the same label."""
    statuses = {statement.slot.status for statement in found}
    if not found or NO_ANSWER in statuses:
        return NO_ANSWER
    if statuses == {NOT_A_LABEL}:
        return NOT_A_LABEL
    agreed = statuses == {OK} and len({statement.slot.label for statement in found}) == 1
    return OK if agreed else SEVERAL


def _taken_back(lowered: str, end: int) -> bool:
    """Whether a second thought opens a sentence soon behind the last statement."""
    limit = min(len(lowered), end + _SOON)
    for words in _SECOND_THOUGHTS:
        at = lowered.find(words, end, limit)
        while at >= 0:
            if _SENTENCE_START.search(lowered, max(end, at - 8), at):
                return True
            at = lowered.find(words, at + len(words), limit)
    return False
