"""Every raw format reads as the same rows; everything broken or hostile is one clear line."""

from __future__ import annotations

import gzip
import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data import read
from evalsuite.data.read import rows
from evalsuite.errors import DataError

TABLE = [{"id": "1", "text": 'a, "b"\tc é 中'}, {"id": "2", "text": "None"}]


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
    "a.csv": b'id,text\n1,"a, ""b""\tc \xc3\xa9 \xe4\xb8\xad"\n2,None\n',
    "a.xlsx": xlsx(TABLE),
    "a.parquet": parquet(TABLE),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_of_a_table_reads_as_the_same_rows(tmp_path, name, packed):
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(FORMS[name]) if packed else FORMS[name])
    assert rows(path) == TABLE


def test_maps_and_columns_read_as_rows_with_their_keys(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"x": {"q": 1}, "y": {"q": 2}}))
    assert rows(path) == [{"q": 1, "$key": "x"}, {"q": 2, "$key": "y"}]
    path.write_text(json.dumps({"q": {"0": 1, "1": 2}, "r": {"0": 3, "1": 4}}))
    assert rows(path) == [{"$key": "0", "q": 1, "r": 3}, {"$key": "1", "q": 2, "r": 4}]
    path.write_text(json.dumps({"12": "yes"}))
    assert rows(path) == [{"value": "yes", "$key": "12"}]


def test_nan_and_lone_surrogates_are_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": NaN}\n{"a": "\\ud800"}\n')
    first, second = rows(path)
    assert math.isnan(first["a"])
    assert second["a"] == "\ud800"


def test_xml_children_are_rows(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text('<top><Q id="1"><A>x</A><A>y</A></Q><Q id="2">z</Q></top>')
    one = {"tag": "Q", "@id": "1", "A": [{"text": "x"}, {"text": "y"}]}
    assert rows(path) == [one, {"tag": "Q", "@id": "2", "text": "z"}]


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a><x>&c;</x></a>'
BROKEN = {
    "a.jsonl": (b'{"a": 1}\n{"a": \n', "line 2: not JSON"),
    "a.json": (b'{"a": ', "not JSON"),
    "deep.json": (b"[" * 200_000, "a.json"),
    "a.xml": (BOMB, "a.xml"),
    "b.xml": (b"<a><b></a>", "not XML"),
    "a.parquet": (b"PAR1 not really", "not parquet"),
    "a.xlsx": (b"PK not really", "a.xlsx"),
    "a.csv": (b"a,b\n1,\xff\n", "a.csv"),
    "a.obo.gz": (gzip.compress(b"x"), "unknown kind of file"),
    "a.jsonl.gz": (gzip.compress(b'{"a": 1}\n' * 99)[:-9], "not a whole gzip file"),
    "b.jsonl.gz": (b"plain", "not a whole gzip file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_and_hostile_files_are_one_line(tmp_path, name):
    raw, said = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(raw)
    with pytest.raises(DataError) as raised:
        rows(path)
    assert said.replace("a.json", name) in str(raised.value) if said.startswith("a.") else said in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bombs_are_refused_before_they_unpack(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "LARGEST", 1 << 20)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * (2 << 20)))
    with pytest.raises(DataError, match="unpacks to more than"):
        rows(path)
    book = tmp_path / "a.xlsx"
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (2 << 20))
    with pytest.raises(DataError, match="unpacks to more than"):
        rows(book)


@given(st.binary(max_size=400), st.sampled_from([".jsonl", ".json", ".xml", ".csv", ".tsv", ".parquet", ".xlsx"]))
def test_any_bytes_give_rows_or_a_data_error(tmp_path_factory, raw, suffix):
    path: Path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(raw)
    try:
        assert isinstance(rows(path), list)
    except DataError as error:
        assert "\n" not in str(error)
