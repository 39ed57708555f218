"""Convert rows into items, as the layout in a task card describes them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from evalsuite.data.file_formats import Row, rows_by_column, rows_by_key
from evalsuite.data.row_fields import (
    check_labels,
    gold_label,
    has_content,
    labelled_options,
    lookup,
    malformed,
    text,
    whole_number,
)
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import ContextField, GoldField, OptionsField, RowLayout

T = TypeVar("T")
NATIVE = RowLayout(
    id="id",
    question="question",
    options=OptionsField(kind="map", at="options"),
    gold=GoldField(kind="label", at="answer"),
    context=ContextField(headings="context.headings", texts="context.texts"),
    meta={"*": "meta"},
)
"""The native layout: {id, question, options: {label: text}, answer, context?: {headings, texts}, group?, meta?}."""
_IMAGE_FIELDS = frozenset(
    f"{name}{form}"
    for name in ("image", "img", "picture", "figure")
    for form in ("", "s", "_path", "_paths", "_url", "_urls")
)
"""Names of fields, in lower case, that hold what a text prompt can't show."""
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
    malformed: tuple[str, ...] = ()
    """Why rows were left out that can't become items; only of train files that were never seen before."""
    sha256: str = ""
    """Of the (first) file's content, after decompression."""


def convert(
    content: Any, layout: RowLayout, where: str, only: Iterable[str] | None = None, skip_malformed: bool = False
) -> ConvertedRows:
    """Turn a parsed file into items; a row that can't become one is a `DataError` with its place.

    `where` starts every error message, `only` selects the items with these ids. With `skip_malformed` such rows are
    left out and listed instead, unless no row is left: for train items, where one item more or less decides nothing.
    """
    left_out: list[DataError] = []

    def usable(name: str, row: Row, check: Callable[[str, Row], T]) -> list[T]:
        try:
            return [check(name, row)]
        except DataError as error:
            if not skip_malformed:
                raise
            left_out.append(error)
            return []

    rows, empty = _selected(content, layout, where, None if only is None else frozenset(only))
    base = 0
    if layout.gold.kind == "index":
        indices = [index for name, row in rows for index in usable(name, row, partial(_index, layout, where))]
        rows = [(name, row) for name, row, _ in indices]
        base = _index_base([index for _, _, index in indices], layout, where)
    converted = [item for name, row in rows for item in usable(name, row, partial(_item, layout, base, where))]
    if left_out and not converted:
        raise left_out[0]
    items = assign_groups(_unique((item for item, _ in converted), where), layout.group)
    trimmed = tuple(item.id for item, stripped in converted if stripped)
    return ConvertedRows(tuple(items), tuple(empty), trimmed, malformed=tuple(map(str, left_out)))


def _selected(
    content: Any, layout: RowLayout, where: str, wanted: frozenset[str] | None
) -> tuple[list[tuple[str, Row]], list[str]]:
    """Return the wanted rows with their ids, and the places of rows without any content."""
    selected, empty = [], []
    for number, row in enumerate(_rows(content, layout, where)):
        if not all(str(lookup(row, field)) == value for field, value in layout.where.items()):
            continue
        name = _id(row, layout.id, number, where)
        if wanted is not None and name not in wanted:
            continue
        if not any(has_content(value) for key, value in row.items() if key != "$key"):
            empty.append(f"row {number}")
            continue
        if not name:
            raise malformed(f"{where}: row {number}: no id at {layout.id!r}")
        selected.append((name, row))
    return selected, empty


def _rows(content: Any, layout: RowLayout, where: str) -> Sequence[Row]:
    if layout.read == "rows":
        if isinstance(content, list) and all(isinstance(row, dict) for row in content):
            return content
        raise malformed(f"{where}: expected one row per item, not {_shape(content)}")
    if not isinstance(content, dict):
        raise malformed(f"{where}: expected one JSON object, not {_shape(content)}")
    if layout.read == "columns":
        if not all(isinstance(column, dict) for column in content.values()):
            raise malformed(f"{where}: expected {{column: {{row: value}}}}")
        return rows_by_column(content)
    return rows_by_key(content)


def _shape(content: Any) -> str:
    return f"a list of {len(content)}" if isinstance(content, list) else type(content).__name__


def _id(row: Row, at: str, number: int, where: str) -> str:
    name = str(number) if at == "$row" else text(lookup(row, at))
    if not name.isprintable() or len(name) > _MAX_ID:
        raise malformed(f"{where}: row {number}: an id is one short line, not {name[:40]!r}")
    return name


def _index(layout: RowLayout, where: str, name: str, row: Row) -> tuple[str, Row, tuple[int, int]]:
    """Return a row with its gold index and the number of its options."""
    index = whole_number(lookup(row, layout.gold.at), layout.gold.at, f"{where}: item {name}")
    count = len(labelled_options(row, layout.options, name, where))
    if not 0 <= index <= count:
        raise malformed(f"{where}: item {name}: {layout.gold.at} is {index} with {count} options")
    return name, row, (index, count)


def _index_base(indices: Iterable[tuple[int, int]], layout: RowLayout, where: str) -> int:
    """Return whether a column of gold indices counts from 0 or from 1, by the whole file; never guess.

    Only index 0 proves that it counts from 0, and only an index equal to the number of options that it counts from 1.
    Two published copies of one benchmark differ in exactly this.
    """
    zero = one = False
    for index, count in indices:
        zero, one = zero or index == 0, one or index == count
    if zero == one:
        reason = "both 0 and the number of options occur" if zero else "neither 0 nor the number of options occurs"
        message = f"{where}: {layout.gold.at} may count from 0 or from 1: {reason}; a wrong guess looks like chance"
        raise malformed(message)
    return 0 if zero else 1


def _item(layout: RowLayout, base: int, where: str, name: str, row: Row) -> tuple[Item, bool]:
    """Return the item of a row, and whether white space was stripped from an option."""
    raw = labelled_options(row, layout.options, name, where)
    where = f"{where}: item {name}"
    refuse_image(row, where)
    options = [(label, text(value)) for label, value in raw]
    value = lookup(row, layout.question)
    if isinstance(value, list | dict):
        raise malformed(f"{where}: {layout.question!r} is not a text, but a {type(value).__name__}")
    question = _cut_choices(text(value), layout.cut)
    if not question:
        raise malformed(f"{where}: the question is empty")
    for label, option in options:
        if not option:
            raise malformed(f"{where}: option {label} is empty")
    check_labels([label for label, _ in options], where)
    gold = gold_label(row, layout.gold, options, base, where)
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


def refuse_image(row: Row, where: str) -> None:
    """Raise for a row with an image: without it the question is another one, and no prompt here shows it."""
    field = next((key for key in row if key.casefold().strip() in _IMAGE_FIELDS and has_content(row[key])), None)
    if field is not None:
        message = f"{where}: it has an image ({field!r}), which no prompt shows: leave such items out"
        raise DataError(ErrorCode.DATA_REFUSED, message)


def _check_encodable(item: Item, where: str) -> None:
    """Raise for lone surrogates: no request and no digest could represent them."""
    sections = (part for section in item.context for part in section)
    texts = " ".join((item.question, *item.options, *sections, item.group, *item.meta, *item.meta.values()))
    try:
        texts.encode()
    except UnicodeEncodeError as error:
        place = texts[max(0, error.start - 20) : error.end]
        raise malformed(f"{where}: a lone surrogate at the end of {place!r}; repair the file") from None


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
        if has_content(value) and not isinstance(value, dict):
            raise malformed(f"{where}: {parent!r} is not a mapping with {path}")
    headings, texts = lookup(row, at.headings) or [], lookup(row, at.texts) or []
    if not (isinstance(headings, list) and isinstance(texts, list) and len(headings) == len(texts)):
        raise malformed(f"{where}: {at.headings} and {at.texts} do not fit together")
    return tuple((text(heading), text(section)) for heading, section in zip(headings, texts, strict=True))


def _meta(row: Row, fields: dict[str, str], where: str) -> dict[str, str]:
    meta = {}
    for name, at in fields.items():
        value = lookup(row, at)
        if name == "*" and has_content(value) and not isinstance(value, dict):
            raise malformed(f"{where}: {at!r} is not a mapping of name to text")
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
            raise malformed(f"{where}: duplicate id {item.id}")
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
