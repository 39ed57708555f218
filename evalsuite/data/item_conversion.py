"""Convert rows into items, as the layout in a task card describes them."""

from __future__ import annotations

import ast
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalsuite.data.file_formats import Row, rows_by_column, rows_by_key
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import ContextField, GoldField, OptionsField, RowLayout

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NATIVE = RowLayout(
    id="id",
    question="question",
    options=OptionsField(kind="map", at="options"),
    gold=GoldField(kind="label", at="answer"),
    context=ContextField(headings="context.headings", texts="context.texts"),
    meta={"*": "meta"},
)
"""The native layout: {id, question, options: {label: text}, answer, context?: {headings, texts}, group?, meta?}."""
_MAX_ID = 200
"""Characters of the longest id: it is printed in messages and is part of lines in the item lock."""


@dataclass(frozen=True, slots=True)
class ConvertedRows:
    """The items of a file, and what was noticed about its rows."""

    items: tuple[Item, ...]
    empty: tuple[str, ...] = ()
    """Rows without any content, which were left out: `row 3`."""
    trimmed: tuple[str, ...] = ()
    """Ids of items with white space around an option; it is stripped."""
    notes: tuple[str, ...] = ()
    """What a reader must know about the file, one sentence each."""
    sha256: str = ""
    """Of the (first) file's content, after decompression."""


def convert(content: Any, layout: RowLayout, where: str, only: Iterable[str] | None = None) -> ConvertedRows:
    """Turn a parsed file into items; a row that can't become one is a `DataError` with its place.

    `where` starts every error message, `only` selects the items with these ids.
    """
    selected, empty = [], []
    wanted = None if only is None else frozenset(only)
    for number, row in enumerate(_rows(content, layout, where)):
        if not all(str(lookup(row, field)) == value for field, value in layout.where.items()):
            continue
        name = _id(row, layout.id, number, where)
        if wanted is not None and name not in wanted:
            continue
        if not any(_has_content(value) for key, value in row.items() if key != "$key"):
            empty.append(f"row {number}")
            continue
        if not name:
            raise _malformed(f"{where}: row {number}: no id at {layout.id!r}")
        selected.append((name, row))
    base = _index_base(selected, layout, where) if layout.gold.kind == "index" else 0
    converted = [_item(name, row, layout, base, where) for name, row in selected]
    items = assign_groups(_unique((item for item, _ in converted), where), layout.group)
    return ConvertedRows(tuple(items), tuple(empty), tuple(item.id for item, trimmed in converted if trimmed))


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


def _malformed(message: str) -> DataError:
    return DataError(ErrorCode.DATA_MALFORMED, message)


def _has_content(value: Any) -> bool:
    return bool(value) if isinstance(value, (list, dict)) else text(value) != ""


def _rows(content: Any, layout: RowLayout, where: str) -> Sequence[Row]:
    if layout.read == "rows":
        if isinstance(content, list) and all(isinstance(row, dict) for row in content):
            return content
        raise _malformed(f"{where}: expected one row per item, not {_shape(content)}")
    if not isinstance(content, dict):
        raise _malformed(f"{where}: expected one JSON object, not {_shape(content)}")
    if layout.read == "columns":
        if not all(isinstance(column, dict) for column in content.values()):
            raise _malformed(f"{where}: expected {{column: {{row: value}}}}")
        return rows_by_column(content)
    return rows_by_key(content)


def _shape(content: Any) -> str:
    return f"a list of {len(content)}" if isinstance(content, list) else type(content).__name__


def _id(row: Row, at: str, number: int, where: str) -> str:
    name = str(number) if at == "$row" else text(lookup(row, at))
    if not name.isprintable() or len(name) > _MAX_ID:
        raise _malformed(f"{where}: row {number}: an id is one short line, not {name[:40]!r}")
    return name


def _index_base(rows: list[tuple[str, Row]], layout: RowLayout, where: str) -> int:
    """Return whether a column of gold indices counts from 0 or from 1, by the whole file; never guess.

    Only index 0 proves that it counts from 0, and only an index equal to the number of options that it counts from 1.
    Two published copies of one benchmark differ in exactly this.
    """
    zero = one = False
    for name, row in rows:
        number = _number(lookup(row, layout.gold.at), layout.gold.at, f"{where}: item {name}")
        count = len(_options(row, layout.options, name, where))
        zero, one = zero or number == 0, one or number == count
        if not 0 <= number <= count:
            raise _malformed(f"{where}: item {name}: {layout.gold.at} is {number} with {count} options")
    if zero == one:
        reason = "both 0 and the number of options occur" if zero else "neither 0 nor the number of options occurs"
        message = f"{where}: {layout.gold.at} may count from 0 or from 1: {reason}; a wrong guess looks like chance"
        raise _malformed(message)
    return 0 if zero else 1


def _number(value: Any, at: str, where: str) -> int:
    try:
        number = float(text(value))
    except ValueError:
        detail = (
            f"the answer {value!r} at {at!r} is not a number" if _has_content(value) else f"no gold label at {at!r}"
        )
        raise _malformed(f"{where}: {detail}") from None
    if number != int(number):
        raise _malformed(f"{where}: {at} is {value!r}, not a whole number")
    return int(number)


def _options(row: Row, at: OptionsField, name: str, where: str) -> list[tuple[str, Any]]:
    """Return (label, raw text) pairs in label order; options at the end without content are left out."""
    if at.kind == "fixed":
        return [(label, label) for label in at.labels]
    if at.kind == "columns":
        pairs = list(zip(LETTERS, (lookup(row, column) for column in at.columns), strict=False))
    else:
        pairs = _labelled(_options_value(row, at, name, where), at)
    # Tables for up to ten options leave the unused columns of an item empty; a gap before the end is an error later.
    given = list(pairs)
    while pairs and not _has_content(pairs[-1][1]):
        pairs.pop()
    if len(pairs) < 2:
        place = at.at or ", ".join(at.columns)
        count = f"{len(given) or 'no'} option{'s' if not given else ''} at {place!r}"
        detail = f"option {given[len(pairs)][0]} at {place!r} is empty" if len(given) > len(pairs) else count
        raise _malformed(f"{where}: item {name}: {detail}; an item needs at least two options")
    return pairs


def _options_value(row: Row, at: OptionsField, name: str, where: str) -> Any:
    if not at.cell:
        return lookup(row, at.at)
    try:
        return lookup(json.loads(text(lookup(row, at.cell))), at.at)
    except (ValueError, RecursionError):
        raise _malformed(f"{where}: item {name}: {at.cell} does not hold JSON") from None


def _labelled(options: Any, at: OptionsField) -> list[tuple[str, Any]]:
    if at.kind == "map" and isinstance(options, dict):
        pairs = [(str(label).strip(), value) for label, value in options.items()]
        lettered = all(len(label) == 1 and label in LETTERS for label, _ in pairs)
        return sorted(pairs) if lettered else pairs
    if isinstance(options, list):
        if at.kind == "entries":
            return [(text(lookup(entry, at.label)), lookup(entry, at.text)) for entry in options]
        return list(zip(LETTERS, options, strict=False))
    return []


def _gold(row: Row, at: GoldField, options: list[tuple[str, str]], base: int, where: str) -> str:
    value = lookup(row, at.at)
    labels = [label for label, _ in options]
    if at.kind == "index":
        place = _number(value, at.at, where) - base
        gold = labels[place] if 0 <= place < len(labels) else f"option {place + base}"
    elif at.kind == "text":
        same = [label for label, option in options if option == text(value)]
        gold = same[0] if len(same) == 1 else ""  # a text under two labels names neither
    else:
        gold = _single_label(value, where) if at.kind == "list" else text(value)
        gold = next((label for label in labels if gold and label.casefold() == gold.casefold()), gold)
    if gold not in labels:
        if not _has_content(value):
            raise _malformed(f"{where}: no gold label at {at.at!r}")
        known = "the text of exactly one option" if at.kind == "text" else f"one of the labels {', '.join(labels)}"
        raise _malformed(f"{where}: the answer {value!r} at {at.at!r} is not {known}")
    return gold


def _single_label(value: Any, where: str) -> str:
    """Return the only label in a list, or in a Python list written as a string."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)  # literals only: nothing is executed
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise _malformed(f"{where}: the gold label {value[:40]!r} is not a list") from None
    if not isinstance(value, list) or len(value) != 1:
        raise _malformed(f"{where}: the gold label {value!r} does not name one label")
    return text(value[0])


def _item(name: str, row: Row, layout: RowLayout, base: int, where: str) -> tuple[Item, bool]:
    """Return the item of a row, and whether white space was stripped from an option."""
    raw = _options(row, layout.options, name, where)
    where = f"{where}: item {name}"
    options = [(label, text(value)) for label, value in raw]
    question = _cut_choices(text(lookup(row, layout.question)), layout.cut)
    if not question:
        raise _malformed(f"{where}: the question is empty")
    for label, option in options:
        if not option:
            raise _malformed(f"{where}: option {label} is empty")
    _check_labels([label for label, _ in options], where)
    gold = _gold(row, layout.gold, options, base, where)
    item = Item(
        id=name,
        question=question,
        options=tuple(option for _, option in options),
        labels=tuple(label for label, _ in options),
        gold=gold,
        context=_context(row, layout.context, where),
        group=text(lookup(row, "group")) if layout is NATIVE else "",
        meta=_meta(row, layout.meta, where),
    )
    _check_encodable(item, where)
    trimmed = any(isinstance(value, str) and value != value.strip() for _, value in raw)
    return (shuffled(item, layout.shuffle) if layout.shuffle else item), trimmed


def _check_labels(labels: Sequence[str], where: str) -> None:
    """Raise if an answer could not name one of the labels unambiguously."""
    for label in labels:
        if not label or label != label.strip() or not label.isprintable():
            raise _malformed(f"{where}: {label!r} is no label: it needs a name without outer white space")
    if len({label.casefold() for label in labels}) < len(labels):
        raise _malformed(f"{where}: two labels are the same or differ only in case: {', '.join(labels)}")


def _check_encodable(item: Item, where: str) -> None:
    """Raise for lone surrogates: no request and no digest could represent them."""
    sections = (part for section in item.context for part in section)
    texts = " ".join((item.question, *item.options, *sections, item.group, *item.meta, *item.meta.values()))
    try:
        texts.encode()
    except UnicodeEncodeError as error:
        place = texts[max(0, error.start - 20) : error.end]
        raise _malformed(f"{where}: a lone surrogate at the end of {place!r}; repair the file") from None


def _cut_choices(question: str, marker: str) -> str:
    """Return a question up to the last marker, behind which it repeats its choices."""
    head, separator, _ = question.rpartition(marker) if marker else (question, "", "")
    return head.rstrip() if separator else question


def _context(row: Row, at: ContextField | None, where: str) -> tuple[tuple[str, str], ...]:
    if at is None:
        return ()
    if at.fields:
        sections = ((section.heading, text(lookup(row, section.at))) for section in at.fields)
        return tuple(section for section in sections if section[1])
    for path in (at.headings, at.texts):
        parent, _, _ = path.rpartition(".")
        value = lookup(row, parent) if parent and path not in row else None
        if _has_content(value) and not isinstance(value, dict):
            raise _malformed(f"{where}: {parent!r} is not a mapping with {path}")
    headings, texts = lookup(row, at.headings) or [], lookup(row, at.texts) or []
    if not (isinstance(headings, list) and isinstance(texts, list) and len(headings) == len(texts)):
        raise _malformed(f"{where}: {at.headings} and {at.texts} do not fit together")
    return tuple((text(heading), text(section)) for heading, section in zip(headings, texts, strict=True))


def _meta(row: Row, fields: dict[str, str], where: str) -> dict[str, str]:
    meta = {}
    for name, at in fields.items():
        value = lookup(row, at)
        if name == "*" and _has_content(value) and not isinstance(value, dict):
            raise _malformed(f"{where}: {at!r} is not a mapping of name to text")
        pairs = value.items() if name == "*" and isinstance(value, dict) else [(name, value)]
        meta.update({str(key): text(each) for key, each in pairs if text(each)})
    return meta


def shuffled(item: Item, seed: str) -> Item:
    """Return an item with its options in a fixed order: by the SHA-256 of seed, id and label; labels keep their places.

    For benchmarks whose gold label is nearly always the same letter.
    """

    def rank(place: int) -> bytes:
        return hashlib.sha256(f"{seed}\n{item.id}\n{item.labels[place]}".encode()).digest()

    order = sorted(range(len(item.labels)), key=rank)
    gold = item.labels[order.index(item.labels.index(item.gold))]
    return replace(item, options=tuple(item.options[place] for place in order), gold=gold)


def _unique(items: Iterable[Item], where: str) -> list[Item]:
    by_id: dict[str, Item] = {}
    for item in items:
        if item.id in by_id:
            raise _malformed(f"{where}: duplicate id {item.id}")
        by_id[item.id] = item
    return list(by_id.values())


def id_order(name: str) -> tuple[int, str]:
    """Return a sort key for ids: numbers sort in numeric order."""
    return len(name), name


def assign_groups(items: Sequence[Item], by: str) -> Sequence[Item]:
    """Return the items; those that share a question (and its options) have the first of their ids as their group."""
    if not by:
        return items
    sharing: dict[object, list[str]] = defaultdict(list)
    keys = [_group_key(item, by) for item in items]
    for key, item in zip(keys, items, strict=True):
        sharing[key].append(item.id)
    return [
        replace(item, group=min(sharing[key], key=id_order)) if len(sharing[key]) > 1 else item
        for key, item in zip(keys, items, strict=True)
    ]


def _group_key(item: Item, by: str) -> object:
    question = " ".join(item.question.split()).casefold()
    return question if by == "question" else (question, frozenset(item.options))
