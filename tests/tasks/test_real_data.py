"""The real benchmarks, from the mirror in upstream's formats: the numbers that are known of them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from evalsuite.data.canonical import digest
from evalsuite.data.file_formats import parse, read_rows
from evalsuite.data.item_conversion import convert
from evalsuite.data.load import load, load_train, read_items
from evalsuite.data.locate import find
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_suites, load_task
from evalsuite.tasks.schema import RowLayout

MIRROR = Path(__file__).parents[2] / ".." / "shared" / "data"
pytestmark = pytest.mark.skipif(not MIRROR.is_dir(), reason="needs ../shared/data")
TASKS = load_suites()["all"].tasks
CONSTANT = {
    "medqa": ("A", 0.277), "medqa_5opt": ("B", 0.218), "medmcqa": ("A", 0.322), "pubmedqa": ("yes", 0.552),
    "pubmedqa_1000": ("yes", 0.552), "medxpertqa": ("E", 0.107), "careqa": ("C", 0.264), "medbullets_op4": ("A", 0.282),
    "medbullets_op5": ("B", 0.240), "mmlu_pro_biology": ("C", 0.127), "mmlu_pro_health": ("B", 0.125),
}  # fmt: skip


@pytest.fixture(scope="module")
def datasets() -> dict[str, Dataset]:
    return {name: load(load_task(name), MIRROR) for name in TASKS}


def gold_text(item) -> str:
    return item.options[item.labels.index(item.gold)]


@pytest.mark.parametrize("name", TASKS)
def test_the_card_agrees_with_the_items(datasets, name):
    task, items = datasets[name].task, datasets[name].items
    assert len(items) == task.items
    assert Counter(len(item.options) for item in items) == task.option_counts
    label, count = Counter(item.gold for item in items).most_common(1)[0]
    assert (label, round(count / len(items), 4)) == (task.constant.label, task.constant.accuracy)
    assert datasets[name].digest == task.digest == digest(items)
    assert datasets[name].variant == task.variant
    assert [item.id for item in items] == sorted((item.id for item in items), key=lambda i: (len(i), i))


@pytest.mark.parametrize("name", sorted(CONSTANT))
def test_constant_answers_score_what_the_mirror_states(datasets, name):
    items = datasets[name].items
    label, count = Counter(item.gold for item in items).most_common(1)[0]
    assert (label, count / len(items)) == (CONSTANT[name][0], pytest.approx(CONSTANT[name][1], abs=6e-4))


def test_the_longest_option_of_biology_is_right_in_45_percent(datasets):
    items = datasets["mmlu_pro_biology"].items
    right = sum(gold_text(item) == max(item.options, key=len) for item in items)
    assert right / len(items) == pytest.approx(0.452, abs=5e-4)


def test_shuffling_removes_the_label_skew_of_jmed(datasets):
    raw = {str(row["diagId"]): row for row in read_rows(MIRROR / load_task("jmed").sources[0].path)}
    skewed = Counter(row["final_correct_answer"] for row in raw.values())
    assert skewed["['A']"] / len(raw) == pytest.approx(0.850, abs=5e-4)
    counts = Counter(item.gold for item in datasets["jmed"].items)
    assert max(counts.values()) / len(raw) < 0.23
    for item in datasets["jmed"].items:
        options = json.loads(raw[item.id]["final_options"])["options"]
        assert sorted(item.options) == sorted(option.strip() for option in options.values())
        assert gold_text(item) == options[raw[item.id]["final_correct_answer"][2]].strip()
        assert item.labels == ("A", "B", "C", "D", "E")


def test_jmed_shows_age_and_sex_and_never_the_discussion(datasets):
    task = load_task("jmed")
    prompt = TaskPrompt(task, task.format)
    raw = {str(row["diagId"]): row for row in read_rows(MIRROR / task.sources[0].path)}
    for item in datasets["jmed"].items[:50]:
        text = prompt.messages(item)[0]["content"]
        assert f"患者年龄：{raw[item.id]['patient_age']}" in text
        assert f"患者性别：{raw[item.id]['patient_sex']}" in text
        for column in ("deepseek_reasoning", "analysis", "glm_search"):
            hidden = str(raw[item.id][column] or "").strip()
            assert not hidden or hidden[:80] not in text


def test_pubmedqa_shows_the_sections_and_never_the_conclusion(datasets):
    task = load_task("pubmedqa")
    prompt = TaskPrompt(task, task.format)
    raw = {row["$key"]: row for row in read_rows(MIRROR / "pubmedqa/ori_pqal.json.gz")}
    for item in datasets["pubmedqa"].items:
        text = prompt.messages(item)[0]["content"]
        row = raw[item.id]
        for heading, section in zip(row["LABELS"], row["CONTEXTS"], strict=True):
            assert f"{heading}: {section.strip()}" in text
        assert row["LONG_ANSWER"] not in text


def test_pubmedqa_is_the_official_half_and_trains_on_the_other(datasets):
    official = json.loads((MIRROR / "pubmedqa/test_ground_truth.json").read_text())
    assert {item.id: item.gold for item in datasets["pubmedqa"].items} == official
    train = {item.id.partition(":")[2] for item in load_train(datasets["pubmedqa"])}
    assert len(train) == 500 and not train & official.keys()
    assert train | official.keys() == {item.id for item in datasets["pubmedqa_1000"].items}
    with pytest.raises(DataError) as caught:
        load_train(datasets["pubmedqa_1000"])
    assert caught.value.code is ErrorCode.DATA_NOT_FOUND


def test_medxpertqa_prints_its_options_once(datasets):
    task = load_task("medxpertqa")
    prompt = TaskPrompt(task, task.format)
    for item in datasets["medxpertqa"].items:
        assert "Answer Choices:" not in item.question
        text = prompt.messages(item)[0]["content"]
        for label, option in zip(item.labels, item.options, strict=True):
            assert text.count(f"\n{label}. {option}\n") == 1


def test_medqa_and_medqa_5opt_have_the_same_gold_text_under_other_letters(datasets):
    four, five = datasets["medqa"].items, datasets["medqa_5opt"].items
    assert [gold_text(item) for item in four] == [gold_text(item) for item in five]
    assert sum(a.gold != b.gold for a, b in zip(four, five, strict=True)) == 600


def test_repeated_items_are_grouped_and_not_removed(datasets):
    for name, groups, items in (("medbullets_op4", 10, 20), ("medbullets_op5", 10, 20), ("mmlu_pro_health", 94, 188)):
        named = [item.group for item in datasets[name].items if item.group]
        assert (len(set(named)), len(named)) == (groups, items)
        assert set(named) <= {item.id for item in datasets[name].items}


def test_medmcqa_counts_from_one_here(datasets):
    raw = {row["id"]: row for row in read_rows(MIRROR / "medmcqa/dev.json.gz")}
    for item in datasets["medmcqa"].items:
        assert gold_text(item) == raw[item.id]["op" + "abcd"[raw[item.id]["cop"] - 1]].strip()
    assert sum("None" in item.options for item in datasets["medmcqa"].items) == 41


def test_the_other_copy_of_careqa_is_a_variant_without_its_empty_rows(tmp_path):
    (tmp_path / "careqa").mkdir()
    copy = tmp_path / "careqa/care_qa.citrus.jsonl"
    copy.write_bytes(gzip.decompress((MIRROR / "careqa/care_qa.citrus.jsonl.gz").read_bytes()))
    dataset = load(load_task("careqa"), tmp_path)
    assert (len(dataset.items), dataset.variant) == (5621, "citrus")
    assert any("2 empty rows" in note and "1001" in note for note in dataset.notes)
    own = {item.id: item for item in load(load_task("careqa"), MIRROR).items}
    differing = {item.id[:8] for item in dataset.items if item != own[item.id]}
    assert differing == {"d62cfea7", "23eaccb6", "ae444c16"}


def test_the_sample_of_medxpertqa_is_a_variant(tmp_path):
    (tmp_path / "medxpertqa").symlink_to(MIRROR.resolve() / "medxpertqa")
    source = load_task("medxpertqa").sources[1]
    located = find(source, tmp_path)
    assert located
    assert len(read_items(load_task("medxpertqa"), located).items) == 244
    (tmp_path / "alone/medxpertqa").mkdir(parents=True)
    name = "medxpertqa/medxpertqa_sampled_text_input.jsonl"
    (tmp_path / "alone" / name).write_bytes((MIRROR / name).read_bytes())
    dataset = load(load_task("medxpertqa"), tmp_path / "alone")
    assert dataset.variant == "text_sample"
    assert any("sample of 244" in note for note in dataset.notes)


@pytest.mark.parametrize("name", TASKS)
def test_dev_and_train_files_load(name):
    task = load_task(name)
    for source in (*task.dev, *task.train):
        located = find(source, MIRROR)
        assert located, source.path
        items = read_items(task, located).items
        assert len(items) == source.items
        assert digest(items) == source.digest


def test_the_test_split_of_medmcqa_is_refused_with_the_reason(tmp_path):
    (tmp_path / "medmcqa").mkdir()
    (tmp_path / "medmcqa/test.json").write_text('{"id": "1", "question": "?", "opa": "a", "opb": "b"}\n')
    with pytest.raises(DataError) as caught:
        load(load_task("medmcqa"), tmp_path)
    assert caught.value.code is ErrorCode.DATA_REFUSED


def test_a_jmed_file_without_options_is_refused(tmp_path):
    path = MIRROR / "jmed/jmed.citrus_origin.jsonl.gz"
    layout = RowLayout.model_validate_json(
        '{"id": "id", "question": "Q", "options": {"kind": "list", "at": "OP"}, "gold": {"kind": "label", "at": "A"}}'
    )
    with pytest.raises(DataError) as caught:
        convert(parse(path), layout, str(path))
    assert caught.value.code is ErrorCode.DATA_MALFORMED
    assert "item 2228217110043460-0-diagnose-option: no options at 'OP'" in str(caught.value)
    (tmp_path / "jmed").mkdir()
    (tmp_path / "jmed" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DataError) as caught:
        load(load_task("jmed"), tmp_path)
    assert caught.value.code is ErrorCode.DATA_REFUSED and path.name in str(caught.value)


ROWS = {
    "train/cmexam_val.xlsx": 6811, "train/huatuogpt_o1_demo_data.json": 198, "train/citrus_sft_example.jsonl": 1,
    "train/citrus_dpo_example.jsonl": 1,
    "open/MedInfo2019-QA-Medications.xlsx": 690, "open/healthsearch_qa_test.jsonl": 4436,
    "open/kqa_questions_w_answers.jsonl": 201, "kg/pharmacotherapydb_indications.tsv": 1388,
    "medbullets/medbullets_op4.json.gz": 308, "careqa/care_qa.citrus.jsonl.gz": 5623,
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(ROWS))
def test_every_format_of_the_mirror_is_parsed_into_rows(path):
    assert len(read_rows(MIRROR / path)) == ROWS[path]
