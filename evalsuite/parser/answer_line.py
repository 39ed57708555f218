"""Lines that hold nothing but the answer: a label, a label with its own text, or one option's whole text, alone."""

import re
from collections.abc import Iterator

from evalsuite.parser.answer_slot import AnswerSlot, FinalSegment
from evalsuite.parser.result import OK
from evalsuite.parser.retraction import asked_before, singles_out_the_opposite
from evalsuite.parser.statement import AnswerStatement

_LONGEST = 600
_SHORT = 80
_MOST_LINES = 400
_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_NOUN = (
    r"(?i:option|choice|answer|ans|letter|decision|verdict|conclusion|prediction|selection|output"
    r"|opci[oó]n|op[çc][ãa]o|opzione|alternativa|letra|lettre|lettera)(?!\w)"
)
_LONE = re.compile(
    rf"(?:[\s*_`$#>•{_INVISIBLE}-]|\\[(\[])*+(?:(?i:(?:final|my|selected|chosen|correct|best)\s+)?{_NOUN}\s*+[:：.]?\s*+)?"
    rf"(?:\\(?:boxed|fbox|text\w{{0,2}}|mathbf|mathrm)\{{|[(\[*_`\"'（【「{_INVISIBLE}])*+"
    r"(?P<token>[0-9A-Za-zＡ-Ｚａ-ｚ]++)"
    rf"(?P<closed>[)\]}}*_`\"'）】」$.:：。!{_INVISIBLE}]*+)(?P<rest>.*)\Z",
    re.S,
)
_BULLET = re.compile(r"\s*(?:[*\-•]\s|\d+[.)]\s)")
_BEGINS_REVIEW = re.compile(
    r"\b(?:evaluat\w+|analy[sz]\w+|consider\w*|examin\w+|review\w*|compar\w+|assess\w*|discuss\w*|break\w*\s?down|go(?:ing)?\s+(?:through|over)"
    r"|look(?:ing)?\s+(?:at|into)|overview|one\s+by\s+one|in\s+turn|each\s+(?:of|option|choice|one|answer))\b"
    r"(?:(?!\b(?:answer|best|correct|right|most|therefore|thus|so|is|be)\b)[^.!?\n])*:[\s*]*\Z"
)
_INTRODUCES_LIST = re.compile(
    r"\b(?:each|every|options|choices|following|evaluate|analy[sz]e|consider|examine|review|compare|let['’]s|let\s+us)\b"
    r"[^.!?\n]*:[\s*]*\Z"
)
_HEAD = re.compile(r"[\s*_#>•(\[-]*+(?:(?i:option|choice)\s+)?([A-Za-z]++)[.):*\]]")
_BARE = re.compile(r"[\s*_#>•(\[-]*+([A-Za-z]++)[\s*_)\].:]*+\Z")
_COLON = re.compile(r"[:：][*_]*\s*\Z")
_WORD = re.compile(r"\w")
_CHARGES = ("+", "-", "⁺", "⁻", "²", "³")
"""What makes a letter a symbol: H+."""
_GAP = re.compile(r"(?:[\s(*_=→]|[–—-](?=\s))*")
_REASON = re.compile(r"\s*[,;:–—-]?\s*(?:because|since|due\s+to|given)\b", re.I)
_OTHERS = re.compile(r"(?<!\w)[A-Z](?!\w)|[?？]|\b(?:if|unless|but)\b")
_BEHIND_TEXT = re.compile(r"\s*[(\[](?:[Oo]ption\s+)?([A-Z])[)\]][*.\s]*\Z")
_WRAPPED = re.compile(r"\W*(?:\([^()]*\)\W*)?")


def lone_lines(segment: FinalSegment) -> Iterator[AnswerStatement]:
    """What the first and the last line state by themselves; a line of a list of options states nothing."""
    text = segment.text
    end = len(text.rstrip())
    start = len(text) - len(text.lstrip())
    last = max(text.rfind("\n", start, end) + 1, start)
    if last > start and segment.options is not None and not segment.cut:
        label = segment.options.label_of(text[start:end])
        if label is not None:  # an option's text may have several lines, a table for one
            yield AnswerStatement(AnswerSlot(label, OK, start, end), "line")
            return
    yield from _lone_line(segment, last, end)
    if last > start:
        yield from _lone_line(segment, start, text.find("\n", start, end))


def _lone_line(segment: FinalSegment, start: int, end: int) -> Iterator[AnswerStatement]:
    slot = _read_line(segment, start, end)
    if slot is None or (segment.cut and not _WORD.search(segment.text, slot.end)):
        return
    if _BULLET.match(segment.text, start) and _INTRODUCES_LIST.search(segment.lowered, max(0, start - 120), start):
        return  # a list that broke off behind its first line
    colon = _COLON.search(segment.text, max(0, start - 16), start)
    if colon is not None and singles_out_the_opposite(segment.lowered, colon.start()):
        return  # "The drug to avoid would be:"
    if colon is not None and _BEGINS_REVIEW.search(segment.lowered, max(0, start - 120), start):
        return
    if colon is not None and asked_before(segment.lowered, start):
        return  # "Which of the following is the best treatment:"
    # Where a colon announces it ("the next step is most likely:"), even a line of a list is a statement.
    if colon is not None or not _listed(segment, slot):
        yield AnswerStatement(slot, "line")


def _read_line(segment: FinalSegment, start: int, end: int) -> AnswerSlot | None:
    if end - start > _LONGEST:
        return None
    line = segment.text[start:end]
    if segment.options is not None:
        label = segment.options.label_of(line) or segment.options.label_of(line.lstrip("#> \t"))
        if label is not None:
            return AnswerSlot(label, OK, start, end)
        behind = _BEHIND_TEXT.search(line)
        label = segment.options.label_of(line[: behind.start()]) if behind else None
        if behind is not None and label is not None and segment.labels.exact(behind[1]) == label:
            return AnswerSlot(label, OK, start + behind.start(1), start + behind.end(1))
    match = _LONE.match(line)
    label = segment.labels.lookup(match["token"]) if match else None
    if match is None or label is None:
        return None
    bracketed = line[match.start("token") - 1 : match.start("token")] in ("(", "[")
    other = None if bracketed or segment.options is None else segment.options.label_of_letter(match["token"])
    if other not in (None, label):
        return None  # the letter may be the text of another option
    reason = _REASON.match(match["rest"]) if match["token"].isupper() else None
    if reason is not None and not _OTHERS.search(match["rest"]):
        return AnswerSlot(label, OK, start + match.start("token"), start + match.end("token"))
    if not _bare(match) and not _with_its_text(segment, label, start + match.start("rest"), end):
        return None
    return AnswerSlot(label, OK, start + match.start("token"), start + match.end("token"))


def _bare(match: re.Match[str]) -> bool:
    """Whether nothing but decoration follows the label; "A:" opens something, and "B?" asks."""
    rest = match["rest"]
    if _WORD.search(rest) or (rest[:1] in _CHARGES and not match["closed"]):
        return False
    return not match["closed"].endswith((":", "：")) and "?" not in rest and "？" not in rest


def _with_its_text(segment: FinalSegment, label: str, at: int, end: int) -> bool:
    text = segment.text
    begin = _GAP.match(text, at)
    start = begin.end() if begin else at
    if segment.options is None:
        return text[at - 1] in ".):" and text[start : start + 1].isupper() and end - start < _SHORT
    named, named_end = segment.options.match_at(text, segment.lowered, start)
    return named == label and _WRAPPED.fullmatch(text, named_end, end) is not None


def _listed(segment: FinalSegment, slot: AnswerSlot) -> bool:
    """Whether another line opens with another label: then the line is one of a list."""
    if segment.text.count("\n") > _MOST_LINES:
        return True
    head = _BARE if _BARE.match(segment.text[slot.start :].split("\n", 1)[0]) else _HEAD
    own = segment.text[slot.start : slot.end]
    for line in segment.text.splitlines():
        if line == own:
            continue  # an option's text may itself begin with "(a)"
        match = head.match(line)
        other = segment.labels.lookup(match[1]) if match else None
        if other is None and segment.options is not None:
            other = segment.options.label_of(line.lstrip("#>-• \t"))
        if other is not None and other != slot.label:
            return True
    return False
