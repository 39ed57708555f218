"""Files -> rows, for every raw format that benchmarks are published in; nothing is executed, bombs are refused."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from evalsuite.errors import DataError
from evalsuite.util.jsonl import parse_json

Row = dict[str, Any]
LARGEST = 2 << 30
"""Most bytes that a file may hold after decompression."""


def content(path: Path) -> bytes:
    """Return a file's bytes, decompressed when its name ends in `.gz`."""
    try:
        if path.suffix != ".gz":
            if path.stat().st_size > LARGEST:
                raise DataError(f"{path}: larger than {LARGEST} bytes")
            return path.read_bytes()
        with gzip.open(path) as stream:
            found = stream.read(LARGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    if len(found) > LARGEST:
        raise DataError(f"{path}: unpacks to more than {LARGEST} bytes")
    return found


def document(path: Path, raw: bytes | None = None) -> Any:
    """Parse a file: a list of rows, or what a JSON document holds. `raw`: its content, where that is at hand."""
    raw = content(path) if raw is None else raw
    name = path.name.removesuffix(".gz")
    reader = _READERS.get(name[name.rfind(".") :].lower())
    if reader is None:
        raise DataError(f"{path}: unknown kind of file; known: {', '.join(_READERS)}, each also with .gz")
    try:
        return reader(raw)
    except (ValueError, RecursionError, KeyError, zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path}: {' '.join(str(error).split())[:200] or type(error).__name__}") from None


def rows(path: Path) -> list[Row]:
    """Read any known file as rows; a JSON map's keys become `$key`, JSON columns become rows by their keys."""
    found = document(path)
    if isinstance(found, dict):
        return by_column(found) if _is_columns(found) else by_key(found)
    if not isinstance(found, list):
        raise DataError(f"{path}: expected rows, found one {type(found).__name__}")
    return [row if isinstance(row, dict) else {"value": row} for row in found]


def by_key(found: dict[str, Any]) -> list[Row]:
    """{key: row} -> rows that carry their key as `$key`; a bare value becomes `value`."""
    return [{**(row if isinstance(row, dict) else {"value": row}), "$key": key} for key, row in found.items()]


def by_column(found: dict[str, Any]) -> list[Row]:
    """{column: {row key: value}} -> rows that carry their key as `$key`."""
    keys = dict.fromkeys(key for column in found.values() for key in column)
    return [{"$key": key, **{name: column.get(key) for name, column in found.items()}} for key in keys]


def _is_columns(found: dict[str, Any]) -> bool:
    values = list(found.values())
    return (
        bool(values)
        and all(isinstance(v, dict) for v in values)
        and all(v.keys() == values[0].keys() for v in values)
        and all(key.isdigit() for key in values[0])
    )


def _jsonl(raw: bytes) -> list[Any]:
    return list(_lines(raw.removeprefix(b"\xef\xbb\xbf")))


def _lines(raw: bytes) -> Iterator[Any]:
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield parse_json(line)
        except ValueError as error:
            raise ValueError(f"line {number}: not JSON: {error}") from None


def _json(raw: bytes) -> Any:
    try:
        return parse_json(raw.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        if is_lines(raw):
            return _jsonl(raw)  # under the name .json
        raise ValueError(f"not JSON: {error}") from None


def is_lines(raw: bytes) -> bool:
    """Whether content is JSON lines rather than one JSON document: one of its first two lines is whole JSON."""
    for line in raw.split(b"\n", 2)[:2]:
        with suppress(ValueError):
            return isinstance(parse_json(line), dict) and b"\n" in raw.strip()
    return False


def _xlsx(raw: bytes) -> list[Row]:
    import openpyxl

    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST:
            raise ValueError(f"unpacks to more than {LARGEST} bytes")
    done: list[Row] = []
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        sheet = book.worksheets[0].iter_rows(values_only=True)
        header = [str(name) if name is not None else "" for name in next(sheet, ())]
        for cells in sheet:
            done.append({name: cell for name, cell in zip(header, cells, strict=False) if name})
    except Exception as error:  # openpyxl raises whatever broken XML leads it to
        what = " ".join(str(error).split())[:120]
        raise ValueError(f"not a whole spreadsheet: row {len(done)} can't be read ({what})") from None
    return done


def _parquet(raw: bytes) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found: list[Row] = pq.read_table(pa.BufferReader(raw)).to_pylist()
    except pa.ArrowException as error:
        raise ValueError(f"not parquet: {error}") from None
    return found


def _csv(raw: bytes, delimiter: str = ",") -> list[Row]:
    lines = io.StringIO(raw.decode("utf-8-sig"), newline="")
    try:
        return [dict(row) for row in csv.DictReader(lines, delimiter=delimiter, strict=delimiter == ",")]
    except csv.Error as error:
        raise ValueError(str(error)) from None


def _tsv(raw: bytes) -> list[Row]:
    return _csv(raw, "\t")


def _xml(raw: bytes) -> list[Row]:
    from xml.etree.ElementTree import ParseError

    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(raw, forbid_dtd=True)
    except ParseError as error:
        raise ValueError(f"not XML: {error}") from None
    return [{"tag": child.tag, **_plain(child)} for child in root]


def _plain(element: Any) -> Row:
    """An element as a mapping: `@name` for attributes, `text`, and a list for each tag of its children."""
    row: Row = {f"@{name}": value for name, value in element.attrib.items()}
    if element.text and element.text.strip():
        row["text"] = element.text.strip()
    for child in element:
        row.setdefault(child.tag, []).append(_plain(child))
    return row


_READERS: dict[str, Any] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".xlsx": _xlsx,
    ".parquet": _parquet,
    ".csv": _csv,
    ".tsv": _tsv,
    ".xml": _xml,
}
