"""Every planted fault is rejected under its name, with the row and its line; everything else is kept."""

import json

import pytest

from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.data.own_items import native_row
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.registry import load_task
from tests.training.synthesis.refine.planted import read_rows, row, write_rows
from training.data.manifest import verify
from training.synthesis.refine.format_filter import filter_rows
from training.synthesis.refine.question_rows import QuestionRow, read_lines, read_questions

FOUR = {"A": "w", "B": "x", "C": "y", "D": "z"}
PLANTED = {
    "duplicate_options": row(1, options=FOUR | {"C": "w"}),
    "duplicate_gold": row(2, options=FOUR | {"C": "x"}),
    "options_differ_in_case_only": row(3, options=FOUR | {"C": "W"}),
    "option_is_another_label": row(4, options=FOUR | {"C": "D"}),
    "encoding_damage": row(5, question="Question 5: sjÃ¶gren?"),
    "missing_figure": row(6, question="Question 6: the lesion shown in Figure 2 is?"),
    "missing_gold": row(7, answer=None),
    "unknown_gold": row(8, answer="E"),
    "empty_question": row(9, question=" "),
    "too_few_options": row(10, options={"A": "x"}),
    "empty_option": row(11, options=FOUR | {"B": ""}),
    "malformed": row(12, context={"headings": ["a"], "texts": []}),
    "image": row(13, meta={}) | {"image": "x.png"},
    "unknown_tier": row(14, tier="hard"),
    "duplicate_id": row(15, id="q000"),
    "duplicate_question": row(0, id="q016"),
}


def test_each_planted_fault_has_its_name_its_line_and_its_row(tmp_path, capsys):
    file = write_rows(tmp_path / "rows.jsonl", [row(0), *PLANTED.values(), row(99)])
    assert main(["train", "refine", str(file), "--licence", "ours", "--out", str(tmp_path / "out")]) == 0
    rejected = read_rows(tmp_path / "out" / "rejected.jsonl")
    by_line = {each["where"]: each for each in rejected}
    for line, (name, planted) in enumerate(PLANTED.items(), 2):
        found = by_line[f"rows.jsonl:{line}"]
        assert name in found["reasons"] and found["row"] == json.loads(json.dumps(planted)), name
    assert len(rejected) == len(PLANTED)
    kept = read_rows(tmp_path / "out" / "questions" / "items.jsonl")
    assert [each["id"] for each in kept] == ["q000", "q099"]
    manifest = verify(tmp_path / "out")
    assert [(f.name, f.kept, f.dropped) for f in manifest.filters] == [("format", 2, len(PLANTED))]
    assert manifest.licence == "ours" and set(PLANTED) <= set(manifest.made_by["rejected"])


def test_a_row_without_an_id_takes_none_that_another_row_states():
    rows = [row(0, id=None), row(1, id=1), row(2, id="4"), row(3, id=""), row(4, id="5"), row(5, id=None)]
    found = filter_rows([QuestionRow(str(place), content) for place, content in enumerate(rows)])
    assert [item.id for item in found.items] == ["7", "1", "4", "8", "5", "6"] and not found.rejected


def test_two_answers_to_one_question_reject_both(tmp_path):
    rows = [row(1), row(2), row(1, id="other", answer="C")]
    found = filter_rows([QuestionRow(str(place), content) for place, content in enumerate(rows)])
    assert [item.id for item in found.items] == ["q002"]
    assert {each.where: each.reasons for each in found.rejected} == {
        "0": ["contradicting_gold"],
        "2": ["contradicting_gold"],
    }


def test_a_test_item_of_a_benchmark_is_rejected(tmp_path):
    item = load(load_task("starter_recall")).items[0]
    found = filter_rows([QuestionRow("1", native_row(item)), QuestionRow("2", row(1))], rejecting=())
    assert [each.reasons for each in found.rejected] == [["benchmark_test_item"]]


def test_the_checks_that_reject_are_a_choice(tmp_path, capsys):
    rows = [row(1, options=FOUR | {"C": "W"}), row(2, options=FOUR | {"C": "None"})]
    file = write_rows(tmp_path / "rows.jsonl", rows)
    arguments = ["train", "refine", str(file), "--licence", "ours", "--out"]
    assert main([*arguments, str(tmp_path / "a"), "--reject", "option_is_none"]) == 0
    assert [each["row"]["id"] for each in read_rows(tmp_path / "a" / "rejected.jsonl")] == ["q002"]
    assert main([*arguments, str(tmp_path / "b"), "--reject", "nothing_known"]) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.INVALID_ARGUMENT}]")


@pytest.mark.parametrize("line", [b'{"id": "half', b"[1, 2]", b"\xff\xfe", b"7"])
def test_a_line_that_is_no_object_stops_with_its_number_or_is_rejected(tmp_path, capsys, line):
    file = write_rows(tmp_path / "rows.jsonl", [row(1), b"", line, row(2)])
    arguments = ["train", "refine", str(file), "--licence", "ours", "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert f"{file}:3:" in error and error.count("\n") == 1 and not (tmp_path / "out").exists()
    assert main([*arguments, "--skip-bad"]) == 0
    (rejected,) = read_rows(tmp_path / "out" / "rejected.jsonl")
    assert (rejected["where"], rejected["reasons"]) == ("rows.jsonl:3", ["not_a_json_object"])
    assert rejected["row"] == line.decode("utf-8", "backslashreplace")


def test_other_keys_are_counted_and_a_tier_is_kept(tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [row(1, tier="easy", exp="because"), row(2, tier="difficult")])
    assert main(["train", "refine", str(file), "--licence", "ours", "--out", str(tmp_path / "out")]) == 0
    assert verify(tmp_path / "out").made_by["unused_keys"] == {"exp": 1}
    assert [each["tier"] for each in read_rows(tmp_path / "out" / "train.jsonl")] == ["easy", "difficult"]


@pytest.mark.parametrize(
    ("rows", "options", "code"),
    [
        ([row(1)], [], ErrorCode.MISSING_ARGUMENT),
        ([], ["--licence", "ours"], ErrorCode.DATA_NOT_FOUND),
        ([row(1)], ["--licence", "ours", "--tiers", "measured"], ErrorCode.CONFLICTING_ARGUMENTS),
        ([row(1)], ["--licence", "ours", "--tiers", "structural"], ErrorCode.CONFLICTING_ARGUMENTS),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path, capsys, rows, options, code):
    file = write_rows(tmp_path / "rows.jsonl", rows)
    assert main(["train", "refine", str(file), "--out", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.rstrip().endswith(f"[{code}]")


def test_a_folder_of_something_else_is_left_as_it_is(tmp_path, capsys):
    file = write_rows(tmp_path / "rows.jsonl", [row(1)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train.jsonl").write_text("mine")
    assert main(["train", "refine", str(file), "--licence", "ours", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.OUTPUT_EXISTS}]")
    assert (tmp_path / "out" / "train.jsonl").read_text() == "mine"


def test_a_folder_that_was_changed_is_refused(tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [row(1), row(2)])
    assert main(["train", "refine", str(file), "--licence", "ours", "--out", str(tmp_path / "out")]) == 0
    assert len(read_questions(str(tmp_path / "out")).rows) == 2
    items = tmp_path / "out" / "questions" / "items.jsonl"
    items.write_text(items.read_text().replace("q001", "q003"))
    with pytest.raises(DataError) as caught:
        read_questions(str(tmp_path / "out"))
    assert caught.value.code == ErrorCode.TRAINING_DATA_CHANGED


def test_a_row_that_is_no_item_is_named_by_its_file_and_line_alone(tmp_path):
    rows = [row(1), row(2, options="x"), {"question": "?", "options": ["x", "y"], "answer": "A", "gold": "B"}]
    found = filter_rows(list(read_lines(write_rows(tmp_path / "rows.jsonl", rows))))
    details = [each.detail for each in found.rejected]
    assert [each.split(" ")[0].rstrip(":") for each in details] == ["rows.jsonl:2", "rows.jsonl:3"]
    assert not any("item 0" in each for each in details)


def test_a_refinement_that_keeps_nothing_warns_in_one_line_and_ends_with_1(tmp_path, capsys):
    rows = [row(1, options=["x", "x"]), row(2, question="")]
    file = write_rows(tmp_path / "rows.jsonl", rows)
    assert main(["train", "refine", str(file), "--licence", "ours", "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert len((tmp_path / "out" / "rejected.jsonl").read_text().splitlines()) == 2
