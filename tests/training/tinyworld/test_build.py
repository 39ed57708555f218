"""The data sets: the same bytes from the same seed, true manifests, traces that are true and read as the gold label."""

import json
import re
from statistics import mean

import pytest

from evalsuite.data.load import load
from evalsuite.parser import parse
from evalsuite.reward import StrictReward
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import BUILT_IN
from evalsuite.util.file_digest import sha256_of
from training.recipe import read_recipe
from training.tinyworld.benchmark import FILE, HARD, SEED, TASK, write_tasks
from training.tinyworld.build import DRAWS, make_data
from training.tinyworld.graph import make_world
from training.tinyworld.paths import split_paths
from training.tinyworld.reading_benchmark import READING

WORLD = make_world(SEED)
SPLITS = split_paths(WORLD)
FACTS = {fact.state() for fact in WORLD.facts()}
SETS = ("base", "corpus", "traces", "questions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("data")
    make_data(made, WORLD)
    return made


def rows(folder, name, split="train"):
    return [json.loads(line) for line in (folder / name / f"{split}.jsonl").open()]


def test_the_same_seed_makes_the_same_bytes(folder, tmp_path):
    make_data(tmp_path, make_world(SEED))
    for file in sorted(folder.rglob("*.json*")):
        assert sha256_of(file) == sha256_of(tmp_path / file.relative_to(folder)), file


def test_another_seed_makes_another_world_and_other_items(tmp_path):
    for seed in (2, 3):
        write_tasks(tmp_path / str(seed), seed)
    assert sha256_of(tmp_path / "2" / TASK / FILE) != sha256_of(tmp_path / "3" / TASK / FILE)


@pytest.mark.parametrize("name", [TASK, HARD, READING])
def test_the_package_s_benchmarks_are_world_1_and_another_s_differ_in_their_items_alone(tmp_path, name):
    for seed in (SEED, 2):
        write_tasks(tmp_path / str(seed), seed)
    assert sha256_of(tmp_path / str(SEED) / name / FILE) == sha256_of(BUILT_IN / name / FILE)
    own, other = load_task(name), load_task(name, tmp_path / "2" / name)
    assert (other.template, other.format, other.version) == (own.template, own.format, own.version)
    found = load(other)
    assert len(found.items) == other.items == own.items
    assert other.chance == pytest.approx(mean(1 / len(item.options) for item in found.items), abs=1e-4)


def test_a_world_brings_its_benchmarks_where_they_are_not_the_package_s(folder, tmp_path):
    make_data(tmp_path, make_world(2))
    assert not (folder / "tasks").exists()
    assert {path.name for path in (tmp_path / "tasks").iterdir()} == {TASK, HARD, READING}


@pytest.mark.parametrize("name", SETS)
def test_manifests_say_what_is_there(folder, name):
    manifest = json.loads((folder / name / "manifest.json").read_text())
    assert manifest["name"] == name
    assert {file["path"] for file in manifest["files"]} == {file.name for file in (folder / name).glob("*.jsonl")}
    for file in manifest["files"]:
        assert file["sha256"] == sha256_of(folder / name / file["path"])
        assert file["rows"] == len((folder / name / file["path"]).read_text().splitlines())


@pytest.mark.parametrize("split", ["train", "dev"])
def test_traces_tell_facts_and_end_in_the_gold_label(folder, split):
    for row in rows(folder, "traces", split):
        text = row["completion"][0]["content"]
        assert parse(text, tuple(row["labels"])).strict.label == row["gold"]
        reasoning, _, answer = text.rpartition("So ")
        steps = re.findall(r"\w[^.]*\.", reasoning.removeprefix("First, "))
        assert set(steps) <= FACTS
        assert f"- {answer.splitlines()[0].rstrip('.')}" in row["prompt"][0]["content"].splitlines()


def test_a_trace_s_prompt_is_the_benchmark_s(folder):
    prompt = TaskPrompt(load_task(TASK), "answer_tag")
    asked = {path.question() for path in SPLITS.paths["train"]}
    for row in rows(folder, "traces"):
        text = row["prompt"][0]["content"]
        assert text.splitlines()[0] in asked
        assert text.endswith(f" {', '.join(row['labels'][:-1])} or {row['labels'][-1]}.")
    assert prompt.format == row["format"]


def test_no_held_out_name_is_in_a_trace_or_a_question(folder):
    silent = SPLITS.silent(WORLD)
    for name in ("traces", "questions"):
        for row in rows(folder, name):
            said = row["prompt"][0]["content"] + "".join(m["content"] for m in row.get("completion", []))
            assert not silent & set(re.findall(r"\w+", said))


def test_the_corpus_asks_no_path_of_dev_or_test_and_tells_every_fact(folder):
    """Practice texts put made-up facts first, and what they then ask has a made-up answer."""
    texts = [row["prompt"] + row["completion"] for row in rows(folder, "corpus")]
    first = {text.splitlines()[0].removeprefix("Question: ") for text in texts}
    held = {path.question() for split in ("dev", "test") for path in SPLITS.paths[split]}
    assert first & {path.question() for path in SPLITS.paths["train"]}
    assert not first & held
    assert {text.strip() for text in texts} >= FACTS


def test_traces_and_questions_are_of_different_paths_and_all_tiers(folder):
    shown, asked = ({row["prompt"][0]["content"].splitlines()[0] for row in rows(folder, n)} for n in SETS[2:])
    assert not shown & asked
    known = {path.question() for path in SPLITS.paths["train"]}
    assert shown | asked <= known
    assert len(shown | asked) > 0.9 * len(known)
    assert len(rows(folder, "traces")) == DRAWS * len(shown)
    assert {row["tier"] for row in rows(folder, "questions")} == {"easy", "moderate", "difficult"}


def test_questions_can_be_paid(folder):
    for row in rows(folder, "questions"):
        columns = {name: [row[name]] for name in ("gold", "labels", "format", "opens_reasoning")}
        assert StrictReward()(completions=[f"<answer>{row['gold']}</answer>"], **columns) == [1.0]


def test_the_recipe_expects_the_rows_that_are_made(folder):
    sft, mining = (read_recipe("tiny").stage(name) for name in ("sft", "grpo-2"))
    assert sft.expects.rows == len(rows(folder, "traces"))
    assert mining.expects.rows == sum(row["tier"] in mining.tiers for row in rows(folder, "questions"))


def test_practice_tells_nothing_of_the_world(folder):
    """Of its sentences about as many are facts as chance makes so: 1 in the number of objects of a kind."""
    told = [step for row in rows(folder, "base") for step in re.findall(r"\w+ [a-z ]+ \w+\.", row["prompt"])]
    assert len(told) > 5000
    assert sum(step in FACTS for step in told) / len(told) < 0.05


def test_no_text_tells_what_an_item_of_reading_tells(folder):
    told = {f" {text}" for item in load(load_task(READING)).items for _, text in item.context}
    assert not told & {row["prompt"].split("\n")[0] for name in SETS[:2] for row in rows(folder, name)}
