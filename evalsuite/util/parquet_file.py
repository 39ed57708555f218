"""Read Parquet files that nobody vouches for, in memory and time that a hostile file can't choose.

The format repeats values for nearly nothing: a file of a few kilobytes can state a billion rows, or refer a million
times to one text of a megabyte. What a file states is therefore checked before it is read, and what comes out of it is
counted while it is: no more than a file of its size may hold (`gzip_file.largest_content`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from evalsuite.util.gzip_file import largest_content

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_ROWS: Final = 5_000_000
MAX_VALUES: Final = 50_000_000
"""Cells of a table; elements of lists count, too."""
_BATCH_ROWS: Final = 1 << 14
_NESTED_BATCH_BYTES: Final = 256 << 20
"""What a batch of rows may take if each nested value were as large as its whole column."""


class TableTooLargeError(ValueError):
    """A table that holds, or unpacks to, more than is allowed."""


def bounded_batches(source: Any, stored: int, **options: bool) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file of `stored` bytes, without dictionaries; a `TableTooLargeError` beyond bounds.

    Texts are decoded as dictionaries, in which a repeated one takes no memory, and are unpacked only after their size
    was added up. `options` are further ones of `pyarrow.parquet.ParquetFile`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    limit = largest_content(stored)
    file = pq.ParquetFile(source, pre_buffer=False, **options)
    leaves = [file.schema.column(number) for number in range(len(file.schema))]
    # A dictionary within a list or a struct can't be read from several row groups.
    nested = [number for number, leaf in enumerate(leaves) if leaf.path not in file.schema_arrow.names]
    rows = _batch_rows(file.metadata, limit, nested)
    plain = pa.schema([field.with_type(_plain_type(field.type)) for field in file.schema_arrow])
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and leaf.path in plain.names]
    file = pq.ParquetFile(source, metadata=file.metadata, read_dictionary=texts, pre_buffer=False, **options)
    size = 0
    # Without threads: a short process that read with them sometimes aborts while it exits, after all work is done.
    # `read_table` would start the threads of Arrow's data-set scanner all the same.
    for batch in file.iter_batches(batch_size=rows, use_threads=False):
        size += sum(map(_plain_size, batch.columns))
        if size > limit:
            raise TableTooLargeError(f"unpacks to more than {limit:,} bytes, from {stored:,}")
        yield batch.cast(plain)


def _plain_size(column: pa.Array) -> int:
    """Return the bytes that a column takes without dictionaries."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        values = column.dictionary
        if pa.types.is_primitive(values.type):
            return int(values.type.bit_width // 8 * len(column))
        lengths = pc.binary_length(values)
        return int(pc.sum(lengths.take(column.indices)).as_py() or 0) + 4 * len(column)
    if pa.types.is_struct(column.type):
        return sum(map(_plain_size, column.flatten()))
    if pa.types.is_map(column.type):
        return _plain_size(column.keys) + _plain_size(column.items) + 4 * len(column)
    if pa.types.is_nested(column.type) and hasattr(column, "flatten"):
        return _plain_size(column.flatten()) + 4 * len(column)
    return int(column.nbytes)


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


def _batch_rows(metadata: pq.FileMetaData, limit: int, nested: Sequence[int]) -> int:
    """Check what a file states of its size, at which its reader stops; return how many rows may be decoded at a time.

    `nested` are the numbers of the columns within lists and structs.
    """
    if metadata.num_rows > MAX_ROWS:
        raise TableTooLargeError(f"{metadata.num_rows:,} rows; at most {MAX_ROWS:,} are read")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if sum(group.total_byte_size for group in groups) > limit:
        raise TableTooLargeError(f"unpacks to more than {limit:,} bytes")
    values, widest = metadata.num_rows * (metadata.num_columns - len(nested)), 1
    # Only for nested columns: pyarrow ends the process where the metadata of a column are damaged.
    for group, number in product(groups, nested):
        column = group.column(number)
        values += column.num_values
        per_row = max(1, column.num_values // max(1, group.num_rows))
        widest = max(widest, column.total_uncompressed_size * per_row)
    if values > MAX_VALUES:
        raise TableTooLargeError(f"{values:,} values; at most {MAX_VALUES:,} are read")
    return max(1, min(_BATCH_ROWS, _NESTED_BATCH_BYTES // widest))
