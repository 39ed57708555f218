"""What the parser knows of an item: its labels, and the texts of its options."""

import re
from collections.abc import Sequence
from functools import lru_cache

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_OUTER = 16
_CAPITAL = re.compile(r"(?<!\w)[A-Z](?!\w)")
_TRIMMED = " \t\r\n*_`$\"'“”‘’"
_SHORTEST_STATEMENT = 4


class Labels:
    """The labels that an item allows, found again in either case."""

    __slots__ = ("_by_name", "_longest", "names", "single")

    def __init__(self, names: tuple[str, ...]) -> None:
        if not names or not all(isinstance(name, str) and name.strip() == name != "" for name in names):
            raise ValueError(f"labels must be non-empty strings without outer white space, got {names!r}")
        self.names = names
        self._longest = max(map(len, names))
        self.single = all(len(name) == 1 for name in names)
        self._by_name = {name.casefold(): name for name in names}
        if len(self._by_name) != len(names):
            raise ValueError(f"labels must differ by more than case, got {names!r}")

    def exact(self, token: str) -> str | None:
        """The label that `token` writes in either case; look-alikes that only fold to it are refused."""
        label = self._by_name.get(token.casefold()) if len(token) <= self._longest else None
        return label if label is not None and (token.isascii() or token == label) else None

    def lookup(self, token: str) -> str | None:
        """As `exact`, but full-width letters count as the letters they stand for."""
        return self.exact(token if token.isascii() else token.translate(_FULL_WIDTH))

    def looks_like_label(self, token: str) -> bool:
        """Whether `token` looks like a label that this item doesn't have."""
        return self.single and len(token) == 1 and token.isascii() and token.isupper() and self.exact(token) is None


class Options:
    """The texts of an item's options, matched whole and never by likeness."""

    __slots__ = (
        "_exact",
        "_folded",
        "_longest",
        "_prefixes",
        "capitals",
        "has_none",
        "initials",
        "letters",
        "statements",
    )

    def __init__(self, labels: Labels, texts: Sequence[str]) -> None:
        if len(texts) != len(labels.names):
            raise ValueError(f"{len(texts)} options for {len(labels.names)} labels")
        exact: dict[str, str | None] = {}
        folded: dict[str, str | None] = {}
        normal = [trimmed(text) for text in texts]
        self.letters = {
            text: label
            for label, text in zip(labels.names, normal, strict=True)
            if labels.lookup(text) not in (None, label)
        }
        """Texts that are the label of another option ("B" under A), with their own label."""
        for label, text in zip(labels.names, normal, strict=True):
            # An option whose text is itself a label ("B" under A, or the item's own "yes") counts as a label only, and
            # where there is one, so does every letter: "E" beside B, C and D is rather a fifth label.
            if not text or labels.lookup(text) is not None or (self.letters and len(text) == 1 and text.isalpha()):
                continue
            exact[text] = None if text in exact else label
            if len(text) > 1:  # one letter in the other case may be anything
                folded[text.lower()] = None if text.lower() in folded else label
        self.capitals = frozenset(word for text in exact for word in _CAPITAL.findall(text))
        """Single capital letters that are words of an option's text: "Vitamin D"."""
        self.has_none = any(text.lower().startswith("none") for text in exact)
        self.statements = frozenset(
            label for text, label in exact.items() if text.count(" ") >= _SHORTEST_STATEMENT - 1
        )
        """The labels whose texts are long enough to be statements, of which an item may ask for the false one."""
        self._longest = max(map(len, texts)) + _OUTER
        self._exact = exact
        self._folded = folded
        # As they are written, too: a tab or two spaces within a text would otherwise end it at a shorter option's.
        written = {text.lower().lstrip(_TRIMMED).rstrip(_TRIMMED + ".。") for text in texts if trimmed(text) in exact}
        self._prefixes = sorted({text.lower() for text in exact} | (written - {""}), key=len, reverse=True)
        self.initials = frozenset(text[0] for text in self._prefixes) | {text.lower().strip()[:1] for text in texts}
        """The characters with which the text of an option begins, in lower case."""

    def label_of_letter(self, token: str) -> str | None:
        """The label of the option whose whole text is this letter, the label of another; a small one may be either."""
        return self.letters.get(token) or (self.letters.get(token.upper()) if token.islower() else None)

    def is_option_text(self, text: str) -> bool:
        """Whether this is the whole text of an option, or of several."""
        text = trimmed(text) if len(text) <= self._longest else ""
        return text in self._exact or text.lower() in self._folded

    def label_of(self, text: str) -> str | None:
        """The label of the one option whose whole text this is."""
        if len(text) > self._longest:
            return None
        text = trimmed(text)
        label = self._exact.get(text)
        if label is None and text not in self._exact:
            label = self._folded.get(text.lower())
        return label

    def match_at(self, text: str, lowered: str, start: int) -> tuple[str | None, int]:
        """The label and the end of the longest option text that `text` holds at `start`; (None, start) without one.

        An end without a label means that several options share the text. What is left of the text, or of its line, is
        tried as a whole first: it may hold marks and white space that the trimmed text lacks.
        """
        if lowered[start : start + 1] not in self.initials:
            return None, start
        stop = len(text) if len(text) - start <= self._longest else text.find("\n", start, start + self._longest)
        if stop > start and self.is_option_text(text[start:stop]):
            return self.label_of(text[start:stop]), start + len(text[start:stop].rstrip())
        for option in self._prefixes:
            if lowered.startswith(option, start):
                end = start + len(option)
                if not text[end : end + 1].isalnum() and self.is_option_text(text[start:end]):
                    return self.label_of(text[start:end]), end
        return None, start

    def start_before(self, text: str, lowered: str, end: int, label: str) -> int | None:
        """Where the text of the option `label` begins that ends at `end`; None where it doesn't end there."""
        for option in self._prefixes:
            start = end - len(option)
            if start >= 0 and lowered.startswith(option, start) and not text[start - 1 : start].isalnum():
                return start if self.label_of(text[start:end]) == label else None
        return None


def trimmed(text: str) -> str:
    """`text` with single spaces, without outer decoration and full stop."""
    return " ".join(text.split()).lstrip(_TRIMMED).rstrip(_TRIMMED + ".。")


@lru_cache(maxsize=256)
def labels_of(names: tuple[str, ...]) -> Labels:
    """The labels of an item, built once for all items that share them."""
    return Labels(names)


@lru_cache(maxsize=1024)
def options_of(names: tuple[str, ...], texts: tuple[str, ...]) -> Options:
    """The options of an item, built once for all samples of it."""
    return Options(labels_of(names), texts)
