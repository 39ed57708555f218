"""Statements: the places in a final segment that say "this is the answer", in several languages."""

import re
from typing import NamedTuple

from evalsuite.parser.answer_slot import AnswerSlot, FinalSegment, own_text_end, read_slot
from evalsuite.parser.cues import (
    CHINESE_VERDICT,
    DECISIONS,
    KEYS,
    LINK,
    OTHER_SCRIPTS,
    QUALIFIED,
    VERBS,
    WORDS,
    occurrences,
)
from evalsuite.parser.label_context import closed_at, hedged, open_ended
from evalsuite.parser.result import OK, SEVERAL
from evalsuite.parser.retraction import asked_before, negated_before, negated_before_unspaced

_BOX = re.compile(r"\s*\{|\s+[\\a-z]")
_CLOSING = 400
_LONG = 20_000
_COLUMN = 80

_TAG_OPENS = ("<", "＜", "&lt;", "[", "<final_", "<final")
_TAG_CLOSES = ("</", "[/", "＜/", "＜／", "<\\/", "&lt;/")
_TAG_EDGES = frozenset(mark[-1] for mark in (*_TAG_OPENS, *_TAG_CLOSES))
_TAG_END = re.compile(r"(?:\s[^<>\n]{0,60})?\s?/?(?:>|＞|&gt;)|\]")
_TAG_CLOSED = re.compile(r"[\s*]*(?:</|\[/)[A-Za-z_ ]{1,20}[>\]]")
_HEADING = re.compile(r"[*_]*+[ \t]*+\n")
_HEADING_LEFT = re.compile(r"(?:\A|\n)[#*_\s]*+(?:(?:the|my|final|correct|best)\s+)*$")
_ONE_BY_ONE = re.compile(
    r"\b(?:each|every|all|following)\s+(?:(?:of|the|possible|given|listed|individual|single|answer)\s+)*\Z"
)
_REJECTED = re.compile(r"\b(?:avoid\w*|exclude\w*|eliminate\w*|reject\w*|wrong|incorrect|false|worst|least)\b")
_CONDITION = re.compile(r"\bif\b[^.!?\n]*$")
# What is right before a noun that announces an answer: "the correct option is", "B is the best choice".
_BEFORE_NOUN = (
    "the ", "correct ", "right ", "best ", "final ", "my ", "appropriate ", "suitable ", "accurate ", "preferred ",
    "likely ", "ideal ", "answer ", "remaining ", "only ", "logical ", "reasonable ", "consistent ", "closest ",
    "mejor ", "bonne ", "meilleure ", "richtige ", "korrekte ", "beste ", "melhor ", "migliore ",
)  # fmt: skip
_FIRST_PERSON = re.compile(
    r"(?<!\w)(?:i|we|let['’]s|let\s+(?:us|me))(?:['’](?:d|ll|m|re))?(?:\s+(?:would|will|must|shall|should|am|are|therefore|thus|have\s+to|need\s+to))*\s+\Z"
)
_ADVERB = r"(?:indeed|clearly|therefore|thus|then|also|probably|likely|definitely|most\s+likely)"
_SUPERLATIVE = (
    r"(?:(?:single\s+)?(?:most\s+|next\s+)?(?:correct|best|right|final|appropriate|likely|probable|accurate|suitable|logical|reasonable"
    r"|consistent|plausible|only|remaining|preferred|ideal|closest)\s*)+"
)
# "B is the best", "(B) as the only", "making (B) the correct": what links a label to the noun behind it.
_IS_THE = re.compile(
    rf"(?P<link>\s(?:is|would\s+be|must\s+be|seems\s+to\s+be|appears\s+to\s+be|remains|as)\s+(?:{_ADVERB}\s+)?(?:the|my)\s+|,?\s(?:the|my)\s+)"
    rf"(?:{_SUPERLATIVE})?\Z"
)
_MAKING = re.compile(
    r"(?<!not )(?<!would )(?<!could )(?<!might )(?<!may )(?<!to )\b(?:mak|leav)(?:es|ing|e)\s+(?:only\s+)?(?:the\s+)?"
    r"(?:[^.,;:!?\n()]{1,40}\s(?=[(\[]))?(?:option\s+|choice\s+|answer\s+)?[(\[*\"]*(?:option\s+|choice\s+)?\Z"
)
_SENTENCE_START = re.compile(r"(?:\A|[.!?:\n])[\s*#_]*\Z")
_IS_RIGHT = (" is correct", " is right")
_IS_BEST = re.compile(r" is the (?:(?:correct|right|best|only|most)\b|\w+(?: \w+)? of choice\b)[^.!?\n,;:]{0,80}")
_RESTRICTED = re.compile(r"\b(?:if|unless|provided|assuming|depending|when|or|not|except)\b")
_LAST_SENTENCES = 600
_HENCE = re.compile(r"\b(?:so|thus|hence|therefore),?\s+(?:option\s+|choice\s+)?[(\[*\"]*\Z")
_LAST_SENTENCE = re.compile(
    r"[*_)\]]*(?:[.!\s]*\Z|(?:[,;:(—–]|\s+(?:because|since|as|due|given)\b)[^.!?\n]*+[.!\s]*+\Z)"
)
_SUBJECT = re.compile(
    r"(?:(?P<named>(?:option|choice|answer|that|think|believe|\A|[.!?:\n])|(?:so|thus|hence|therefore),?)\s*)?"
    r"(?P<mark>[(\[*\"]*)(?P<token>[A-Za-z]++)(?P<closed>[)\]*\".:]*)\Z",
    re.I,
)
_EITHER = re.compile(r"\b(?:or|nor|not|neither|either)\s*(?:option\s*)?\Z|[/&]\s*\Z")
_ROW = re.compile(r"([A-Za-z]+)[)\]*\".:]*\s*(?:,|,?\s*\band\b)\s*(?:option\s*)?\Z")
_ANNOUNCES = re.compile(
    r"\b(?:answer|choice|option|solution|best|correct|right|most|likely|appropriate|next|final|first|therefore|thus|hence)\b"
    r"(?:[^.!?\n\"]|\"[^\"\n]*\")*\Z"
)
# "The missing vitamin is: D": such a noun is named by a letter, which says nothing about the options' labels.
NAMED_BY_LETTER = re.compile(
    r"\b(?:vitamin|vitamins|type|types|group|groups|class|classes|grade|stage|score|status|hepatitis|virus|influenza|factor|antigen|protein"
    r"|strain|serotype|subtype|variant|category|phase|level|lead|chain|cell|cells|organism|bacterium|isoform|genotype|allele|immunoglobulin"
    r"|(?<!correct )(?<!right )(?<!answer )letter)\s*\Z"
)
_WINDOW = 800


class AnswerStatement(NamedTuple):
    """A slot with the form in which it was stated."""

    slot: AnswerSlot
    form: str


def statements(segment: FinalSegment) -> list[AnswerStatement]:
    """Every statement in the segment; `TooManyCues` is raised where there are too many cues to read each."""
    lowered = segment.lowered
    found: list[AnswerStatement] = []
    for at in occurrences(lowered, "answer"):
        found += _at_answer(segment, at)
    if "\\" in lowered:
        for at in occurrences(lowered, "boxed"):
            if _BOX.match(lowered, at + len("boxed")):
                found += _stated(segment, at, at + len("boxed"), "boxed")
    for word in QUALIFIED if "cho" in lowered else QUALIFIED[:1]:
        for at in occurrences(lowered, word):
            if _qualified(lowered, at, at + len(word)):
                found += _at_word(segment, at, word)
    for at in occurrences(lowered, "choose") if "cho" in lowered else ():
        if _FIRST_PERSON.search(lowered, max(0, at - 40), at):
            found += _stated(segment, at, at + len("choose"), "choice")
    if ":" in lowered:  # one character is found far faster than a word
        for link in ("is:", "be:"):
            for at in occurrences(lowered, link, max(0, lowered.find(":") - 2)):
                if not lowered[at - 1 : at].isalnum():
                    found += _at_colon(segment, at, at + len(link))
    return found + _rarer(segment) + _beyond_english(segment)


def _rarer(segment: FinalSegment) -> list[AnswerStatement]:
    """Statements by rarer words, for which only the end of a long segment is searched: there conclusions are drawn."""
    lowered = segment.lowered
    start = max(0, len(lowered) - _WINDOW)
    end = lowered[start:]
    found: list[AnswerStatement] = []
    for owner in ("final ", "my "):
        for at in occurrences(lowered, owner, start) if end.rfind(owner) >= 0 else ():
            noun = DECISIONS.match(lowered, at + len(owner))
            if noun:
                found += _at_word(segment, noun.start(), noun.group())
    for verb in VERBS:
        for at in occurrences(lowered, verb, start) if end.rfind(verb) >= 0 else ():
            if _FIRST_PERSON.search(lowered, max(0, at - 40), at):
                found += _stated(segment, at, at + len(verb), "choice")
    return found + _in_json(segment, start) if "{" in lowered else found


def _in_json(segment: FinalSegment, start: int) -> list[AnswerStatement]:
    """The value of a key such as "choice": nothing before it can take it back."""
    found = []
    for quote in ('":', "':"):
        for at in occurrences(segment.lowered, quote, start):
            slot = (
                read_slot(segment, at + len(quote)) if KEYS.search(segment.lowered, max(0, at - 40), at + 1) else None
            )
            if slot is not None:
                found.append(AnswerStatement(slot, "statement"))
    return found


def _at_colon(segment: FinalSegment, at: int, end: int) -> list[AnswerStatement]:
    """`The next step is: B`: what precedes announces an answer, or the label is followed by its own text."""
    left = max(0, at - 320)
    announced = (
        _ANNOUNCES.search(segment.lowered, left, at) is not None
        and NAMED_BY_LETTER.search(segment.lowered, left, at) is None
    )
    found = _stated(segment, at, end, "statement")
    if not found or announced:
        return found
    slot = found[0].slot
    own_text = slot.label and own_text_end(segment, slot.label, closed_at(segment.text, slot.end)) > 0
    return found if own_text else []


def verdicts(segment: FinalSegment) -> list[AnswerStatement]:
    """`Option B is correct`, all of them, if the last sentence is one or one is introduced as a conclusion.

    Elsewhere they are remarks in a discussion.
    """
    remarks = [] if segment.lowered.isascii() else _chinese_verdict(segment)
    if remarks:
        return remarks
    concluded = False
    ends = 0
    verbs = [(at, at + len(word)) for word in _IS_RIGHT for at in occurrences(segment.lowered, word)]
    tail = max(0, len(segment.lowered) - _LAST_SENTENCES)
    for at in occurrences(segment.lowered, " is the ", tail):
        best = _IS_BEST.match(segment.lowered, at)
        if best is not None and not _RESTRICTED.search(best.group()):
            verbs.append(best.span())
    for at, end in verbs:
        left = max(0, at - 32)
        subject = _SUBJECT.search(segment.text[left:at])
        if open_ended(segment.text, end) or hedged(segment.text, segment.labels, end):
            continue
        if subject is not None and (subject["mark"] or subject["named"] is not None):
            remarks += _read_subject(segment, left, subject)
            # "so (D) is correct" may check one statement of several; "so (D) is the correct one" may not.
            concluded |= (
                segment.lowered.startswith(" is the ", at)
                and _HENCE.search(segment.lowered, left, left + subject.start("token")) is not None
            )
            ends = max(ends, end)
    return remarks if concluded or _LAST_SENTENCE.match(segment.lowered, ends) else []


def _chinese_verdict(segment: FinalSegment) -> list[AnswerStatement]:
    """`选项B正确。`: the last sentence calls one label right."""
    end = len(segment.text)
    match = CHINESE_VERDICT.search(segment.text, max(0, end - _COLUMN), end)
    label = segment.labels.lookup(match["token"]) if match else None
    if match is None or label is None or segment.cut:
        return []
    return [AnswerStatement(AnswerSlot(label, OK, *match.span("token")), "verdict")]


def _beyond_english(segment: FinalSegment) -> list[AnswerStatement]:
    lowered = segment.lowered
    found: list[AnswerStatement] = []
    # What begins in English is read for another language only at its end, where its conclusion is.
    start = max(0, len(lowered) - (_CLOSING if " the " in lowered[:_CLOSING] else _LONG))
    end = lowered[start:]
    for word, qualified in WORDS:
        for at in occurrences(lowered, word, start) if end.rfind(word) >= 0 else ():
            if not qualified or _qualified(lowered, at, at + len(word)):
                found += _at_word(segment, at, word)
    for word, pattern in () if lowered.isascii() else OTHER_SCRIPTS:
        for at in occurrences(lowered, word):
            link = pattern.match(segment.text, at)
            if link and not negated_before_unspaced(lowered, at):
                found += _stated(segment, at, link.end(), "statement")
    return found


def _at_answer(segment: FinalSegment, at: int) -> list[AnswerStatement]:
    lowered = segment.lowered
    left = lowered[max(0, at - 8) : at].rstrip()
    if left[-1:] not in _TAG_EDGES:
        return _at_word(segment, at, "answer")
    if left.endswith(_TAG_CLOSES):
        return []
    tag = _TAG_END.match(lowered, at + len("answer")) if left.endswith(_TAG_OPENS) else None
    if tag is None:
        return _at_word(segment, at, "answer")
    found = _stated(segment, at - 1, tag.end(), "tag")
    closing = _TAG_CLOSED.match(segment.text, found[0].slot.end) if found else None
    if closing is not None and open_ended(segment.text, closing.end()):
        return []
    if found and _more_labels(segment, found[0].slot.end):
        return [AnswerStatement(found[0].slot._replace(label=None, status=SEVERAL), "tag")]
    return found


def _more_labels(segment: FinalSegment, at: int) -> bool:
    """Whether what is left of an answer tag is nothing but labels: a column of them."""
    end = segment.lowered.find("<", at, at + _COLUMN)
    rest = segment.text[at : max(at, end)].split()
    return bool(rest) and all(segment.labels.exact(word) is not None for word in rest)


def _at_word(segment: FinalSegment, at: int, word: str) -> list[AnswerStatement]:
    lowered = segment.lowered
    end = at + len(word)
    found = _verdict(segment, at, end) if lowered.endswith(_BEFORE_NOUN, 0, at) else []
    link = LINK.match(lowered, end)
    if link is None:
        if _HEADING.match(lowered, end) and _HEADING_LEFT.search(lowered, max(0, at - 40), at):
            found += _stated(segment, at, end, "heading")
    elif (
        _ONE_BY_ONE.search(lowered, max(0, at - 40), at) or _REJECTED.search(link.group()) or asked_before(lowered, at)
    ):
        return found
    elif "would" not in link.group() or not _CONDITION.search(lowered, max(0, at - 160), at):
        found += _stated(segment, at, link.end(), "statement")
    return found


def _qualified(lowered: str, at: int, end: int) -> bool:
    """Whether "the correct" or the like is beside the noun: a bare "option" announces nothing."""
    return lowered.endswith(_BEFORE_NOUN, 0, at) or lowered.startswith(" corre", end)


def _stated(segment: FinalSegment, at: int, end: int, form: str) -> list[AnswerStatement]:
    slot = read_slot(segment, end)
    if slot is None:
        return []
    if _is_key(segment.lowered, at, end) or not negated_before(segment.lowered, at, segment.labels):
        return [AnswerStatement(slot, form)]
    return []


def _is_key(lowered: str, at: int, end: int) -> bool:
    """Whether the cue is the key of a JSON field: nothing before it can take it back."""
    before = lowered[at - 1 : at]
    return before == "_" or (before in ('"', "'") and before in lowered[at:end])


def _verdict(segment: FinalSegment, at: int, end: int) -> list[AnswerStatement]:
    """`B is the correct answer`, `making B the best choice`: the label is before the cue."""
    start = max(0, at - 64)
    article = segment.lowered.rfind("the ", start, at)
    if article != at - len("the "):
        article = max(article, segment.lowered.rfind("my ", start, at))
    if article < 0 or _SENTENCE_START.search(segment.lowered, max(0, article - 4), article):
        return []  # "The answer ..." has no label before it
    link = _IS_THE.search(segment.lowered, start, at)
    if link is None:
        return []
    left = max(0, link.start() - 32)
    subject = _SUBJECT.search(segment.text[left : link.start()])
    if subject is None:
        return []
    making = _MAKING.search(segment.lowered, max(0, left - 24), left + subject.start("token"))
    # "making (B) the answer" needs no verb of its own; nothing else does without one.
    if making is None and not _has_verb(link["link"]):
        return []
    if "would" in link["link"] and _CONDITION.search(segment.lowered, max(0, at - 160), at):
        return []
    if open_ended(segment.text, end) or hedged(segment.text, segment.labels, end):
        return []  # "B is the correct answer, or C", "... only if the kidneys are well", "...?"
    if making or subject["mark"] or subject["named"] is not None:
        return _read_subject(segment, left, subject)
    return []


def _has_verb(link: str) -> bool:
    return link.split()[0] not in (",", "the", "my", "as")


def _read_subject(segment: FinalSegment, left: int, subject: re.Match[str]) -> list[AnswerStatement]:
    token = subject["token"]
    label = segment.labels.lookup(token)
    if label is None or (len(token) == 1 and token.islower() and not subject["mark"]):
        return []
    start = left + subject.start("token")
    mark = left + subject.start("mark")
    row = _ROW.search(segment.text, left, mark)
    joined = _EITHER.search(segment.lowered, left, mark) or (row and segment.labels.lookup(row[1]) is not None)
    if joined or negated_before(segment.lowered, start, segment.labels):
        return []
    return [AnswerStatement(AnswerSlot(label, OK, start, start + len(token)), "verdict")]
