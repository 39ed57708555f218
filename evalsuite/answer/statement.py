"""Statements: the places in a final segment that say "this is the answer", in several languages.

A cue is a literal that a plain search finds; only where one stands are the patterns tried, so that the cost of a
response without cues is that of a few searches.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from evalsuite.answer.slot import Segment, Slot, read_slot

_MOST_CUES = 128
_CLOSING = 400


class Crowded(Exception):
    """More cues than any statement needs, and no mere repetition: nothing is read from such a text."""


class Statement(NamedTuple):
    """A slot with the form in which it was stated."""

    slot: Slot
    form: str


_LINK = re.compile(
    r"(?:(?<=antwo)(?:rt|ord))?(?:[_ ]?(?:choice|option|letter))?+"
    r"(?P<kind>\s+(?:correct[aeo]?|corret[ao]|corretta|exact[ae]|final[ae]?|definitiva|juste|certa|adecuada|adequada"
    r"|giusta))?+"
    r"(?:\s+(?:to|for|of|in|à|al|alla|auf|zu|de|del)\s[^.\n:;?!,()\"]{1,60}?(?=\s(?:is|es|est|ist|é|è)\s|:))?"
    r"(?:['’]s\b|[\s*_`\"'”’]*+(?:[:：=]|[-–—](?=\s)|->|→"
    r"|(?:is|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|remains"
    r"|es|ser[ií]a|est|serait|ist|lautet|wäre|é|è|sarebbe)\b[\s*_]*+[:：]?))"
)
_HEADING = re.compile(r"[*_]*+[ \t]*+\n")
_HEADING_LEFT = re.compile(r"(?:\A|\n)[#*_\s]*+(?:(?:the|my|final|correct|best)\s+)*$")
_TAG_END = re.compile(r"(?:\s[^<>\n]{0,60})?\s?/?(?:>|＞|&gt;)|\]")
_CONDITION = re.compile(r"\bif\b[^.!?\n]*$")
_QUALIFIERS = frozenset(
    "correct right best final my appropriate suitable accurate preferred likely ideal answer mejor bonne meilleure "
    "richtige korrekte beste melhor migliore".split()
)
_FIRST_PERSON = re.compile(r"(?<!\w)i(?:['’](?:d|ll)|\s+(?:would|will|must))?(?:\s+therefore)?\s+$")

_NEGATIONS = frozenset(
    "not never neither nor incorrect wrong worst least unlikely unsure if whether unless until why doubt doubtful other "
    "second another possible plausible potential alternative tempting previous might may could perhaps maybe "
    "suppose supposing assume assuming instead than cannot said says claim claims incorrecta errónea mauvaise fausse "
    "falsche nicht errada sbagliata неправильный неверный".split()
)
_EXAMPLES = (
    "example", "e.g.", "for instance", "such as", "like this", "format is", "format was", "format would",
    "format should", "template", "placeholder", "instruct", "asked", "told", "ejemplo", "exemple", "zum beispiel", "z.b.",
    "例如", "比如",
)  # fmt: skip
_QUOTES = frozenset("\"“”«「『'‘`")
_QUOTED = re.compile(r"(?:(?<!\w)[\"“”«「『'‘]|(?<!`)`)(?:[^\S\n]|[*<]|the\b|my\b|final\b|correct\b|best\b|so\b|answer\b)*$")
_CLAUSE_END = re.compile(r"[.;:!?\n,](?=[^.;:!?\n,]*$)")
_SENTENCE_END = re.compile(r"[.!?]\s")

_ASIAN = (
    (
        "答",
        re.compile(
            r"答(?:案|え)?(?:选项|選項)?\s*(?:应该|應該|应|應|就)?\s*(?:是|为|為|选择?|選擇?|は|：|:)"
        ),
    ),
    ("选", re.compile(r"选(?:择|项(?:应该|应|就)?[是为：:])?(?=[\sA-Za-z（(Ａ-Ｚ*：:])")),
    ("選", re.compile(r"選(?:擇|項(?:應該|應|就)?[是為：:])?(?=[\sA-Za-z（(Ａ-Ｚ*：:])")),
    ("解", re.compile(r"(?<=正)(?<!不正)解\s*(?:は|：|:)")),
    ("답", re.compile(r"답\s*(?:은|는|：|:)")),
    ("твет", re.compile(r"твет(?:ом)?\s*(?:является|будет|это)?\s*(?:[:：—–-]|является|(?=\s\(?[A-Z]\b))", re.I)),
    ("جاب", re.compile(r"جابة\s*(?:الصحيحة|النهائية)?\s*(?:هي|هو|:|：)")),
    ("جواب", re.compile(r"جواب\s*(?:الصحيح|النهائي)?\s*(?:هو|هي|:|：)")),
)
_ASIAN_DISOWNED = re.compile(
    r"[不非勿别別未没沒誤오][选選应應能会會可以该該]*$|错误?|錯誤?|不正[确確]|可能|如果|若|假如|为什么|為什麼|为何|除了|排除|неправильн|неверн|не\s"
    r"|可以?$|오답"
)


def statements(segment: Segment) -> Iterator[Statement]:
    """Every statement in the segment; raise `Crowded` where there are too many cues to read each."""
    lowered = segment.lowered
    for at in places(lowered, "answer"):
        yield from _at_answer(segment, at)
    if "\\" in lowered:
        for at in places(lowered, "boxed"):
            if lowered[at + 5 : at + 7].lstrip()[:1] == "{":
                yield from _stated(segment, at, at + 5, "boxed")
    for word in ("option", "choice"):
        for at in places(lowered, word):
            yield from _at_word(segment, at, word, True)
    # What begins in English is read for another language only at its end, where a closing statement stands.
    start = max(0, len(lowered) - _CLOSING) if " the " in lowered[:_CLOSING] else 0
    for word, qualified in _WORDS:
        for at in places(lowered, word, start):
            yield from _at_word(segment, at, word, qualified)
    for verb in _VERBS:
        for at in places(lowered, verb):
            if _FIRST_PERSON.search(lowered, max(0, at - 24), at):
                yield from _stated(segment, at, at + len(verb), "choice")
    for at in places(lowered, "is:"):
        if not lowered[at - 1 : at].isalnum():
            yield from _stated(segment, at, at + len("is:"), "statement")
    if not lowered.isascii():
        yield from _beyond_ascii(segment)


_WORDS = (
    ("lternativa", True),
    ("opzione", True),
    ("spuesta", False),
    ("sposta", False),
    ("ponse", False),
    ("antwo", False),
)
_VERBS = ("choose",)


def places(text: str, word: str, start: int = 0) -> list[int]:
    """Where `word` stands in `text` from `start` on; of a loop, enough of it."""
    found: list[int] = []
    at = text.find(word, start)
    while at >= 0:
        found.append(at)
        if len(found) == _MOST_CUES:
            if _repeats(text, found):
                break
            raise Crowded
        at = text.find(word, at + len(word))
    return found


def _repeats(text: str, found: list[int]) -> bool:
    """Whether the text behind the last place only repeats what was before it, to the end."""
    for back in range(2, 18):
        period = found[-1] - found[-back]
        start = found[-1] - 128
        if start >= period and text[start:] == text[start - period : len(text) - period]:
            return True
    return False


def _at_answer(segment: Segment, at: int) -> Iterator[Statement]:
    lowered = segment.lowered
    end = at + len("answer")
    left = lowered[max(0, at - 8) : at].rstrip()
    if left.endswith(("</", "[/", "＜/", "＜／", "<\\/", "&lt;/")):
        return
    if left.endswith(("<", "＜", "&lt;", "[", "<final_", "<final ")):
        tag = _TAG_END.match(lowered, end)
        if tag:
            yield from _stated(segment, at - 1, tag.end(), "tag")
            return
    yield from _at_word(segment, at, "answer", False)


def _at_word(segment: Segment, at: int, word: str, qualified: bool) -> Iterator[Statement]:
    lowered = segment.lowered
    end = at + len(word)
    if lowered[end : end + 1] == "s":
        return
    yield from _verdict(segment, at)
    if qualified and not lowered.startswith(" corre", end) and _QUALIFIERS.isdisjoint(lowered[max(0, at - 16) : at].split()[-1:]):
        return
    link = _LINK.match(lowered, end)
    if link is None:
        if not qualified and _HEADING.match(lowered, end) and _HEADING_LEFT.search(lowered, max(0, at - 40), at):
            yield from _stated(segment, at, end, "heading")
        return
    if "would" in link.group() and _CONDITION.search(lowered, max(0, at - 160), at):
        return
    yield from _stated(segment, at, link.end(), "statement")


def _stated(segment: Segment, at: int, end: int, form: str) -> Iterator[Statement]:
    slot = read_slot(segment, end)
    if slot is not None and (_is_key(segment.lowered, at, end) or not disowned(segment.lowered, at)):
        yield Statement(slot, form)


def _is_key(lowered: str, at: int, end: int) -> bool:
    """Whether the cue is the key of a JSON field: nothing before it can take it back."""
    quote = lowered[at - 1 : at]
    return quote != "" and quote in "\"'_" and (quote == "_" or quote in lowered[at:end])


def disowned(lowered: str, at: int) -> bool:
    """Whether the words before `at` take back what follows: a negation, a condition, an example or a quotation."""
    left = lowered[max(0, at - 80) : at]
    clause_end = _CLAUSE_END.search(left)
    clause = left[clause_end.end() :] if clause_end else left
    if not _NEGATIONS.isdisjoint(clause.split()) or "n't" in clause or "n’t" in clause:
        return True
    return _quoted(lowered, left, at) or any(phrase in left and _same_sentence(left, phrase) for phrase in _EXAMPLES)


def _quoted(lowered: str, left: str, at: int) -> bool:
    """Whether a quotation opens right before the statement, and isn't all that the response says."""
    if _QUOTES.isdisjoint(left[-24:]):
        return False
    quote = _QUOTED.search(left, max(0, len(left) - 24))
    return quote is not None and bool(lowered[: at - len(left) + quote.start()].strip())


def _same_sentence(left: str, phrase: str) -> bool:
    return _SENTENCE_END.search(left, left.rfind(phrase) + len(phrase)) is None


_CANDIDATE = re.compile(
    r"(?:(?P<named>(?:option|choice|answer|that|think|believe|\A|[.!?:\n])|(?:so|thus|hence|therefore),?)\s*)?"
    r"(?P<mark>[(\[*\"]*)(?P<token>[A-Za-z]++)(?P<closed>[)\]*\".:]*)$",
    re.I,
)
_IS_THE = re.compile(
    r"\sis\s+(?:indeed\s+|clearly\s+|therefore\s+)?(?:the|my)\s+(?:(?:most|single)\s+)?"
    r"(?:correct|best|right|final|appropriate|likely|accurate|suitable)?\s*$"
)


def _verdict(segment: Segment, at: int) -> Iterator[Statement]:
    """`B is the correct answer`: the label stands before the cue."""
    start = max(0, at - 48)
    if segment.lowered.rfind(" is ", start, at) < 0:
        return
    link = _IS_THE.search(segment.lowered, start, at)
    if link is None:
        return
    yield from _before(segment, link.start())


def _before(segment: Segment, end: int) -> Iterator[Statement]:
    left = max(0, end - 32)
    match = _CANDIDATE.search(segment.text[left:end])
    if match is None or not (match["mark"] or match["named"] is not None):
        return
    token = match["token"]
    label = segment.labels.wide(token)
    start = left + match.start("token")
    if label is None or (len(token) == 1 and token.islower() and not match["mark"]):
        return
    if re.search(r"(?:\b(?:or|and|nor|not|neither|either)|[/,&])\s*(?:option\s*)?$", segment.lowered[left : start - len(match["mark"])]):
        return
    if disowned(segment.lowered, start):
        return
    yield Statement(Slot(label, "ok", start, start + len(token)), "verdict")


def _beyond_ascii(segment: Segment) -> Iterator[Statement]:
    for word, gate in (("opción", "ó"), ("opção", "ç")):
        if gate in segment.lowered:
            for at in places(segment.lowered, word):
                yield from _at_word(segment, at, word, True)
    for word, pattern in _ASIAN:
        if word[0] not in segment.lowered:
            continue
        for at in places(segment.lowered, word):
            match = pattern.match(segment.lowered, at) or pattern.match(segment.text, at)
            if match is None or _ASIAN_DISOWNED.search(segment.lowered, max(0, at - 8), at):
                continue
            yield from _stated(segment, at, match.end(), "statement")
