"""Statements: the places in a final segment that say "this is the answer", in several languages."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from evalsuite.parser.answer_slot import AnswerSlot, FinalSegment, read_slot
from evalsuite.parser.cues import LINK, OTHER_SCRIPTS, QUALIFIED, WORDS, places
from evalsuite.parser.result import OK, SEVERAL
from evalsuite.parser.retraction import disowned, disowned_unspaced

_CLOSING = 400
_COLUMN = 80

_TAG_OPENS = ("<", "＜", "&lt;", "[", "<final_", "<final ")
_TAG_CLOSES = ("</", "[/", "＜/", "＜／", "<\\/", "&lt;/")
_TAG_END = re.compile(r"(?:\s[^<>\n]{0,60})?\s?/?(?:>|＞|&gt;)|\]")
_HEADING = re.compile(r"[*_]*+[ \t]*+\n")
_HEADING_LEFT = re.compile(r"(?:\A|\n)[#*_\s]*+(?:(?:the|my|final|correct|best)\s+)*$")
_CONDITION = re.compile(r"\bif\b[^.!?\n]*$")
# What stands right before a noun that announces an answer: "the correct option is", "B is the best choice".
_BEFORE_NOUN = (
    "the ", "correct ", "right ", "best ", "final ", "my ", "appropriate ", "suitable ", "accurate ", "preferred ",
    "likely ", "ideal ", "answer ", "mejor ", "bonne ", "meilleure ", "richtige ", "korrekte ", "beste ", "melhor ",
    "migliore ",
)  # fmt: skip
_FIRST_PERSON = re.compile(r"(?<!\w)i(?:['’](?:d|ll)|\s+(?:would|will|must))?(?:\s+therefore)?\s+$")
_IS_THE = re.compile(
    r"\sis\s+(?:indeed\s+|clearly\s+|therefore\s+)?(?:the|my)\s+(?:(?:most|single)\s+)?"
    r"(?:correct|best|right|final|appropriate|likely|accurate|suitable)?\s*$"
)
_IS_CORRECT = " is correct"
_LAST_SENTENCE = re.compile(
    r"[*_)\]]*(?:[.!\s]*\Z|(?:[,;:(—–]|\s+(?:because|since|as|due|given)\b)[^.!?\n]*+[.!\s]*+\Z)"
)
_SUBJECT = re.compile(
    r"(?:(?P<named>(?:option|choice|answer|that|think|believe|\A|[.!?:\n])|(?:so|thus|hence|therefore),?)\s*)?"
    r"(?P<mark>[(\[*\"]*)(?P<token>[A-Za-z]++)(?P<closed>[)\]*\".:]*)$",
    re.I,
)
_JOINED = re.compile(r"(?:\b(?:or|and|nor|not|neither|either)|[/,&])\s*(?:option\s*)?$")


class AnswerStatement(NamedTuple):
    """A slot with the form in which it was stated."""

    slot: AnswerSlot
    form: str


def statements(segment: FinalSegment) -> Iterator[AnswerStatement]:
    """Every statement in the segment; `Crowded` is raised where there are too many cues to read each."""
    lowered = segment.lowered
    for at in places(lowered, "answer"):
        yield from _at_answer(segment, at)
    if "\\" in lowered:
        for at in places(lowered, "boxed"):
            if lowered[at + 5 : at + 7].lstrip()[:1] == "{":
                yield from _stated(segment, at, at + 5, "boxed")
    for word in QUALIFIED:
        for at in places(lowered, word):
            if _qualified(lowered, at, at + len(word)):
                yield from _at_word(segment, at, word)
    for at in places(lowered, "choose"):
        if _FIRST_PERSON.search(lowered, max(0, at - 24), at):
            yield from _stated(segment, at, at + len("choose"), "choice")
    for at in places(lowered, "is:"):
        if not lowered[at - 1 : at].isalnum():
            yield from _stated(segment, at, at + len("is:"), "statement")
    yield from _beyond_english(segment)


def verdicts(segment: FinalSegment) -> list[AnswerStatement]:
    """`Option B is correct`, all of them, if the last sentence is one; else they are remarks in a discussion."""
    found: list[AnswerStatement] = []
    ends = 0
    for at in places(segment.lowered, _IS_CORRECT):
        left = max(0, at - 32)
        subject = _SUBJECT.search(segment.text[left:at])
        if subject is not None and (subject["mark"] or subject["named"] is not None):
            found.extend(_read_subject(segment, left, subject))
            ends = at + len(_IS_CORRECT)
    return found if _LAST_SENTENCE.match(segment.lowered, ends) else []


def _beyond_english(segment: FinalSegment) -> Iterator[AnswerStatement]:
    lowered = segment.lowered
    # What begins in English is read for another language only at its end, where a closing statement stands.
    start = max(0, len(lowered) - _CLOSING) if " the " in lowered[:_CLOSING] else 0
    for word, qualified in WORDS:
        if lowered.find(word, start) < 0:
            continue
        for at in places(lowered, word, start):
            if not qualified or _qualified(lowered, at, at + len(word)):
                yield from _at_word(segment, at, word)
    if lowered.isascii():
        return
    for word, pattern in OTHER_SCRIPTS:
        for at in places(lowered, word):
            link = pattern.match(segment.text, at)
            if link and not disowned_unspaced(lowered, at):
                yield from _stated(segment, at, link.end(), "statement")


def _at_answer(segment: FinalSegment, at: int) -> Iterator[AnswerStatement]:
    lowered = segment.lowered
    end = at + len("answer")
    left = lowered[max(0, at - 8) : at].rstrip()
    if left.endswith(_TAG_CLOSES):
        return
    tag = _TAG_END.match(lowered, end) if left.endswith(_TAG_OPENS) else None
    if tag:
        for statement in _stated(segment, at - 1, tag.end(), "tag"):
            more = _more_labels(segment, statement.slot.end)
            yield statement._replace(slot=statement.slot._replace(label=None, status=SEVERAL)) if more else statement
    else:
        yield from _at_word(segment, at, "answer")


def _more_labels(segment: FinalSegment, at: int) -> bool:
    """Whether what is left of an answer tag is nothing but labels: a column of them."""
    end = segment.lowered.find("<", at, at + _COLUMN)
    rest = segment.text[at : max(at, end)].split()
    return bool(rest) and all(segment.labels.exact(word) is not None for word in rest)


def _at_word(segment: FinalSegment, at: int, word: str) -> Iterator[AnswerStatement]:
    lowered = segment.lowered
    end = at + len(word)
    if lowered.endswith(_BEFORE_NOUN, 0, at):
        yield from _verdict(segment, at)
    link = LINK.match(lowered, end)
    if link is None:
        if _HEADING.match(lowered, end) and _HEADING_LEFT.search(lowered, max(0, at - 40), at):
            yield from _stated(segment, at, end, "heading")
    elif "would" not in link.group() or not _CONDITION.search(lowered, max(0, at - 160), at):
        yield from _stated(segment, at, link.end(), "statement")


def _qualified(lowered: str, at: int, end: int) -> bool:
    """Whether "the correct" or the like stands beside the noun: a bare "option" announces nothing."""
    return lowered.endswith(_BEFORE_NOUN, 0, at) or lowered.startswith(" corre", end)


def _stated(segment: FinalSegment, at: int, end: int, form: str) -> Iterator[AnswerStatement]:
    slot = read_slot(segment, end)
    if slot is None:
        return
    if _is_key(segment.lowered, at, end) or not disowned(segment.lowered, at, segment.labels):
        yield AnswerStatement(slot, form)


def _is_key(lowered: str, at: int, end: int) -> bool:
    """Whether the cue is the key of a JSON field: nothing before it can take it back."""
    before = lowered[at - 1 : at]
    return before == "_" or (before in ('"', "'") and before in lowered[at:end])


def _verdict(segment: FinalSegment, at: int) -> Iterator[AnswerStatement]:
    """`B is the correct answer`: the label stands before the cue."""
    start = max(0, at - 48)
    link = _IS_THE.search(segment.lowered, start, at) if segment.lowered.rfind(" is ", start, at) >= 0 else None
    if link is None:
        return
    left = max(0, link.start() - 32)
    subject = _SUBJECT.search(segment.text[left : link.start()])
    if subject is not None and (subject["mark"] or subject["named"] is not None):
        yield from _read_subject(segment, left, subject)


def _read_subject(segment: FinalSegment, left: int, subject: re.Match[str]) -> Iterator[AnswerStatement]:
    token = subject["token"]
    label = segment.labels.wide(token)
    if label is None or (len(token) == 1 and token.islower() and not subject["mark"]):
        return
    start = left + subject.start("token")
    joined = _JOINED.search(segment.lowered, left, left + subject.start("mark"))
    if joined is None and not disowned(segment.lowered, start, segment.labels):
        yield AnswerStatement(AnswerSlot(label, OK, start, start + len(token)), "verdict")
