"""Lists of words, and regular expressions for words that may be names, shared by the rules."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

UPPER: Final = "A-ZÀ-ÖØ-ÞĀĂĄĆČĐĒĘĚĞİŁŃŇŐŘŚŞŠŢŤŮŰŹŻŽ"
LOWER: Final = "a-zß-öø-ÿāăąćčđēęěğıłńňőřśşšţťůűźżž"
WORD: Final = rf"(?:(?:[OD]['’]|Mc|Mac|Fitz)?[{UPPER}][{LOWER}]+(?:['’-][{UPPER}][{LOWER}]+){{0,2}})"
"""A capitalised word: Okafor, O'Shaughnessy, McAllister, Fonseca-Lima."""
INITIAL: Final = rf"(?:[{UPPER}]\.(?:\s?[{UPPER}]\.)?|[{UPPER}](?=\s[{UPPER}][{LOWER}]))"
PARTICLE: Final = (
    r"(?:van|von|de|der|den|del|della|da|di|dos|du|la|le|al|bin|ibn|ben|ter|ten|el|van[ ]der|van[ ]den|de[ ]la)"
)
FULL_NAME: Final = rf"(?:(?:{INITIAL}[ ]?)?{WORD}(?:[ ](?:{PARTICLE}[ ])?(?:{INITIAL}[ ]?)?{WORD}){{0,3}})"
"""One to four capitalised words, with initials and particles: Thomas A. Birdsong, Ana de la Cruz."""
LOUD_NAME: Final = rf"(?:[{UPPER}]{{2,}}(?:['’-][{UPPER}]{{2,}})?)"
"""A word in capitals, as systems print surnames."""


@cache
def word_list(name: str) -> frozenset[str]:
    """Return the words of a file of `word_lists`; what stands behind # is a comment."""
    lines = (files(__package__) / "word_lists" / f"{name}.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines for word in line.partition("#")[0].split())
