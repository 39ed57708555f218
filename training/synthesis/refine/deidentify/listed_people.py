"""Names of people that the form of a sentence and lists of names tell together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from training.synthesis.refine.deidentify.allow_list import is_allowed, names_something_clinical, plain
from training.synthesis.refine.deidentify.kinds import Identifier, Kind
from training.synthesis.refine.deidentify.lexicon import Lexicon
from training.synthesis.refine.deidentify.people import LOUD_OR_FULL, TITLE, certain, probable
from training.synthesis.refine.deidentify.words import FULL_NAME, LOUD_NAME, LOWER, PARTICLE, UPPER, WORD

_VAGUE_LABELS: Final = (
    r"[Pp]atient|[Pp]t|PATIENT|Re|RE|Regarding|From|FROM|To|TO|User|user|Contact|CC|cc|Parent|Witness|Author|Name|NAME"
)
"""Words that also stand before other things than a name, such as a question's options."""
_KIN: Final = (
    r"wife|husband|partner|spouse|fianc[ée]e?|son|daughter|mother|father|mom|mum|dad|sister|brother|bro|sis|aunt|uncle|"
    r"grand(?:mother|father|ma|pa|son|daughter)|niece|nephew|cousin|(?:step|half)-?(?:brother|sister|mother|father|son|daughter)|"
    r"(?:brother|sister|mother|father|son|daughter)[- ]in[- ]law|friend|roommate|neighbo(?:u)?r"
    r"|boyfriend|girlfriend|caregiver|carer|"
    r"secretary|boss|colleague|registrar|midwife|nurse|therapist|doctor|surgeon|oncologist|baby|twins?|child|kid|boy|girl"
)
_VAGUELY_LABELLED: Final = re.compile(rf"(?<![\w-])(?:{_VAGUE_LABELS})\s?:\s?(?:{TITLE}\s)?(?P<value>{LOUD_OR_FULL})")
_BARE_LABELLED: Final = re.compile(
    rf"\b(?:[Ss]ubject|[Pp]atient|[Pp]t|[Gg]uarantor|[Bb]eneficiary|[Ss]ubscriber|[Pp]rescriber|[Cc]laimant|[Ii]nterpreter|[Cc]laim\sfor|[Ss]pecimen\sof|[Aa]ttention|[Aa]ttn)"
    rf"\s(?P<value>{FULL_NAME})"
)
_RELATED: Final = re.compile(
    rf"(?:\b(?i:my|his|her|their|our|your|the|a|whose|pt's|patient's)\s)?(?:[{LOWER}]+\s)?\b(?i:{_KIN})(?:,|,?\s(?:named|called|is))?\s[(]?(?P<value>{WORD}(?:\s{WORD}){{0,2}})"
)
_SELF: Final = re.compile(
    r"\b(?i:i['’]?m|i\sam|this\sis|it['’]s|called|known\sas|goes\sby)\s(?P<value>[^\W\d_]{3,}(?:\s[^\W\d_]{3,})?)(?=[\s,.!?]|$)"
)
_DASH_END: Final = re.compile(
    rf"(?:^|[.!?)]\s?)[-–—~]\s?(?P<value>{WORD}(?:\s(?:{WORD}|[{UPPER}]\.))?)\s*(?:,|$)", re.MULTILINE
)
_TWO: Final = re.compile(rf"\b(?P<first>{WORD})[ ](?:and|&)[ ](?P<second>{WORD})\b")
_HERE: Final = re.compile(rf"(?P<value>{WORD})\shere(?=[,.!])")
_HANDLE: Final = re.compile(r"(?<![\w.@/])@[A-Za-z_][\w.]{2,30}")
_PAIR: Final = re.compile(rf"[(]\s?(?P<first>{WORD})\s?[/]\s?(?P<second>{WORD})\s?[)]")
_INITIALLED: Final = re.compile(rf"(?<![\w.])(?P<value>[{UPPER}]\.\s?(?:[{UPPER}]\.\s?)?(?:{PARTICLE}\s)?{WORD})")
_REVERSED: Final = re.compile(
    rf"\b(?P<last>{WORD}|{LOUD_NAME}),\s(?P<first>{WORD}|{LOUD_NAME})(?:\s[{UPPER}]\.?(?![{LOWER}\w]))?"
)
_LOUD: Final = re.compile(rf"(?<![\w-])([{UPPER}]{{3,}})(?:[ ][{UPPER}]\.?)?[ ]([{UPPER}]{{3,}})(?![\w-])")
_LOWER_TITLED: Final = re.compile(rf"\b(?:dr|mr|mrs|ms|prof)\.?\s(?P<value>[{LOWER}]{{3,}})\b")
_ABBREVIATION: Final = 4
"""Letters of the longest word in capitals that is taken for an abbreviation."""


def find_listed_people(text: str, lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield names of people whose form is loose, so that lists of names have to agree."""
    yield from _behind_words(text, lexicon)
    yield from _of_writers(text, lexicon)
    yield from _joined(text, lexicon)
    yield from _shortened(text, lexicon)


def _behind_words(text: str, lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield names behind a relation or a label that also stands before other things."""
    for match in _RELATED.finditer(text):
        if plain(match["value"].split()[0]) in lexicon.given:
            yield from probable(text, match, "relation")
    for match in _VAGUELY_LABELLED.finditer(text):
        words = re.split(r"[\s,]+", match["value"])
        sure = len(words) > 1 and any(plain(word) in lexicon.given for word in words)
        yield from (certain if sure else probable)(text, match, "label")
    for match in _BARE_LABELLED.finditer(text):
        words = [plain(word) for word in match["value"].split()]
        if words[0] in lexicon.given or words[-1] in lexicon.surnames:
            yield from probable(text, match, "label")


def _of_writers(text: str, lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield how writers name themselves and their doctors, also in small letters."""
    for match in (*_SELF.finditer(text), *_LOWER_TITLED.finditer(text)):
        words = match["value"].split()
        known = [plain(word) in lexicon.given or plain(word) in lexicon.surnames for word in words]
        if known[0] and not is_allowed(words[0]):
            end = match.start("value") + len(words[0]) if not all(known) else match.end("value")
            yield Identifier(match.start("value"), end, Kind.NAME, "self")
    for match in (*_HERE.finditer(text), *_DASH_END.finditer(text)):
        if _is_given(match["value"].split()[0], lexicon):
            yield Identifier(*match.span("value"), Kind.NAME, "self")
    for match in _HANDLE.finditer(text):
        yield Identifier(match.start(), match.end(), Kind.NAME, "handle")


def _joined(text: str, lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield two names: (Patel/Lindqvist), Marisol and Hector."""
    for match in _PAIR.finditer(text):
        if any(plain(match[group]) in lexicon.surnames for group in ("first", "second")):
            for group in ("first", "second"):
                if not is_allowed(match[group]):
                    yield Identifier(*match.span(group), Kind.NAME, "pair")
    for match in _TWO.finditer(text):
        if _is_given(match["first"], lexicon) and _is_given(match["second"], lexicon):
            for group in ("first", "second"):
                yield Identifier(*match.span(group), Kind.NAME, "pair")


def _shortened(text: str, lexicon: Lexicon) -> Iterator[Identifier]:
    """Yield names with an initial, in capitals, and with the surname first."""
    for match in _INITIALLED.finditer(text):
        last = re.split(r"[\s.]+", match["value"])[-1]
        found = Identifier(*match.span("value"), Kind.NAME, "initial")
        known = plain(last) in lexicon.surnames or plain(last) in lexicon.given
        if known and not is_allowed(last) and not names_something_clinical(text, found):
            yield found
    for match in _LOUD.finditer(text):
        if _is_given(match[1], lexicon) and plain(match[2]) in lexicon.surnames:
            yield Identifier(match.start(), match.end(), Kind.NAME, "capitals")
    for match in _REVERSED.finditer(text):
        if _is_given(match["first"], lexicon) and not is_allowed(match["last"]):
            loud = min(len(match["last"]), len(match["first"])) > _ABBREVIATION and match["last"].isupper()
            before = text[max(0, match.start() - 2) : match.start()].rstrip(" ")[-1:]
            if loud or before in ("", "\n", '"', "“", ":", "(") or plain(match["last"]) in lexicon.surnames:
                yield Identifier(match.start(), match.end(), Kind.NAME, "reversed")


def _is_given(word: str, lexicon: Lexicon) -> bool:
    return plain(word) in lexicon.given and not is_allowed(word)
