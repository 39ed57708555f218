"""Training data that contain a benchmark's questions are refused with numbers and examples, in each way of matching."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from evalsuite.data.load import load, load_split
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task
from training.checks.benchmark_overlap import RowOverlap, TextOverlap, gate_benchmarks
from training.checks.checked_rows import CheckedRow
from training.checks.prompt_items import PromptItemReader
from training.recipe import Recipe

STARTER = ("starter_recall", "starter_vignette", "starter_evidence", "starter_differential")
DATA = Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


def row(task, item, item_id=None, named=True):
    """Return the row of an item as training renders it."""
    prompt = TaskPrompt(task, task.format).messages(item)
    return CheckedRow(item_id or item.id, prompt, item.gold, item.labels, task.format, task=task.name if named else "")


def overlap(benchmark, rows):
    check = RowOverlap([load_task(benchmark)])
    for each in rows:
        check.add(each)
    result = check.result()
    return result, result.facts["benchmarks"][benchmark]


def matches(facts):
    return {(hit["row"].removesuffix(" of train.jsonl"), hit["match"]) for hit in facts["hits"]}


@pytest.mark.parametrize("name", STARTER)
def test_every_item_is_recovered_from_its_prompt(name):
    task = load_task(name)
    for item in load(task).items:
        read = PromptItemReader([name]).read(row(task, item, named=False))
        assert replace(item, meta={}, group="") in [replace(each, meta={}, group="") for each in read]


def test_no_item_is_recovered_from_a_prompt_that_no_template_renders():
    prompt = ({"role": "user", "content": "Which is it?\n\nA. this\nB. that"},)
    assert PromptItemReader(STARTER).read(CheckedRow("x", prompt, "A", ("A", "B"), "answer_tag")) == []


@pytest.mark.parametrize("name", STARTER)
def test_test_items_are_matched_by_their_digest_and_by_their_question(name):
    task = load_task(name)
    items = load(task).items
    result, facts = overlap(name, [row(task, item) for item in items])
    assert {(item.id, "digest") for item in items} | {(item.id, "exact") for item in items} <= matches(facts)
    assert f"{len(items)} of {len(items)} rows contain questions of {name}" in result.refusals[0]


def test_another_id_and_another_order_of_the_options_still_match():
    task = load_task("starter_vignette")
    item = load(task).items[3]
    reordered = replace(item, options=item.options[::-1])
    _, facts = overlap("starter_vignette", [row(task, reordered, "mine-1")])
    assert ("mine-1", "exact") in matches(facts)


def test_a_reworded_question_is_a_near_duplicate():
    task = load_task("starter_vignette")
    item = load(task).items[0]
    words = item.question.split()
    words[len(words) // 2] = "somewhat"
    _, facts = overlap("starter_vignette", [row(task, replace(item, question=" ".join(words)), "mine-1")])
    assert matches(facts) == {("mine-1", "near")}
    assert facts["hits"][0]["item"] == item.id


def test_dev_rows_are_checked_and_named_by_their_file():
    task = load_task("starter_recall")
    clean = row(load_task("starter_vignette"), load(load_task("starter_vignette")).items[0])
    leaked = load(task).items[0]
    result, facts = overlap("starter_recall", [clean, row(task, leaked)._replace(file="dev.jsonl")])
    assert {hit["row"] for hit in facts["hits"]} == {f"{leaked.id} of dev.jsonl"}
    assert result.refusals[0].startswith("1 of 2 rows") and "starter_recall" in result.refusals[0]
    assert f"{leaked.id} of dev.jsonl its item {leaked.id}" in result.refusals[0]


def test_other_items_pass():
    task = load_task("starter_recall")
    result, facts = overlap("starter_vignette", [row(task, item) for item in load(task).items])
    assert (result.refusals, facts["hits"]) == ((), [])
    assert result.facts == {**result.facts, "rows": 20, "items_recovered": 20}


def test_questions_are_matched_in_text():
    items = load(load_task("starter_vignette")).items
    check = TextOverlap([load_task("starter_vignette")])
    filler = [
        word for item in load(load_task("starter_evidence")).items for _, text in item.context for word in text.split()
    ]
    random.Random(0).shuffle(filler)
    check.add(" ".join(filler))
    check.add(" ".join((*filler[:300], items[5].question, *filler[300:])))
    result = check.result()
    (hit,) = result.facts["benchmarks"]["starter_vignette"]["hits"]
    assert (hit["row"], hit["item"], hit["match"]) == ("text 2", items[5].id, "exact")
    assert "1 of 2 texts contain questions of starter_vignette" in result.refusals[0]


def test_a_short_question_is_matched_word_for_word_and_one_too_short_is_counted():
    task = load_task("starter_recall")
    short = [item for item in load(task).items if 8 <= len(item.question.split()) < 12]
    assert short, "starter_recall has short questions"
    check = TextOverlap([task])
    check.add(f"He asked: {short[0].question.upper()} Nobody knew.")
    check.add("He asked: " + " ".join(short[0].question.split()[1:]))
    facts = check.result().facts["benchmarks"]["starter_recall"]
    assert [(hit["row"], hit["item"], hit["match"]) for hit in facts["hits"]] == [("text 1", short[0].id, "exact")]
    assert facts["too_short_for_text"] == sum(len(item.question.split()) < 8 for item in load(task).items)


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    """An empty folder in place of the benchmarks' data."""
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path))
    return tmp_path


def test_text_that_cannot_be_compared_with_a_benchmark_is_refused(no_data):
    check = TextOverlap([load_task("medqa"), load_task("starter_recall")])
    check.add("Aspirin is given first.")
    result = check.result()
    (refusal,) = result.refusals
    assert refusal.startswith("the 1 texts") and "medqa" in refusal
    assert f"no data in {no_data}" in refusal
    assert "evalsuite data pull --tasks medqa" in refusal and "EVALSUITE_DATA" in refusal
    unavailable = {name: facts["unavailable"] for name, facts in result.facts["benchmarks"].items()}
    assert unavailable["medqa"] in refusal and unavailable["starter_recall"] is None


@needs_data
def test_without_a_benchmarks_data_rows_are_refused_and_still_matched_by_its_item_lock(no_data):
    task = load_task("medqa")
    items = load(task, DATA).items[:5]
    result, facts = overlap("medqa", [row(task, item) for item in items])
    assert matches(facts) == {(item.id, "digest") for item in items}
    overlapping, unavailable = result.refusals
    assert "5 of 5 rows contain questions of medqa" in overlapping and "(5 digest)" in overlapping
    assert unavailable.startswith("the 5 rows") and facts["unavailable"] in unavailable


def test_the_tasks_of_all_stages_count_for_every_stage_each_once():
    stage = {
        "kind": "pretrain",
        "data": {"folder": "corpus"},
        "steps": 1,
        "batch": {"sequences": 1, "length": 8},
        "optimiser": {"learning_rate": 1e-3, "schedule": "constant"},
    }
    evaluated = [["starter_recall", "starter_vignette"], ["starter_vignette"], ["starter_recall"]]
    gates = [{}, {"tasks": ["starter_vignette", "starter_evidence"]}, {"tasks": ["starter_differential"]}]
    stages = [
        {**stage, "name": f"stage-{number}", "evaluation": {"tasks": tasks}, "gate": gate}
        for number, (tasks, gate) in enumerate(zip(evaluated, gates, strict=True))
    ]
    base = {"model": "x"}
    recipe = Recipe.model_validate(
        {"name": "r", "about": "-", "source": "-", "base": base, "lora": None, "stages": stages}
    )
    assert [task.name for task in gate_benchmarks(recipe)] == [
        "starter_recall",
        "starter_vignette",
        "starter_evidence",
        "starter_differential",
    ]


@needs_data
def test_the_other_half_of_pubmedqa_is_clean_for_one_task_and_not_for_the_other(monkeypatch):
    monkeypatch.setenv("EVALSUITE_DATA", str(DATA))
    task = load_task("pubmedqa")
    rows = [row(task, item) for item in load_split(task, "train")]
    assert overlap("pubmedqa", rows)[0].refusals == ()
    result, facts = overlap("pubmedqa_1000", rows)
    assert "500 of 500 rows contain questions of pubmedqa_1000" in result.refusals[0]
    assert sum(match == "digest" for _, match in matches(facts)) == 500


@needs_data
def test_rephrased_medqa_questions_in_its_train_split_are_matched(monkeypatch):
    """Seven pairs, confirmed by reading them: one scenario with other numbers or another last question."""
    monkeypatch.setenv("EVALSUITE_DATA", str(DATA))
    task = load_task("medqa")
    _, facts = overlap("medqa", [row(task, item) for item in load_split(task, "train")])
    pairs = {(hit["row"].removesuffix(" of train.jsonl").rpartition(":")[2], hit["item"]) for hit in facts["hits"]}
    same = {
        ("46", "767"),
        ("60", "46"),
        ("211", "94"),
        ("217", "1036"),
        ("393", "144"),
        ("771", "555"),
        ("897", "1185"),
    }
    assert same <= pairs and len(pairs) == 10
