"""Words before a statement that take it back: a negation, a condition, an example, a quotation."""

import re

from evalsuite.parser.item_labels import Labels

_LOOK_BACK = 80

_NEGATIONS = frozenset({
    "not", "never", "neither", "nor", "incorrect", "wrong", "worst", "least", "unlikely", "unsure", "if", "whether",
    "unless", "until", "why", "doubt", "doubtful", "other", "second", "another", "possible", "plausible",
    "potential", "alternative", "tempting", "previous", "might", "may", "could", "perhaps", "maybe", "suppose",
    "supposing", "assume", "assuming", "instead", "than", "cannot", "say", "said", "says", "claim", "claims",
    "incorrecta", "errónea", "mauvaise", "fausse", "falsche", "nicht", "errada", "sbagliata", "неправильный",
    "неверный",
})  # fmt: skip
_EXAMPLES = (
    "example", "e.g.", "for instance", "such as", "like this", "format is", "format was", "format would",
    "format should", "format: ", "template", "placeholder", "instruct", "asked", "told", "ejemplo", "exemple",
    "zum beispiel", "z.b.", "例如", "比如",
)  # fmt: skip
_QUOTES = frozenset("\"“”«「『'‘`")
_QUOTED = re.compile(
    r"(?:(?<!\w)[\"“”«「『'‘]|(?<!`)`)(?:[^\S\n]|[*<]|the\b|my\b|final\b|correct\b|best\b|so\b|answer\b)*$"
)
_CLAUSE_END = re.compile(r"[.;:!?\n,](?=[^.;:!?\n,]*$)")
_SENTENCE_END = re.compile(r"[.!?]\s")
_UNSPACED = re.compile(
    r"[不非勿别別未没沒誤误오][选選应應能会會可以该該]*$|错误?|錯誤?|不正[确確]|可能|可以?$|如果|若|假如|为什么|為什麼|为何|除了|排除"
    r"|неправильн|неверн|не\s|(?:الخاطئة|ليست)"
)


def disowned(lowered: str, at: int, labels: Labels) -> bool:
    """Whether what is said at `at` is taken back, or only quoted, by the words before it."""
    left = lowered[max(0, at - _LOOK_BACK) : at]
    clause_end = _CLAUSE_END.search(left)
    clause = left[clause_end.end() :] if clause_end else left
    # A label is a label everywhere: "maybe" takes nothing back where the item offers it.
    words = clause.split()
    if not _NEGATIONS.isdisjoint(words) and any(labels.exact(word) is None for word in _NEGATIONS.intersection(words)):
        return True
    if "n't" in clause or "n’t" in clause:
        return True
    return _quoted(lowered, left, at) or any(phrase in left and _same_sentence(left, phrase) for phrase in _EXAMPLES)


def disowned_unspaced(lowered: str, at: int) -> bool:
    """As `disowned`, for scripts and words that stand right before the cue."""
    return _UNSPACED.search(lowered, max(0, at - 8), at) is not None


def _quoted(lowered: str, left: str, at: int) -> bool:
    """Whether a quotation opens right before the statement, and isn't all that the response says."""
    if _QUOTES.isdisjoint(left[-24:]):
        return False
    quote = _QUOTED.search(left, max(0, len(left) - 24))
    return quote is not None and bool(lowered[: at - len(left) + quote.start()].strip())


def _same_sentence(left: str, phrase: str) -> bool:
    return _SENTENCE_END.search(left, left.rfind(phrase) + len(phrase)) is None
