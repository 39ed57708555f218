"""One form for the spellings of a name: case, punctuation, British and American, singular and plural.

British and American pairs are rules on word parts (`oedema`, `anaemia`, `tumour`, `haemorrhage`, `paediatric`), as HPO
lists only some of its terms in both (`uk_spelling`). Plurals are those of English and the regular Latin and Greek ones.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_NO_WORD: Final = re.compile(r"[\W_]+")
_POSSESSIVE: Final = re.compile(r"['’]s\b|(?<=s)['’](?=\s|$)")
_PARTS: Final = (
    (re.compile(r"oe(?=dema|liac|nia|soph|str|nter|tal|tus|tid|tor)"), "e"),
    (re.compile(r"(?<=.)oea(?=\b|l|s)"), "ea"),
    (re.compile(r"coele(?=\b)"), "cele"),
    (re.compile(r"ae(?=m|o|v|r(?!o)|st|d|c(?=al|um|es)|n(?!s)|t(?:h|iol))"), "e"),
    (re.compile(r"(?<=[^aeou])our(?=\b|s\b|ed|able|ation|less|ing|al|ous)"), "or"),
    (re.compile(r"(?<=\w{3})is(?=e\b|ed\b|es\b|ing\b|ation)"), "iz"),
    (re.compile(r"(?<=fi|ti|li|me|en|oi)(b|t)re\b"), r"\1er"),
    (re.compile(r"(?<=l)l(?=ing\b|ed\b)"), ""),
    (re.compile(r"sulph"), "sulf"),
    (re.compile(r"leuk|leuc"), "leuk"),
    (re.compile(r"gynae"), "gyne"),
    (re.compile(r"\bgrey"), "gray"),
    (re.compile(r"\bdisc\b"), "disk"),
    (re.compile(r"nexion\b"), "nection"),
    (re.compile(r"(?<=[a-z]{2}ly)s(?=e\b|ed\b|ing\b)"), "z"),
)
_PLURALS: Final = (
    (re.compile(r"(?<=[a-z]{3})ies$"), "y"),
    (re.compile(r"(?<=[a-z]{2}(?:ch|sh|ss))es$|(?<=[a-z]{2}x)es$"), ""),
    (re.compile(r"(?<=[a-z]{2}us)es$"), ""),
    (re.compile(r"(?<=[a-z]{2})ses$"), "sis"),
    (re.compile(r"(?<=[a-z]{3}[^suia])s$"), ""),
    (re.compile(r"(?<=[a-z]{3}[a])s$"), ""),
    (re.compile(r"(?<=[a-z]{3})ae$"), "a"),
)


def folded(name: str) -> str:
    """Return the form that all spellings of a name share; never shown to anyone."""
    plain = _POSSESSIVE.sub("", name.casefold())
    return " ".join(_word(word) for word in _NO_WORD.sub(" ", plain).split())


@lru_cache(maxsize=1 << 17)
def _word(word: str) -> str:
    if len(word) < 4 or not word.isalpha():
        return word
    for pattern, form in _PLURALS:
        singular = pattern.sub(form, word)
        if singular != word:
            word = singular
            break
    for pattern, form in _PARTS:
        word = pattern.sub(form, word)
    return word
