"""Dates that are more exact than a year, and ages above 89."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from training.synthesis.refine.deidentify.kinds import Identifier, Kind

_MONTH: Final = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|Jun(?:e|\.)?|Jul(?:y|\.)?|Aug(?:ust|\.)?"
    r"|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_FULL_MONTH: Final = (
    r"(?:January|February|March|April|June|July|August|September|October|November|December|May(?!\s+(?:be|have)\b))"
)
_UPPER_MONTH: Final = (
    r"(?:JANUARY|FEBRUARY|MARCH|APRIL|MAY|JUNE|JULY|AUGUST|SEPTEMBER|OCTOBER|NOVEMBER|DECEMBER|JAN|FEB"
    r"|MAR|APR|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
)
_WEEKDAY: Final = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\.?,?\s+)?"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR: Final = r"(?:(?:19|20)\d\d)"
_ANY_YEAR: Final = rf"(?:{_YEAR}|['’]\d\d)"
_WRITTEN: Final = re.compile(
    rf"\b{_WEEKDAY}(?:"
    rf"{_MONTH}[ -]{_DAY}(?![\d.]*\d|\s?(?:mg|mcg|g|mL|tablets?|%))(?:\s?[,-]\s?|\s+)?(?:{_ANY_YEAR}\b)?"
    rf"|{_DAY}[ -]?(?:of[ ])?{_MONTH}(?![a-z])(?:,?[ -]?(?:{_ANY_YEAR}|\d\d)\b)?"
    rf"|{_MONTH},?(?:\s+of)?[ -]{_ANY_YEAR}\b"
    rf"|{_DAY}[ -]?{_UPPER_MONTH}[ -]?(?:{_YEAR}|\d\d)\b|{_UPPER_MONTH}[ -]{_DAY},?[ -]{_YEAR}\b"
    r")"
)
_MONTH_ALONE: Final = re.compile(
    rf"\b(?:in|since|last|next|this|until|till|by|during|early|late|mid|before"
    rf"|after)[ -](?P<value>{_FULL_MONTH})\b(?!['’ -]+[A-Z])"
)
_NUMERIC: Final = re.compile(
    r"(?<![\d./-])(?:(?P<a>\d{1,2})(?P<sep>[/.-])(?P<b>\d{1,2})(?P=sep)(?P<year>(?:19|20)?\d\d)"
    r"|(?P<iso>(?:19|20)\d\d)(?P<isosep>[/.-])(?P<month>\d{1,2})(?P=isosep)(?P<day>\d{1,2}))(?![\d/-]|\.\d)"
)
_MONTH_AND_YEAR: Final = re.compile(r"(?<![\d/.-])(?:0?[1-9]|1[0-2])/(?:19|20)\d\d(?![\d/-])")
_COMPACT: Final = re.compile(r"(?<![\d-])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?![\d-])")
_COMPACT_LABEL: Final = re.compile(
    r"\b(?:date|dated|on|exam|scan|study|visit|DOB|born|performed)\b[: ]*$", re.IGNORECASE
)
_NO_YEAR: Final = re.compile(
    r"\b(?:on|since|from|until|till|by|dated?|seen|admit(?:ted)?|discharged|due|born|DOB|RN|MD|NP|before|after|starting|done|exam)"
    r"\s?:?\s(?P<value>(?P<a>\d{1,2})/(?P<b>\d{1,2}))(?!\d|/|\.\d|\s?(?:mg|mcg|mL|L|g|strength|murmur|tab|tablets?|of|day|week|hours?|alternate|pain|mm|x|occasions|questions|doses|items|tests|samples|joints|limbs|extremities|cultures|bottles|quadrants|days|visits|criteria|nodes|patients)\b|%)"
)
_NAMED_DAY: Final = re.compile(
    rf"\b(?:(?:Christmas|Thanksgiving|Easter|Halloween|New Year['’]s)(?:[ ](?:Day|Eve|Sunday|Monday))?"
    rf"|Labor Day|Memorial Day|Boxing Day|Diwali|Ramadan|Eid)(?:[ ]of)?[ ,]+{_YEAR}\b"
)
_DAY_OF_WEEK: Final = re.compile(
    r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day(?:,| the)?[ ](?:the[ ])?(?P<value>\d{1,2}(?:st|nd|rd|th))\b"
)

_TENS: Final = r"(?:nine?ty)"
_UNITS: Final = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)"
)
_WORD_AGE: Final = rf"(?:{_TENS}(?:[- ]{_UNITS})?|(?:one|a)[ ]hundred(?:(?:[ ]and)?[ -]{_UNITS})?)"
_OLD_NUMBER: Final = r"(?:9\d|1[01]\d|12[0-5])"
_AGE: Final = re.compile(
    rf"(?<![\d./,-])(?P<n>{_OLD_NUMBER}|{_WORD_AGE})(?:"
    r"[ -]?(?:years?|yrs?\.?)[ -]?olds?\b|[ -]?years?[ ]of[ ]age\b|[ -]?(?:y/o|y\.o\.|yo\b|y\.o\b|yr\b[ ]?/?o\b))",
    re.IGNORECASE,
)
_AGED: Final = re.compile(
    rf"\b(?:aged?|aged[ ]about|turned|turning|turns|age[ ]is|age[ ]of)[: ]+(?P<n>{_OLD_NUMBER}|{_WORD_AGE})"
    r"(?![\d/%]|\.\d|th\b|st\b|nd\b|rd\b|[ ]?(?:mg|kg|cm|percent|days|weeks|months|mm)\b"
    r"|[ -]?(?:years?|yrs?)[ -](?:old|of)\b)",
    re.IGNORECASE,
)
_AGE_AND_SEX: Final = re.compile(
    rf"(?<![\w./-])(?P<value>(?P<n>{_OLD_NUMBER})[ ]?/?[ ]?(?:[MF]\b|male\b|female\b|man\b|woman\b"
    rf"|gentleman\b|lady\b))(?=[ ]?(?:with|w/|s/p|from|c/o|p/w|h/o|pt|admitted|presents|presented"
    rf"|found|who|,))"
)
_NAMED_AGE: Final = re.compile(
    r"\b(?:nonagenarian|centenarian|supercentenarian)\b|\bin (?:his|her|their) (?:late |early "
    r"|mid-?)?(?:90s|nineties)\b",
    re.IGNORECASE,
)
_NAME_THEN_AGE: Final = re.compile(
    rf"(?<=[a-z], )(?P<n>{_OLD_NUMBER})(?=,[ ]+(?:who|was|is|has|presents|presented|a|the|with|of|from"
    rf"|lives|living|had)\b)"
)
_IS_OLD: Final = re.compile(
    rf"\b(?:he|she|who|patient|mother|father|(?:grand|great[- ]grand)\w+|nana|gran|aunt|uncle|husband"
    rf"|wife)(?:['’]s|\s(?:is|was|has[ ]just[ ]turned))(?:\s(?:now|almost|nearly"
    rf"|already))?\s(?P<n>{_OLD_NUMBER}|{_WORD_AGE})(?=[.,;!?)]|\s(?:and|but|now|with|who)\b|\s*$)",
    re.IGNORECASE,
)
_OPEN_RANGE: Final = re.compile(
    r"(?:over|above|older than|at least|under|below|younger than|before|than|[<>≥≤]|[<>]=)\s?$", re.IGNORECASE
)
_MONTHS: Final = 12
_DAYS: Final = 31


def find_dates(text: str) -> Iterator[Identifier]:
    """Yield dates more exact than a year. Durations, frequencies, weekdays and years alone are none."""
    for match in _WRITTEN.finditer(text):
        yield Identifier(match.start(), match.start() + len(match[0].rstrip(" ,-")), Kind.DATE, "date-written")
    for pattern, rule in ((_MONTH_ALONE, "month-alone"), (_DAY_OF_WEEK, "date-written")):
        for match in pattern.finditer(text):
            yield Identifier(*match.span("value"), Kind.DATE, rule)
    for match in (*_NAMED_DAY.finditer(text), *_MONTH_AND_YEAR.finditer(text)):
        yield Identifier(match.start(), match.end(), Kind.DATE, "date-written")
    for match in _NUMERIC.finditer(text):
        if _is_date(match):
            yield Identifier(match.start(), match.end(), Kind.DATE, "date-numeric")
    for match in _COMPACT.finditer(text):
        if _COMPACT_LABEL.search(text, max(0, match.start() - 20), match.start()):
            yield Identifier(match.start(), match.end(), Kind.DATE, "date-numeric")
    for match in _NO_YEAR.finditer(text):
        if _day_and_month(int(match["a"]), int(match["b"])):
            yield Identifier(*match.span("value"), Kind.DATE, "date-without-year")


def _is_date(match: re.Match[str]) -> bool:
    if match["iso"]:
        return _day_and_month(int(match["month"]), int(match["day"]))
    if match["sep"] == "." and len(match["year"]) == 2 and len(match["a"] + match["b"]) < 4:
        return False  # a section number, or the version of something
    return _day_and_month(int(match["a"]), int(match["b"]))


def _day_and_month(first: int, second: int) -> bool:
    low, high = min(first, second), max(first, second)
    return 1 <= low <= _MONTHS and high <= _DAYS


def find_ages(text: str) -> Iterator[Identifier]:
    """Yield ages of 90 years and more. "Over 90 years" says no more than Safe Harbor allows, and remains."""
    for match in _AGE.finditer(text):
        if not (match["n"] == "90" and _OPEN_RANGE.search(text, max(0, match.start() - 16), match.start())):
            yield Identifier(match.start(), match.end(), Kind.AGE, "age-years")
    for match in (*_AGED.finditer(text), *_IS_OLD.finditer(text)):
        yield Identifier(*match.span("n"), Kind.AGE, "age-label")
    for match in _AGE_AND_SEX.finditer(text):
        yield Identifier(*match.span("value"), Kind.AGE, "age-sex")
    for match in _NAME_THEN_AGE.finditer(text):
        yield Identifier(*match.span("n"), Kind.AGE, "age-apposition")
    for match in _NAMED_AGE.finditer(text):
        yield Identifier(match.start(), match.end(), Kind.AGE, "age-word")
