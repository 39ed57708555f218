"""The lenient parse: strict, or else one unambiguous statement of one label, by the forms that are listed here.

| form | what it looks like |
| --- | --- |
| the format's name | the strict parse is ok; nothing else is looked at |
| `tag` | an answer tag that strict refuses: bold or text inside, in capitals, unclosed, twice, in a fence |
| `boxed` | a LaTeX box |
| `statement` | the answer is X, Answer: X, the correct option is X, `"answer": "X"`, the next step is: X; and so in |
| | Chinese, Japanese, Korean, Arabic, Russian, Spanish, French, German, Portuguese, Italian, Dutch and others |
| `heading` | a heading "Answer" with X under it |
| `verdict` | X is the correct answer, making X the best choice; option X is correct, as the last sentence or behind |
| | "therefore", where nothing else is stated |
| `choice` | I choose X, I'll go with X |
| `line` | the first or the last line is only X, (X), X. with its own text, or the full text of one option |
| `conclusion` | the last line leads up to one label in bold or brackets: Therefore the diagnosis is **(X)** |
| | the most likely diagnosis is X; or a sentence near the end concludes and ends in its only marked label; or a |
| | sentence leads up to the only label of the response, beside its own text |

X is a label in either case, full-width or with invisible characters around it, or the full text of one option. Every
statement must name the same label; so a correction of an earlier answer is no answer. A label beside another option's
text, a hedge, a list and "none of the above" leave no answer either; a negation, a condition, a question, an example
and a quotation state nothing. A second thought behind the last statement takes it back. A line that opens with
"Question:" or "Options:" ends the response: what follows answers an item that the model made up.

Doubt is always decided against a label: a missed answer costs a little accuracy, a wrong letter makes it meaningless.
"""

from operator import attrgetter

from evalsuite.parser.answer_line import lone_lines
from evalsuite.parser.answer_slot import FinalSegment, own_text_end
from evalsuite.parser.conclusion import conclusions
from evalsuite.parser.cues import TooManyCues
from evalsuite.parser.label_context import closed_at
from evalsuite.parser.only_label import only_label
from evalsuite.parser.result import EMPTY, NO_ANSWER, NOT_A_LABEL, OK, SEVERAL, LenientParse
from evalsuite.parser.retraction import SHORTEST_DOUBT, retracted_after
from evalsuite.parser.run_on import own_item_end
from evalsuite.parser.statement import AnswerStatement, statements, verdicts

_END = attrgetter("end")


def parse_lenient(segment: FinalSegment) -> LenientParse:
    """The lenient parse of a final segment whose strict parse isn't ok."""
    if not segment.text or segment.text.isspace():
        return _none(EMPTY)
    end = own_item_end(segment)
    if end < len(segment.text):
        segment = segment._replace(text=segment.text[:end], lowered=segment.lowered[:end], cut=False)
    try:
        candidates = _candidates(segment)
    except TooManyCues:
        return _none(NO_ANSWER)
    status = _common_status(candidates)
    if status != OK:
        return _none(status)
    slot, form = candidates[0]
    if _retracted(segment, candidates):
        return _none(NO_ANSWER)
    return LenientParse(slot.label, OK, (slot.start, slot.end), form)


def _candidates(segment: FinalSegment) -> list[AnswerStatement]:
    candidates = statements(segment)
    stated = max((statement.slot.end for statement in candidates), default=0)
    candidates.extend(lone_lines(segment))
    candidates.extend(conclusions(segment, stated))
    return candidates or verdicts(segment) or only_label(segment)


def _none(status: str) -> LenientParse:
    return LenientParse(None, status, None, None)


def _common_status(candidates: list[AnswerStatement]) -> str:
    """The status of all statements together: ok where every one of them names the same label."""
    if len(candidates) == 1:
        return candidates[0].slot.status
    statuses = {statement.slot.status for statement in candidates}
    if not candidates or NO_ANSWER in statuses:
        return NO_ANSWER
    if statuses == {NOT_A_LABEL}:
        return NOT_A_LABEL
    agreed = statuses == {OK} and len({statement.slot.label for statement in candidates}) == 1
    return OK if agreed else SEVERAL


def _retracted(segment: FinalSegment, candidates: list[AnswerStatement]) -> bool:
    """Whether a second thought follows the last statement and its label's own text, which may hold words of doubt."""
    slot = max((statement.slot for statement in candidates), key=_END)
    if len(segment.text) - slot.end < SHORTEST_DOUBT:
        return False
    label = str(slot.label)
    text_end = own_text_end(segment, label, closed_at(segment.text, slot.end))
    return retracted_after(segment.lowered, max(slot.end, text_end), segment.labels, label, segment.cut)
