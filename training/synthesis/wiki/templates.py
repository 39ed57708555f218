"""What templates show in running text. Dropping one can change a number: `2{{ndash}}4 g` is not 24 g.

Three kinds: shown as text, known to show nothing (citations, notices), and unknown. An unknown one stands as `OPAQUE`,
and no sentence with it is used, since nobody knows what it would show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

OPAQUE: Final = "\ufffc"
"""Stands for what can't be shown as text."""
SEAM: Final = "\ue000"
"""Stands between pieces of text that markup separates, until it is clear that no number crosses it."""
SPOILT: Final = "\ue004"
"""Stands where markup isn't closed: what follows in the section may be a reference or a table."""
POWER: Final = "\ue005"
"""Stands before an exponent to ten until it is clear whether the ten stands before it."""
POWER_OF_TEN: Final = "×10^"
BREAK: Final = "\n\n"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


_SYMBOLS: Final = {
    "–": "ndash|–|en dash|endash|nsndns",
    " – ": "snd|snds|spnd|spndash|sndash|spaced ndash|spaced en dash|spaced endash|nbsp ndash|nbspndash|dash",
    "—": "mdash|—|em dash|emdash",
    " — ": "smd|spaced mdash|spaced em dash",
    " ": "nbsp|thinsp|thin space|hairsp|hair space|spaces|space|s|0ws|px2|nnbsp|narrow no-break space|ensp|emsp",
    " • ": "•|bull|bullet|dot|·|middot|•w|·w",
    ">": "gt",
    "<": "lt",
    "≥": "ge|gte",
    "≤": "le|lte",
    "±": "pm|±|plusmn|plus-minus|+-",
    "−": "minus|−",
    "×": "times|×",
    "°": "degree|°|deg symbol",
    "=": "=|equals",
    "|": "!|pipe",
    "'": "'|apostrophe",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "κ": "kappa",
    "μ": "mu|micro",
}
_SHOWN: Final = {name: symbol for symbol, names in _SYMBOLS.items() for name in names.split("|")} | {"": ""}
_FIRST: Final = _names(
    "nowrap|nobr|nobreak|nwr|small|smaller|big|larger|abbr|abbrlink|tooltip|tooltips|em|strong|bold|italics|noitalic|"
    "italic title|visible anchor|vanchor|notatypo|not a typo|as written|proper name|noflip|overline|underline|tt|code|"
    "smallcaps|sc|sc1|sc2|chem2|resize|ill|interlanguage link|red link|iw2|avoid wrap|no wrap|longitem|linktext|tlx|"
    "pad|no selflink|math symbol|mvar|mathtext|subst|normal|nobold|nonbold|langr|transliteration text|script"
)
_SECOND: Final = _names("lang|langx|color|colour|font color|fontcolor|font|bg|background color|wikt-lang")
_LISTS: Final = _names(
    "plainlist|plain list|flatlist|hlist|h list|ubl|unbulleted list|unbulleted|bulleted list|blist|ubli|cslist|csl|"
    "comma separated entries|csv|collapsible list|flowlist|ordered list|indented plainlist"
)
_INVISIBLE: Final = _names(
    "citation|cn|fact|r|rp|ref|refn|efn|efn-ua|efn-lr|notetag|sfn|sfnp|sfnm|sfb|harvnb|who|whom|when|where|which|why|"
    "how|clarify|clarify span|explain|vague|dubious|medcn|medrs|by whom|according to whom|page needed|"
    "better source|better source needed|failed verification|verify source|unreliable source|unreliable source?|"
    "unreliable medical source|primary source inline|non-primary source needed|update inline|update after|update|"
    "needs update|anchor|anchors|clear|clr|-|toc|toc limit|toc right|toclimit|main|main article|see also|see|"
    "further|further information|about|other uses|for|for multi|hatnote|distinguish|redirect|redirect-distinguish|"
    "short description|shortdesc|good article|featured article|reflist|refs|refbegin|refend|notelist|authority control|"
    "portal|portal bar|commons|commons category|commonscat|commons category-inline|wiktionary|sister project links|"
    "wikispecies|multiple image|imageframe|css image crop|annotated image|gallery|div col|div col end|col-begin|col-2|"
    "col-end|colbegin|colend|columns-list|defaultsort|default sort|displaytitle|italic title|lowercase title|"
    "unreferenced|refimprove|more citations needed|more medical citations needed|expand section|expand|cleanup|pov|"
    "disputed|original research|technical|copy edit|globalize|missing information|empty section|sources exist|"
    "additional citation needed|third-party inline|full citation needed|dead link|cbignore|webarchive|doi|pmid|pmc|"
    "isbn|issn|oclc|google books|open access|subscription required|registration required|pb|paragraph break|excessive"
    " citations|citation needed|citation needed span|medical citation needed|quote without source|synthesis inline|"
    "inline|tone inline|jargon|ambiguous|disambiguation needed|specify|contradict-inline|year needed|date missing|"
    "medical resources|diseasesdb|emedicine|medlineplus|offline|use dmy dates|use mdy dates"
)
_INVISIBLE_STARTS: Final = (
    *("cite ", "citation ", "use ", "pp-", "short desc", "engvar", "sfn", "harv", "r "),
    *("infobox", "drugbox", "drugclassbox", "speciesbox", "subspeciesbox", "automatic taxobox", "taxobox", "virusbox"),
    *("gnf", "pbb"),
)
_NUMBER: Final = re.compile(r"[+−-]?(?:\d[\d.,]*|\.\d+)(?:[+⁄/]\d+(?:/\d+)?)?(?:e[+−-]?\d+)?\Z")
_BETWEEN: Final = {
    "-": "–",
    "–": "–",
    "to(-)": "–",
    "to": " to ",
    "and": " and ",
    "or": " or ",
    "by": " by ",
    "x": " × ",
    "×": " × ",
    "+/-": " ± ",
    "±": " ± ",
}
_UNITS: Final = {"C": "°C", "F": "°F", "mcg": "μg", "ug": "μg", "uL": "μL", "um": "μm", "degC": "°C", "degF": "°F"}

Arguments = tuple[Sequence[str], dict[str, str]]
"""Positional and named arguments, as they are shown."""


def template_name(name: str) -> str:
    """Return a template's name as it is compared: lower case, spaces."""
    plain = re.sub(r"[\s_]+", " ", name).strip().lower().removeprefix("template:")
    return plain.strip()


def is_invisible(name: str) -> bool:
    """Whether a template is known to show nothing in running text."""
    return name in _INVISIBLE or name.startswith(_INVISIBLE_STARTS) or name.endswith((" stub", "-stub"))


def shown(name: str, arguments: Callable[[], Arguments]) -> str:
    """Return what a template shows, `OPAQUE` if that isn't known; its arguments are only asked for where they count."""
    if name in _SHOWN:
        return _SHOWN[name]
    if is_invisible(name):
        return ""
    given, named = arguments()
    if name in _FIRST or re.fullmatch(r"lang-[a-z-]+", name):
        return given[0] if given else named.get("1", OPAQUE)
    if name in _SECOND:
        return given[1] if len(given) > 1 else named.get("2", named.get("text", OPAQUE))
    if name in _LISTS:
        return BREAK + BREAK.join(given) + BREAK
    if name.startswith("formatnum:"):
        number = name.removeprefix("formatnum:").strip()
        return number if _NUMBER.match(number) else OPAQUE
    rule = _RULES.get(name)
    return rule(given, named) if rule else OPAQUE


def _convert(given: Sequence[str], named: dict[str, str]) -> str:
    """Show the original measure of a conversion, without what it is converted to: `{{convert|5|to|7|kg|lb}}`."""
    parts = [each.strip() for each in given]
    if not parts or not _NUMBER.match(parts[0]) or "out" in named.get("disp", "") or "number" in named.get("disp", ""):
        return OPAQUE
    text, place = parts[0], 1
    while place + 1 < len(parts) and parts[place] in _BETWEEN:
        text += _BETWEEN[parts[place]] + parts[place + 1]
        place += 2
    if place >= len(parts):
        return OPAQUE
    text += f" {_UNITS.get(parts[place], parts[place])}"
    while place + 2 < len(parts) and _NUMBER.match(parts[place + 1]) and not _NUMBER.match(parts[place + 2]):
        text += f" {parts[place + 1]} {_UNITS.get(parts[place + 2], parts[place + 2])}"  # 5 ft 10 in
        place += 2
    return text


def _val(given: Sequence[str], named: dict[str, str]) -> str:
    """Show a value with its uncertainty or range, and its unit; not with a power of ten, whose 10 is nowhere stated."""
    parts = [each.strip() for each in given]
    if not parts or named.keys() - {"u", "ul", "up", "upl", "fmt"} or not _NUMBER.match(parts[0]):
        return OPAQUE
    text, rest = parts[0], parts[1:]
    if len(rest) == 2 and rest[0] in _BETWEEN:
        text += _BETWEEN[rest[0]] + rest[1]
    elif len(rest) == 1 and _NUMBER.match(rest[0]):
        text += f" ± {rest[0]}"
    elif len(rest) == 2 and all(map(_NUMBER.match, rest)):
        text += f" (+{rest[0].lstrip('+')}, −{rest[1].lstrip('−-')})"
    elif rest:
        return OPAQUE
    unit, per = named.get("u", named.get("ul", "")), named.get("up", named.get("upl", ""))
    return text + (f" {unit.strip()}" if unit.strip() else "") + (f"/{per.strip()}" if per.strip() else "")


def _fraction(given: Sequence[str], named: dict[str, str]) -> str:
    parts = [each.strip() for each in given]
    return {2: "/".join(parts), 3: f"{parts[0]} {'/'.join(parts[1:])}"}.get(len(parts), OPAQUE) if parts else OPAQUE


def _joined(given: Sequence[str], named: dict[str, str]) -> str:
    text = SEAM.join(each.strip() for each in given)
    return OPAQUE if not given or named else text


def _gaps(given: Sequence[str], named: dict[str, str]) -> str:
    return " ".join(each.strip() for each in given) if given and not named else OPAQUE


def _code(given: Sequence[str], named: dict[str, str]) -> str:
    """Show a code of ICD-10: `{{ICD10|A|00|0|a|00}}` and `{{ICD10|A00.0}}` are both A00.0."""
    parts = [each.strip() for each in given]
    if parts and re.fullmatch(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?", parts[0], re.IGNORECASE):
        return parts[0].upper()
    if len(parts) > 1 and re.fullmatch(r"[A-Z]", parts[0], re.IGNORECASE) and re.fullmatch(r"\d[0-9A-Z]", parts[1]):
        detail = parts[2] if len(parts) > 2 else ""
        return f"{parts[0].upper()}{parts[1]}" + (f".{detail}" if re.fullmatch(r"[0-9A-Z]{1,4}", detail) else "")
    return OPAQUE


def _range(given: Sequence[str], named: dict[str, str]) -> str:
    return "–".join(each.strip() for each in given) if len(given) == 2 else OPAQUE


def with_powers(text: str) -> str:
    """Return text with exponents to ten written out: behind a 10 only the exponent, `5{{e|9}}` is 5×10^9."""
    return re.sub(POWER, POWER_OF_TEN, re.sub(rf"(?<![\d.,])10{SEAM}*{POWER}", "10^", text))


def _power(given: Sequence[str], named: dict[str, str]) -> str:
    exponent = given[0].strip() if given else ""
    return f"{POWER}{exponent}" if re.fullmatch(r"[+−-]?\d+", exponent) and not named else OPAQUE


def _raised(given: Sequence[str], named: dict[str, str]) -> str:
    return f"^{given[0]}" if given and not named else OPAQUE


def _lowered(given: Sequence[str], named: dict[str, str]) -> str:
    return SEAM + given[0] if given and not named else OPAQUE


_RULES: Final[dict[str, Callable[[Sequence[str], dict[str, str]], str]]] = {
    **dict.fromkeys(("convert", "cvt", "convinfobox"), _convert),
    **dict.fromkeys(("val", "value"), _val),
    **dict.fromkeys(("frac", "sfrac", "fraction"), _fraction),
    **dict.fromkeys(("chem", "chemf"), _joined),
    **dict.fromkeys(("gaps", "digits"), _gaps),
    **dict.fromkeys(("icd10", "icd10cm", "icd-10", "icd10who"), _code),
    **dict.fromkeys(("range", "ndash range"), _range),
    **dict.fromkeys(("sup", "superscript"), _raised),
    **dict.fromkeys(("e", "e-sp", "x10^"), _power),
    **dict.fromkeys(("sub", "subscript"), _lowered),
}
