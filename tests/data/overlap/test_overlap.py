"""Benchmark items hidden in training data are found, by the rule that holds, and can be taken out."""

import gzip
import json
import os
import random
import resource
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from evalsuite.cli import cli
from evalsuite.data.load import load
from evalsuite.data.overlap.benchmark_items import BenchmarkItem, Question, read_benchmarks
from evalsuite.data.overlap.documents import documents, source_files
from evalsuite.data.overlap.index import OverlapIndex
from evalsuite.data.overlap.search import search
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.tasks.registry import load_task

DATA = Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
VIGNETTES = load(load_task("starter_vignette")).items
FILLER = " ".join(text for item in load(load_task("starter_evidence")).items for _, text in item.context)
TASKS = ("starter_vignette", "starter_recall", "starter_differential")


@pytest.fixture(scope="module")
def index():
    return OverlapIndex(read_benchmarks([load_task(name) for name in TASKS]).questions)


def rules(index, fields, rows=True):
    """{item id: rules} of one document."""
    return {
        item.id: match.rules for match in index.search([fields], rows) for item in index.questions[match.question].items
    }


def prompt(item, question=None):
    return f"{question or item.question}\n" + "\n".join(item.options)


def test_each_item_is_found_word_for_word_in_a_prompt_with_its_options_in_another_order(index):
    for item in VIGNETTES:
        found = rules(index, [prompt(replace(item, options=item.options[::-1])).upper()])
        assert "exact" in found[item.id]


def test_each_item_is_found_with_one_word_in_ten_replaced(index):
    draw = random.Random(1)
    for item in VIGNETTES:
        words = item.question.split()
        for place in draw.sample(range(len(words)), len(words) // 10):
            words[place] = "somewhat"
        assert "near" in rules(index, [prompt(item, " ".join(words))])[item.id]


def test_a_question_split_over_lines_in_the_middle_of_a_long_text_is_found(index):
    for item in VIGNETTES[:5]:
        text = "\n".join([FILLER, *item.question.split(), FILLER])
        assert "exact" in rules(index, [text], rows=False)[item.id]


def test_text_without_items_has_none(index):
    assert rules(index, [FILLER], rows=False) == {}


def test_a_question_cut_over_two_fields_is_not_put_together(index):
    words = VIGNETTES[0].question.split()
    third = len(words) // 3
    parts = [" ".join(words[:third]), " ".join(words[third : 2 * third]), " ".join(words[2 * third :])]
    assert "exact" not in rules(index, parts).get(VIGNETTES[0].id, ())


def short(question, *options):
    return OverlapIndex([Question(question, "question", (BenchmarkItem("t", "test", "1", options, options[0]),))])


def test_a_short_question_counts_only_beside_its_options():
    index = short("Muscle spindle is", "a length receptor", "a tension receptor", "a joint receptor")
    assert rules(index, ["Muscle spindle is", "a length receptor", "a joint receptor", "none"]) == {"1": ("exact",)}
    assert rules(index, ["Muscle spindle is", "a length receptor"]) == {}
    assert rules(index, ["The muscle spindle is a length receptor, a joint receptor is none."], rows=False) == {}


def test_a_short_reworded_question_is_found_by_its_options():
    options = ("uncal herniation of the brain", "tonsillar herniation", "subfalcine herniation")
    index = short("The third cranial nerve is compressed early in which of these", *options)
    reworded = "The third cranial nerve is compressed first in one of these"
    assert rules(index, [reworded, *options]) == {"1": ("near",)}
    assert rules(index, [reworded, *options[:2]]) == {}


def test_a_phrase_that_many_questions_share_is_no_match():
    stock = "which of the following is the most likely diagnosis in this patient at this time"
    names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]
    index = OverlapIndex(
        [
            Question(f"sign{n}x sign{n}y {stock}", "question", (BenchmarkItem("t", "test", n, ("x", "y"), "x"),))
            for n in names
        ]
    )
    assert rules(index, [f"other things and {stock}"]) == {}


FRAME = "Which {} {} the drug that {} the disease that has symptom {} and is found in the clinic?"
REQUESTED = ("receptor binds", "organ stores", "enzyme degrades", "channel passes")
DOES = ("treats", "palliates", "prevents", "causes")


def framed(names):
    """An index of questions about names, all in one frame, which differ in what they ask for and in one word more."""
    texts = [
        FRAME.format(*requested.split(), does, name)
        for name in names
        for requested in REQUESTED
        for does in DOES
        if does != "causes"
    ]
    options = ("a", "b")
    return OverlapIndex(
        [Question(text, "question", (BenchmarkItem("t", "test", text, options, "a"),)) for text in texts]
    )


def test_another_question_about_the_same_name_in_the_frame_of_many_questions_is_no_match():
    index = framed([f"sign{n}x" for n in range(12)])
    same = FRAME.format("organ", "stores", "treats", "sign3x")
    assert rules(index, [same])[same][0] == "exact"
    assert {item for item, found in rules(index, [same]).items() if "near" in found or "exact" in found} == {same}
    # A word that no question of the frame has is a rewording.
    reworded = same.replace("clinic", "ward")
    assert "near" in rules(index, [reworded])[same]


def test_an_age_that_many_vignettes_have_does_not_hide_a_changed_one():
    item = VIGNETTES[0]
    ages = [f"A {age}-year-old woman comes to the physician for a visit number {age}" for age in range(20, 60)]
    questions = [Question(text, "question", (BenchmarkItem("t", "test", text, ("a", "b"), "a"),)) for text in ages * 12]
    own = Question(
        f"A 34-year-old woman comes to the physician. {item.question}", "question",
        (BenchmarkItem("t", "test", item.id, item.options, "a"),),
    )  # fmt: skip
    index = OverlapIndex([*questions, own])
    assert "near" in rules(index, [own.text.replace("34", "35")])[item.id]


def test_spans_show_the_common_words(index):
    item = VIGNETTES[0]
    text = f"{FILLER[:500]} {item.question} {FILLER[500:900]}"
    (match,) = [m for m in index.search([[text]], rows=False) if "exact" in m.rules]
    start, end = match.span
    assert text[start:end] == item.question.rstrip("?.")
    assert item.question[slice(*match.question_span)] == item.question.rstrip("?.")


ROWS = [
    {"messages": [{"role": "user", "content": prompt(VIGNETTES[3])}], "n": 1},
    {"messages": [{"role": "user", "content": "What is the dose of aspirin?"}], "n": 2},
    {"question": VIGNETTES[7].question, "answer": VIGNETTES[7].options[0], "n": 3},
]


def write(folder, kind):
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    path = folder / f"train{kind}"
    if kind == ".parquet":
        pq.write_table(pa.table({"text": [json.dumps(row) for row in ROWS], "n": [1, 2, 3]}), path)
    elif kind == ".json":
        path.write_text(json.dumps(ROWS))
    elif kind == ".csv":
        path.write_text("text,n\n" + "".join(f'"{next_text(row)}",{row["n"]}\n' for row in ROWS))
    else:
        path.write_bytes(gzip.compress(lines) if kind.endswith(".gz") else lines)
    return path


def next_text(row):
    return row.get("question") or row["messages"][0]["content"].replace('"', '""')


@pytest.mark.parametrize("kind", [".jsonl", ".jsonl.gz", ".parquet", ".json", ".csv"])
def test_rows_with_items_are_taken_out_of_each_kind_of_file(tmp_path, kind):
    path = write(tmp_path, kind)
    out = tmp_path / "out"
    arguments = ["data", "overlap", str(path), "--tasks", "starter_vignette", "--out", str(out), "--remove"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (clean,) = (out / "clean").iterdir()
    assert [json.loads(line)["n"] in (2, "2") for line in clean.read_text().splitlines()] == [True]
    report = json.loads((out / "overlap.json").read_text())
    assert report["items"] == {"starter_vignette": sorted([VIGNETTES[3].id, VIGNETTES[7].id])}
    assert report["files"] == {path.name: {"documents": 3, "matched": 2}}
    matches = [json.loads(line) for line in (out / "matches.jsonl").read_text().splitlines()]
    assert {(m["item"], m["benchmark"]) for m in matches if "exact" in m["rules"]} == {
        (VIGNETTES[3].id, "starter_vignette"),
        (VIGNETTES[7].id, "starter_vignette"),
    }
    again = CliRunner().invoke(cli, ["data", "overlap", str(clean), "--tasks", "starter_vignette"])
    assert again.exit_code == 0


def test_lines_that_stay_keep_every_byte(tmp_path):
    path = tmp_path / "train.jsonl"
    line = b'{ "text" : "caf\\u00e9",  "x": 1.0 }\n'
    path.write_bytes(line + json.dumps(ROWS[0]).encode() + b"\n\n" + line.rstrip(b"\n"))
    arguments = ["data", "overlap", str(path), "--tasks", "starter_vignette", "--out", str(tmp_path / "o"), "--remove"]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert (tmp_path / "o" / "clean" / "train.jsonl").read_bytes() == line + line


def test_rows_with_items_end_in_exit_code_1_and_two_workers_find_the_same(tmp_path):
    path = write(tmp_path, ".jsonl")
    one, two = (
        CliRunner().invoke(cli, ["data", "overlap", str(path), "--tasks", ",".join(TASKS), "--json", "--workers", n])
        for n in ("1", "2")
    )
    assert (one.exit_code, two.exit_code) == (1, 1)
    assert json.loads(one.output) == json.loads(two.output)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["missing.jsonl"], ErrorCode.DATA_NOT_FOUND),
        (["."], ErrorCode.DATA_NOT_FOUND),
        (["train.jsonl", "--rules", "exact,close"], ErrorCode.INVALID_ARGUMENT),
        (["train.jsonl", "--remove"], ErrorCode.INVALID_ARGUMENT),
        (["notes.txt", "--remove", "--out", "o"], ErrorCode.DATA_UNREADABLE),
        (["broken.jsonl"], ErrorCode.DATA_UNREADABLE),
        (["train.bin"], ErrorCode.DATA_UNREADABLE),
        (["manifest.json"], ErrorCode.DATA_MALFORMED),
        (["train.jsonl", "--out", "full"], ErrorCode.OUTPUT_EXISTS),
    ],
)
def test_what_cannot_be_searched_is_an_error_in_one_line(tmp_path, monkeypatch, arguments, code):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty" if arguments == ["."] else tmp_path)
    write(tmp_path, ".jsonl")
    (tmp_path / "broken.jsonl").write_text('{"a": 1}\n{"a": \n')
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "train.bin").write_bytes(b"x")
    (tmp_path / "manifest.json").write_text('{"files": 3}')
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    done = CliRunner().invoke(cli, ["data", "overlap", *arguments, "--tasks", "starter_recall"])
    assert done.exception.code == code
    assert "\n" not in str(done.exception)


def test_files_of_one_name_are_reported_and_written_apart(tmp_path):
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths.append(str(write(tmp_path / name, ".jsonl")))
    (tmp_path / "empty.jsonl").write_text("")
    command = ["data", "overlap", "--tasks", "starter_vignette", "--out", str(tmp_path / "out"), "--remove"]
    assert CliRunner().invoke(cli, [*command, *paths, str(tmp_path / "empty.jsonl")]).exit_code == 0
    counts = {f"{name}/{Path(paths[0]).name}": {"documents": 3, "matched": 2} for name in ("one", "two")}
    report = json.loads((tmp_path / "out" / "overlap.json").read_text())
    assert report["files"] == counts | {"empty.jsonl": {"documents": 0, "matched": 0}}
    for name in counts:
        assert len((tmp_path / "out" / "clean" / name).read_text().splitlines()) == 1


def test_a_file_that_would_count_twice_or_be_written_over_another_is_refused(tmp_path):
    path = write(tmp_path, ".jsonl")
    packed = write(tmp_path, ".jsonl.gz")
    (tmp_path / "link.jsonl").symlink_to(path)
    benchmarks = read_benchmarks([load_task("starter_vignette")])
    for files, remove in (([path, path], False), ([path, tmp_path / "link.jsonl"], False), ([path, packed], True)):
        with pytest.raises(UsageError) as error:
            search([file for each in files for file in source_files(each)], benchmarks, (), tmp_path / "out", remove)
        assert error.value.code is ErrorCode.CONFLICTING_ARGUMENTS
    assert not (tmp_path / "out").exists()


def test_data_without_any_document_do_not_pass(tmp_path):
    path = tmp_path / "train.jsonl"
    arguments = ["data", "overlap", str(path), "--tasks", "starter_vignette", "--out", str(tmp_path / "out")]
    for content in ("\n", "{"):
        path.write_text(content)
        assert isinstance(CliRunner().invoke(cli, arguments).exception, DataError)
    path.write_text('{"text": "some"}\n')
    assert CliRunner().invoke(cli, arguments).exit_code == 0  # the same command, as nothing was left behind


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"a": 1}\n\n{"a": \n')
    with pytest.raises(DataError, match="line 3"):
        list(documents(source_files(path)[0]))


def test_links_in_a_folder_and_names_outside_of_a_manifest_are_not_followed(tmp_path):
    outside = write(tmp_path, ".jsonl")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "own.jsonl").write_text("{}\n")
    (folder / "link.jsonl").symlink_to(outside)
    assert [file.name for file in source_files(folder)] == ["own.jsonl"]


@pytest.mark.parametrize(
    "name", ["../train.jsonl", "../folder/own.jsonl", "{folder}/own.jsonl", "own.jsonl\0", 3, None]
)
def test_a_manifest_names_only_files_that_stay_below_any_folder(tmp_path, name):
    write(tmp_path, ".jsonl")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "own.jsonl").write_text("{}\n")
    name = name.format(folder=folder) if isinstance(name, str) else name
    (folder / "manifest.json").write_text(json.dumps({"files": [{"path": name}]}))
    with pytest.raises(DataError) as error:
        source_files(folder)
    assert error.value.code is ErrorCode.DATA_NOT_FOUND


def test_parts_of_a_long_text_share_enough_that_no_question_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("evalsuite.data.overlap.documents._PART", 3_000)
    monkeypatch.setattr("evalsuite.data.overlap.documents._SHARED", 1_500)
    text = " ".join(f"{FILLER[n * 700 : n * 700 + 700]} {item.question}" for n, item in enumerate(VIGNETTES[:10]))
    path = tmp_path / "corpus.txt"
    path.write_text(text)
    found = search(source_files(path), read_benchmarks([load_task("starter_vignette")]))
    assert found.items("starter_vignette") >= {item.id for item in VIGNETTES[:10]}


def test_a_character_that_two_parts_share_is_whole_in_one_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr("evalsuite.data.overlap.documents._PART", 1_000)
    monkeypatch.setattr("evalsuite.data.overlap.documents._SHARED", 100)
    path = tmp_path / "corpus.txt"
    path.write_text("血压" * 2_000, "utf-8")
    texts = [each.fields[0] for each in documents(source_files(path)[0])]
    assert "".join([texts[0], *(text[100:] for text in texts[1:])]) == path.read_text("utf-8")


def test_as_many_files_are_cleaned_as_there_are(tmp_path):
    for number in range(60):
        (tmp_path / f"{number}.jsonl").write_text('{"text": "some"}\n')
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(lowest := os.dup(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 30, limits[1]))
    try:
        benchmarks = read_benchmarks([load_task("starter_vignette")])
        search(source_files(tmp_path), benchmarks, out=tmp_path / "out", remove=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(list((tmp_path / "out" / "clean").iterdir())) == 60


@needs_data
def test_the_known_leaks_of_public_training_files_are_found():
    tasks = [load_task(name) for name in ("medqa", "medmcqa", "medxpertqa", "pubmedqa_1000")]
    benchmarks = read_benchmarks(tasks, DATA)
    files = source_files(DATA / "train" / "huatuogpt_o1_demo_data.json")
    found = search(files, benchmarks)
    exact = {row["benchmark"]: row["exact"] for row in found.to_json()["overlap"]}
    # HuatuoGPT-o1's demo data hold four items of MedQA's dev split and three of MedMCQA's, one with another comma.
    assert exact["medqa (dev)"] == 4 and len(found.items("medmcqa")) == 3
    known = json.loads((DATA / "anomalies.json").read_text())["near_duplicate_questions"]
    pairs = {(pair["file_a"], pair["file_b"]): pair["items"] for pair in known}
    train = "train/medqa_focused_1030.4options.json.gz"
    found = search(source_files(DATA / train), benchmarks)
    expected = {item for _, item, _ in pairs[train, "medxpertqa/medxpertqa_text_input.jsonl.gz"]}
    assert found.items("medxpertqa") >= expected and len(expected) == 4


@needs_data
def test_a_question_in_look_alike_letters_is_found_in_latin_letters():
    task = load_task("medqa")
    index = OverlapIndex(read_benchmarks([task], DATA, splits=("test",)).questions)
    latin = str.maketrans("\u0435\u0456\u0455\u0430\u0440\u0441\u0443\u041d\u0445\u0410\u041e", "eisapcyHxAO")
    question = load(task, DATA).items[41].question
    assert not question.isascii()
    assert "exact" in rules(index, [question.translate(latin)])["41"]


@needs_data
def test_the_other_half_of_pubmedqa_is_in_the_thousand(tmp_path):
    from evalsuite.data.load import load_split

    items = load_split(load_task("pubmedqa"), "train", DATA)
    path = tmp_path / "train.jsonl"
    path.write_text(
        "".join(json.dumps({"q": i.question, "a": ["yes", "no", "maybe"], "c": i.context}) + "\n" for i in items)
    )
    thousand = search(source_files(path), read_benchmarks([load_task("pubmedqa_1000")], DATA))
    official = search(source_files(path), read_benchmarks([load_task("pubmedqa")], DATA))
    assert len(thousand.items("pubmedqa_1000")) == 500 and official.items("pubmedqa") == set()
