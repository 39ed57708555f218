"""Read Parquet files and Excel workbooks as rows, in memory and time that a hostile file can't choose.

Both formats repeat values for nearly nothing: a file of a few kilobytes can state a billion rows, or refer a million
times to one text of a megabyte. What a file states is therefore checked before it is read, and what comes out of it is
counted while it is.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from evalsuite.util.gzip_file import MAX_BYTES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_ROWS: Final = 5_000_000
MAX_VALUES: Final = 50_000_000
"""Cells of a table; elements of lists count, too."""
MAX_COLUMNS: Final = 1_000
_BATCH_ROWS: Final = 1_024
_BATCH_BYTES: Final = 256 << 20
"""What one batch of rows may take if each of its values were as large as its whole column."""


class TableTooLargeError(ValueError):
    """A table that holds, or unpacks to, more than is allowed."""


def read_parquet(raw: bytes) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file; a `ValueError` for one that can't be read or is too large."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    size = 0
    try:
        # Without threads: a short process that read with them sometimes aborts while it exits, after all work is done.
        # `read_table` would start the threads of Arrow's data-set scanner all the same.
        file = pq.ParquetFile(pa.BufferReader(raw), pre_buffer=False)
        plain = pa.schema([field.with_type(_plain_type(field.type)) for field in file.schema_arrow])
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata), use_threads=False):
            batch = batch.cast(plain)
            size += batch.nbytes
            if size > MAX_BYTES:
                raise TableTooLargeError(f"unpacks to more than {MAX_BYTES:,} bytes")
            rows += batch.to_pylist()
    except pa.ArrowException as error:
        raise ValueError(f"not parquet: {error}") from None
    return rows


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Return a type without dictionaries, whose values are counted once although each row becomes a text of its own."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain_type(field.type)) for field in kind.fields])
    if pa.types.is_map(kind):
        return pa.map_(_plain_type(kind.key_type), _plain_type(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return make(kind.value_field.with_type(_plain_type(kind.value_type)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_plain_type(kind.value_type)), kind.list_size)
    return kind


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """Check what a file states of its size, and return how many rows may be decoded at a time."""
    if metadata.num_rows > MAX_ROWS:
        raise TableTooLargeError(f"{metadata.num_rows:,} rows; at most {MAX_ROWS:,} are read")
    values = unpacked = widest = 0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            values += column.num_values
            unpacked += column.total_uncompressed_size
            per_row = max(1, column.num_values // max(1, group.num_rows))
            widest = max(widest, column.total_uncompressed_size * per_row)
    if values > MAX_VALUES:
        raise TableTooLargeError(f"{values:,} values; at most {MAX_VALUES:,} are read")
    if unpacked > MAX_BYTES:
        raise TableTooLargeError(f"unpacks to more than {MAX_BYTES:,} bytes")
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, widest)))


def read_xlsx(raw: bytes) -> list[dict[str, Any]]:
    """Return the rows of a workbook's first sheet, by its first row; a `ValueError` as for `read_parquet`."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            raise TableTooLargeError(f"unpacks to more than {MAX_BYTES:,} bytes")
    rows: list[dict[str, Any]] = []
    try:
        cells_of_rows = _sheet(raw)
        header = [str(name) if name is not None else "" for name in next(cells_of_rows, ())]
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
