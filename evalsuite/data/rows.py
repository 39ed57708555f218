"""Rows -> items, as a card's layout says."""

from __future__ import annotations

import ast
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalsuite.data.read import Row, by_column, by_key
from evalsuite.errors import DataError
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
"""Our own rows: {id, question, options: {label: text}, answer, context?: {headings, texts}, group?, meta?: {..}}."""


@dataclass(frozen=True, slots=True)
class ConvertedRows:
    """What a file gave."""

    items: tuple[Item, ...]
    empty: tuple[str, ...] = ()
    """Ids of rows that hold nothing at all and were left out."""
    trimmed: tuple[str, ...] = ()
    """Ids of items with white space around an option; it is stripped."""
    notes: tuple[str, ...] = ()
    """What a reader must know about the file, a sentence each."""
    sha256: str = ""
    """Of the (first) file's content, after decompression."""


def convert(found: Any, layout: RowLayout, where: str, only: Iterable[str] | None = None) -> ConvertedRows:
    """Turn a parsed file into items; `where` opens every error, `only` keeps the items with these ids."""
    table = _table(found, layout, where)
    kept, empty = [], []
    wanted = None if only is None else frozenset(only)
    for number, row in enumerate(table):
        if not all(str(pick(row, field)) == value for field, value in layout.where.items()):
            continue
        name = _id(row, layout.id, number, where)
        if wanted is not None and name not in wanted:
            continue
        if not any(_holds(value) for key, value in row.items() if key != "$key"):
            empty.append(f"row {number}")
            continue
        if not name:
            raise DataError(f"{where}: row {number}: no id at {layout.id!r}")
        kept.append((name, row))
    base = _base(kept, layout, where) if layout.gold.kind == "index" else 0
    read = [_item(name, row, layout, base, where) for name, row in kept]
    items = grouped(_unique((item for item, _ in read), where), layout.group)
    return ConvertedRows(tuple(items), tuple(empty), tuple(item.id for item, trimmed in read if trimmed))


def pick(row: Any, path: str) -> Any:
    """Return what stands at a dotted path; None where nothing does."""
    if isinstance(row, dict) and path in row:
        return row[path]
    for part in path.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def text(value: Any) -> str:
    """Return a cell as text: nothing and NaN are empty, 2024.0 is `2024`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _holds(value: Any) -> bool:
    return bool(value) if isinstance(value, (list, dict)) else text(value) != ""


def _table(found: Any, layout: RowLayout, where: str) -> Sequence[Row]:
    if layout.read == "rows":
        if isinstance(found, list) and all(isinstance(row, dict) for row in found):
            return found
        raise DataError(f"{where}: expected a row an item, found {_shape(found)}")
    if not isinstance(found, dict):
        raise DataError(f"{where}: expected one JSON object, found {_shape(found)}")
    if layout.read == "columns":
        if not all(isinstance(column, dict) for column in found.values()):
            raise DataError(f"{where}: expected {{column: {{row: value}}}}")
        return by_column(found)
    return by_key(found)


def _shape(found: Any) -> str:
    return f"a list of {len(found)}" if isinstance(found, list) else type(found).__name__


def _id(row: Row, at: str, number: int, where: str) -> str:
    name = str(number) if at == "$row" else text(pick(row, at))
    if not name.isprintable() or len(name) > 200:
        raise DataError(f"{where}: row {number}: an id is one short line, found {name[:40]!r}")
    return name


def _base(kept: list[tuple[str, Row]], layout: RowLayout, where: str) -> int:
    """Tell whether a column of numbers counts from 0 or from 1, from the whole file; refuse to guess."""
    zero = one = False
    for name, row in kept:
        number = _number(pick(row, layout.gold.at), layout.gold.at, f"{where}: item {name}")
        count = len(_options(row, layout.options, name, where))
        zero, one = zero or number == 0, one or number == count
        if not 0 <= number <= count:
            raise DataError(f"{where}: item {name}: {layout.gold.at} is {number} with {count} options")
    if zero == one:
        why = "both 0 and the number of options occur" if zero else "neither 0 nor the number of options occurs"
        raise DataError(f"{where}: {layout.gold.at} may count from 0 or from 1: {why}; a wrong guess looks like chance")
    return 0 if zero else 1


def _number(value: Any, at: str, where: str) -> int:
    try:
        number = float(text(value))
    except ValueError:
        raise DataError(f"{where}: no gold label at {at!r}: found {value!r}") from None
    if number != int(number):
        raise DataError(f"{where}: {at} is {value!r}, not a whole number")
    return int(number)


def _options(row: Row, at: OptionsField, name: str, where: str) -> list[tuple[str, Any]]:
    """Return (label, raw text) pairs in label order; options at the end that hold nothing are left out."""
    if at.kind == "fixed":
        return [(label, label) for label in at.labels]
    if at.kind == "columns":
        pairs = list(zip(LETTERS, (pick(row, column) for column in at.columns), strict=False))
    else:
        pairs = _listed(_cell(row, at, name, where), at)
    while pairs and not _holds(pairs[-1][1]):
        pairs.pop()
    if len(pairs) < 2:
        place = at.at or ", ".join(at.columns)
        raise DataError(f"{where}: item {name}: {len(pairs) or 'no'} options at {place!r}; it can't be asked")
    return pairs


def _cell(row: Row, at: OptionsField, name: str, where: str) -> Any:
    if not at.cell:
        return pick(row, at.at)
    try:
        return pick(json.loads(text(pick(row, at.cell))), at.at)
    except (ValueError, RecursionError):
        raise DataError(f"{where}: item {name}: {at.cell} does not hold JSON") from None


def _listed(found: Any, at: OptionsField) -> list[tuple[str, Any]]:
    if at.kind == "map" and isinstance(found, dict):
        labelled = [(str(label).strip(), value) for label, value in found.items()]
        letters = all(len(label) == 1 and label in LETTERS for label, _ in labelled)
        return sorted(labelled) if letters else labelled
    if isinstance(found, list):
        if at.kind == "entries":
            return [(text(pick(entry, at.label)), pick(entry, at.text)) for entry in found]
        return list(zip(LETTERS, found, strict=False))
    return []


def _gold(row: Row, at: GoldField, options: list[tuple[str, str]], base: int, where: str) -> str:
    value = pick(row, at.at)
    labels = [label for label, _ in options]
    if at.kind == "index":
        place = _number(value, at.at, where) - base
        found = labels[place] if 0 <= place < len(labels) else f"option {place + base}"
    elif at.kind == "text":
        same = [label for label, option in options if option == text(value)]
        found = same[0] if len(same) == 1 else ""
    else:
        found = _one(value, where) if at.kind == "list" else text(value)
        found = next((label for label in labels if found and label.casefold() == found.casefold()), found)
    if found not in labels:
        raise DataError(f"{where}: no gold label at {at.at!r}: found {value!r}, options are {', '.join(labels)}")
    return found


def _one(value: Any, where: str) -> str:
    """The only label in a list, or in a Python list written as a string."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise DataError(f"{where}: the key {value[:40]!r} is not a list") from None
    if not isinstance(value, list) or len(value) != 1:
        raise DataError(f"{where}: the key {value!r} does not name one label")
    return text(value[0])


def _item(name: str, row: Row, layout: RowLayout, base: int, where: str) -> tuple[Item, bool]:
    raw = _options(row, layout.options, name, where)
    where = f"{where}: item {name}"
    options = [(label, text(value)) for label, value in raw]
    question = _cut(text(pick(row, layout.question)), layout.cut)
    if not question:
        raise DataError(f"{where}: the question is empty")
    for label, option in options:
        if not option:
            raise DataError(f"{where}: option {label} is empty")
    _check_labels([label for label, _ in options], where)
    gold = _gold(row, layout.gold, options, base, where)
    item = Item(
        id=name,
        question=question,
        options=tuple(option for _, option in options),
        labels=tuple(label for label, _ in options),
        gold=gold,
        context=_context(row, layout.context, where),
        group=text(pick(row, "group")) if layout is NATIVE else "",
        meta=_meta(row, layout.meta),
    )
    _check_texts(item, where)
    trimmed = any(isinstance(value, str) and value != value.strip() for _, value in raw)
    return (shuffled(item, layout.shuffle) if layout.shuffle else item), trimmed


def _check_labels(labels: Sequence[str], where: str) -> None:
    """Refuse labels that no answer could be told by."""
    for label in labels:
        if not label or label != label.strip() or not label.isprintable():
            raise DataError(f"{where}: {label!r} is no label: one needs a name without outer white space")
    if len({label.casefold() for label in labels}) < len(labels):
        raise DataError(f"{where}: two options have the same label in one case or the other: {', '.join(labels)}")


def _check_texts(item: Item, where: str) -> None:
    """Refuse lone surrogates: no request and no digest could carry them."""
    sections = (part for section in item.context for part in section)
    whole = " ".join((item.question, *item.options, *sections, item.group, *item.meta, *item.meta.values()))
    try:
        whole.encode()
    except UnicodeEncodeError as error:
        place = whole[max(0, error.start - 20) : error.end]
        raise DataError(f"{where}: a lone surrogate stands behind {place!r}; repair the file") from None


def _cut(question: str, mark: str) -> str:
    head, found, _ = question.rpartition(mark) if mark else (question, "", "")
    return head.rstrip() if found else question


def _context(row: Row, at: ContextField | None, where: str) -> tuple[tuple[str, str], ...]:
    if at is None:
        return ()
    if at.fields:
        named = ((section.heading, text(pick(row, section.at))) for section in at.fields)
        return tuple(section for section in named if section[1])
    headings, texts = pick(row, at.headings) or [], pick(row, at.texts) or []
    if not (isinstance(headings, list) and isinstance(texts, list) and len(headings) == len(texts)):
        raise DataError(f"{where}: {at.headings} and {at.texts} do not fit together")
    return tuple((text(heading), text(section)) for heading, section in zip(headings, texts, strict=True))


def _meta(row: Row, fields: dict[str, str]) -> dict[str, str]:
    found = {}
    for name, at in fields.items():
        value = pick(row, at)
        pairs = value.items() if name == "*" and isinstance(value, dict) else [(name, value)]
        found.update({str(key): text(one) for key, one in pairs if text(one)})
    return found


def shuffled(item: Item, seed: str) -> Item:
    """Put an item's options in a fixed order of its own: by the sha256 of seed, id and label; labels stay in place."""

    def rank(place: int) -> bytes:
        return hashlib.sha256(f"{seed}\n{item.id}\n{item.labels[place]}".encode()).digest()

    order = sorted(range(len(item.labels)), key=rank)
    gold = item.labels[order.index(item.labels.index(item.gold))]
    return replace(item, options=tuple(item.options[place] for place in order), gold=gold)


def _unique(items: Iterable[Item], where: str) -> list[Item]:
    found: dict[str, Item] = {}
    for item in items:
        if item.id in found:
            raise DataError(f"{where}: id {item.id} stands twice")
        found[item.id] = item
    return list(found.values())


def order(name: str) -> tuple[int, str]:
    """Sort key for ids: numbers come in numeric order."""
    return len(name), name


def grouped(items: Sequence[Item], by: str) -> Sequence[Item]:
    """Give the items that share a question (and its options) the smallest of their ids as their group."""
    if not by:
        return items
    sharing: dict[object, list[str]] = defaultdict(list)
    keys = [_key(item, by) for item in items]
    for key, item in zip(keys, items, strict=True):
        sharing[key].append(item.id)
    return [
        replace(item, group=min(sharing[key], key=order)) if len(sharing[key]) > 1 else item
        for key, item in zip(keys, items, strict=True)
    ]


def _key(item: Item, by: str) -> object:
    question = " ".join(item.question.split()).casefold()
    return question if by == "question" else (question, frozenset(item.options))
