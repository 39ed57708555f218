"""Read Parquet files and Excel workbooks as rows, in memory and time that a hostile file can't choose."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.util.gzip_file import largest_content
from evalsuite.util.parquet_file import MAX_ROWS, MAX_VALUES, TableTooLargeError, bounded_batches

MAX_COLUMNS: Final = 1_000


def refuse_repeated_columns(names: Sequence[str]) -> None:
    """Raise a `ValueError` where two columns have one name, of which a row could hold only the last."""
    if repeated := next((name for name, count in Counter(names).items() if name and count > 1), ""):
        count = list(names).count(repeated)
        raise ValueError(f"line 1: {count} columns are named {repeated!r}; keep one of them")


def read_parquet(raw: bytes) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file; a `ValueError` for one that can't be read or is too large."""
    import pyarrow as pa

    try:
        return [row for batch in bounded_batches(pa.BufferReader(raw), len(raw)) for row in batch.to_pylist()]
    except pa.ArrowException as error:
        raise ValueError(f"not parquet: {error}") from None


def parquet_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, a batch of which is in memory at a time; errors as for `read_parquet`.

    `columns`: those that are in the rows; all where it is None.
    """
    import pyarrow as pa

    try:
        for batch in bounded_batches(path, path.stat().st_size):
            if columns is not None:
                batch = batch.select([name for name in columns if name in batch.schema.names])
            yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise ValueError(f"not parquet: {error}") from None


def read_xlsx(raw: bytes) -> list[dict[str, Any]]:
    """Return the rows of a workbook's first sheet, by its first row; a `ValueError` as for `read_parquet`."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        limit = largest_content(len(raw))
        if sum(member.file_size for member in archive.infolist()) > limit:
            raise TableTooLargeError(f"unpacks to more than {limit:,} bytes")
    rows: list[dict[str, Any]] = []
    try:
        cells_of_rows = _sheet(raw)
        header = [str(name) if name is not None else "" for name in next(cells_of_rows, ())]
        refuse_repeated_columns(header)
        for cells in cells_of_rows:
            rows.append({name: cell for name, cell in zip(header, cells, strict=False) if name})
    except TableTooLargeError:
        raise
    except Exception as error:  # openpyxl lets through whatever a broken workbook makes its XML parser raise
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"not a complete spreadsheet: row {len(rows)} can't be read ({reason})") from None
    return rows


def _sheet(raw: bytes) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of the first sheet; a single cell far out would otherwise become billions of empty ones."""
    import openpyxl

    workbook = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
    values = 0
    for number, cells in enumerate(workbook.worksheets[0].iter_rows(values_only=True, max_col=MAX_COLUMNS)):
        values += len(cells)
        if number > MAX_ROWS or values > MAX_VALUES:
            raise TableTooLargeError(f"more than {MAX_ROWS:,} rows or {MAX_VALUES:,} cells")
        yield cells
