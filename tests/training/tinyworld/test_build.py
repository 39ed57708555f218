"""The data sets: the same bytes from the same seed, valid manifests, true traces that parse to the gold label."""

import json
import re
from statistics import mean

import pytest

from evalsuite.data.load import load
from evalsuite.data.overlap.benchmark_items import read_benchmarks
from evalsuite.data.overlap.index import OverlapIndex
from evalsuite.parser import parse
from evalsuite.reward import StrictReward
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import BUILT_IN
from evalsuite.util.file_digest import sha256_of
from training.recipe import read_recipe
from training.tinyworld.benchmark import FILE, HARD, SEED, TASK, write_tasks
from training.tinyworld.build import ITEMS_PER_PATH, make_data
from training.tinyworld.graph import make_world
from training.tinyworld.paths import split_paths
from training.tinyworld.reading_benchmark import READING

WORLD = make_world(SEED)
SPLITS = split_paths(WORLD)
FACTS = {fact.sentence() for fact in WORLD.facts()}
SETS = ("base", "corpus", "traces", "questions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_data(folder, WORLD)
    return folder


def rows(folder, name, split="train"):
    return [json.loads(line) for line in (folder / name / f"{split}.jsonl").open()]


def test_the_same_seed_makes_the_same_bytes(folder, tmp_path):
    make_data(tmp_path, make_world(SEED))
    for file in sorted(folder.rglob("*.json*")):
        assert sha256_of(file) == sha256_of(tmp_path / file.relative_to(folder)), file


def test_the_bytes_are_those_of_the_published_results(folder):
    digests = {name: sha256_of(folder / name / "train.jsonl")[:16] for name in SETS}
    assert digests == {
        "base": "b32ebf8b90fcfed9",
        "corpus": "715546dee16c3324",
        "traces": "1724676ae9b23a8f",
        "questions": "65f7fb19962a049b",
    }


def test_no_row_has_an_item_of_the_worlds_benchmarks(folder):
    """All questions of the world have one of few frames; only an equal one, or a reworded one, is an item."""
    tasks = [load_task(name) for name in (TASK, HARD, READING)]
    index = OverlapIndex(read_benchmarks(tasks, splits=("test",)).questions)
    for name in SETS:
        prompts = [row["prompt"] for row in rows(folder, name)[:3000]]
        texts = name in ("base", "corpus")
        documents = [[prompt] if texts else prompt[0]["content"].splitlines() for prompt in prompts]
        assert not [m for m in index.search(documents, rows=not texts) if {"exact", "near"} & set(m.rules)], name


def test_another_seed_makes_other_items(tmp_path):
    for seed in (2, 3):
        write_tasks(tmp_path / str(seed), seed)
    assert sha256_of(tmp_path / "2" / TASK / FILE) != sha256_of(tmp_path / "3" / TASK / FILE)


@pytest.mark.parametrize("name", [TASK, HARD, READING])
def test_the_packages_benchmarks_are_of_world_1_and_those_of_other_worlds_differ_in_items_alone(tmp_path, name):
    for seed in (SEED, 2):
        write_tasks(tmp_path / str(seed), seed)
    assert sha256_of(tmp_path / str(SEED) / name / FILE) == sha256_of(BUILT_IN / name / FILE)
    packaged, other = load_task(name), load_task(name, tmp_path / "2" / name)
    assert (other.template, other.format, other.version) == (packaged.template, packaged.format, packaged.version)
    dataset = load(other)
    assert len(dataset.items) == other.items == packaged.items
    assert other.chance == pytest.approx(mean(1 / len(item.options) for item in dataset.items), abs=1e-4)


def test_a_world_writes_its_benchmarks_unless_the_package_has_them(folder, tmp_path):
    make_data(tmp_path, make_world(2))
    assert not (folder / "tasks").exists()
    assert {path.name for path in (tmp_path / "tasks").iterdir()} == {TASK, HARD, READING}


@pytest.mark.parametrize("name", SETS)
def test_manifests_describe_every_file(folder, name):
    manifest = json.loads((folder / name / "manifest.json").read_text())
    assert manifest["name"] == name
    assert {file["path"] for file in manifest["files"]} == {file.name for file in (folder / name).glob("*.jsonl")}
    for file in manifest["files"]:
        assert file["sha256"] == sha256_of(folder / name / file["path"])
        assert file["rows"] == len((folder / name / file["path"]).read_text().splitlines())


@pytest.mark.parametrize("split", ["train", "dev"])
def test_traces_state_facts_and_end_in_the_gold_label(folder, split):
    for row in rows(folder, "traces", split):
        text = row["completion"][0]["content"]
        assert parse(text, tuple(row["labels"])).strict.label == row["gold"]
        reasoning, _, answer = text.rpartition("So ")
        steps = re.findall(r"\w[^.]*\.", reasoning.removeprefix("First, "))
        assert set(steps) <= FACTS
        assert f"- {answer.splitlines()[0].rstrip('.')}" in row["prompt"][0]["content"].splitlines()


def test_the_prompts_of_traces_are_the_benchmarks(folder):
    prompt = TaskPrompt(load_task(TASK), "answer_tag")
    train_questions = {path.question() for path in SPLITS.paths["train"]}
    for row in rows(folder, "traces"):
        text = row["prompt"][0]["content"]
        assert text.splitlines()[0] in train_questions
        assert text.endswith(f" {', '.join(row['labels'][:-1])} or {row['labels'][-1]}.")
    assert prompt.format == row["format"]


def test_no_held_out_name_occurs_in_traces_or_questions(folder):
    held_out = SPLITS.held_out_names(WORLD)
    for name in ("traces", "questions"):
        for row in rows(folder, name):
            text = row["prompt"][0]["content"] + "".join(m["content"] for m in row.get("completion", []))
            assert not held_out & set(re.findall(r"\w+", text))


def test_the_corpus_states_every_fact_and_has_no_question_of_dev_or_test(folder):
    """Practice texts begin with random facts, and the answers to their questions follow from those."""
    texts = [row["prompt"] + row["completion"] for row in rows(folder, "corpus")]
    first = {text.splitlines()[0].removeprefix("Question: ") for text in texts}
    held_out = {path.question() for split in ("dev", "test") for path in SPLITS.paths[split]}
    assert first & {path.question() for path in SPLITS.paths["train"]}
    assert not first & held_out
    assert {text.strip() for text in texts} >= FACTS


def test_traces_and_questions_are_of_different_paths_and_all_tiers(folder):
    with_trace, others = ({row["prompt"][0]["content"].splitlines()[0] for row in rows(folder, n)} for n in SETS[2:])
    assert not with_trace & others
    train_questions = {path.question() for path in SPLITS.paths["train"]}
    assert with_trace | others <= train_questions
    assert len(with_trace | others) > 0.9 * len(train_questions)
    assert len(rows(folder, "traces")) == ITEMS_PER_PATH * len(with_trace)
    assert {row["tier"] for row in rows(folder, "questions")} == {"easy", "moderate", "difficult"}


def test_every_gold_label_of_the_questions_can_be_rewarded(folder):
    for row in rows(folder, "questions"):
        columns = {name: [row[name]] for name in ("gold", "labels", "format", "opens_reasoning")}
        assert StrictReward()(completions=[f"<answer>{row['gold']}</answer>"], **columns) == [1.0]


def test_the_recipe_expects_as_many_rows_as_are_generated(folder):
    sft, mining = (read_recipe("tiny").stage(name) for name in ("sft", "grpo-2"))
    assert sft.expects.rows == len(rows(folder, "traces"))
    assert mining.expects.rows == sum(row["tier"] in mining.tiers for row in rows(folder, "questions"))


def test_practice_texts_reveal_nothing_of_the_world(folder):
    """Their sentences are facts of the world no more often than by chance, 1 in the number of objects of a kind."""
    sentences = [step for row in rows(folder, "base") for step in re.findall(r"\w+ [a-z ]+ \w+\.", row["prompt"])]
    assert len(sentences) > 5000
    assert sum(sentence in FACTS for sentence in sentences) / len(sentences) < 0.05


def test_no_pretraining_text_has_the_context_of_a_reading_item(folder):
    contexts = {f" {text}" for item in load(load_task(READING)).items for _, text in item.context}
    assert not contexts & {row["prompt"].split("\n")[0] for name in SETS[:2] for row in rows(folder, name)}
