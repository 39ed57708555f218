"""Every format of a table is parsed into the same rows; everything broken or hostile is one line with its code."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data import file_formats, tables
from evalsuite.data.file_formats import read_rows
from evalsuite.errors import DataError, ErrorCode
from evalsuite.util import gzip_file, parquet_file

TABLE = [{"id": "1", "text": 'a, "b" c é 中'}, {"id": "2", "text": "None"}]


def xlsx(table: list[dict[str, Any]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(table[0]))
    for row in table:
        sheet.append(list(row.values()))
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def parquet(table: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table), sink)
    return sink.getvalue()


FORMS = {
    "a.jsonl": "\n".join(json.dumps(row) for row in TABLE).encode(),
    "lines.json": "\n".join(json.dumps(row) for row in TABLE).encode(),
    "bom.jsonl": b"\xef\xbb\xbf" + "\r\n".join(json.dumps(row) for row in TABLE).encode() + b"\n\n",
    "a.json": json.dumps(TABLE, indent=1).encode(),
    "a.tsv": b'id\ttext\n1\t"a, ""b"" c \xc3\xa9 \xe4\xb8\xad"\n2\tNone\n',
    "a.csv": b'id,text\n1,"a, ""b"" c \xc3\xa9 \xe4\xb8\xad"\n2,None\n',
    "a.xlsx": xlsx(TABLE),
    "a.parquet": parquet(TABLE),
}


REPEATED = {
    "a.jsonl": (b'{"id":"1"}\n{"id":"2","text":"a","text":"b"}\n', "line 2"),
    "lines.json": (b'{"id":"1","id":"1"}\n{"id":"2","text":"a","text":"b"}\n', "line 1"),
    "a.json": (b'[{"id":"1"},\n{"id":"2",\n"id":"3"}]', "line 3"),
    "a.csv": (b"id,text,text\n1,a,b\n", "line 1"),
    "a.tsv": (b"id\ttext\ttext\n1\ta\tb\n", "line 1"),
}


@pytest.mark.parametrize("name", REPEATED)
def test_a_field_that_is_there_twice_is_refused_with_its_line(tmp_path, name):
    (tmp_path / name).write_bytes(REPEATED[name][0])
    with pytest.raises(DataError) as caught:
        read_rows(tmp_path / name)
    assert caught.value.code is ErrorCode.DATA_UNREADABLE
    assert str(tmp_path / name) in str(caught.value) and REPEATED[name][1] in str(caught.value)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_of_a_table_is_parsed_into_the_same_rows(tmp_path, name, packed):
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(FORMS[name]) if packed else FORMS[name])
    assert read_rows(path) == TABLE


def test_objects_and_columns_become_rows_with_their_keys(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"x": {"q": 1}, "y": {"q": 2}}))
    assert read_rows(path) == [{"q": 1, "$key": "x"}, {"q": 2, "$key": "y"}]
    path.write_text(json.dumps({"q": {"0": 1, "1": 2}, "r": {"0": 3, "1": 4}}))
    assert read_rows(path) == [{"$key": "0", "q": 1, "r": 3}, {"$key": "1", "q": 2, "r": 4}]
    path.write_text(json.dumps({"12": "yes"}))
    assert read_rows(path) == [{"value": "yes", "$key": "12"}]


def test_nan_and_lone_surrogates_are_parsed(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": NaN}\n{"a": "\\ud800"}\n')
    first, second = read_rows(path)
    assert math.isnan(first["a"])
    assert second["a"] == "\ud800"


BROKEN = {
    "a.jsonl": (b'{"a": 1}\n{"a": \n', "line 2"),
    "a.json": (b'{"a": ', ""),
    "deep.json": (b"[" * 200_000, ""),
    "a.parquet": (b"PAR1 not really", ""),
    "a.xlsx": (b"PK not really", ""),
    "a.csv": (b"a,b\n1,\xff\n", ""),
    "quote.csv": (b'a,b\n1,"x" y\n', ""),
    "a.obo.gz": (gzip.compress(b"x"), ".jsonl, .json, .xlsx, .parquet, .csv, .tsv"),
    "a.xml": (b"<a/>", ".jsonl, .json, .xlsx, .parquet, .csv, .tsv"),
    "a.jsonl.gz": (gzip.compress(b'{"a": 1}\n' * 99)[:-9], ""),
    "b.jsonl.gz": (b"plain", ""),
    "absent.jsonl": (None, ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_and_hostile_files_are_one_line(tmp_path, name):
    raw, place = BROKEN[name]
    path = tmp_path / name
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(DataError) as caught:
        read_rows(path)
    assert caught.value.code is ErrorCode.DATA_UNREADABLE
    assert str(path) in str(caught.value) and place in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bombs_are_refused_before_they_unpack(tmp_path, monkeypatch):
    for module in (file_formats, gzip_file):
        monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)
    (tmp_path / "a.jsonl").write_bytes(b" " * (2 << 20))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b" " * (2 << 20)))
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (2 << 20))
    text = "x" * 40_000
    for name, table in (
        ("repeated", {"a": [text] * 100}),  # stored once, in a dictionary
        ("list", {"a": [[text] * 100]}),
        ("dictionary", {"a": pa.DictionaryArray.from_arrays([0] * 100, [text])}),  # and read as one
        ("nested", {"a": pa.ListArray.from_arrays([0, 100], pa.DictionaryArray.from_arrays([0] * 100, [text]))}),
        ("large", {"a": [chr(65 + n) * 40_000 for n in range(60)]}),
    ):
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet", compression="zstd")
    assert (tmp_path / "repeated.parquet").stat().st_size < 2000
    for path in tmp_path.iterdir():
        with pytest.raises(DataError) as caught:
            read_rows(path)
        assert caught.value.code is ErrorCode.DATA_TOO_LARGE and str(path) in str(caught.value)


def test_a_parquet_column_with_a_dictionary_is_read_as_its_values(tmp_path):
    words = pa.DictionaryArray.from_arrays([1, 0, 1], ["a", "b"])
    lists = pa.ListArray.from_arrays([0, 1, 1, 3], words)
    structs = pa.StructArray.from_arrays([words, lists], ["w", "l"])
    pq.write_table(pa.table({"word": words, "list": lists, "struct": structs}), tmp_path / "a.parquet")
    expected = [("b", ["b"]), ("a", []), ("b", ["a", "b"])]
    rows = [{"word": word, "list": each, "struct": {"w": word, "l": each}} for word, each in expected]
    assert read_rows(tmp_path / "a.parquet") == rows


def test_a_gzip_file_may_not_unpack_to_many_times_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(gzip_file, "_ALWAYS_ALLOWED", 1 << 16)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 100_000))
    with pytest.raises(DataError) as caught:
        read_rows(path)
    assert caught.value.code is ErrorCode.DATA_TOO_LARGE
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 5_000))
    assert len(read_rows(path)) == 5_000


def test_a_table_may_not_unpack_to_many_times_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(gzip_file, "_ALWAYS_ALLOWED", 1 << 16)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": ["x" * 400] * 5_000}), path, compression="zstd")
    with pytest.raises(DataError) as caught:
        read_rows(path)
    assert caught.value.code is ErrorCode.DATA_TOO_LARGE
    pq.write_table(pa.table({"a": ["x" * 400] * 50}), path, compression="zstd")
    assert len(read_rows(path)) == 50


@pytest.mark.parametrize(
    ("limit", "value", "table"),
    [
        ("MAX_ROWS", 1_000, {"a": [None] * 1_001}),
        ("MAX_VALUES", 1_000, {"a": [[1] * 1_001]}),
        ("MAX_VALUES", 1_000, {"a": [1] * 600, "b": [1] * 600}),
    ],
)
def test_a_parquet_file_of_too_many_rows_or_values_is_refused_before_it_is_read(
    tmp_path, monkeypatch, limit, value, table
):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(table), path)
    assert len(read_rows(path)) == len(table["a"])
    monkeypatch.setattr(parquet_file, limit, value)
    with pytest.raises(DataError) as caught:
        read_rows(path)
    assert caught.value.code is ErrorCode.DATA_TOO_LARGE


def test_a_cell_far_out_in_a_workbook_does_not_become_billions(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_VALUES", 20_000)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet.cell(row=60_000, column=9_000).value = "id", "x"
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(DataError) as caught:
        read_rows(tmp_path / "a.xlsx")
    assert caught.value.code is ErrorCode.DATA_TOO_LARGE


def test_parquet_in_several_batches_is_one_table(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_file, "_NESTED_BATCH_BYTES", 1 << 12)
    table = [{"id": str(number), "texts": ["x" * (number % 7)] * (number % 3)} for number in range(500)]
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "a.parquet", row_group_size=120)
    assert read_rows(tmp_path / "a.parquet") == table


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_a_pipe_or_a_device_is_never_read(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError) as caught:
        read_rows(tmp_path / name)
    assert caught.value.code is ErrorCode.DATA_UNREADABLE


@given(st.binary(max_size=400), st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".parquet", ".xlsx"]))
def test_any_bytes_give_rows_or_a_data_error(tmp_path_factory, raw, suffix):
    path: Path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(raw)
    try:
        assert isinstance(read_rows(path), list)
    except DataError as error:
        assert "\n" not in str(error)
