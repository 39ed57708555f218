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

from evalsuite.parser.answer_line import lone_lines
from evalsuite.parser.answer_slot import FinalSegment, own_text_end
from evalsuite.parser.conclusion import conclusions
from evalsuite.parser.cues import TooManyCues
from evalsuite.parser.label_context import closed_at
from evalsuite.parser.result import EMPTY, NO_ANSWER, NOT_A_LABEL, OK, SEVERAL, LenientParse
from evalsuite.parser.retraction import taken_back
from evalsuite.parser.run_on import own_item_end
from evalsuite.parser.statement import AnswerStatement, statements, verdicts


def read_lenient(segment: FinalSegment) -> LenientParse:
    """The lenient parse of a final segment whose strict parse isn't ok."""
    if not segment.text or segment.text.isspace():
        return _none(EMPTY)
    end = own_item_end(segment)
    if end < len(segment.text):
        segment = segment._replace(text=segment.text[:end], lowered=segment.lowered[:end], cut=False)
    try:
        found = _found(segment)
    except TooManyCues:
        return _none(NO_ANSWER)
    status = _common(found)
    if status != OK:
        return _none(status)
    slot, form = found[0]
    if taken_back(segment.lowered, _end(segment, found), segment.labels, str(slot.label), segment.cut):
        return _none(NO_ANSWER)
    return LenientParse(slot.label, OK, (slot.start, slot.end), form)


def _found(segment: FinalSegment) -> list[AnswerStatement]:
    found = list(statements(segment))
    stated = max((statement.slot.end for statement in found), default=0)
    found.extend(lone_lines(segment))
    found.extend(conclusions(segment, stated))
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


def _end(segment: FinalSegment, found: list[AnswerStatement]) -> int:
    """Where the last statement ends: behind the label's own text, which may hold words of doubt."""
    slot = max((statement.slot for statement in found), key=lambda slot: slot.end)
    text_end = own_text_end(segment, str(slot.label), closed_at(segment.text, slot.end))
    return max(slot.end, text_end)
