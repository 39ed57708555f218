"""Concluding sentences: no cue word, but the sentence leads up to exactly one label.

Only the end of a response is searched, where conclusions are drawn, and the label must be followed by what may follow
an answer (`read_slot` decides): "Option (C) is not correct" and "So is (B) the right one?" conclude nothing.
"""

import re
from collections.abc import Iterator

from evalsuite.parser.answer_slot import AnswerSlot, FinalSegment, own_text_end, read_slot
from evalsuite.parser.cues import occurrences
from evalsuite.parser.label_context import closed_at, open_ended
from evalsuite.parser.result import OK
from evalsuite.parser.retraction import asked_before, negated_before, singles_out_the_opposite
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
    r"(?:most\s+(?:likely|appropriate|probable|consistent|suitable|accurate|plausible|reasonable|relevant)|best|correct|right|next\s+step"
    r"|of\s+choice)\b[^.!?\n]{0,160}?\b(?:is|be|are|remains)\b"
    r"|(?<=is\s)most\s+(?:likely|probably)(?=\s+(?:option\s+)?[*(\[]*[a-z]\b)"
)
_SHORTEST = 80
_LONGEST_CLOSING = 12
_SO_IT_IS = re.compile(
    r"(?:\A|[.!?\n]\s*)[*_]*(?:[Ss]o|[Tt]hus|[Tt]herefore|[Hh]ence)[,:]?\s+(?:(?:it|this|that)\s+(?:is|must\s+be|has\s+to\s+be|should\s+be)\s+)?"
    r"(?:[Oo]ption\s+|[Cc]hoice\s+)?[(\[*]*(?P<token>[A-ZＡ-Ｚ])[)\]*]*[.!]?[*\s]*\Z"
)
CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so,|consequently|in\s+conclusion|overall|next\s+(?:best\s+)?step|of\s+choice|most\s+(?:likely|appropriate|probable|consistent|suitable|accurate)"
    r"|best|correct\s+(?:answer|choice|option|diagnosis|step)|(?:greatest|highest)\s+risk)\b"
)
# It begins with one set of characters, which is found far faster than one of two sequences.
_LABEL = re.compile(
    r"[(\[*](?:(?<=[(\[])(?:[Oo]ption\s+|[Cc]hoice\s+)?(?P<bracketed>[A-ZＡ-Ｚ])[)\]]"
    r"|(?<=\*)\*(?:[Oo]ption\s+)?(?P<bold>[A-ZＡ-Ｚ])(?=\*\*|[.:]\s))"
)
_SENTENCE_START = re.compile(r"(?s:.*)(?:[.!?][*_)]*\s+|\n\s*)")
_AT_END = re.compile(r"[*_)\]]*(?:[.!,;]|\s*\Z|\s*\n|\s+(?:because|since|due|as|which|given)\b)")
_LATER_LABEL = re.compile(
    r"\b(?:[Oo]ptions?|[Cc]hoices?|[Hh]owever|[Bb]ut|[Aa]lthough|[Aa]lternatively)\b|[(\[*][A-ZＡ-Ｚ][)\]*.:]"
)
_WORD = re.compile(r"\w+")
_FEWEST_STATEMENTS = 3
_FALSE = r"(?:incorrect|false|untrue|inaccurate|wrong|erroneous)"
_THE_STATEMENT = re.compile(rf"\bthe\s+(?P<false>{_FALSE}\s+)?\Z")
_IS_LABEL = (
    r"\s(?:is|would\s+be)\b[\s*_]*+:?(?=[\s*_]*+(?:option\s+|statement\s+|choice\s+)?[(\[*]*[a-z](?=[)\].:,;*]|\s*\Z))"
)
_ABOUT = re.compile(rf"(?:\s+(?:about|regarding|concerning|of|on|among|in|for|here)\b[^.!?\n;:]{{0,80}}?)?{_IS_LABEL}")
_THAT = re.compile(
    r"\s+(?:that|which)\s+(?:(?:is|was|does|would|will|can|cannot|could|has|most|best|least|in?correctly|in?accurately|wrongly|falsely)\b"
    rf"|(?:is|was|does|would|ca|could|has)n['’]t\b)[^.!?\n;:]{{0,160}}?{_IS_LABEL}"
)
_UNDECIDED = re.compile(
    r"\b(?:can(?:not|['’]t)|(?:do|does|did)(?:\s+not|n['’]t)\s+(?:know|let|say|allow|tell)|unsure|not\s+sure|undecided|unclear|leav(?:es?|ing)"
    r"|left|remain\w*|rest|answers?)\b"
)
_FALSE_ONE = re.compile(
    rf"\b(?:{_FALSE}\s+(?:statement|option|answer|choice|one|alternative)s?|(?:that|which)\s+(?:is|are)\s+{_FALSE})\b[^.!?\n]*\Z"
)
# "The best way to find out is to ask about amiodarone (A)": what is asked about is no option that was chosen.
INQUIRES = re.compile(
    r"\b(?:ask(?:s|ed|ing)?|inquir\w+|enquir\w+|find(?:ing)?\s+out|look(?:ing)?\s+(?:for|up)|search(?:ing)?\s+for|learn\w*\s+(?:whether|if|about))\b"
)
_CAPITAL = re.compile(r"(?<![\w'’])[A-ZＡ-Ｚ](?![\w'’])")


def conclusions(segment: FinalSegment, stated: int) -> Iterator[AnswerStatement]:
    """Every conclusion behind `stated`, where the last statement ended."""
    text = segment.text
    end = len(text.rstrip())
    last = max(text.rfind("\n", 0, end) + 1, len(text) - len(text.lstrip()))
    if stated <= last:
        yield from _last_line(segment, last, end)
    if stated == 0:
        yield from _superlatives(segment, end)
        yield from _last_letter(segment, end)
        yield from _statements_sought(segment, end)
        yield from _bare(segment, end)


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


def _last_letter(segment: FinalSegment, end: int) -> Iterator[AnswerStatement]:
    """`The best step is therefore to replace the hormone (B).`: a conclusion that ends in its only marked label.

    A reason may follow, but no other label and no "however".
    """
    text = segment.text
    start = max(0, end - _WINDOW)
    if segment.cut or all(text.find(mark, start, end) < 0 for mark in ("(", "[", "**")):
        return
    matches = list(_LABEL.finditer(text, start, end))
    if not matches:
        return
    match = matches[-1]
    label = segment.labels.lookup(match[match.lastgroup or 0])
    begin = max(0, match.start() - _SENTENCE)
    before = _SENTENCE_START.match(text, begin, match.start())
    begin = before.end() if before else begin
    if label is None or _LABEL.search(text, begin, match.start()) or open_ended(text, closed_at(text, match.end())):
        return
    closed = max(closed_at(text, match.end()), own_text_end(segment, label, closed_at(text, match.end())))
    if _AT_END.match(text, closed) is None or _LATER_LABEL.search(text, closed, end):
        return
    if not CONCLUDES.search(segment.lowered, begin, match.start()):
        return
    if negated_before(segment.lowered, match.start(), segment.labels) or asked_before(segment.lowered, match.start()):
        return
    if singles_out_the_opposite(segment.lowered, match.start()):
        return
    if _inquired_about(segment, label, begin, match.start()):
        return
    slot = AnswerSlot(label, OK, *match.span(match.lastgroup or 0))
    if not _may_be_a_name(segment, slot, begin, match.start()) and not names_another(segment, label, begin, closed):
        yield AnswerStatement(slot, "conclusion")


def _statements_sought(segment: FinalSegment, end: int) -> Iterator[AnswerStatement]:
    """`The statement that is NOT true is (A).`: of options that are statements, the one that was asked for.

    Where two or more others are left, to name a false one answers nothing else; so the negation takes nothing back.
    """
    options = segment.options
    if segment.cut or options is None or len(options.statements) < _FEWEST_STATEMENTS:
        return
    for at in occurrences(segment.lowered, "statement", max(0, end - _WINDOW))[-_MOST_SENTENCES:]:
        subject = _THE_STATEMENT.search(segment.lowered, max(0, at - 24), at)
        if subject is None or negated_before(segment.lowered, subject.start(), segment.labels):
            continue
        pattern = _ABOUT if subject["false"] else _THAT
        match = pattern.match(segment.lowered, at + len("statement"))
        slot = read_slot(segment, match.end()) if match is not None else None
        if slot is None or slot.label not in options.statements or not segment.text[slot.start].isupper():
            continue
        closed = closed_at(segment.text, slot.end)
        behind = max(closed, own_text_end(segment, str(slot.label), closed))
        if not _goes_on_to_choose(segment, str(slot.label), behind, end) and not asked_before(segment.lowered, at):
            yield AnswerStatement(slot, "conclusion")


def _goes_on_to_choose(segment: FinalSegment, label: str, start: int, end: int) -> bool:
    """Whether what follows a statement speaks of other options, or of what is still to be decided."""
    if _LATER_LABEL.search(segment.text, start, end) or _UNDECIDED.search(segment.lowered, start, end):
        return True
    return any(
        segment.labels.lookup(capital.group()) not in (None, label)
        for capital in _CAPITAL.finditer(segment.text, start, end)
    )


def _bare(segment: FinalSegment, end: int) -> Iterator[AnswerStatement]:
    """`So it must be B.`: a last sentence of nothing but a conclusion and a label."""
    last = segment.text[max(0, end - _LONGEST_CLOSING) : end].rstrip(" .!*)]")
    if segment.cut or not last[-1:].isupper():
        return
    match = _SO_IT_IS.search(segment.text, max(0, end - _SHORTEST), end)
    label = segment.labels.lookup(match["token"]) if match else None
    if match is not None and label is not None:
        yield AnswerStatement(AnswerSlot(label, OK, *match.span("token")), "conclusion")


def _read(segment: FinalSegment, at: int) -> Iterator[AnswerStatement]:
    slot = read_slot(segment, at)
    # Here words are read that merely remind of an answer, so what is no label is no verdict on the others either.
    if slot is None or slot.label is None or "\n\n" in segment.text[at : slot.start]:
        return
    if slot.end - slot.start > 1 and segment.labels.lookup(segment.text[slot.start : slot.end]) is None:
        return
    # What a colon introduces is negated before the colon.
    cue = max(0, at - _SENTENCE) + len(segment.lowered[max(0, at - _SENTENCE) : at].rstrip(" \n*:："))
    if asked_before(segment.lowered, at) or _FALSE_ONE.search(segment.lowered, max(0, cue - _SENTENCE), cue):
        return
    if not any(negated_before(segment.lowered, place, segment.labels) for place in {at, cue}):
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


def _inquired_about(segment: FinalSegment, label: str, start: int, end: int) -> bool:
    """Whether a word of inquiry leads up to the label, or to its own text, which may itself hold such a word."""
    end = len(segment.text[:end].rstrip(" *(["))
    options = segment.options
    text_start = None if options is None else options.start_before(segment.text, segment.lowered, end, label)
    return INQUIRES.search(segment.lowered, start, end if text_start is None else text_start) is not None


def names_another(segment: FinalSegment, label: str, start: int, end: int) -> bool:
    """Whether the text of another option is in the sentence."""
    if segment.options is None:
        return False
    for word in _WORD.finditer(segment.text, start, end):
        named, named_end = segment.options.match_at(segment.text, segment.lowered, word.start())
        if named_end > word.start() and named != label:
            return True
    return False
