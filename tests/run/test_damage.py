"""A damaged run folder is refused by name, or what was damaged changes nothing: no result is wrong in silence."""

import random
import shutil
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import evalsuite as es
from evalsuite.analysis.regrade import regrade
from evalsuite.analysis.run_result import read_result
from evalsuite.analysis.verify_run import verify_run
from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.gate import GatePolicy, gate
from evalsuite.report import write_report
from evalsuite.run.event_loop import run_to_end
from evalsuite.run.execute import execute
from evalsuite.run.progress import SilentProgress
from evalsuite.run.resume import resumed
from evalsuite.run_folder import RunFolder
from evalsuite.util.checksum import line_key, with_checksum, with_line_checksum
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.jsonl import dump_json_line

FLIPS = 200
SHARDS = 4
OWN = [{"question": f"Question {n}?", "options": ["x", "y", "z"], "answer": "ABC"[n % 3]} for n in range(6)]
JOURNAL = "responses/own.jsonl"


def evaluated(out, **settings):
    return es.evaluate("trivial/random", [es.Dataset(OWN, name="own")], samples=2, out=out, **settings).path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return evaluated(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


def resume(run):
    return run_to_end(lambda: execute(resumed(run), SilentProgress()))


def result(run):
    """What reports and gates read of a run, after the check of all that they read it from."""
    read = read_result(run)
    read.check_responses()
    tables = {task: read.scores(task).table.to_pylist() for task in read.tasks}
    own = {"run", "checksum", "digests"}
    return {key: value for key, value in read.summary.to_json().items() if key not in own}, tables


WAYS = {"read": lambda run: None, "regrade": regrade, "resume": resume}


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_flipped_bit_is_refused_or_harmless(finished, tmp_path, shard):
    expected = result(finished)
    files = sorted(path.relative_to(finished) for path in finished.rglob("*") if path.is_file() and path.stat().st_size)
    sizes = [(finished / file).stat().st_size for file in files]
    draw = random.Random(shard)
    wrong = []
    for number in range(FLIPS // SHARDS):
        # Half the places are drawn by file, or else the largest file would take nearly all of them.
        file = draw.choices(files, sizes if number % 2 else None)[0]
        content = bytearray((finished / file).read_bytes())
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        content[place] ^= 1 << bit
        for name, way in WAYS.items():
            run = Path(shutil.copytree(finished, tmp_path / f"{number}-{name}"))
            (run / file).write_bytes(content)
            try:
                way(run)
                if result(run) != expected:
                    wrong.append((str(file), place, bit, name))
            except EvalsuiteError as error:
                assert "\n" not in str(error)
    assert wrong == []


@pytest.mark.parametrize("way", ["regrade", "resume"])
@pytest.mark.parametrize("settings", [{}, {"seed": 1}])
def test_another_runs_lines_are_refused(run, tmp_path, way, settings):
    other = evaluated(tmp_path / "other", **settings)
    (run / JOURNAL).write_bytes((other / JOURNAL).read_bytes())
    with pytest.raises(EvalsuiteError) as caught:
        WAYS[way](run)
    assert caught.value.code is ErrorCode.JOURNAL_MALFORMED and f"{run / JOURNAL}: line 1 " in str(caught.value)


def edited_lines(run, edit):
    """Edit the lines of the journal."""
    lines = (run / JOURNAL).read_bytes().splitlines(keepends=True)
    (run / JOURNAL).write_bytes(b"".join(edit(lines)))


@pytest.mark.parametrize("way", ["regrade", "resume"])
@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda lines: [*lines, lines[2]], ""),
        (lambda lines: [lines[0][:-9] + b"\n", *lines[1:]], "line 1 "),
        (lambda lines: [*lines[:3], lines[3].replace(b'"text":"', b'"text":" '), *lines[4:]], "line 4 "),
        (lambda lines: [*lines[:3], b"[]\n", *lines[4:]], "line 4 "),
        (lambda lines: [*lines[:3], b"\n", *lines[4:]], "line 4 "),
        (lambda lines: [lines[0][: lines[0].index(b',"crc32"')] + b"}\n", *lines[1:]], "line 1 "),
    ],
    ids=["doubled", "cut", "changed", "no object", "emptied", "no checksum"],
)
def test_a_damaged_journal_is_named_with_its_line(run, way, edit, line):
    edited_lines(run, edit)
    with pytest.raises(EvalsuiteError) as caught:
        WAYS[way](run)
    assert caught.value.code is ErrorCode.JOURNAL_MALFORMED and f"{run / JOURNAL}: {line}" in str(caught.value)


def refuses(way, run, baseline, tmp_path):
    """Whether a command refuses the run because of its journal."""
    try:
        if way == "verify":
            return any(JOURNAL in problem for problem in verify_run(run).problems)
        if way == "compare":
            es.compare(run, baseline)
        elif way == "gate":
            gate(read_result(run), read_result(baseline), GatePolicy())
        else:
            write_report([run], tmp_path / "report")
    except EvalsuiteError as error:
        return JOURNAL in str(error)
    return False


@pytest.mark.parametrize("way", ["verify", "compare", "gate", "report"])
@pytest.mark.parametrize(
    "edit",
    [lambda lines: [*lines, lines[2]], lambda lines: [*lines[:3], lines[2], *lines[4:]], reversed],
    ids=["added twice", "twice in another's place", "in another order"],
)
def test_every_reader_refuses_a_journal_that_the_summary_was_not_made_from(run, tmp_path, way, edit):
    baseline = es.evaluate("trivial/longest", [es.Dataset(OWN, name="own")], samples=2, out=tmp_path / "base").path
    assert not refuses(way, run, baseline, tmp_path / "before")
    edited_lines(run, edit)
    assert refuses(way, run, baseline, tmp_path / "after")


def test_a_response_that_is_there_twice_is_found_without_data_and_without_a_summary(run):
    for name in ("summary.json", "grades.parquet"):
        (run / name).unlink()
    shutil.rmtree(run / "tasks")
    edited_lines(run, lambda lines: [*lines[:3], lines[2], *lines[4:]])
    assert any("twice" in problem for problem in verify_run(run).problems)


def test_lines_in_another_order_change_nothing(run):
    expected = result(run)
    edited_lines(run, reversed)
    assert regrade(run).changes == () and result(run) == expected
    assert verify_run(run).problems == []


@pytest.mark.parametrize("cut", [-1, -10, -200])
def test_a_journal_that_was_cut_off_is_named_and_its_requests_are_sent_again(run, cut, capsys):
    expected = result(run)
    (run / JOURNAL).write_bytes((run / JOURNAL).read_bytes()[:cut])
    with pytest.raises(EvalsuiteError) as caught:
        regrade(run)
    assert caught.value.code is ErrorCode.JOURNAL_MALFORMED and str(run / JOURNAL) in str(caught.value)
    resume(run)
    assert str(run / JOURNAL) in capsys.readouterr().err
    assert result(run) == expected and regrade(run).changes == ()


def test_a_response_to_another_request_is_refused_even_with_a_checksum_of_its_own(run):
    """As a tool would write it that moves an answer from one item to another."""
    key = line_key(RunFolder(run).facts["journal_id"], "own")
    edited_lines(run, lambda lines: [with_line_checksum(moved(lines[0]), key), *lines[1:]])
    for way in (regrade, resume):
        with pytest.raises(EvalsuiteError) as caught:
            way(run)
        assert caught.value.code is ErrorCode.JOURNAL_MALFORMED


def moved(line):
    record = orjson.loads(line)
    request = record.pop("request")
    del record["crc32"]
    return dump_json_line({**record, "request": request[::-1]})


@pytest.mark.parametrize(
    ("key", "value"),
    [("prompt_digest", "0" * 64), ("format", "boxed"), ("data_digest", "0" * 64), ("version", 99), ("variant", "x")],
)
def test_a_summary_that_states_another_setting_than_the_run_is_refused(run, key, value):
    summary = orjson.loads((run / "summary.json").read_bytes())
    summary["tasks"]["own"][key] = value
    (run / "summary.json").write_bytes(orjson.dumps(with_checksum(summary)))
    with pytest.raises(EvalsuiteError) as caught:
        result(run)
    assert caught.value.code is ErrorCode.RUN_INCONSISTENT and key in str(caught.value)
    assert verify_run(run).problems


@pytest.mark.parametrize(("key", "value"), [("model", "trivial/first"), ("adapter", "own"), ("decoding", {"seed": 7})])
def test_a_summary_of_another_model_or_decoding_is_refused(run, key, value):
    summary = orjson.loads((run / "summary.json").read_bytes())
    (run / "summary.json").write_bytes(orjson.dumps(with_checksum({**summary, key: value})))
    with pytest.raises(EvalsuiteError) as caught:
        result(run)
    assert caught.value.code is ErrorCode.RUN_INCONSISTENT


def test_a_later_schema_is_refused(run):
    for name in ("run.json", "summary.json"):
        content = orjson.loads((run / name).read_bytes())
        (run / name).write_bytes(dump_json_line(with_checksum({**content, "schema": 4})))
        with pytest.raises(EvalsuiteError) as caught:
            read_result(run) if name == "summary.json" else resume(run)
        assert caught.value.code is ErrorCode.RUN_SCHEMA_UNSUPPORTED


def test_the_pages_of_the_grades_have_checksums(run):
    grades = run / "grades.parquet"
    content = bytearray(grades.read_bytes())
    column = pq.read_metadata(grades).row_group(0).column(1)
    content[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    grades.write_bytes(content)
    with pytest.raises(OSError, match=r"(?i)crc|checksum"):
        pq.ParquetFile(grades, page_checksum_verification=True).read()


@pytest.mark.parametrize("as_dictionary", [False, True])
def test_grades_that_unpack_to_many_times_their_size_are_refused(run, as_dictionary):
    """A table that states the right number of rows, each with a text that is stored once."""
    table = pq.read_table(run / "grades.parquet")
    texts = pa.array(["x" * (4 << 20)] * table.num_rows)
    column = texts.dictionary_encode() if as_dictionary else texts
    place = table.schema.get_field_index("form")
    pq.write_table(table.set_column(place, "form", column), run / "grades.parquet", compression="zstd")
    assert (run / "grades.parquet").stat().st_size < 1 << 20
    summary = orjson.loads((run / "summary.json").read_bytes())
    summary["digests"]["grades"] = sha256_of(run / "grades.parquet")
    (run / "summary.json").write_bytes(orjson.dumps(with_checksum(summary)))
    with pytest.raises(EvalsuiteError) as caught:
        result(run)
    assert caught.value.code is ErrorCode.RUN_UNREADABLE and "unpacks" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "read"), [("run.json", lambda run: RunFolder(run).facts), ("summary.json", read_result)]
)
def test_a_key_that_stands_twice_is_refused_although_the_checksum_holds(run, name, read):
    read(run)
    (run / name).write_text((run / name).read_text().replace("{", '{"schema": 1,', 1))
    with pytest.raises(EvalsuiteError) as caught:
        read(run)
    assert caught.value.code is ErrorCode.RUN_UNREADABLE and str(run / name) in str(caught.value)


def test_a_response_with_a_key_that_stands_twice_is_refused_with_its_line(run):
    key = line_key(orjson.loads((run / "run.json").read_bytes())["journal_id"], "own")

    def edit(lines):
        content = lines[1][: lines[1].index(b',"crc32"')].replace(b'"text":', b'"text":"A","text":', 1)
        return [lines[0], with_line_checksum(content + b"}\n", key), *lines[2:]]

    edited_lines(run, edit)
    with pytest.raises(EvalsuiteError) as caught:
        regrade(run)
    assert caught.value.code is ErrorCode.JOURNAL_MALFORMED and f"{run / JOURNAL}: line 2 " in str(caught.value)
