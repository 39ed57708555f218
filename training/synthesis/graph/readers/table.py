"""Tab-separated files as columns: each value of a column once, and for each row the number of its value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from evalsuite.errors import DataError, ErrorCode
from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.sources import Problems

_BLOCK_BYTES: Final = 1 << 26
_Parsed = TypeVar("_Parsed")


class Coded(NamedTuple):
    """A column: its different values, and for each row the number of its value."""

    values: list[str]
    codes: NDArray[np.int32]

    def taken(self, results: Sequence[Any], kind: type[np.generic]) -> NDArray[Any]:
        """Return for each row the result of its value."""
        return np.asarray(results, dtype=kind)[self.codes]


class Table:
    """The rows of a file. `lines`: the number of each row's line, from 1; `good`: which rows are usable so far."""

    def __init__(self, file: InputFile, columns: dict[str, Coded], lines: NDArray[np.int32]) -> None:
        self.file, self.columns, self.lines = file, columns, lines
        self.good = np.ones(len(lines), dtype=np.bool_)

    def __getitem__(self, name: str) -> Coded:
        """Return a column."""
        return self.columns[name]

    def parsed(self, name: str, parse: Callable[[str], _Parsed], empty: _Parsed, problems: Problems) -> list[_Parsed]:
        """Return the result of `parse` for each value of a column.

        Rows whose value is a `ValueError` are problems, each with its line; they are no longer good, and their value's
        result is `empty`.
        """
        column, results = self.columns[name], []
        for code, value in enumerate(column.values):
            try:
                results.append(parse(value))
            except ValueError as error:
                results.append(empty)
                self.refuse(column.codes == code, str(error), problems)
        return results

    def refuse(self, rows: NDArray[np.bool_], reason: str, problems: Problems) -> None:
        """Record these rows as problems, each once, and leave them out."""
        rows = rows & self.good
        self.good &= ~rows
        for line in self.lines[rows].tolist():
            problems.add(self.file.path, line, reason)

    def rows(self) -> Table:
        """Return the table of the good rows."""
        columns = {name: Coded(each.values, each.codes[self.good]) for name, each in self.columns.items()}
        return Table(self.file, columns, self.lines[self.good])


def read_table(file: InputFile, names: Sequence[str], start: int, problems: Problems) -> Table:
    """Read the columns `names` of the table whose header is at byte `start`.

    A missing column is a problem, and makes the table empty. So is a row with another number of fields; a blank line
    is none.
    """
    header_line = file.line_at(start)
    end = file.data.find(b"\n", start)
    header = file.data[start : end if end >= 0 else None].decode(errors="replace").rstrip("\r").lstrip("#").split("\t")
    body = file.data[end + 1 :] if end >= 0 else b""
    if missing := [name for name in names if name not in header]:
        problems.add(file.path, header_line, f"no column {', '.join(missing)}: nothing of the table can be used")
        body = b""
    if repeated := [name for name in names if header.count(name) > 1]:
        problems.add(file.path, header_line, f"two columns {', '.join(repeated)}: nothing of the table can be used")
        body = b""
    return read_rows(file, body, header, list(names), header_line + 1, problems)


def read_rows(
    file: InputFile, body: bytes, header: list[str], wanted: list[str], first_line: int, problems: Problems
) -> Table:
    """Read the rows in `body`, whose columns are `header`; the first one stands in line `first_line`."""
    wrong: dict[int, str] = {}

    def wrong_width(row: Any) -> str:  # an error that is raised here would be lost
        wrong[row.number - 1] = f"{row.actual_columns} fields, not {row.expected_columns}"
        return "skip"

    if not body.strip():
        empty = np.empty(0, dtype=np.int32)
        return Table(file, {name: Coded([], empty) for name in wanted}, empty)
    table = _parsed(file, body, header, wanted, wrong_width)
    for place, reason in wrong.items():
        problems.add(file.path, first_line + place, reason)
    lines = np.arange(first_line, first_line + table.num_rows + len(wrong), dtype=np.int32)
    lines = np.delete(lines, list(wrong))
    read = Table(file, {name: _coded(table[name]) for name in wanted}, lines)
    read.good = ~np.all([_empty(column) for column in read.columns.values()], axis=0)
    return read.rows()


def _parsed(
    file: InputFile, body: bytes, header: list[str], wanted: list[str], wrong_width: Callable[[Any], str]
) -> pa.Table:
    coded = pa.dictionary(pa.int32(), pa.string())
    try:
        # One thread: with more, pyarrow doesn't say in which line a wrong row stands.
        return pa_csv.read_csv(
            pa.py_buffer(body),
            pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=header),
            pa_csv.ParseOptions(
                delimiter="\t", quote_char=False, ignore_empty_lines=False, invalid_row_handler=wrong_width
            ),
            pa_csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, coded), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        file.text()  # names the line, if the text is what is wrong
        raise DataError(ErrorCode.DATA_UNREADABLE, f"{file.path}: {str(error).splitlines()[0]}") from error


def _coded(column: pa.ChunkedArray) -> Coded:
    whole = column.unify_dictionaries().combine_chunks()
    array = whole if isinstance(whole, pa.DictionaryArray) else whole.chunk(0)
    codes = np.frombuffer(array.indices.buffers()[1], dtype=np.int32)  # to_numpy would import pandas, which is slow
    return Coded(array.dictionary.to_pylist(), codes[array.offset : array.offset + len(array)])


def _empty(column: Coded) -> NDArray[np.bool_]:
    empty: NDArray[np.bool_] = column.codes == (column.values.index("") if "" in column.values else -1)
    return empty
