"""The only label of a response: nothing announces it, but no other label is spoken of, and a sentence leads up to it.

    The most likely cause is a fistula (D).        the option's own text, then its label
    The drug will interfere with H. Cell wall.     a label with its own text, as the end of a sentence
    This is option D.                              at the end of the response

A longer response discusses options before it decides, so there the sentence must also conclude.
"""

import re

from evalsuite.parser.answer_slot import AnswerSlot, FinalSegment, own_text_end
from evalsuite.parser.conclusion import CONCLUDES, names_another
from evalsuite.parser.label_context import closed_at, open_ended
from evalsuite.parser.result import OK
from evalsuite.parser.statement import AnswerStatement

_LONGEST = 3000
_SHORT = 400
_FEWEST_WORDS = 3
_MENTION = re.compile(
    r"[(\[*]+(?:[Oo]ption\s+|[Cc]hoice\s+)?(?P<marked>[A-Z])(?=[)\]*:.])|\b(?:[Oo]ption|[Cc]hoice|[Ss]tatement|[Aa]nswer)s?\s+[(\[*]*(?P<named>[A-Z])\b"
    r"|(?<![\w.'’-])(?P<head>[A-Z])[.:)]\s+(?=\S)|(?<![\w.'’-])(?P<joined>[A-Z])(?=\s*(?:,|and\b|or\b|/|&)\s*[(\[*]*[A-Z]\b)"
)
_THIS_IS = re.compile(
    r"\b(?:this|that|it|which)\s+(?:is|would\s+be|corresponds\s+to|matches|describes)\s+(?:answer\s+|the\s+)?\Z"
)
_REJECTS = re.compile(
    r"(?:\b(?:not?|never|neither|nor|cannot|unlike(?:ly)?|less|least|worst|than|rather|instead|although|though|despite|however|but|except"
    r"|avoid\w*|wrong|incorrect|false|contraindicated|exclud\w+|eliminat\w+|rul(?:e|ed|es|ing)\s+out|differentiat\w+|distinguish\w*|mistak\w+"
    r"|confus\w+|could|might|may|possib\w+|perhaps|maybe|one|some|another|other|first|second|such|example|consider\w*|includ\w+|if|whether"
    r"|unless|evaluat\w+|let|stop\w*|discontinu\w+|with(?:hold|held)\w*|inferior|weaker|harmful|distractor|exception|ask|history|taking|options?|choices?|which)\b|n['’]t\b)"
)
_STATES = re.compile(r"\b(?:is|are|be|will|would|should|needs?|requires?|suggests?|indicates?)\b")
_SENTENCE = 400
_SENTENCE_START = re.compile(r"(?s:.*)(?:[.!?]\s|\n)")
_SENTENCE_END = re.compile(r"[*)\]\s]*(?:\Z|[.;!\n]|,?\s+(?:to|because|due|since|as|which|given|for)\b)")
_WORD = re.compile(r"\w+")


def only_label(segment: FinalSegment) -> list[AnswerStatement]:
    """The last mention of the only label, if a sentence leads up to it together with the option's own text."""
    text, labels = segment.text, segment.labels
    if segment.cut or segment.options is None or not labels.single or len(text) > _LONGEST:
        return []
    found = [(match, labels.exact(match[match.lastgroup or 0])) for match in _MENTION.finditer(text)]
    named = [(match, label) for match, label in found if label is not None]
    if not named or len({label for _, label in named}) > 1:
        return []
    match, label = named[-1]
    start, end = match.span(match.lastgroup or 0)
    if _concludes(segment, match, str(label), end):
        return [AnswerStatement(AnswerSlot(label, OK, start, end), "conclusion")]
    return []


def _concludes(segment: FinalSegment, mention: re.Match[str], label: str, end: int) -> bool:
    lowered = segment.lowered
    begin = max(0, mention.start() - _SENTENCE)
    before = _SENTENCE_START.match(lowered, begin, mention.start())
    begin = before.end() if before else begin
    closed = closed_at(segment.text, end)
    if mention["named"] and not segment.text[closed:].strip(" .*)\n"):
        return _THIS_IS.search(lowered, begin, mention.start()) is not None
    lead = _lead(segment, mention, label, closed)
    if lead is None:
        return False
    lead_end, sentence_end = lead
    if len(_WORD.findall(lowered, begin, lead_end)) < _FEWEST_WORDS or _REJECTS.search(lowered, begin, lead_end):
        return False
    if _STATES.search(lowered, begin, lead_end) is None:
        return False
    if _SENTENCE_END.match(segment.text, sentence_end) is None or open_ended(segment.text, sentence_end):
        return False
    if len(segment.text) > _SHORT and not CONCLUDES.search(lowered, begin, lead_end):
        return False
    return not names_another(segment, label, begin, sentence_end)


def _lead(segment: FinalSegment, mention: re.Match[str], label: str, closed: int) -> tuple[int, int] | None:
    """Where what leads up to the option ends, and where the option's text and label end; None without its own text."""
    own_text = own_text_end(segment, label, closed)
    if own_text > 0:
        return mention.start(), own_text
    if not mention["marked"] or segment.options is None:
        return None
    text_end = len(segment.text[: mention.start()].rstrip(" *"))
    text_start = segment.options.start_before(segment.text, segment.lowered, text_end, label)
    return None if text_start is None else (text_start, closed)
