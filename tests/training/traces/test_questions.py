"""Questions from tasks, folders and files, as their authors publish them; the right counts are by other readers."""

import csv
import json

import pytest

from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.tasks.registry import load_task
from training.synthesis.refine.format_filter import filter_rows
from training.synthesis.refine.question_rows import read_questions
from training.traces.questions import questions_from
from training.traces.upstream_files import upstream_rows

CMEXAM = [
    ("嘶哑样咳嗽，可见于", "A 急性喉炎\\nB 声带疾患\\nC 百日咳", "A"),
    ("可见于", "A NA\nB n/a\nC 6.5 mmol/L", "C"),
    ("几个答案", "A 甲\\nB 乙\\nC 丙", "AB"),
    ("没有选项", "甲、乙", "A"),
]


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("Question", "Options", "Answer", "Explanation"), *((*row, "") for row in rows)])
    return path


def test_the_options_of_cmexam_stand_in_one_cell(tmp_path):
    found = questions_from(str(write_csv(tmp_path / "train.csv", CMEXAM)), licence="Apache-2.0")
    assert [each.options for each in found.questions] == [
        {"A": "急性喉炎", "B": "声带疾患", "C": "百日咳"},
        {"A": "NA", "B": "n/a", "C": "6.5 mmol/L"},
    ]
    assert [each.item.gold for each in found.questions] == ["A", "C"] and found.language == "zh"
    assert [row.reasons for row in found.rejected] == [["unknown_gold"], ["too_few_options"]]
    assert "请逐步思考" in found.questions[0].messages[-1]["content"]


OFFICIAL = {"QUESTION": "Does it help?", "CONTEXTS": ["We gave 10 mg.", "It fell."], "LABELS": ["METHODS", "RESULTS"]}
OFFICIAL |= {"LONG_ANSWER": "It helps.", "final_decision": "yes", "MESHES": [], "YEAR": None}
HUB = {"pubid": 7, "question": "Does it help?", "long_answer": "It helps.", "final_decision": "yes"}
HUB |= {"context": {"contexts": ["We gave 10 mg.", "It fell."], "labels": ["METHODS", "RESULTS"], "meshes": []}}


@pytest.mark.parametrize(
    ("name", "text"), [("ori_pqaa.json", json.dumps({"7": OFFICIAL})), ("train.jsonl", json.dumps(HUB) + "\n")]
)
def test_the_artificial_part_of_pubmedqa_has_the_prompt_of_the_task(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (question,) = questions_from(str(tmp_path / name), licence="MIT").questions
    assert question.item.id == "7" and question.item.gold == "yes"
    assert question.item.context == (("METHODS", "We gave 10 mg."), ("RESULTS", "It fell."))
    prompt = question.messages[-1]["content"]
    assert "10 mg" in prompt and "It helps" not in prompt and load_task("pubmedqa").format == "answer_tag"


def test_a_file_says_nothing_of_its_licence(tmp_path):
    with pytest.raises(UsageError) as error:
        questions_from(str(write_csv(tmp_path / "train.csv", CMEXAM)))
    assert error.value.code == ErrorCode.MISSING_ARGUMENT


def test_a_file_without_one_usable_row_is_refused(tmp_path):
    with pytest.raises(DataError) as error:
        questions_from(str(write_csv(tmp_path / "train.csv", CMEXAM[2:])), licence="Apache-2.0")
    assert error.value.code == ErrorCode.DATA_NOT_FOUND


def test_another_format_is_requested_where_it_is_named(tmp_path):
    found = questions_from(str(write_csv(tmp_path / "train.csv", CMEXAM)), format="boxed", licence="x", limit=1)
    assert len(found.questions) == 1 and "\\boxed{X}" in found.questions[0].messages[-1]["content"]


def test_cmexam_as_it_is_published(mirror):
    """6,811 rows; 211 of them have several letters as their answer (counted with openpyxl alone)."""
    found = upstream_rows(mirror / "train" / "cmexam_val.xlsx")
    assert len(found.rows) == 6_811 and all(len(row.content["options"]) >= 2 for row in found.rows)
    assert sum(row.content["answer"] not in row.content["options"] for row in found.rows) == 211


def test_train_items_of_a_task_are_kept_where_another_benchmark_has_them_too(mirror):
    found = questions_from("pubmedqa", data_dir=mirror)
    assert len(found.questions) == 500 and dict(found.test_items_of) == {"pubmedqa_1000": 500}
    rows = read_questions("pubmedqa", data_dir=mirror)
    assert {reason for row in filter_rows(rows.rows).rejected for reason in row.reasons} == {"benchmark_test_item"}
