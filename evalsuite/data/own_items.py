"""Validate items that a program passes instead of a file, by the rules for rows in the native layout."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean
from typing import Any

from evalsuite.data import canonical
from evalsuite.data.item_conversion import NATIVE, convert
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.util.text import with_article

_HEADING = "Context"
"""Heading of the only section of a context that is a plain string."""
_KEYS = frozenset({"id", "question", "options", "answer", "gold", "context", "group", "meta"})


def own_items(items: Iterable[Item | Mapping[str, Any]], name: str) -> tuple[Item, ...]:
    """Return validated items in the order given; one that can't be used is a `DataError` that names it.

    A mapping has the keys `question`, `options` (a mapping of label to text, or a list of texts, which get the letters
    from A on) and `answer` or `gold` (a label), and optionally `id` (otherwise its position from 0 on), `context`
    (a text, or `{"headings": [...], "texts": [...]}`), `group` and `meta` (a mapping of name to value).
    """
    rows = [
        _item_row(item, name) if isinstance(item, Item) else _row(item, i, f"{name}: item {i}")
        for i, item in enumerate(items)
    ]
    if not rows:
        raise DataError(ErrorCode.DATA_NOT_FOUND, f"{name}: there are no items")
    return _converted(rows, name)


def own_item(row: Mapping[str, Any], where: str) -> Item:
    """Return the validated item of one row; `where` is the row's place, which a `DataError` names."""
    return _converted([_row(row, 0, where)], where)[0]


def _converted(rows: list[dict[str, Any]], name: str) -> tuple[Item, ...]:
    converted = convert(rows, NATIVE, name).items
    for row, item in zip(rows, converted, strict=True):
        # In files empty cells at the end stand for options that an item doesn't have; a program has no reason for them.
        if len(row["options"]) != len(item.options):
            reason = f"{len(row['options'])} options, of which only {len(item.options)} have a label and a text"
            raise DataError(ErrorCode.DATA_MALFORMED, f"{name}: item {item.id} has {reason}")
    return converted


def native_row(item: Item) -> dict[str, Any]:
    """Return an item as a row in the native layout, from which `own_items` makes the same item."""
    row: dict[str, Any] = {
        "id": item.id,
        "question": item.question,
        "options": dict(zip(item.labels, item.options, strict=True)),
        "answer": item.gold,
    }
    if item.context:
        headings, texts = zip(*item.context, strict=True)
        row["context"] = {"headings": list(headings), "texts": list(texts)}
    return row | ({"group": item.group} if item.group else {}) | ({"meta": dict(item.meta)} if item.meta else {})


def card_facts(items: tuple[Item, ...]) -> dict[str, Any]:
    """Return what a task card states about its items: their number, options, chance, majority label and digest."""
    label, count = Counter(item.gold for item in items).most_common(1)[0]
    return {
        "items": len(items),
        "option_counts": dict(sorted(Counter(len(item.labels) for item in items).items())),
        "chance": fmean(1 / len(item.labels) for item in items),
        "constant": {"label": label, "accuracy": count / len(items)},
        "digest": canonical.digest(items),
    }


def _item_row(item: Item, name: str) -> dict[str, Any]:
    if not len(item.labels) == len(set(item.labels)) == len(item.options):
        raise DataError(
            ErrorCode.DATA_MALFORMED, f"{name}: item {item.id} has {len(item.options)} options for labels {item.labels}"
        )
    return native_row(item)


def _row(item: Any, place: int, where: str) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise DataError(
            ErrorCode.DATA_MALFORMED,
            f"{where} is {with_article(type(item).__name__)}, not an Item or a mapping",
        )
    row = dict(item)
    unknown = [key for key in row if key not in _KEYS]
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise DataError(ErrorCode.DATA_MALFORMED, f"{where} has an unknown key {unknown[0]!r}; known: {known}")
    if "gold" in row:
        if "answer" in row:
            raise DataError(ErrorCode.DATA_MALFORMED, f"{where} has an answer and a gold label: give one")
        row["answer"] = row.pop("gold")
    plain = {key: _plain(value) for key, value in row.items()}
    wrong = next(_wrong_shapes(plain), None)
    if wrong:
        raise DataError(ErrorCode.DATA_MALFORMED, f"{where}: {wrong}")
    return {"id": str(place), "options": [], **plain, "context": _sections(plain.get("context"))}


def _sections(context: Any) -> Any:
    """Return a context in the shape of the native layout: a text is one section."""
    if not isinstance(context, str):
        return context
    return {"headings": [_HEADING], "texts": [context]} if context.strip() else None


def _wrong_shapes(row: Mapping[str, Any]) -> Iterator[str]:
    """Name the fields whose values the conversion would leave out or write as Python prints them."""
    for key in ("id", "question", "answer", "group"):
        if not _is_scalar(row.get(key)):
            yield f"{key!r} is {_type(row[key])}, not a text"
    options = row.get("options")
    texts = options.values() if isinstance(options, dict) else options if isinstance(options, list) else ()
    if not _is_missing(options) and not isinstance(options, dict | list):
        yield f"'options' is {_type(options)}, not a mapping of label to text or a list of texts"
    if not all(map(_is_scalar, texts)):
        yield "'options' holds a value that is not a text"
    context = row.get("context")
    if not _is_missing(context) and not isinstance(context, str) and not _is_sections(context):
        yield '\'context\' is neither a text nor {"headings": [...], "texts": [...]} with as many headings as texts'
    meta = row.get("meta")
    if not _is_missing(meta) and not (isinstance(meta, dict) and all(map(_is_scalar, (*meta, *meta.values())))):
        yield "'meta' is not a mapping of name to text"


def _is_sections(context: Any) -> bool:
    if not isinstance(context, dict) or set(context) != {"headings", "texts"}:
        return False
    headings, texts = context["headings"], context["texts"]
    same = isinstance(headings, list) and isinstance(texts, list) and len(headings) == len(texts)
    return same and all(map(_is_scalar, (*headings, *texts)))


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))  # pandas writes NaN for an empty cell


def _type(value: Any) -> str:
    return "a mapping" if isinstance(value, dict) else with_article(type(value).__name__)


def _plain(value: Any) -> Any:
    """Return mappings and sequences as dictionaries and lists, which is what a JSON file would hold."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
