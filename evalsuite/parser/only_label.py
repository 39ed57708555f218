"""The only label of a response: nothing announces it, but no other label is spoken of, and a sentence leads up to it.

    The most likely cause is a fistula (D).        the option's own text, then its label
    The drug will interfere with H. Cell wall.     a label with its own text, as the end of a sentence
    This is option D.                              at the end of the response

A longer response discusses options before it decides, so there the sentence must also conclude.
"""

import re
from typing import NamedTuple

from evalsuite.parser.answer_slot import AnswerSlot, FinalSegment, own_text_end
from evalsuite.parser.conclusion import CONCLUDES, INQUIRES, names_another
from evalsuite.parser.label_context import closed_at, open_ended
from evalsuite.parser.result import OK
from evalsuite.parser.statement import AnswerStatement

_LONGEST = 3000
_SHORT = 400
_FEWEST_WORDS = 3
_CAPITAL = re.compile(r"[A-Z](?!\w)")
_MARK = re.compile(r"[(\[*]+(?:[Oo]ption\s+|[Cc]hoice\s+)?\Z")
_MARKED = frozenset(")]*:.")
_NOUN = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|[Ss]tatement|[Aa]nswer)s?\s+[(\[*]*\Z")
_HEAD_OR_JOINED = re.compile(r"[.:)]\s+\S|\s*(?:,|and\b|or\b|/|&)\s*[(\[*]*[A-Z]\b")
_LOOK_BACK = 16
_THIS_IS = re.compile(
    r"\b(?:this|that|it|which)\s+(?:is|would\s+be|corresponds\s+to|matches|describes)\s+(?:answer\s+|the\s+)?\Z"
)
_REJECTS = re.compile(
    r"(?:\b(?:not?|never|neither|nor|cannot|unlike(?:ly)?|less|least|worst|than|rather|instead|although|though|despite|however|but|except"
    r"|avoid\w*|wrong|incorrect|false|contraindicated|exclud\w+|eliminat\w+|rul(?:e|ed|es|ing)\s+out|differentiat\w+|distinguish\w*|mistak\w+"
    r"|confus\w+|could|might|may|possib\w+|perhaps|maybe|one|some|another|other|first|second|such|example|consider\w*|includ\w+|if|whether"
    r"|unless|evaluat\w+|let|stop\w*|discontinu\w+|with(?:hold|held)\w*|inferior|weaker|harmful|distractor|exception|history|taking|options?|choices?|which)\b|n['’]t\b)"
)
_STATES = re.compile(r"\b(?:is|are|be|will|would|should|needs?|requires?|suggests?|indicates?)\b")
_SENTENCE = 400
_SENTENCE_START = re.compile(r"(?s:.*)(?:[.!?]\s|\n)")
_SENTENCE_END = re.compile(r"[*)\]\s]*(?:\Z|[.;!\n]|,?\s+(?:to|because|due|since|as|which|given|for)\b)")
_WORD = re.compile(r"\w+")


class _Mention(NamedTuple):
    """One place that speaks of an option by its label."""

    start: int
    """Where its brackets, or the word "option" before it, begin."""
    at: int
    marked: bool
    """Whether it is in brackets or bold."""
    named: bool
    """Whether a word such as "option" is before it."""


def only_label(segment: FinalSegment) -> list[AnswerStatement]:
    """The last mention of the only label, if a sentence leads up to it together with the option's own text."""
    text, labels = segment.text, segment.labels
    if segment.cut or segment.options is None or not labels.single or len(text) > _LONGEST:
        return []
    last: _Mention | None = None
    for capital in _CAPITAL.finditer(text):
        at = capital.start()
        mention = _mention(text, at) if labels.exact(text[at]) is not None else None
        if mention is not None and last is not None and text[last.at] != text[at]:
            return []
        last = mention or last
    label = labels.exact(text[last.at]) if last is not None else None
    if last is None or label is None or not _concludes(segment, last, label):
        return []
    return [AnswerStatement(AnswerSlot(label, OK, last.at, last.at + 1), "conclusion")]


def _mention(text: str, at: int) -> _Mention | None:
    """The mention of a label at `at`; None where the capital is a word or part of a name."""
    noun = _NOUN.search(text, max(0, at - _LOOK_BACK), at)
    if noun is not None:
        return _Mention(
            noun.start(), at, text[at - 1] in "([*" or text[noun.start() - 1 : noun.start()] in ("(", "["), True
        )
    mark = _MARK.search(text, max(0, at - _LOOK_BACK), at) if text[at + 1 : at + 2] in _MARKED else None
    if mark is not None:
        return _Mention(mark.start(), at, True, False)
    before = text[at - 1 : at] if at else ""
    alone = not before.isalnum() and before not in ("_", ".", "'", "’", "-")
    return _Mention(at, at, False, False) if alone and _HEAD_OR_JOINED.match(text, at + 1) else None


def _concludes(segment: FinalSegment, mention: _Mention, label: str) -> bool:
    lowered = segment.lowered
    begin = max(0, mention.start - _SENTENCE)
    before = _SENTENCE_START.match(lowered, begin, mention.start)
    begin = before.end() if before else begin
    closed = closed_at(segment.text, mention.at + 1)
    if mention.named and not segment.text[closed:].strip(" .*)\n") and _THIS_IS.search(lowered, begin, mention.start):
        return True
    lead = _lead(segment, mention, label, closed)
    if lead is None:
        return False
    lead_end, sentence_end = lead
    if len(_WORD.findall(lowered, begin, lead_end)) < _FEWEST_WORDS or _REJECTS.search(lowered, begin, lead_end):
        return False
    if _STATES.search(lowered, begin, lead_end) is None or INQUIRES.search(lowered, begin, lead_end):
        return False
    if _SENTENCE_END.match(segment.text, sentence_end) is None or open_ended(segment.text, sentence_end):
        return False
    if len(segment.text) > _SHORT and not CONCLUDES.search(lowered, begin, lead_end):
        return False
    return not names_another(segment, label, begin, sentence_end)


def _lead(segment: FinalSegment, mention: _Mention, label: str, closed: int) -> tuple[int, int] | None:
    """Where what leads up to the option ends, and where the option's text and label end; None without its own text."""
    own_text = own_text_end(segment, label, closed)
    if own_text > 0:
        return mention.start, own_text
    if not mention.marked or segment.options is None:
        return None
    text_end = len(segment.text[: mention.start].rstrip(" *(["))
    text_start = segment.options.start_before(segment.text, segment.lowered, text_end, label)
    return None if text_start is None else (text_start, closed)
