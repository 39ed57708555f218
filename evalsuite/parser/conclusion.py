"""Concluding sentences: no cue word, but the sentence leads up to exactly one label.

Only the end of a response is searched, where conclusions are drawn, and the label must be followed by what may follow
an answer (`read_slot` decides): "Option (C) is not correct" and "So is (B) the right one?" conclude nothing.
"""

import re
from collections.abc import Iterator

from evalsuite.parser.answer_slot import AnswerSlot, FinalSegment, own_text_end, read_slot
from evalsuite.parser.cues import occurrences
from evalsuite.parser.label_context import closed_at
from evalsuite.parser.result import OK
from evalsuite.parser.retraction import negated_before
from evalsuite.parser.statement import NAMED_BY_LETTER, AnswerStatement

_SENTENCE = 300
_WINDOW = 800
_MOST_SENTENCES = 12
_MARKED = re.compile(
    r"(?:\*\*+\s*\(?|\(|\[|\\(?:textbf|mathbf|mathrm|text|bf)\{\(?)(?:[Oo]ption\s+)?(?P<token>[A-Za-zＡ-Ｚ]++)(?=\)|\.|:|\*\*|\]|\})"
)
_LEADS = re.compile(
    r"(?:\b(?:is|be|as|so|thus|therefore|hence|es|est|ist|choose|select)|[:是为為é]|è|\b(?:is|be|choose|select|(?:corresponds?|corresponding|points?|leads?|closest|nearest)\s+(?:best\s+|most\s+closely\s+)?to)\s+(?:the\s+)?(?:option|choice|answer)"
    r"|\b(?:corresponds?|corresponding|points?|leads?|closest|nearest)\s+(?:best\s+|most\s+closely\s+)?to)[\s,*:]*\Z"
)
_SINGLING = ("most ", "best", "correct", "right", "next step", "of choice")
_SUPERLATIVE = re.compile(
    r"(?:most\s+(?:likely|appropriate|probable|consistent|suitable|accurate|plausible|reasonable)|best|correct|right|next\s+step"
    r"|of\s+choice)\b[^.!?\n]{0,160}?\b(?:is|be|are|remains)\b"
)
_CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so,|consequently|in\s+conclusion|overall|next\s+(?:best\s+)?step|of\s+choice|most\s+(?:likely|appropriate|probable|consistent|suitable|accurate)"
    r"|best|correct\s+(?:answer|choice|option|diagnosis|step))\b"
)
_AT_END = re.compile(r"[(\[](?:[Oo]ption\s+)?(?P<token>[A-ZＡ-Ｚ])[)\]][*_\s]*[.!]?[*_\s]*\Z")
_BRACKETED = re.compile(r"[(\[](?:[Oo]ption\s+)?([A-ZＡ-Ｚ])[)\]]")
_SENTENCE_START = re.compile(r"(?:[.!?]\s|\n)(?=\S)")
_WORD = re.compile(r"\w+")


def conclusions(segment: FinalSegment, stated: int) -> Iterator[AnswerStatement]:
    """Every conclusion behind `stated`, where the last statement ended."""
    text = segment.text
    end = len(text.rstrip())
    last = max(text.rfind("\n", 0, end) + 1, len(text) - len(text.lstrip()))
    if stated <= last:
        yield from _last_line(segment, last, end)
    if stated == 0:
        yield from _superlatives(segment, end)
        yield from _last_letter(segment, last, end)


def _last_line(segment: FinalSegment, start: int, end: int) -> Iterator[AnswerStatement]:
    """`Therefore the best step is **(B) ...**`: one marked label on the last line, which leads up to it."""
    text = segment.text
    start = max(start, end - _SENTENCE)
    if all(text.find(mark, start, end) < 0 for mark in ("(", "**", "[", "\\")):
        return
    marked = [match for match in _MARKED.finditer(text, start, end) if segment.labels.lookup(match["token"])]
    if len(marked) != 1 or (len(marked[0]["token"]) == 1 and marked[0]["token"].islower()):
        return
    match = marked[0]
    if _LEADS.search(segment.lowered, max(start, match.start() - 24), match.start()):
        yield from _read(segment, match.start())


def _superlatives(segment: FinalSegment, end: int) -> Iterator[AnswerStatement]:
    """`The most likely diagnosis is B.`: a label right behind the verb of a sentence that singles one thing out."""
    start = max(0, end - _WINDOW)
    conclusion = segment.lowered[start:]
    for word in _SINGLING:
        for at in occurrences(segment.lowered, word, start)[:_MOST_SENTENCES] if word in conclusion else ():
            match = _SUPERLATIVE.match(segment.lowered, at)
            if match is None or segment.lowered[at - 1 : at].isalnum():
                continue  # "incorrect"
            for statement in _read(segment, match.end()):
                if not _may_be_a_name(segment, statement.slot, at, match.end()):
                    yield statement


def _last_letter(segment: FinalSegment, last: int, end: int) -> Iterator[AnswerStatement]:
    """`The best step is therefore to replace the hormone (B).`: a conclusion that ends in its only bracketed label."""
    text = segment.text
    start = max(last, end - _SENTENCE)
    for stop in _SENTENCE_START.finditer(text, start, end):
        start = stop.end()
    match = _AT_END.search(text, start, end) if text.find("(", start, end) >= 0 else None
    label = segment.labels.lookup(match["token"]) if match else None
    if match is None or label is None or len(_BRACKETED.findall(text, start, end)) != 1:
        return
    if not _CONCLUDES.search(segment.lowered, start, match.start()) or segment.cut:
        return
    if negated_before(segment.lowered, match.start(), segment.labels):
        return
    slot = AnswerSlot(label, OK, match.start("token"), match.end("token"))
    if not _may_be_a_name(segment, slot, start, match.start()) and not _names_another(segment, label, start, end):
        yield AnswerStatement(slot, "conclusion")


def _read(segment: FinalSegment, at: int) -> Iterator[AnswerStatement]:
    slot = read_slot(segment, at)
    # Here words are read that merely remind of an answer, so what is no label is no verdict on the others either.
    if slot is None or slot.label is None or "\n\n" in segment.text[at : slot.start]:
        return
    if slot.end - slot.start > 1 and segment.labels.lookup(segment.text[slot.start : slot.end]) is None:
        return
    if not negated_before(segment.lowered, at, segment.labels):
        yield AnswerStatement(slot, "conclusion")


def _may_be_a_name(segment: FinalSegment, slot: AnswerSlot, start: int, verb: int) -> bool:
    """Whether a single letter may be part of a name: vitamin D, hepatitis B, blood group A."""
    if slot.end - slot.start != 1 or own_text_end(segment, str(slot.label), closed_at(segment.text, slot.end)) > 0:
        return False
    subject = segment.lowered[start:verb].rstrip()
    for copula in (" is", " be", " are", " remains", " would"):
        subject = subject.removesuffix(copula)
    if NAMED_BY_LETTER.search(subject):
        return True
    token = segment.text[slot.start : slot.end]
    return segment.options is not None and token in segment.options.capitals


def _names_another(segment: FinalSegment, label: str, start: int, end: int) -> bool:
    """Whether the text of another option is in the sentence."""
    if segment.options is None:
        return False
    for word in _WORD.finditer(segment.text, start, end):
        named, named_end = segment.options.match_at(segment.text, segment.lowered, word.start())
        if named_end > word.start() and named != label:
            return True
    return False
