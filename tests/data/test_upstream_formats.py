"""Every task card reads upstream's format of its benchmark, tried on small files with invented items."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from evalsuite.data.audit.item_audit import audit
from evalsuite.data.load import load, load_train
from evalsuite.data.verify import verify
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_suites, load_task, resolve
from tests.data import upstream

TASKS = load_suites()["all"].tasks
VERDICT_TASKS = ("pubmedqa", "pubmedqa_1000")
IDS = {
    "medqa": ("0", "1", "2"), "medqa_5opt": ("0", "1", "2"), "medmcqa": ("id-0", "id-1", "id-2"),
    "pubmedqa": ("100", "102"), "pubmedqa_1000": ("100", "101", "102"), "medxpertqa": ("Text-0", "Text-1", "Text-2"),
    "careqa": ("q-0", "q-1", "q-2"), "jmed": ("7000", "7001", "7002"), "medbullets_op4": ("0", "1", "2"),
    "medbullets_op5": ("0", "1", "2"), "mmlu_pro_health": ("50", "51", "52"), "mmlu_pro_biology": ("50", "51", "52"),
}  # fmt: skip
META = {
    "medqa": {"step": "step1"}, "medqa_5opt": {"step": "step1"}, "medmcqa": {"subject": "Anatomy"},
    "medxpertqa": {"medical_task": "Diagnosis", "body_system": "Nervous", "question_type": "Reasoning"},
    "careqa": {"category": "Nursing", "year": "2023"}, "mmlu_pro_health": {"src": "invented"},
    "mmlu_pro_biology": {"src": "invented"}, "pubmedqa": {"year": "2001"}, "pubmedqa_1000": {"year": "2001"},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return upstream.write_upstream(tmp_path_factory.mktemp("upstream"))


def gold_text(item) -> str:
    return item.options[item.labels.index(item.gold)]


@pytest.mark.parametrize("name", TASKS)
def test_a_card_reads_the_items_of_its_format(folder, name):
    items = load(load_task(name), folder, check=False).items
    assert tuple(item.id for item in items) == IDS[name]
    texts = {question.text: question for question in upstream.QUESTIONS}
    for item in items:
        question = texts[item.question]
        assert item.meta == META.get(name, {})
        if name in VERDICT_TASKS:
            assert item.options == item.labels == upstream.VERDICTS
            assert item.gold == upstream.VERDICTS[int(item.id) % 100]
            assert item.context == (("METHODS", f"Of {int(item.id) - 100} patients."), ("RESULTS", "Most did."))
        else:
            fifth = {"Nothing"} if name in ("medqa_5opt", "medbullets_op5", "jmed") else set()
            assert set(item.options) == {*question.options, *fifth}
            assert item.labels == tuple("ABCDE"[: len(item.options)])
            assert gold_text(item) == question.gold_text


@pytest.mark.parametrize("name", TASKS)
def test_a_prompt_has_every_option_once_and_never_the_explanation(folder, name):
    task = load_task(name)
    prompt = TaskPrompt(task, task.format)
    for item in load(task, folder, check=False).items:
        text = prompt.messages(item)[-1]["content"]
        assert item.question in text and "Answer Choices" not in text
        assert "The conclusion of study" not in text and "The discussion of case" not in text
        if name not in VERDICT_TASKS:
            assert all(
                text.count(f"\n{label}. {option}\n") == 1
                for label, option in zip(item.labels, item.options, strict=True)
            )


@pytest.mark.parametrize("name", TASKS)
def test_items_that_are_not_the_locked_ones_are_refused(folder, name):
    with pytest.raises(DataError) as caught:
        load(load_task(name), folder)
    assert caught.value.code is ErrorCode.DATA_CHANGED and str(folder) in str(caught.value)
    assert not verify([load_task(name)], folder).passed


def test_the_train_half_of_pubmedqa_is_the_other_one(folder):
    with pytest.raises(DataError) as caught:  # the lock is compared after the half was chosen
        load_train(load(load_task("pubmedqa"), folder, check=False))
    assert caught.value.code is ErrorCode.DATA_CHANGED and "extra 1 (101)" in str(caught.value)


def test_planted_defects_are_detected_in_the_file_that_has_them(tmp_path):
    stem = "A patient of forty years comes with a fever that began three days ago after a journey abroad."
    planted = (
        upstream.Question(stem, ("Malaria", "Influenza", "None", "Typhoid"), 0),
        upstream.Question(stem, ("Influenza", "Malaria", "None", "Typhoid"), 1),
        upstream.Question("Which is it?", ("Same", "Other", "Same", "other"), 0),
        upstream.Question("Which one is shown in Figure A?", ("A", "C", "D", "B "), 3),
    )
    content = audit(resolve("medqa,jmed,mmlu_pro_health", None), upstream.write_upstream(tmp_path, planted)).content
    entries = {entry["task"]: entry for entry in content["files"]}
    checks = {name: result["items"] for name, result in entries["medqa"]["checks"].items() if result["count"]}
    assert checks == {
        "duplicate_options": ["2"],
        "duplicate_gold": ["2"],
        "options_differ_in_case_only": ["2"],
        "option_is_another_label": ["3"],
        "option_is_none": ["0", "1"],
        "missing_figure": ["3"],
    }
    assert entries["medqa"]["outer_space"]["items"] == ["3"]
    assert entries["medqa"]["same_question_and_options"]["ids"] == [["0", "1"]]
    assert entries["medqa"]["gold"] == Counter("ABAD")
    assert entries["jmed"]["before_shuffle"]["constant"] == {"label": "A", "accuracy": 1.0}
    assert entries["jmed"]["label_skew"] and not entries["mmlu_pro_health"]["missing_letters"]
    files = {entry["task"]: entry["file"] for entry in content["files"]}
    for key in ("near_duplicates", "same_items"):
        pairs = {(each["a"], each["b"]): [pair[:2] for pair in each["items"]] for each in content[key]}
        assert ["0", "50"] in pairs[files["medqa"], files["mmlu_pro_health"]]
