"""The slot of a statement: the place behind "the answer is" where one label or one option's text may follow.

The rules are the same for every label, so the article "A" and the pronoun "I" need no list of their own: a bare label
counts only where punctuation, an end or a word like "because" follows it, never where a sentence goes on.

A slot is read in steps. At each place the text of an option is tried first, because an option may begin with what
would otherwise be skipped ("The left ventricle", "(a) both"); then white space, one bracket, one run of marks or one
filler word is skipped. Where nothing more can be skipped, a label is tried:

    content of the slot                         result
    the item's option text, and an end          that option; two options share the text: several answers
    "none of the above" (no option's text)      no answer
    a label + another label joined to it        several answers
    a label + a denial                          no answer
    a label + a question or a condition         nothing was stated
    a label + its own option text               the label, unless a denial or another label follows that text
    a label + another option's text             several answers
    a label + an end, punctuation, a reason     the label
    a label + a sentence that goes on           nothing was stated, unless the label is marked: "**B** slows ..."
"""

import re
from typing import NamedTuple

from evalsuite.parser import label_context as context
from evalsuite.parser.item_labels import Labels, Options
from evalsuite.parser.label_context import HTML, INVISIBLE, LATEX
from evalsuite.parser.result import NO_ANSWER, NOT_A_LABEL, OK, SEVERAL

_FILLERS = (
    r"(?i:(?:the|that|is|be|most|likely|therefore|thus|hence|then|clearly|definitely|indeed|simply|just"
    r"|(?:closest|nearest|equal)\s+to|given\s+by|best|correct|matched\s+by"
    r"|donc|also|quindi|dunque|portanto|entonces"
    r"|option|choice|answer|letter|statement|alternative"
    r"|la|el|le|die|der|das|opci[oó]n|letra|alternativa|lettre|proposition|r[ée]ponse|buchstabe|antwort|antwortoption"
    r"|op[çc][ãa]o|lettera|opzione|risposta|optie|вариант|буква|буквой|под|пункт|это|الخيار|الحرف|هي|هو)(?!\w)"
    r"|l['’](?=(?:op|al)))"
    r"|[ao](?=\s+(?:letra|alternativa|op[çc][ãa]o|[A-Z](?!\w)))"
    r"|选项|選項|选择|選擇|选|選|選択肢|記号"
)
_STEP = re.compile(
    rf"[\s:：=]++|[*_`$#\"'“”‘’„«»「『【〔{{}}{INVISIBLE}]++|[（(\[]|<\|begin_of_box\|>|{LATEX}|{HTML}|{_FILLERS}"
)
_MOST_STEPS = 24
_TOKEN = re.compile(r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{1,40}+(?![0-9A-Za-z０-９Ａ-Ｚａ-ｚ])")
_MARKS = frozenset("*_`$\"'“‘„«「『【〔（([{>")
_NAMED = re.compile(
    r"(?:option|choice|letter|letra|lettre|lettera|buchstabe|opzione|вариант|буква|选项|選項)[\s*]*$", re.I
)
_GOES_ON = re.compile(
    r"\s+(?!(?:or|and|nor|vs|is|are|was|were|does|may|might|could|can|should|must|would|will|has|seems?|appears?|fails?)\b)\w",
    re.I,
)
_NONE_OF_THEM = re.compile(
    r"(?:none|neither|no\s+(?:option|answer)|n/a|not\s+(?:listed|applicable|given|provided|available|among|in)"
    r"|not\s+a\s+single"
    r"|cannot|can['’]t|unknown|unclear|undetermined|indeterminate)\b",
    re.I,
)
_TO_TEXT = re.compile(r"(?:[ \t.:),(*_\"'“]|[-–—](?=\s))*+")
_LINE_END = re.compile(r"[ \t.*_)\"'”}\]]*+(?:\Z|[\n<,])")
_NONE_INITIALS = frozenset("nNcCuUiI")
_IN_WORDS = ("'", "’", "_", "/")
_ENDS = frozenset(("", ".", ")", ").", ".)", "**", "**.", ".**", ")**", ").**", ")**.", "]", "].", "`", "`."))
_LONGEST_END = 8
_VERB = re.compile(r"[)\s]*\b(?:is|are|was|were|does|would|may|might|can|could|has|have|causes?|should)\b", re.I)


class FinalSegment(NamedTuple):
    """A final segment with what is needed to read it; `cut`: the token limit ended it."""

    text: str
    lowered: str
    labels: Labels
    options: Options | None
    cut: bool


class AnswerSlot(NamedTuple):
    """The label in a slot, or the status that explains why there is none, and its bounds."""

    label: str | None
    status: str
    start: int
    end: int


def read_slot(segment: FinalSegment, at: int) -> AnswerSlot | None:
    """Read the slot that begins at `at`; None where nothing is stated."""
    text, options = segment.text, segment.options
    opened = at
    for step in range(_MOST_STEPS + 1):
        if options is not None and segment.lowered[opened : opened + 1] in options.initials:
            slot = _read_option(segment, options, opened)
            if slot is not None:
                return slot
        skipped = _STEP.match(text, opened) if step < _MOST_STEPS and not _is_letter(text, opened) else None
        if skipped is None:
            break
        opened = skipped.end()
    if text[opened : opened + 1] in _NONE_INITIALS and (options is None or not options.has_none):
        none = _NONE_OF_THEM.match(text, opened)
        if none is not None:
            return AnswerSlot(None, NO_ANSWER, opened, none.end())
    token = _TOKEN.match(text, opened)
    return _read_label(segment, at, token) if token else None


def _is_letter(text: str, at: int) -> bool:
    """Whether a single capital letter is there, which is no filler word: it needs no look at the list of them."""
    behind = text[at + 1 : at + 2]
    return text[at : at + 1].isupper() and not behind.isalnum() and behind not in _IN_WORDS


def _read_label(segment: FinalSegment, at: int, token: re.Match[str]) -> AnswerSlot | None:
    text, labels = segment.text, segment.labels
    start, end = token.span()
    label = labels.lookup(token.group())
    if label is None and not labels.looks_like_label(token.group()):
        return None
    if label is not None and not segment.cut and _is_last(text, end):
        lead = text[at:start].rstrip()
        also_a_text = _is_also_a_text(segment, label, token, lead)
        return AnswerSlot(None, SEVERAL, start, end) if also_a_text else AnswerSlot(label, OK, start, end)
    closed = context.closed_at(text, end)
    own_text = 0 if label is None else own_text_end(segment, label, closed)
    if own_text > 0 and label is not None:
        # Its own text first: "(B) False positive" is no denial, and "(D) No, because ..." no second thought.
        if _text_is_taken_back(segment, label, own_text):
            return AnswerSlot(None, SEVERAL, start, end)
        return _unless_listed(segment, at, AnswerSlot(label, OK, start, end), closed)
    if context.hedged(text, labels, closed) or context.roman(text, token.group(), closed):
        return AnswerSlot(None, SEVERAL, start, end)
    if label is not None and context.another_label(text, labels, label, closed):
        return AnswerSlot(None, SEVERAL, start, end)
    if context.denied(text, closed):
        return AnswerSlot(None, NO_ANSWER, start, end)
    if context.open_ended(text, closed):
        return None
    if label is None:
        ends = context.ends_statement(text, closed) and not context.abbreviates_genus(text, closed)
        return AnswerSlot(None, NOT_A_LABEL, start, end) if ends else None
    behind = closed if closed > end else closed + len(". ")
    if own_text < 0 or context.hedged_later(text, labels, label, behind):
        return AnswerSlot(None, SEVERAL, start, end)
    lead = text[at:start].rstrip()
    if _is_also_a_text(segment, label, token, lead):
        return AnswerSlot(None, SEVERAL, start, end)
    marked = closed > end or lead[-1:] in _MARKS or bool(_NAMED.search(lead))
    if not _delimited(segment, token, closed, marked):
        return None
    return _unless_listed(segment, at, AnswerSlot(label, OK, start, end), closed)


def _is_last(text: str, at: int) -> bool:
    """Whether nothing but the marks that end a statement follows, so that no word behind it can change it."""
    return len(text) - at <= _LONGEST_END and text[at:].rstrip() in _ENDS


def _is_also_a_text(segment: FinalSegment, label: str, token: re.Match[str], lead: str) -> bool:
    """Whether a bare letter is one option's label and another option's whole text, so that it may mean either."""
    if segment.options is None or segment.options.label_of_letter(token.group()) in (None, label):
        return False
    return lead[-1:] not in ("(", "[", ">") and not _NAMED.search(lead)


def _unless_listed(segment: FinalSegment, at: int, slot: AnswerSlot, closed: int) -> AnswerSlot | None:
    """The slot, unless it is the first line of a list of options under the cue."""
    below = "\n" in segment.text[at : slot.start]
    if below and slot.label and context.next_line_label(segment.text, segment.labels, slot.label, closed):
        return None
    return slot


def _text_is_taken_back(segment: FinalSegment, label: str, text_end: int) -> bool:
    """Whether a label's own text is denied, hedged, or only the first of a row of options."""
    text, labels = segment.text, segment.labels
    closed = context.closed_at(text, text_end)
    if text.startswith(")", text_end) and context.denied(text, closed):
        return True
    if context.text_denied(text, text_end) or context.hedged(text, labels, closed):
        return True
    if context.another_label(text, labels, label, closed) or context.hedged_later(text, labels, label, closed):
        return True
    head = context.next_head(text, labels, label, closed)
    if not head or segment.options is None:
        return False
    named, end = segment.options.match_at(text, segment.lowered, head)
    # "B. Metoprolol. A. Amiodarone is slow": the next option is the subject of a remark, not one more answer.
    return named is not None and _VERB.match(text, end) is None


def own_text_end(segment: FinalSegment, label: str, at: int) -> int:
    """The end of the label's own option text behind it; 0 without one, -1 where another option's text follows."""
    if segment.options is None:
        return 0
    start = context.end_of(_TO_TEXT, segment.text, at)
    named, end = segment.options.match_at(segment.text, segment.lowered, start)
    if end == start or start == at:
        return 0
    if named == label:
        return end
    return -1 if named is not None and _LINE_END.match(segment.text, end) else 0


def _delimited(segment: FinalSegment, match: re.Match[str], closed: int, marked: bool) -> bool:
    """Whether what follows a label lets it be a label; an unmarked one needs an end, a marked one may go on."""
    token = match.group()
    ends = context.ends_statement(segment.text, closed)
    if ends is None:
        return marked and _GOES_ON.match(segment.text, closed) is not None
    if ends["end"] is not None and segment.cut and closed == match.end():
        return False  # the token limit may have cut off what would have followed
    if len(token) == 1 and context.abbreviates_genus(segment.text, closed):
        return not marked and context.ends_statement(segment.text, closed + 1) is not None
    return marked or len(token) > 1 or token.isupper() or ends["word"] is None


def _read_option(segment: FinalSegment, options: Options, start: int) -> AnswerSlot | None:
    text = segment.text
    label, end = options.match_at(text, segment.lowered, start)
    if end == start:
        return None
    closed = context.closed_at(text, end)
    if label is None:
        return AnswerSlot(None, SEVERAL, start, end) if context.ends_statement(text, closed) else None
    if _another_option(segment, closed) or context.another_label(text, segment.labels, label, closed):
        return AnswerSlot(None, SEVERAL, start, end)
    own_label = context.closed_at(text, context.bracketed_end(text, closed))
    if own_label > closed and (context.hedged(text, segment.labels, own_label) or _another_option(segment, own_label)):
        return AnswerSlot(None, SEVERAL, start, end)
    if context.denied(text, closed) or context.open_ended(text, closed):
        return None
    ends = context.ends_statement(text, closed)
    if ends is None or (ends["end"] is not None and segment.cut):
        return None
    return AnswerSlot(label, OK, start, end)


def _another_option(segment: FinalSegment, at: int) -> bool:
    joined = context.JOINED.match(segment.text, at)
    if joined is None or segment.options is None:
        return False
    return segment.options.match_at(segment.text, segment.lowered, joined.end())[1] > joined.end()
