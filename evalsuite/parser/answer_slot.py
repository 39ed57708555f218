"""The slot of a statement: the place behind "the answer is" where one label or one option's text may stand.

The rules are the same for every label, so the article "A" and the pronoun "I" need no list of their own: a bare label
counts only where punctuation, an end or a word like "because" follows it, never where a sentence goes on.
"""

import re
from typing import NamedTuple

from evalsuite.parser.item_labels import Labels, Options
from evalsuite.parser.result import NO_ANSWER, NOT_A_LABEL, OK, SEVERAL

_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_HTML = r"</?(?:b|i|u|p|em|br|div|code|span|strong)\s?/?>"
_LEAD = rf"[\s*_`$#:：=\"'“”‘’„«»「『【〔（(\[{{{_INVISIBLE}]"

_FILLERS = (
    r"(?i:(?:the|that|is|be|most|likely|therefore|thus|hence|then|clearly|definitely|indeed|simply|just"
    r"|donc|also|quindi|dunque|portanto|entonces"
    r"|option|choice|answer|letter|statement|alternative"
    r"|la|el|le|die|der|das|opci[oó]n|letra|alternativa|lettre|proposition|r[ée]ponse|buchstabe|antwort|antwortoption"
    r"|op[çc][ãa]o|lettera|opzione|risposta|optie|вариант|буква|буквой|под|пункт|это|الخيار|الحرف|هي|هو)(?!\w)"
    r"|l['’](?=(?:op|al)))"
    r"|[ao](?=\s+(?:letra|alternativa|op[çc][ãa]o|[A-Z](?!\w)))"
    r"|选项|選項|选择|選擇|选|選|選択肢|記号"
)
_LATEX = r"\\[(\[]|\\(?:boxed|fbox|text\w{0,2}|math\w{2}|bf|rm|bm)(?![a-z])\s*+\{?+|\\[ ,;:!\"]"
_OPEN = re.compile(rf"(?:{_LEAD}++|{_LATEX}|{_HTML}|{_FILLERS}){{0,12}}+")
_TOKEN = re.compile(r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{1,40}+(?![0-9A-Za-z０-９Ａ-Ｚａ-ｚ])")
_CLOSE = re.compile(rf"(?:[*_`$\"'”’»」』】〕）)\]}}{_INVISIBLE}]++|\\[)\]]|{_HTML}|[^\S\n]++(?=[)\]}}»）])){{0,8}}+")

_MARKS = frozenset("*_`$\"'“‘„«「『【〔（([{")
_NAMED = re.compile(
    r"(?:option|choice|letter|letra|lettre|lettera|buchstabe|opzione|вариант|буква|选项|選項)[\s*]*$", re.I
)

_JOIN = (
    r"(?:[/|&+、]|[,;]|(?:and|or|nor|and/or|vs|versus|plus|as\s+well\s+as|along\s+with|together\s+with|und|oder|et|ou|en|of|или|أو|(?-i:[youeи]))\b"
    r"|或者?是?|还是|還是|和|与|與|及|以及|または|か|と|또는|와|과|이?나)"
)
_HEDGE = re.compile(
    rf"[.]?\s*+[(]?{_JOIN}(?:\s*+{_JOIN})?(?:{_LEAD}|{_LATEX})*+(?:(?:option|choice|then|also|possibly|perhaps)\s+[*(]*)*(?P<other>[0-9A-Za-zＡ-Ｚａ-ｚ]++)"
    r"(?=(?P<closed>[*_`$\"'”’）)\]}.]*+)\s*+(?P<rest>\Z|[\n,;.<。，；]|and\b|or\b|[&/、])?)",
    re.I,
)
_OR = re.compile(r",?[ \t]+(?:or|oder|ou)\s", re.I)
_LATER_HEDGE = re.compile(r"\b(?:or|oder|ou)\s+(?:option\s+)?[(*]*([A-Za-z]+)(?:[).:*]|\s*\()", re.I)
_SENTENCE_END = re.compile(r"[.;!?]\s")
_DENIED = re.compile(
    r"[ \t,;(—–-]*+(?:(?:which|that)\s+)?(?:(?:is|was|would\s+be)\s+(?:not|wrong|incorrect|false)\b|(?:is|was)n['’]t\b"
    r"|(?:wrong|incorrect|false)\b|不对|不正确|错|ではな|じゃな|[이가]\s?아니|nicht\b)",
    re.I,
)
_OPEN_ENDED = re.compile(r"[ \t]*+(?:[?？]|,?[ \t]*+(?:only\s+)?(?:if|unless|provided|assuming|depending)\b)", re.I)
_SETTLED = re.compile(
    r"[ \t]*+(?:(?P<end>\Z)|[\n\r,;:!，；：！。、．…—–(（\[]|\\(?!text)|-(?=\s)|</?\s?[a-z]|[＜\u2600-\u2793]|&lt;"
    r"|\.(?=\Z|[\s*_`$\"'”’)\]}<.]|(?-i:[A-Z][a-z])|[^\x00-\x7f])"
    r"|(?P<word>(?:because|since|as|due|and|but|which|given|based|over|rather|instead|according|porque|ya\s+que|car|parce|weil|da|perché"
    r"|так\s+как|потому)\b)|因为|因為|[和与與或]|选项|選項|项|項|です|である|だ|입니다|이다|번|이에요|예요)",
    re.I,
)
_GOES_ON = re.compile(r"\s+(?!(?:or|and|nor|vs|is|are|was|were|does|may|might|could|can)\b)\w", re.I)
_NONE_OF_THEM = re.compile(
    r"(?:none|neither|no\s+(?:option|answer)|n/a|not\s+(?:listed|applicable|given|provided|available|among|in)"
    r"|cannot|can['’]t|unknown|unclear|undetermined|indeterminate)\b",
    re.I,
)
_BRACKETED = re.compile(r"[\s,]*[(\[](?:option\s+)?([A-Za-zＡ-Ｚ]++)[)\]]", re.I)
_SENTENCE = 160
_TO_TEXT = re.compile(r"(?:[ \t.:),(*_\"'“]|[-–—](?=\s))*+")
_LINE_END = re.compile(r"[ \t.*_)\"'”}\]]*+(?:\Z|[\n<,])")
_SPECIES = re.compile(r"\.[ \t]+[a-z]")
_LISTED = re.compile(r"[^\n]*+\s*+[-*(]*+([A-Za-z]+)[.):*]")


class FinalSegment(NamedTuple):
    """A final segment with what is needed to read it; `cut` says that the token limit ended it."""

    text: str
    lowered: str
    labels: Labels
    options: Options | None
    cut: bool


class AnswerSlot(NamedTuple):
    """What stands in a slot: a label, or the status that says why there is none, and where."""

    label: str | None
    status: str
    start: int
    end: int


def read_slot(segment: FinalSegment, at: int) -> AnswerSlot | None:
    """What the slot that begins at `at` states, or None where it states nothing."""
    opened = _end(_OPEN, segment.text, at)
    slot = _read_option(segment, opened) or _read_none(segment, opened)
    token = _TOKEN.match(segment.text, opened)
    if slot is None and token:
        slot = _read_label(segment, at, token)
    return slot


def _read_none(segment: FinalSegment, start: int) -> AnswerSlot | None:
    if segment.options is not None and segment.options.has_none:
        return None
    match = _NONE_OF_THEM.match(segment.text, start)
    return AnswerSlot(None, NO_ANSWER, start, match.end()) if match else None


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _read_label(segment: FinalSegment, at: int, token: re.Match[str]) -> AnswerSlot | None:
    text, labels = segment.text, segment.labels
    start, end = token.span()
    label = labels.wide(token.group())
    if label is None and not labels.foreign(token.group()):
        return None
    closed = _end(_CLOSE, text, end)
    lead = text[at:start].rstrip()
    marked = closed > end or lead[-1:] in _MARKS or bool(_NAMED.search(lead))
    if hedged(segment, closed) or (label is not None and _another_label(segment, label, closed)):
        return AnswerSlot(None, SEVERAL, start, end)
    if _DENIED.match(text, closed):
        return AnswerSlot(None, NO_ANSWER, start, end)
    if _OPEN_ENDED.match(text, closed):
        return None
    if label is None:
        settled = _SETTLED.match(text, closed) and not _SPECIES.match(text, closed)
        return AnswerSlot(None, NOT_A_LABEL, start, end) if settled else None
    text_end = _own_text(segment, label, closed)
    if text_end < 0 or _hedged_later(segment, closed if closed > end else closed + len(". ")):
        return AnswerSlot(None, SEVERAL, start, end)
    if text_end > 0:
        closed = _end(_CLOSE, text, text_end)
        denied = text.startswith(")", text_end) and _DENIED.match(text, closed)
        if denied or hedged(segment, closed):
            return AnswerSlot(None, SEVERAL, start, end)
    elif not _delimited(segment, token, closed, marked):
        return None
    if "\n" in lead and _in_list(segment, label, closed):
        return None
    return AnswerSlot(label, OK, start, end)


def hedged(segment: FinalSegment, at: int) -> bool:
    """Whether what stands at `at` joins one more label to the one before it."""
    if _OR.match(segment.text, at):
        return True
    match = _HEDGE.match(segment.text, at)
    if not match:
        return False
    other = match["other"]
    label = segment.labels.wide(other)
    if label is None and not segment.labels.foreign(other):
        return False
    listed = match["rest"] is not None or bool(match["closed"])
    return listed or (_joining(match) not in (",", ";") and (len(other) > 1 or other.isupper()))


def _joining(match: re.Match[str]) -> str:
    """The joining word of a hedge, bare."""
    return match.string[match.start() : match.start("other")].strip()


def _hedged_later(segment: FinalSegment, at: int) -> bool:
    """Whether the same sentence goes on to offer another label: "B. Metoprolol or C. Digoxin"."""
    text = segment.text
    sentence_end = _SENTENCE_END.search(text, at, at + _SENTENCE)
    end = sentence_end.start() if sentence_end else at + _SENTENCE
    line_end = text.find("\n", at, end)
    match = _LATER_HEDGE.search(text, at, line_end if line_end >= 0 else end)
    return match is not None and segment.labels.wide(match[1]) is not None


def _own_text(segment: FinalSegment, label: str, at: int) -> int:
    """The end of the label's own option text behind it; 0 without one, -1 where another option's text stands there."""
    if segment.options is None:
        return 0
    start = _end(_TO_TEXT, segment.text, at)
    named, end = segment.options.at(segment.text, segment.lowered, start)
    if end == start or start == at:
        return 0
    if named == label:
        return end
    return -1 if named is not None and _LINE_END.match(segment.text, end) else 0


def _delimited(segment: FinalSegment, match: re.Match[str], closed: int, marked: bool) -> bool:
    token = match.group()
    settled = _SETTLED.match(segment.text, closed)
    if settled is None:
        return marked and _GOES_ON.match(segment.text, closed) is not None
    if settled["end"] is not None and segment.cut and closed == match.end():
        return False  # the token limit may have cut off what would have followed
    if len(token) == 1 and not marked and _SPECIES.match(segment.text, closed):
        return _SETTLED.match(segment.text, closed + 1) is not None
    return marked or len(token) > 1 or token.isupper() or settled["word"] is None


def _in_list(segment: FinalSegment, label: str, at: int) -> bool:
    match = _LISTED.match(segment.text, at)
    other = segment.labels.wide(match[1]) if match else None
    return other is not None and other != label


def _read_option(segment: FinalSegment, start: int) -> AnswerSlot | None:
    if segment.options is None:
        return None
    label, end = segment.options.at(segment.text, segment.lowered, start)
    if label is None:
        return None
    closed = _end(_CLOSE, segment.text, end)
    if _another_option(segment, closed) or _another_label(segment, label, closed):
        return AnswerSlot(None, SEVERAL, start, end)
    if _DENIED.match(segment.text, closed) or _OPEN_ENDED.match(segment.text, closed):
        return None
    settled = _SETTLED.match(segment.text, closed)
    if settled is None or (settled["end"] is not None and segment.cut):
        return None
    return AnswerSlot(label, OK, start, end)


_JOINED = re.compile(rf"\s*+{_JOIN}(?:\s*+{_JOIN})?\s*+", re.I)


def _another_option(segment: FinalSegment, at: int) -> bool:
    joined = _JOINED.match(segment.text, at)
    if joined is None or segment.options is None:
        return False
    return segment.options.at(segment.text, segment.lowered, joined.end())[1] > joined.end()


def _another_label(segment: FinalSegment, label: str, at: int) -> bool:
    """Whether the text of one option is followed by the label of another: "metoprolol (A)"."""
    bracketed = _BRACKETED.match(segment.text, at)
    other = segment.labels.wide(bracketed[1]) if bracketed else None
    return other is not None and other != label
