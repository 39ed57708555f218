"""What the words behind a label do to it: they end the statement, deny it, leave it open, or name another label too."""

import re

from evalsuite.parser.item_labels import Labels

INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
HTML = r"</?(?:b|i|u|p|em|br|div|code|span|strong)\s?/?>"
LEAD = rf"[\s*_`$#:：=\"'“”‘’„«»「『【〔（(\[{{{INVISIBLE}]"
LATEX = r"\\[(\[]|\\(?:boxed|fbox|text\w{0,2}|math\w{2}|bf|rm|bm)(?![a-z])\s*+\{?+|\\[ ,;:!\"]"

_CLOSE = re.compile(rf"(?:[*_`$\"'”’»」』】〕）)\]}}{INVISIBLE}]++|\\[)\]]|{HTML}|[^\S\n]++(?=[)\]}}»）])){{0,8}}+")
_JOIN = (
    r"(?:[/|&+、]|[,;]|(?:and|or|nor|and/or|vs|versus|plus|as\s+well\s+as|along\s+with|together\s+with|und|oder|et|ou|en|of|или|أو|(?-i:[youeи]))\b"
    r"|或者?是?|还是|還是|和|与|與|及|以及|または|か|と|또는|와|과|이?나)"
)
_HEDGE = re.compile(
    rf"[.]?\s*+[(]?{_JOIN}(?:\s*+{_JOIN})?(?:{LEAD}|{LATEX})*+(?:(?:option|choice|then|also|possibly|perhaps)\s+[*(]*)*(?P<other>[0-9A-Za-zＡ-Ｚａ-ｚ]++)"
    r"(?=(?P<closed>[*_`$\"'”’）)\]}.]*+)\s*+(?P<rest>\Z|[\n,;.<。，；]|and\b|or\b|[&/、])?)",
    re.I,
)
_OR = re.compile(r",?[ \t]+(?:or|oder|ou)\s", re.I)
JOINED = re.compile(rf"\s*+{_JOIN}(?:\s*+{_JOIN})?\s*+", re.I)
_LATER = re.compile(
    r"(?P<between>[^.;!?\n]{0,120}?)[\s,]+(?P<join>and|or|oder|ou|und|et)\s+(?:option\s+)?(?P<mark>[(*\[]*)(?P<other>[A-Za-z]+)(?P<closed>[).:*\]]|\s*\()",
    re.I,
)
_CLAUSE = re.compile(
    r"(?:\b(?:because|since|as|while|whereas|but|not|unlike|which|that|than|rather|instead|is|are|was|were|if|though|although|makes?"
    r"|making)\b|n['’]t\b)",
    re.I,
)
_RELATIVE = re.compile(r",?\s*(which|that|because|for|as|if)\b")
_CONTRAST = re.compile(r"\b(?:not|rather|instead|unlike|than)\b", re.I)
_ROMAN = re.compile(r"\s*+(?:,|;|/|&|and|or|,\s*and)\s*+[(]?[IVX]{1,4}(?![A-Za-z])")
_ROMAN_NUMERALS = frozenset("IVX")
_SENTENCE_END = re.compile(r"[.;!?]\s")
_DENIED = re.compile(
    r"[ \t,;(—–-]*+(?:(?:which|that)\s+)?(?:(?:is|was|would\s+be)\s+"
    r"(?:(?:not|wrong|incorrect|false|excluded|ruled\s+out|eliminated|avoided|contraindicated|inappropriate|unsuitable|unlikely|less)\b"
    r"|(?:the\s+)?(?:least|worst)\b)|(?:is|was)n['’]t\b|(?:can(?:not|['’]t)|(?:should|would|must|could|does)\s+not|(?:does|would|should)n['’]t)\b"
    r"|(?:can|should|must|may|is\s+to|has\s+to)\s+be\s+(?:avoided|excluded|ruled\s+out|eliminated|rejected|discarded|dismissed)\b"
    r"|(?:wrong|incorrect|false|eliminated|excluded)\b|不对|不正确|错|ではな|じゃな|[이가]\s?아니|nicht\b)",
    re.I,
)
_TEXT_DENIED = re.compile(
    r"[)\s*]*\s(?:is|was)\s+(?:wrong|incorrect|false|contraindicated|inappropriate|unlikely|not\s+(?:the\s+)?(?:correct|right|best|answer))\b"
    r"|[)\s*]*\bisn['’]t\s+(?:correct|right)"
    r"|[)\s*]*\s(?:can|should|must|is\s+to)\s+(?:not\s+|be\s+(?:avoided|excluded|ruled\s+out|eliminated|rejected)\b)",
    re.I,
)
_OPEN_ENDED = re.compile(r"[ \t]*+(?:[?？]|,?[ \t]*+[(]?(?:only\s+)?(?:if|unless|provided|assuming|depending)\b)", re.I)
_ASKED = re.compile(r"[^.!?\n。！？]{0,120}+[?？]")
_SETTLED = re.compile(
    r"[ \t]*+(?:(?P<end>\Z)|[\n\r,;:!，；：！。、．…—–(（\[]|\\(?!text)|-(?=\s)|</?\s?[a-z]|<\||[＜\u2600-\u2793]|&lt;"
    r"|\.(?=\Z|[\s*_`$\"'”’)\]}<.]|(?-i:[A-Z][a-z])|[^\x00-\x7f])"
    r"|(?P<word>(?:because|since|as|due|and|but|which|given|based|over|rather|instead|according|porque|ya\s+que|car|parce|weil|da|perché"
    r"|так\s+как|потому)\b)|因为|因為|[和与與或]|选项|選項|项|項|です|である|だ|입니다|이다|번|이에요|예요)",
    re.I,
)
_SPECIES = re.compile(r"\.[ \t]+[a-z]")
_BRACKETED = re.compile(r"[\s,]*[(\[](?:option\s+)?([A-Za-zＡ-Ｚ]++)[)\]]", re.I)
_NEXT_HEAD = re.compile(r"[.,;]?\s+[(\[*]*([A-Za-z])[).:\]]+\s*")
_LINE = re.compile(r"[^\n]*+\s*+[-*(]*+([A-Za-z]+)[.):*]")
_SENTENCE = 160


def end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    """The end of `pattern` at `at`; `at` where it doesn't match there."""
    match = pattern.match(text, at)
    return match.end() if match else at


def closed_at(text: str, at: int) -> int:
    """The end of the closing brackets, quotes and marks at `at`."""
    return end_of(_CLOSE, text, at)


def denied(text: str, at: int) -> bool:
    """Whether a label that ends at `at` is denied: "B is wrong"."""
    return _DENIED.match(text, at) is not None


def text_denied(text: str, at: int) -> bool:
    """Whether a label whose own option text ends at `at` is denied: a full stop may begin another thought."""
    return _TEXT_DENIED.match(text, at) is not None


def open_ended(text: str, at: int) -> bool:
    """Whether a question or a condition follows."""
    return _OPEN_ENDED.match(text, at) is not None or _ASKED.match(text, at) is not None


def ends_statement(text: str, at: int) -> re.Match[str] | None:
    """What ends the statement at `at`: punctuation, the end (`end`), or a word that gives a reason (`word`)."""
    return _SETTLED.match(text, at)


def abbreviates_genus(text: str, at: int) -> bool:
    """Whether the label was a genus: "E. coli"."""
    return _SPECIES.match(text, at) is not None


def hedged(text: str, labels: Labels, at: int) -> bool:
    """Whether what follows joins one more label to the one before it."""
    if _OR.match(text, at):
        return True
    match = _HEDGE.match(text, at)
    if not match:
        return False
    other = match["other"]
    if labels.lookup(other) is None and not labels.looks_like_label(other):
        return False
    listed = match["rest"] is not None or bool(match["closed"])
    joining = match.string[match.start() : match.start("other")].strip()
    return listed or (joining not in (",", ";") and (len(other) > 1 or other.isupper()))


def roman(text: str, token: str, at: int) -> bool:
    """Whether `token` is one of several Roman numerals: "I and III" are statements of a stem, not labels."""
    return token in _ROMAN_NUMERALS and _ROMAN.match(text, at) is not None


def hedged_later(text: str, labels: Labels, label: str, at: int) -> bool:
    """Whether the same sentence goes on to offer another label: "(C) for Lassa fever and (F) for Ebola".

    A clause in between ("(C), since (A) and (B) are slow") means that the other labels are spoken of, not offered.
    """
    sentence_end = _SENTENCE_END.search(text, at, at + _SENTENCE)
    end = sentence_end.start() + 1 if sentence_end else at + _SENTENCE
    line_end = text.find("\n", at, end)
    match = _LATER.match(text, at, line_end if line_end >= 0 else end)
    if match is None or labels.lookup(match["other"]) in (None, label):
        return False
    if match["join"].lower() in ("or", "oder", "ou"):
        return _CONTRAST.search(match["between"]) is None
    relative = _RELATIVE.match(match["between"])
    if relative is not None and text.startswith(relative[1], match.end() + 1):
        return True  # "(F) which includes mammals, and (G) which includes reptiles"
    return bool(match["mark"]) and _CLAUSE.search(match["between"]) is None


def another_label(text: str, labels: Labels, label: str, at: int) -> bool:
    """Whether another label in brackets follows: "metoprolol (A)"."""
    bracketed = _BRACKETED.match(text, at)
    return bracketed is not None and labels.lookup(bracketed[1]) not in (None, label)


def bracketed_end(text: str, at: int) -> int:
    """The end of the label in brackets at `at`, if there is one: "metoprolol (B)"."""
    return end_of(_BRACKETED, text, at)


def next_head(text: str, labels: Labels, label: str, at: int) -> int:
    """Where the text of another option begins whose label follows at once ("A. Omeprazole. B. ..."); else 0."""
    match = _NEXT_HEAD.match(text, at)
    return match.end() if match is not None and labels.lookup(match[1]) not in (None, label) else 0


def next_line_label(text: str, labels: Labels, label: str, at: int) -> bool:
    """Whether the next line opens with another label: a list of options."""
    match = _LINE.match(text, at)
    return match is not None and labels.lookup(match[1]) not in (None, label)
