"""Whatever stands in the files of a run folder, every command ends with its result or with one line, never otherwise.

The edits are drawn with fixed seeds. Half of the edited files get a checksum that holds, as somebody would write them
who wants to get past it. EVALSUITE_EDITS sets another number of edits per file, to look further than a test should.
"""

import contextlib
import io
import json
import os
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import evalsuite as es
from evalsuite.cli import main
from evalsuite.errors import EvalsuiteError
from evalsuite.util.checksum import line_key, with_checksum, with_line_checksum
from evalsuite.util.file_digest import sha256_of
from tests.run.edits import VALUES, edited_bytes, replaced

EDITS = int(os.environ.get("EVALSUITE_EDITS", "6"))
OWN = [
    {"question": f"Question {n}?", "options": ["x", "y"], "answer": "AB"[n % 2], "group": f"g{n // 2}"}
    for n in range(6)
]
FILES = (
    "run.json",
    "summary.json",
    "responses/own.jsonl",
    "errors.jsonl",
    "grades.parquet",
    "tasks/own/task.yaml",
    "tasks/own/items.jsonl",
    "tasks/own/prompt.j2",
)
TASK = "starter_recall"


def edited_table(draw, file):
    table = pq.read_table(file)
    name = draw.choice(table.column_names)
    at = table.column_names.index(name)
    kind = draw.choice(["drop", "nulls", "text", "rows", "value", "order", "type"])
    if kind == "drop":
        table = table.drop([name])
    elif kind == "nulls":
        table = table.set_column(at, table.schema.field(name), pa.nulls(len(table), table.schema.field(name).type))
    elif kind == "text":
        table = table.set_column(
            at, name, pa.array([str(draw.choice(VALUES)).encode("utf-8", "replace").decode()] * len(table))
        )
    elif kind == "rows":
        rows = draw.choices(range(len(table)), k=draw.choice([0, 1, len(table)]))
        table = table.take(pa.array(rows, pa.int64()))
    elif kind == "order":
        table = table.take(draw.sample(range(len(table)), len(table)))
    elif kind == "type":
        table = table.set_column(at, name, pa.array([draw.random() for _ in range(len(table))]))
    else:
        values = table[name].to_pylist()
        values[draw.randrange(len(values))] = draw.choice(values)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    pq.write_table(table, file)


def edit(draw, run, name):
    """Edit a file of a run; return how, for the message of a failure."""
    file = run / name
    if draw.random() < 0.2:
        file.write_bytes(edited_bytes(draw, file.read_bytes()))
        return "bytes"
    if name.endswith(".parquet"):
        edited_table(draw, file)
        if draw.random() < 0.7:  # let the summary name the digest of the edited file
            summary = json.loads((run / "summary.json").read_text())
            summary["digests"]["grades"] = sha256_of(file)
            (run / "summary.json").write_text(json.dumps(with_checksum(summary)))
        return "table"
    if name.endswith(".j2"):
        file.write_text(
            draw.choice(["", "{{", "{{ item.gold }}", "{% for x in range(10**6) %}{% endfor %}", "{{ 1/0 }}"])
        )
        return "template"
    if name.endswith(".jsonl"):
        lines = file.read_bytes().splitlines(keepends=True)
        at = draw.randrange(len(lines))
        content = json.loads(lines[at])
        content.pop("crc32", None)
        line = json.dumps(replaced(draw, content)).encode() + b"\n"
        kind = "own" if name.startswith("responses") else name
        if draw.random() < 0.7 and line.startswith(b"{") and len(line) > 3 and name.count("tasks") == 0:
            line = with_line_checksum(line, line_key(json.loads((run / "run.json").read_text())["journal_id"], kind))
        lines[at] = line
        file.write_bytes(b"".join(lines))
        return "line"
    content = replaced(draw, json.loads(file.read_text()))
    if isinstance(content, dict) and name.endswith(".json") and draw.random() < 0.8:
        with contextlib.suppress(TypeError, ValueError):
            content = with_checksum(json.loads(json.dumps(content)))
    file.write_text(json.dumps(content))
    return "json"


def read_in_python(run):
    """What a program does with a run; its errors are the package's."""
    try:
        read = es.read_run(run)
        repr(read), read._repr_html_(), read.macro, read.missing
        read.responses()
    except EvalsuiteError as error:
        assert str(error)
        return 2
    return 0


def commands(run, other, place):
    policy = ["--junit", str(place / "j.xml"), "--markdown", str(place / "m.md")]
    return {
        "resume": lambda: main(["run", "--resume", str(run)]),
        "regrade": lambda: main(["regrade", str(run)]),
        "report": lambda: main(["report", str(run), str(other), "--out", str(place / "report")]),
        "compare": lambda: main(["compare", str(run), str(other)]),
        "gate": lambda: main(["gate", "--candidate", str(run), "--baseline", str(other), *policy]),
        "verify": lambda: main(["runs", "verify", str(run)]),
        "finish": lambda: main(["runs", "finish", str(run)]),
        "python": lambda: read_in_python(run),
        "replay": lambda: main(
            ["run", "--model", f"replay/{run}", "--tasks", "starter_recall", "--out", str(place / "r")]
        ),
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two runs on the same items; the first has failed requests, too."""
    place = tmp_path_factory.mktemp("pair")
    items = es.Dataset(OWN, name="own")
    runs = [es.evaluate("trivial/random", items, samples=2, seed=n, out=place / "ab"[n]).path for n in range(2)]
    key = line_key(json.loads((runs[0] / "run.json").read_text())["journal_id"], "errors.jsonl")
    line = json.dumps({"task": "own", "item": "1", "rotation": 0, "sample": 0, "error": "HTTP 500"}).encode() + b"\n"
    (runs[0] / "errors.jsonl").write_bytes(with_line_checksum(line, key) * 2)
    return runs


@pytest.mark.parametrize("name", FILES)
def test_an_edited_file_ends_every_command_in_order(pair, tmp_path, name):
    run, other = pair
    wrong = []
    for number in range(EDITS):
        draw = random.Random(f"{name} {number}")
        whole = tmp_path / f"{number}"
        shutil.copytree(run, whole)
        how = edit(draw, whole, name)
        chosen = list(commands(whole, other, tmp_path))
        for command in draw.sample(chosen, 3):
            place = tmp_path / f"{number}-{command}"
            place.mkdir()
            copy = Path(shutil.copytree(whole, place / "run"))
            out, err = io.StringIO(), io.StringIO()
            try:
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    status = commands(copy, other, place)[command]()
            except Exception as error:  # what would be a traceback
                wrong.append((number, how, command, f"{type(error).__name__}: {error}"[:200]))
                continue
            finally:
                shutil.rmtree(copy)
            lines = [line for line in err.getvalue().splitlines() if line.startswith("evalsuite: ")]
            if status not in (0, 1, 2, 3) or (status == 2 and command != "python" and len(lines) != 1):
                wrong.append((number, how, command, status, err.getvalue()[-300:]))
            if any(char < " " and char not in "\n\t" for char in out.getvalue() + err.getvalue()):
                wrong.append((number, how, command, "a control character on the terminal"))
        shutil.rmtree(whole)
    assert wrong == []
