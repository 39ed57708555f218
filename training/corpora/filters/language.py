"""The language of a text, by its script and its function words.

No model: a text of some twenty words has enough function words to tell the languages of medical publishing apart, and a
table of words gives the same verdict everywhere. What is in none of the known languages is "und".
"""

from __future__ import annotations

import re
from typing import Final

UNDETERMINED: Final = "und"
_WORD: Final = re.compile(r"[^\W\d_]+")
_LONGEST: Final = 4_000
"""Characters by which a text is judged."""
_SCRIPTS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7a3]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_LEAST_SCRIPT: Final = 0.3
"""Share of a script's letters from which on it decides; an English text may quote a Greek or a Chinese name."""
_KANA: Final = 0.05
"""Share of kana by which a text of ideographs is Japanese."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS: Final = {
    "en": _words(
        "the of and in to a with for was were is that on by as from at this an be or are not which have has "
        "had but we it these their than between after been may can who there during"
    ),
    "de": _words(
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden "
        "aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur "
        "oder aber vor zur bis mehr durch wurde wurden"
    ),
    "fr": _words(
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec "
        "son sa ou aux cette ont été ces d l nous mais"
    ),
    "es": _words(
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha fue "
        "son entre este esta está desde"
    ),
    "it": _words(
        "di e il la che in un a per è una sono del con non si le dei da al i della nel più alla gli o delle "
        "ha lo stato stati anche come"
    ),
    "pt": _words(
        "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem "
        "à seu sua ou ser são foram pelo pela"
    ),
    "nl": _words(
        "de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar bij of uit nog door "
        "over naar werd worden heeft deze"
    ),
    "pl": _words("i w z na do nie się że o jest to od po za przez dla oraz lub jak są u ze był była były przy który"),
    "sv": _words("och i att det som en på är av för med den till inte om ett har de vid från eller var"),
    "tr": _words("ve bir bu ile için olarak de da olan daha en çok ise veya gibi sonra olduğu"),
}
_ANY: Final = frozenset[str]().union(*FUNCTION_WORDS.values())


def detect_language(text: str) -> tuple[str, float]:
    """Return the language of a text (ISO 639-1, "und" where none is known), and the share of letters or words.

    The share is that of its function words among all words, or of the letters of its script.
    """
    part = text[:_LONGEST]
    if not part.isascii():
        script, share = _script(part)
        if script is not None:
            return script, share
    words = [word.casefold() for word in _WORD.findall(part)]
    if not words:
        return UNDETERMINED, 0.0
    known_words = list(filter(_ANY.__contains__, words))
    counts = {language: sum(map(known.__contains__, known_words)) for language, known in FUNCTION_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    return (best, counts[best] / len(words)) if counts[best] else (UNDETERMINED, 0.0)


def _script(part: str) -> tuple[str | None, float]:
    """Return the language whose script most letters are of, and their share, or None where the letters are Latin."""
    letters = sum(map(str.isalpha, part))
    if not letters:
        return None, 0.0
    shares = {language: len(pattern.findall(part)) / letters for language, pattern in _SCRIPTS}
    ideographs = shares["ja"] + shares["zh"]
    if ideographs >= _LEAST_SCRIPT:
        return "ja" if shares["ja"] >= _KANA else "zh", ideographs
    script = max(shares, key=lambda language: shares[language])
    return (script, shares[script]) if shares[script] >= _LEAST_SCRIPT else (None, 0.0)
