"""Training data that holds a benchmark's questions is refused with numbers and examples, however it is found."""

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
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data")


def row(task, item, item_id=None, named=True):
    """The item as training asks it."""
    prompt = TaskPrompt(task, task.format).messages(item)
    return CheckedRow(item_id or item.id, prompt, item.gold, item.labels, task.format, task=task.name if named else "")


def overlap(judge, rows):
    check = RowOverlap([load_task(judge)])
    for each in rows:
        check.take(each)
    finding = check.finding()
    return finding, finding.facts["benchmarks"][judge]


def ways(facts):
    return {(hit["row"].removesuffix(" of train.jsonl"), hit["way"]) for hit in facts["hits"]}


@pytest.mark.parametrize("name", STARTER)
def test_every_item_is_read_back_from_its_prompt(name):
    task = load_task(name)
    for item in load(task).items:
        read = PromptItemReader([name]).read(row(task, item, named=False))
        assert replace(item, meta={}, group="") in [replace(each, meta={}, group="") for each in read]


def test_no_item_is_read_from_a_prompt_that_no_template_makes():
    said = ({"role": "user", "content": "Which is it?\n\nA. this\nB. that"},)
    assert PromptItemReader(STARTER).read(CheckedRow("x", said, "A", ("A", "B"), "answer_tag")) == []


@pytest.mark.parametrize("name", STARTER)
def test_test_items_are_found_by_their_digest_and_by_their_question(name):
    task = load_task(name)
    items = load(task).items
    finding, facts = overlap(name, [row(task, item) for item in items])
    assert {(item.id, "locked") for item in items} | {(item.id, "same") for item in items} <= ways(facts)
    assert f"{len(items)} of {len(items)} rows hold questions of {name}" in finding.refusals[0]


def test_another_id_and_another_order_of_the_options_hide_nothing():
    task = load_task("starter_vignette")
    item = load(task).items[3]
    moved = replace(item, options=item.options[::-1])
    _, facts = overlap("starter_vignette", [row(task, moved, "mine-1")])
    assert ("mine-1", "same") in ways(facts)


def test_a_reworded_question_is_a_near_duplicate():
    task = load_task("starter_vignette")
    item = load(task).items[0]
    words = item.question.split()
    words[len(words) // 2] = "somewhat"
    _, facts = overlap("starter_vignette", [row(task, replace(item, question=" ".join(words)), "mine-1")])
    assert ways(facts) == {("mine-1", "near")}
    assert facts["hits"][0]["item"] == item.id


def test_rows_that_choose_what_is_kept_are_looked_at_and_named_by_their_file():
    task = load_task("starter_recall")
    clean, held = row(load_task("starter_vignette"), load(load_task("starter_vignette")).items[0]), load(task).items[0]
    finding, facts = overlap("starter_recall", [clean, row(task, held)._replace(file="dev.jsonl")])
    assert {hit["row"] for hit in facts["hits"]} == {f"{held.id} of dev.jsonl"}
    assert "1 of 2 rows hold questions of starter_recall, by which the recipe is judged (1 same" in finding.refusals[0]
    assert f"such as {held.id} of dev.jsonl its item {held.id}" in finding.refusals[0]


def test_other_items_pass():
    task = load_task("starter_recall")
    finding, facts = overlap("starter_vignette", [row(task, item) for item in load(task).items])
    assert (finding.refusals, facts["hits"]) == ((), [])
    assert finding.facts == {**finding.facts, "rows": 20, "read_back": 20}


def test_questions_are_found_in_text():
    items = load(load_task("starter_vignette")).items
    check = TextOverlap([load_task("starter_vignette")])
    filler = [
        word for item in load(load_task("starter_evidence")).items for _, text in item.context for word in text.split()
    ]
    random.Random(0).shuffle(filler)
    check.take(" ".join(filler))
    check.take(" ".join((*filler[:300], items[5].question, *filler[300:])))
    finding = check.finding()
    (hit,) = finding.facts["benchmarks"]["starter_vignette"]["hits"]
    assert (hit["row"], hit["item"], hit["way"]) == ("text 2", items[5].id, "near")
    assert "1 of 2 texts hold questions of starter_vignette" in finding.refusals[0]


def test_a_short_question_is_found_in_text_word_for_word_and_one_too_short_is_counted():
    task = load_task("starter_recall")
    short = [item for item in load(task).items if 8 <= len(item.question.split()) < 12]
    assert short, "starter_recall has short questions"
    check = TextOverlap([task])
    check.take(f"He asked: {short[0].question.upper()} Nobody knew.")
    check.take("He asked: " + " ".join(short[0].question.split()[1:]))
    facts = check.finding().facts["benchmarks"]["starter_recall"]
    assert [(hit["row"], hit["item"], hit["way"]) for hit in facts["hits"]] == [("text 1", short[0].id, "same")]
    assert facts["too_short_for_text"] == sum(len(item.question.split()) < 8 for item in load(task).items)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A folder without any benchmark's data, in place of the real one."""
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path))
    return tmp_path


def test_text_that_can_be_compared_with_nothing_is_refused(nowhere):
    check = TextOverlap([load_task("medqa"), load_task("starter_recall")])
    check.take("Aspirin is given first.")
    finding = check.finding()
    (refusal,) = finding.refusals
    assert "the 1 texts can't be compared with medqa, by which the recipe is judged" in refusal
    assert f"no data in {nowhere}" in refusal
    assert "evalsuite data pull --tasks medqa" in refusal and "EVALSUITE_DATA" in refusal
    unchecked = {name: facts["unchecked"] for name, facts in finding.facts["benchmarks"].items()}
    assert unchecked["medqa"] in refusal and unchecked["starter_recall"] is None


@needs_data
def test_without_a_benchmarks_data_rows_are_refused_and_its_lock_file_still_tells(nowhere):
    task = load_task("medqa")
    items = load(task, DATA).items[:5]
    finding, facts = overlap("medqa", [row(task, item) for item in items])
    assert ways(facts) == {(item.id, "locked") for item in items}
    held, absent = finding.refusals
    assert "5 of 5 rows hold questions of medqa" in held and "(5 locked)" in held
    assert "the 5 rows can't be compared with medqa" in absent


def test_every_task_of_the_recipe_judges_each_stage_once():
    stage = {
        "kind": "pretrain",
        "data": {"folder": "corpus"},
        "steps": 1,
        "batch": {"sequences": 1, "length": 8},
        "optimiser": {"learning_rate": 1e-3, "schedule": "constant"},
    }
    asked = [["starter_recall", "starter_vignette"], ["starter_vignette"], ["starter_recall"]]
    gates = [{}, {"tasks": ["starter_vignette", "starter_evidence"]}, {"tasks": ["starter_differential"]}]
    stages = [
        {**stage, "name": f"stage-{number}", "evaluation": {"tasks": tasks}, "gate": gate}
        for number, (tasks, gate) in enumerate(zip(asked, gates, strict=True))
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
    finding, facts = overlap("pubmedqa_1000", rows)
    assert "500 of 500 rows hold questions of pubmedqa_1000" in finding.refusals[0]
    assert sum(way == "locked" for _, way in ways(facts)) == 500


@needs_data
def test_rephrased_medqa_questions_in_its_train_split_are_found(monkeypatch):
    """Two pairs that a reader confirms: one scenario, the numbers or the last question changed."""
    monkeypatch.setenv("EVALSUITE_DATA", str(DATA))
    task = load_task("medqa")
    _, facts = overlap("medqa", [row(task, item) for item in load_split(task, "train")])
    found = {(hit["row"].removesuffix(" of train.jsonl").rpartition(":")[2], hit["item"]) for hit in facts["hits"]}
    assert found == {("60", "46"), ("771", "555")}
