"""Read the fields of a row as a layout says: options, gold label, numbers. What can't be read is a `DataError`."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from evalsuite.data.file_formats import Row
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.schema import GoldField, OptionsField
from evalsuite.util.jsonl import parse_json

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(?:\.0*)?")
_LONGEST_LIST: Final = 1_000
"""Characters of a gold label that is a list written as a string."""


def lookup(row: Any, path: str) -> Any:
    """Return the value at a dotted path; None if there is none. A field whose name has a dot comes first."""
    if isinstance(row, dict) and path in row:
        return row[path]
    for part in path.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def text(value: Any) -> str:
    """Return a cell as stripped text: None and NaN are empty, 2024.0 is `2024`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def malformed(message: str) -> DataError:
    """Return the error for a row that can't become an item."""
    return DataError(ErrorCode.DATA_MALFORMED, message)


def has_content(value: Any) -> bool:
    """Return whether a cell holds anything."""
    return bool(value) if isinstance(value, (list, dict)) else text(value) != ""


def whole_number(value: Any, at: str, where: str) -> int:
    """Return a cell that holds a whole number; 2.0 is one, infinity and `nan` are not."""
    if not has_content(value):
        raise malformed(f"{where}: no gold label at {at!r}")
    written = text(value)
    if not _WHOLE_NUMBER.fullmatch(written):
        raise malformed(f"{where}: the answer {written[:40]!r} at {at!r} is not a whole number")
    return int(float(written))


def labelled_options(row: Row, at: OptionsField, name: str, where: str) -> list[tuple[str, Any]]:
    """Return (label, raw text) pairs in label order; options at the end without content are left out.

    More options than there are letters are refused, as are options that are no texts: neither could be presented.
    """
    if at.kind == "fixed":
        return [(label, label) for label in at.labels]
    if at.kind == "columns":
        pairs = _lettered([lookup(row, column) for column in at.columns])
    else:
        pairs = _labelled(_options_value(row, at, name, where), at)
    # Tables for up to ten options leave the unused columns of an item empty; a gap before the end is an error later.
    given = list(pairs)
    while pairs and not has_content(pairs[-1][1]):
        pairs.pop()
    unlabelled = sum(not label for label, _ in pairs)
    if unlabelled and len(pairs) > len(LETTERS):  # whatever its kind, a field may hold a list
        count = f"{len(pairs)} options, and there are {len(LETTERS)} letters"
        raise malformed(f"{where}: item {name}: {count}: give a mapping of label to text")
    for label, value in pairs:
        if isinstance(value, list | dict):
            raise malformed(f"{where}: item {name}: option {label} is not a text, but a {type(value).__name__}")
    if len(pairs) < 2:
        place = at.at or ", ".join(at.columns)
        count = f"{len(given) or 'no'} option{'s' if not given else ''} at {place!r}"
        detail = f"option {given[len(pairs)][0]} at {place!r} is empty" if len(given) > len(pairs) else count
        raise malformed(f"{where}: item {name}: {detail}; an item needs at least two options")
    return pairs


def _lettered(options: Sequence[Any]) -> list[tuple[str, Any]]:
    """Return options with the letters from A on as their labels; behind Z the label is empty."""
    return [(LETTERS[place] if place < len(LETTERS) else "", option) for place, option in enumerate(options)]


def _options_value(row: Row, at: OptionsField, name: str, where: str) -> Any:
    if not at.cell:
        return lookup(row, at.at)
    try:
        return lookup(parse_json(text(lookup(row, at.cell))), at.at)
    except ValueError as error:
        raise malformed(f"{where}: item {name}: {at.cell}: {error}") from None


def _labelled(options: Any, at: OptionsField) -> list[tuple[str, Any]]:
    if at.kind == "map" and isinstance(options, dict):
        pairs = [(str(label).strip(), value) for label, value in options.items()]
        lettered = all(len(label) == 1 and label in LETTERS for label, _ in pairs)
        return sorted(pairs) if lettered else pairs
    if isinstance(options, list):
        if at.kind == "entries":
            return [(text(lookup(entry, at.label)), lookup(entry, at.text)) for entry in options]
        return _lettered(options)
    return []


def gold_label(row: Row, at: GoldField, options: list[tuple[str, str]], base: int, where: str) -> str:
    """Return the gold label; `base` is what a column of indices counts from."""
    value = lookup(row, at.at)
    labels = [label for label, _ in options]
    if at.kind == "index":
        place = whole_number(value, at.at, where) - base
        gold = labels[place] if 0 <= place < len(labels) else f"option {place + base}"
    elif at.kind == "text":
        same = [label for label, option in options if option == text(value)]
        gold = same[0] if len(same) == 1 else ""  # a text under two labels names neither
    else:
        listed = at.kind == "list" or isinstance(value, list)
        gold = _single_label(value, where) if listed else text(value)
        gold = next((label for label in labels if gold and label.casefold() == gold.casefold()), gold)
    if gold not in labels:
        if not has_content(value):
            raise malformed(f"{where}: no gold label at {at.at!r}")
        known = "the text of exactly one option" if at.kind == "text" else f"one of the labels {', '.join(labels)}"
        raise malformed(f"{where}: the answer {value!r} at {at.at!r} is not {known}")
    return gold


def _single_label(value: Any, where: str) -> str:
    """Return the only label in a list, or in a Python list written as a string."""
    if isinstance(value, str):
        try:
            # Literals only: nothing is executed, but the compiler's memory grows with the nesting.
            value = ast.literal_eval(value if len(value) <= _LONGEST_LIST else "")
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            raise malformed(f"{where}: the gold label {value[:40]!r} is not a list") from None
    if not isinstance(value, list) or len(value) != 1:
        raise malformed(f"{where}: the gold label {value!r} does not name one label")
    return text(value[0])


def check_labels(labels: Sequence[str], where: str) -> None:
    """Raise if an answer could not name one of the labels unambiguously."""
    for label in labels:
        if not label or label != label.strip() or not label.isprintable():
            raise malformed(f"{where}: {label!r} is no label: it needs a name without outer white space")
    if len({label.casefold() for label in labels}) < len(labels):
        raise malformed(f"{where}: two labels are the same or differ only in case: {', '.join(labels)}")
