"""Whether a sentence denies or only supposes something: by its words, so that a model's word isn't needed for it."""

from __future__ import annotations

import re
from typing import Final

from training.synthesis.graph.kinds import Relation

_NOT: Final = re.compile(
    r"\b(?:no(?!\.\s?\d)|not(?! only\b| just\b| merely\b)|never|none|neither|nor|nothing|nobody|without|cannot|"
    r"\w+n[’']t|lack(?:s|ed|ing)?|absent|absence of|free (?:of|from)|rules? out|ruled out|ruling out|exclud\w+|unlike|"
    r"unlikely|fail(?:s|ed)? to|rather than|instead of|as opposed to|unrelated|independent of|disprove[dns]?|"
    r"disproven|refut\w+|debunk\w+|myth|misconception|mistaken\w*|erroneous\w*|wrongly|falsely|incorrectly|"
    r"no longer|opposite|spare[sd]?|negative for|den(?:y|ies|ied)|hardly|scarcely|barely|impossible|immune)\b",
    re.IGNORECASE,
)
_PARTLY: Final = re.compile(
    r"\bnot (?:all|always|every|everyone|necessarily|usually|often|generally|typically|completely|fully|yet|so much)\b",
    re.IGNORECASE,
)
_FORBIDS: Final = re.compile(
    r"\b(?:contraindicat\w+|(?:must|should|can|may)(?: ?not|n[’']t) be (?:given|used|taken|prescribed|administered)|"
    r"not (?:recommended|advised|safe)|unsafe|avoid(?:s|ed|ing)?|inadvisable|forbidden|prohibited)\b",
    re.IGNORECASE,
)
_FAILS: Final = re.compile(
    r"\b(?:contraindicat\w+|avoid(?:s|ed|ing)?|worsen(?:s|ed|ing)?|aggravat\w+|ineffective|useless|resistan\w+|"
    r"withheld|withdrawn|inadvisable|unsafe)\b",
    re.IGNORECASE,
)
_SUPPOSED: Final = re.compile(
    r"\b(?:hypothes\w+|speculat\w+|suspect(?:s|ed)?|thought to|believed to|once (?:thought|believed)|unclear|unknown|"
    r"uncertain\w*|controvers\w+|debat\w+|disput\w+|unproven|unconfirmed|questionable|alleged\w*|claim(?:s|ed)?|"
    r"rumou?r\w*|suggest(?:s|ed)?|propos(?:es|ed)|theor(?:y|ies|ised|ized)|might|possibly|perhaps|whether|formerly|"
    r"until the \d{4}s|under investigation|being (?:studied|investigated))\b",
    re.IGNORECASE,
)
_TURN: Final = re.compile(
    r"[,;:()]|\b(?:but|except|although|though|however|while|whereas|only|other than)\b", re.IGNORECASE
)


def is_supposed(sentence: str) -> bool:
    """Whether a sentence only supposes what it says."""
    return _SUPPOSED.search(sentence) is not None


def has_negation(sentence: str) -> bool:
    """Whether a sentence has any word of denial, wherever it stands."""
    return _NOT.search(sentence) is not None


def denies(relation: str, sentence: str) -> bool:
    """Whether a sentence may deny a relation, or state its opposite.

    A contraindication is stated by words that forbid (`must not be given`); any other denial denies it.
    """
    if relation == Relation.CONTRAINDICATED_IN:
        return not _FORBIDS.search(sentence) or has_negation(_FORBIDS.sub(" ", sentence))
    return has_negation(sentence) or (relation == Relation.TREATS and _FAILS.search(sentence) is not None)


def denies_between(sentence: str, first_end: int, second_start: int) -> bool:
    """Whether a denial stands between two names and reaches the second: `X is not caused by Y`.

    A denial of a part (`not always`) is none, nor one with a comma or a turn (`but`, `except`) before the second name.
    """
    between = sentence[first_end:second_start]
    denials = list(_NOT.finditer(between))
    if len(denials) != 1 or _PARTLY.search(between):
        return False
    return not _TURN.search(between[denials[0].start() :]) and not has_negation(
        f"{sentence[:first_end]}\n{sentence[second_start:]}"
    )
