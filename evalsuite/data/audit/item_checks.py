"""Checks of one item, each without a list of known cases."""

from __future__ import annotations

import re
from collections.abc import Callable

from evalsuite.tasks.item import Item

_INVISIBLE = re.compile("[\u00a0\u00ad\u200b-\u200f\u202f\u2060\ufeff]")
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
_PROSE = re.compile(r"\b(?:clinical|body|self|attachment|father|mother)[- ](?:image|picture|figure)", re.IGNORECASE)


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
    texts = (item.question, *item.options, *(text for _, text in item.context))
    return any(_INVISIBLE.search(text) for text in texts)


def missing_figure(item: Item) -> bool:
    """The question refers to a figure, and no task here has any."""
    return any(
        # Prose such as "clinical picture" or "body image" starts a word before the match.
        not _PROSE.search(item.question, max(0, match.start() - 12), match.end())
        for pattern in _ABSENT
        for match in pattern.finditer(item.question)
    )


def gold_in_question(item: Item) -> bool:
    """The gold option's text occurs in the question, and no other option's does."""
    question = item.question.casefold()
    gold = item.options[item.labels.index(item.gold)].casefold()
    if len(gold) < 4 or gold not in question:
        return False
    return not any(option.casefold() in question for option in item.options if option.casefold() != gold)


CHECKS: dict[str, Callable[[Item], bool]] = {
    check.__name__: check
    for check in (
        duplicate_options,
        duplicate_gold,
        options_differ_in_case_only,
        option_is_another_label,
        option_is_none,
        invisible_characters,
        missing_figure,
        gold_in_question,
    )
}
"""The checks by name; a report shows the docstring of a check as its meaning."""
