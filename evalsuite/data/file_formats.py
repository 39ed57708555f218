"""Parse files in every format in which benchmarks are published; nothing is executed, decompression bombs are refused.

Read are JSON, JSON lines, CSV, TSV, Parquet and Excel workbooks, each also compressed with gzip.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from evalsuite.data.tables import read_parquet, read_xlsx, refuse_repeated_columns
from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.gzip_file import MAX_BYTES, GzipError, GzipTooLargeError, open_gzip
from evalsuite.util.jsonl import RepeatedKeyError, parse_json, parse_tolerantly
from evalsuite.util.parquet_file import TableTooLargeError

Row = dict[str, Any]
_BOM = b"\xef\xbb\xbf"


def read_bytes(path: Path) -> bytes:
    """Return a file's content, decompressed if its name ends in `.gz`; raises a `DataError`."""
    try:
        if not path.is_file() and path.exists():
            raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: not a regular file")
        if path.suffix == ".gz":
            with open_gzip(path) as unpacked:
                return unpacked.read()
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except GzipTooLargeError as error:
        raise DataError(ErrorCode.DATA_TOO_LARGE, f"{path}: {error}") from None
    except GzipError as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: {error}; fetch it again") from None
    except OSError as error:
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{path}: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise DataError(ErrorCode.DATA_TOO_LARGE, f"{path}: larger than {MAX_BYTES} bytes")
    return content


def parse(path: Path, raw: bytes | None = None) -> Any:
    """Parse a file into a list of rows, or into what a JSON document holds; raises a `DataError`.

    `raw` is its content, if it was read before.
    """
    raw = read_bytes(path) if raw is None else raw
    name = path.name.removesuffix(".gz")
    parser = _PARSERS.get(name[name.rfind(".") :].lower())
    if parser is None:
        message = f"{path}: unknown kind of file; known: {', '.join(_PARSERS)}, each also with .gz"
        raise DataError(ErrorCode.DATA_UNREADABLE, message)
    try:
        return parser(raw)
    except TableTooLargeError as error:
        raise DataError(ErrorCode.DATA_TOO_LARGE, f"{path}: {error}") from None
    except (ValueError, RecursionError, KeyError, zipfile.BadZipFile, OSError) as error:
        message = f"{path}: {' '.join(str(error).split())[:200] or type(error).__name__}"
        raise DataError(ErrorCode.DATA_UNREADABLE, message) from None


def read_rows(path: Path) -> list[Row]:
    """Read a file of any known format as rows.

    The keys of a JSON object of rows become `$key`, JSON columns become rows by their keys; raises a `DataError`.
    """
    content = parse(path)
    if isinstance(content, dict):
        return rows_by_column(content) if _is_columns(content) else rows_by_key(content)
    if not isinstance(content, list):
        message = f"{path}: expected rows, not one {type(content).__name__}"
        raise DataError(ErrorCode.DATA_MALFORMED, message)
    return [row if isinstance(row, dict) else {"value": row} for row in content]


def rows_by_key(content: dict[str, Any]) -> list[Row]:
    """Turn {key: row} into rows that have their key as `$key`; a bare value becomes `value`."""
    return [{**(row if isinstance(row, dict) else {"value": row}), "$key": key} for key, row in content.items()]


def rows_by_column(content: dict[str, Any]) -> list[Row]:
    """Turn {column: {row key: value}} into rows that have their key as `$key`."""
    keys = dict.fromkeys(key for column in content.values() for key in column)
    return [{"$key": key, **{name: column.get(key) for name, column in content.items()}} for key in keys]


def _is_columns(content: dict[str, Any]) -> bool:
    values = list(content.values())
    return (
        bool(values)
        and all(isinstance(value, dict) for value in values)
        and all(value.keys() == values[0].keys() for value in values)
        and all(key.isdigit() for key in values[0])
    )


def _parse_jsonl(raw: bytes) -> list[Any]:
    return list(_parse_lines(raw.removeprefix(_BOM)))


def _parse_lines(raw: bytes) -> Iterator[Any]:
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield parse_json(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None


def _parse_json_document(raw: bytes) -> Any:
    try:
        return parse_json(raw.removeprefix(_BOM))
    except RepeatedKeyError as error:
        raise ValueError(f"line {error.line}: {error}") from None
    except ValueError:
        if is_json_lines(raw):
            return _parse_jsonl(raw)  # several benchmarks publish JSON lines under the name .json
        raise


def is_json_lines(raw: bytes) -> bool:
    """Return whether content is JSON lines and not one JSON document: one of its first two lines is complete JSON."""
    for line in raw.split(b"\n", 2)[:2]:
        with suppress(ValueError):
            return isinstance(parse_tolerantly(line), dict) and b"\n" in raw.strip()
    return False


def _parse_csv(raw: bytes, delimiter: str = ",") -> list[Row]:
    lines = io.StringIO(raw.decode("utf-8-sig"), newline="")
    try:
        # Quotes have no agreed meaning in TSV, so that only CSV is held to the rules for them.
        reader = csv.DictReader(lines, delimiter=delimiter, strict=delimiter == ",")
        refuse_repeated_columns(reader.fieldnames or ())
        return [dict(row) for row in reader]
    except csv.Error as error:
        raise ValueError(str(error)) from None


def _parse_tsv(raw: bytes) -> list[Row]:
    return _parse_csv(raw, "\t")


_PARSERS: dict[str, Any] = {
    ".jsonl": _parse_jsonl,
    ".json": _parse_json_document,
    ".xlsx": read_xlsx,
    ".parquet": read_parquet,
    ".csv": _parse_csv,
    ".tsv": _parse_tsv,
}
