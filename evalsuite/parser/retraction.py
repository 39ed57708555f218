"""Words that take a statement back: before it a negation, a condition, an example, a quotation; behind it a doubt."""

import re

from evalsuite.parser.item_labels import Labels

_LOOK_BACK = 80

_NEGATIONS = frozenset({
    "not", "never", "neither", "nor", "incorrect", "wrong", "worst", "least", "unlikely", "unsure", "if", "whether",
    "unless", "until", "why", "doubt", "doubtful", "other", "second", "another", "possible", "plausible",
    "potential", "alternative", "tempting", "previous", "might", "may", "could", "perhaps", "maybe", "suppose",
    "supposing", "assume", "assuming", "instead", "than", "cannot", "say", "said", "says", "claim", "claims",
    "avoid", "avoided", "exclude", "excluded", "eliminate", "eliminated", "inclined", "tempted", "except",
    "contraindicated", "inappropriate", "exception", "distractor",
    "incorrecta", "errónea", "mauvaise", "fausse", "falsche", "nicht", "errada", "sbagliata", "неправильный",
    "неверный",
})  # fmt: skip
# Words of the list above that take nothing back where they are part of these.
_HARMLESS = re.compile(
    r"\b(?:(?:best|only|single\s+best)\s+(?:possible|plausible|alternative)|most\s+plausible|if\s+(?:forced|pressed)"
    r"|(?:explains?|explained|explaining|is|reasons?|shows?|see|understand|demonstrates?|illustrates?|clarifies)\s+why"
    r"|other\s+than|rather\s+than|whether\s+or\s+not|not\s+only|(?:answer|question)\s+(?:to|of)\s+whether"
    r"|other(?=\s+(?:\w+\s+)?(?!answer|option|choice|diagnosis|candidate|possibility)\w+\s+(?:\w+\s+)*(?:is|are|was|were)\b))\b"
)
_AT_FIRST = re.compile(r"\bat\s+first\b|\bfirst\s+(?:glance|sight|thought|instinct|impression|guess)\b")
_EXAMPLES = re.compile(
    r"for example|example (?:answer|output|response|of (?:an answer|a response|the answer|the format))|example:"
    r"|an example is|e\.g\.|for instance|such as|like this|format (?:is|was|would|should)|format: |template|placeholder"
    r"|instruct|asked to|told (?:to|me)|ejemplo|exemple|zum beispiel|z\.b\.|例如|比如"
)
_EXAMPLE_OF = ("example of an ", "example of a ", "example of the ")
_OPPOSITES = re.compile(
    r"\b(?:avoid(?:ed)?|worst|least|wrong|incorrect|inappropriate|unsuitable|contraindicated|except|excluded?|eliminated?|unlikely|false|distractor|exception"
    r"|(?:to|should)\s+(?:be\s+)?(?:stop(?:ped)?|discontinued?|withh[eo]ld|withdrawn?))\b"
    r"[^.!?\n]*\Z"
)
_QUESTION = re.compile(
    r"(?:\A|[.!?:\n*\"“])\s*(?:which\s+(?:one\s+)?of\s+the|what\s+is\s+the|which\s+is\s+the)\b[^.!?\n]*\Z"
)
_QUOTES = frozenset("\"'“”«„「『‘`")
_QUOTED = re.compile(
    r"(?:(?<!\w)[\"“”«„「『'‘]|(?<!`)`)(?:[^\S\n]|[*<]|the\b|my\b|final\b|correct\b|best\b|so\b|answer\b)*$"
)
_UP_TO_CLAUSE = re.compile(r"(?s:.*)[.;:!?\n,]")
_UP_TO_SENTENCE = re.compile(r"(?s:.*)(?<!e\.g)(?<!z\.b)[.!?]\s")
_UNSPACED = re.compile(
    r"[不非勿别別未没沒誤误오][选選应應能会會可以该該]*$|错误?|錯誤?|不正[确確]|可能|可以?$|如果|若|假如|为什么|為什麼|为何|除了|排除"
    r"|неправильн|неверн|не\s|(?:الخاطئة|ليست)"
)

_SECOND_THOUGHTS = (
    "wait", "actually", "correction", "scratch that", "second thought", "reflection", "reconsider", "mistake", "i mean",
    "hmm", "oops", "sorry", " no,", "just kidding", "that is wrong", "that's wrong", "that is incorrect",
)  # fmt: skip
_SENTENCE_START = re.compile(r"(?:\A|[.!?\n;:—…(*-]|\bbut|\bno|\bon|\boh|\bthen|\bhowever,)[\s*]*\Z")
# These take an answer back anywhere; the words above only where they open a sentence.
_DOUBTS = re.compile(
    r"(?:\bi(?:['’]ve|\s+have)?\s+(?:just\s+)?(?:made|realised|realized|noticed|see\s+that\s+i)\s+(?:an?\s+|my\s+|the\s+)?(?:error|mistake)"
    r"|\b(?:let\s+me|let['’]s|i(?:['’]ll|\s+will|\s+need\s+to|\s+should|\s+must))\s+(?:now\s+)?"
    r"(?:re-?(?:evaluate|assess|check|consider|examine|think|calculate|read|visit|do)|double[\s-]check|think\s+again|start\s+over|try\s+again)\b"
    r"|\bi\s+(?:have\s+not|haven['’]t|had\s+not|can(?:not|['’]t))\s+(?:yet\s+)?(?:decided?|settled|made\s+up)\b"
    r"|\bi\s+(?:take\s+(?:that|it)\s+back|change\s+my\s+(?:mind|answer)|stand\s+corrected)\b"
    r"|\b(?:i\s+would|i['’]d)\s+not\s+rule\s+out\b)"
)
_OTHER_OFFERED = re.compile(
    r"[.;!?\n…—–-]\s*(?:(?:(?:or|and|but)\s+)?(?:maybe|perhaps|possibly|potentially|alternatively|otherwise),?\s+|or\s+(?:else\s+)?|(?=(?:it|that)\s+(?:could|may|might)))"
    r"(?:(?:it|that)(?:['’]s|\s+is|\s+(?:could|may|might)\s+(?:also\s+|even\s+)?be)\s+)?"
    r"(?:the\s+answer\s+is\s+)?(?:option\s+)?[(*\[]*([a-z]+)(?=[)*\]]*(?:\Z|[.,;!?\n]))"
)
_ALSO_OFFERED = re.compile(
    r"[.;!?\n—–-]\s*(?:(?:but|although|though|however,?)\s+)?(?:option\s+|choice\s+)?[(*\[]*([a-z]+)[)*\]]*\s+"
    r"(?:(?:is|seems|remains)\s+(?:also\s+|equally\s+|just\s+as\s+|as\s+)(?:a\s+)?(?:possib|plausib|likely|correct|right|good|valid|accept|reasonab)"
    r"|(?:could|may|might)\s+(?:also|equally|well)\s+be\b)"
)
_ADVERSATIVE = re.compile(
    r"(?:[.!?\n,;]\s*|\A\s*)(?:but|however|although|though|yet|wait|hmm+|actually|alternatively|on\s+the\s+other\s+hand"
    r"|let\s+me|let['’]s|now|next)\b"
)
_SOON = 4000
SHORTEST_DOUBT = 4
"""Fewer characters behind a statement hold no doubt."""


def negated_before(lowered: str, at: int, labels: Labels) -> bool:
    """Whether the words before `at` take back, or only quote, what is stated there."""
    left = lowered[max(0, at - _LOOK_BACK) : at]
    before = _UP_TO_CLAUSE.match(left)
    clause = left[before.end() :] if before else left
    if not _NEGATIONS.isdisjoint(clause.split()):
        negations = _NEGATIONS.intersection(_HARMLESS.sub(" ", clause).split())
        # A label is a label everywhere: "maybe" takes nothing back where the item offers it.
        if any(labels.exact(word) is None for word in negations):
            return True
    if "n't" in clause or "n’t" in clause or ("first" in clause and _AT_FIRST.search(clause)):
        return True
    if left.endswith(_EXAMPLE_OF):
        return True
    before = _UP_TO_SENTENCE.match(left)
    return _EXAMPLES.search(left, before.end() if before else 0) is not None or _quoted(lowered, left, at)


def asked_before(lowered: str, at: int) -> bool:
    """Whether the sentence before `at` repeats the question: "Which of the following is the best answer:"."""
    start = max(0, at - 320)
    if lowered.rfind("which ", start, at) < 0 and lowered.rfind("what is", start, at) < 0:
        return False
    return _QUESTION.search(lowered, start, at) is not None


def singles_out_the_opposite(lowered: str, at: int) -> bool:
    """Whether the words before `at` introduce what is not the answer: "The drug to avoid would be:"."""
    return _OPPOSITES.search(lowered, max(0, at - _LOOK_BACK), at) is not None


def negated_before_unspaced(lowered: str, at: int) -> bool:
    """As `negated_before`, for scripts and words directly before the cue."""
    return _UNSPACED.search(lowered, max(0, at - 8), at) is not None


def retracted_after(lowered: str, end: int, labels: Labels, label: str, cut: bool) -> bool:
    """Whether a second thought follows the last statement, which ends at `end`.

    A response that the token limit ended is taken back by any "but": nobody knows where the thought led.
    """
    limit = min(len(lowered), end + _SOON)
    if limit - end < SHORTEST_DOUBT:
        return False
    for words in _SECOND_THOUGHTS:
        at = lowered.find(words, end, limit)
        while at >= 0:
            if _SENTENCE_START.search(lowered, max(end, at - 10), at):
                return True
            at = lowered.find(words, at + len(words), limit)
    if _DOUBTS.search(lowered, end, limit) or (cut and _ADVERSATIVE.search(lowered, end, limit)):
        return True
    offered = (_OTHER_OFFERED.search(lowered, end, limit), _ALSO_OFFERED.search(lowered, end, limit))
    return any(other is not None and labels.exact(other[1]) not in (None, label) for other in offered)


def _quoted(lowered: str, left: str, at: int) -> bool:
    """Whether a quotation opens right before the statement, and isn't the whole response."""
    if _QUOTES.isdisjoint(left[-24:]):
        return False
    quote = _QUOTED.search(left, max(0, len(left) - 24))
    return quote is not None and bool(lowered[: at - len(left) + quote.start()].strip())
