"""Checks of one item, each without a list of known cases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from html.entities import html5

from evalsuite.tasks.item import Item

_INVISIBLE = re.compile("[\u00a0\u00ad\u200b-\u200f\u202f\u2060\ufeff]")
_LOST = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]|_x[0-9A-F]{4}_")
"""Control characters, the sign for a character that couldn't be decoded, and the escapes of Excel's files."""
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_LETTER = re.compile(r"([A-Ja-j])\.?")
_PICTURE = r"(?:(?:figure|fig\.|image|photograph|picture|photo|diagram|illustration)s?|exhibit)"
_STUDY = (
    r"(?:photographs?|images?|pictures?|diagrams?|radiographs?|x[- ]?rays?|CXR|CT|CECT|MRI|scans?|ECG|EKG|"
    r"electrocardiogram|tracing|smear|slide|histology|histopathological examination|biopsy|ultrasonography|ultrasound|"
    r"rash|lesion)"
)
_ABSENT = (
    re.compile(rf"\b(?i:{_PICTURE})\s+(?:[A-F]|\d)\b"),
    re.compile(rf"\b(?:in|see|with)\s+(?:the\s+|this\s+)?(?:\w+\s+)?{_PICTURE}\b(?!\s+of\b)", re.IGNORECASE),
    re.compile(rf"\b{_PICTURE}\s+(?:depicts?|shows?|below|above|was not|given|provided)\b", re.IGNORECASE),
    re.compile(rf"\b{_STUDY}\b[^.:]{{0,80}}\bshown\b(?!\s+(?:below\s*)?:|\s+to\b|\s+that\b)", re.IGNORECASE),
)
_HINT = re.compile("fig|image|photo|picture|diagram|illustration|exhibit|shown", re.IGNORECASE)
"""What every pattern of `_ABSENT` needs: most questions have none of it, and are searched once."""
_PROSE = re.compile(r"\b(?:clinical|body|self|attachment|father|mother)[- ](?:image|picture|figure)", re.IGNORECASE)


def _misread(lead: Iterable[int], following: int) -> str:
    """Return a pattern of UTF-8 sequences that were decoded as Latin-1 or Windows-1252, such as `Ã©` and `â€™`."""

    def characters(values: Iterable[int]) -> str:
        return "".join(
            sorted({re.escape(bytes([value]).decode(code, "ignore")) for value in values for code in _CODES})
        )

    return f"[{characters(lead)}][{characters(range(0x80, 0xC0))}]{{{following}}}"


_CODES = ("latin-1", "cp1252")
# Only sequences that stand for letters and signs of medical English: `Spaß“` and `né…»` are sequences, too, and no
# damage. Of any other script there are always several in a row.
_MISREAD = re.compile(
    "|".join(
        (
            _misread((0xC2, 0xC3, 0xC4, 0xC5, 0xCE, 0xCF, 0xD0, 0xD1), 1),
            _misread((0xE2, 0xEF), 2),
            f"(?:{_misread(range(0xE0, 0xF0), 2)}){{3}}",
            _misread((0xF0,), 3),
        )
    )
)


def _texts(item: Item) -> Iterator[str]:
    """Yield all that a prompt shows of an item."""
    yield item.question
    yield from item.options
    yield from (text for _, text in item.context)


def duplicate_options(item: Item) -> bool:
    """Two options have the same text."""
    return len(set(item.options)) < len(item.options)


def duplicate_gold(item: Item) -> bool:
    """The gold option's text is also under another label: the item can't be graded fairly."""
    return item.options.count(item.options[item.labels.index(item.gold)]) > 1


def options_differ_in_case_only(item: Item) -> bool:
    """Two options differ in letter case only."""
    return len({option.casefold() for option in item.options}) < len(set(item.options))


def option_is_another_label(item: Item) -> bool:
    """An option's text is a single letter from A to J that is not its own label."""
    for label, option in zip(item.labels, item.options, strict=True):
        letter = _LETTER.fullmatch(option)
        if letter and letter[1].upper() != label:
            return True
    return False


def option_is_none(item: Item) -> bool:
    """An option is the word None, which libraries that read tables take for a missing value."""
    return any(option.casefold() == "none" for option in item.options)


def invisible_characters(item: Item) -> bool:
    """A no-break space, a zero-width character or a soft hyphen in question, options or context."""
    return any(not text.isascii() and _INVISIBLE.search(text) for text in _texts(item))


def encoding_damage(item: Item) -> bool:
    """A text was decoded wrongly or never unescaped: `Ã©` for é, a replacement or control character, `&nbsp;`."""
    return any(
        _LOST.search(text)
        or (not text.isascii() and _MISREAD.search(text))
        or any(found[0][1:] in html5 or found[0][1] == "#" for found in _ENTITY.finditer(text))
        for text in _texts(item)
    )


def missing_figure(item: Item) -> bool:
    """The question refers to a figure, and no task here has any."""
    return _HINT.search(item.question) is not None and any(
        # Prose such as "clinical picture" or "body image" starts a word before the match.
        not _PROSE.search(item.question, max(0, match.start() - 12), match.end())
        for pattern in _ABSENT
        for match in pattern.finditer(item.question)
    )


def gold_in_question(item: Item) -> bool:
    """The gold option's text occurs in the question as whole words, and no other option's does."""
    question = item.question.casefold()
    gold = item.options[item.labels.index(item.gold)].casefold()
    if len(gold) < 4 or not _occurs(gold, question):
        return False
    return not any(_occurs(option.casefold(), question) for option in item.options if option.casefold() != gold)


def _occurs(text: str, question: str) -> bool:
    """Return whether a text stands in a question as whole words; Chinese words have no gaps between them."""
    if text not in question:
        return False
    before = r"(?<![^\W_])" if text[:1].isascii() else ""
    after = r"(?![^\W_])" if text[-1:].isascii() else ""
    return re.search(before + re.escape(text) + after, question) is not None


CHECKS: dict[str, Callable[[Item], bool]] = {
    check.__name__: check
    for check in (
        duplicate_options,
        duplicate_gold,
        options_differ_in_case_only,
        option_is_another_label,
        option_is_none,
        invisible_characters,
        encoding_damage,
        missing_figure,
        gold_in_question,
    )
}
"""The checks by name; a report shows the docstring of a check as its meaning."""
