"""Data folders loaded as datasets: complete, of the stage's schema, and otherwise refused with file and line."""

import json
import subprocess
import sys
from collections import Counter

import policies
import pytest
import staged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsuite.errors import DataError, ErrorCode
from training.data import rows
from training.data.manifest import Manifest, describe, write_manifest

pytestmark = pytest.mark.integration


def load(folder, kind="sft", split="train"):
    return rows.load(folder, split, kind, folder / "cache")


def refused(folder, kind="sft", split="train", code=ErrorCode.TRAINING_DATA_MALFORMED):
    """Return the message with which a folder is refused."""
    with pytest.raises(DataError) as caught:
        load(folder, kind, split)
    assert caught.value.code is code
    return str(caught.value)


def test_rows_are_loaded_as_they_are_in_the_file(tmp_path):
    traces = [staged.trace(number) for number in range(5)]
    staged.put(tmp_path / "traces", train=traces, dev=traces[:2])
    assert load(tmp_path / "traces").to_list() == traces
    assert load(tmp_path / "traces", split="dev").to_list() == traces[:2]


def question(**more):
    """Return a row for grpo without a tier."""
    row = {key: value for key, value in staged.trace(1).items() if key != "completion"}
    return row | {"opens_reasoning": False, "task": "t"} | more


def test_a_question_has_the_columns_of_its_schema_and_an_optional_tier(tmp_path):
    staged.put(tmp_path / "questions", train=[question(tier="easy", ground_truth="{}", hops=3), question()])
    assert load(tmp_path / "questions", "grpo").to_list() == [question(tier="easy"), question(tier=None)]


@pytest.mark.parametrize("more", [{}, {"tier": None}])
def test_a_stage_that_selects_tiers_needs_the_tier_of_each_row(tmp_path, more):
    staged.put(tmp_path / "questions", train=[question(tier="easy"), question(**more)])
    assert "questions/train.jsonl:2: tier: " in refused(tmp_path / "questions", "tiered")
    plain, tiered = policies.recipe("base", {}, {"name": "b", "tiers": ["easy"]}).stages
    assert (rows.kind_of(plain), rows.kind_of(tiered)) == ("grpo", "tiered")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"gold": None}, "gold"),
        ({"labels": []}, "labels"),
        ({"prompt": "as text"}, "prompt"),
        ({"completion": [{"role": "tool", "content": "x"}]}, "completion.0.role"),
        ({"item": 7}, "item"),
    ],
)
def test_a_malformed_row_is_named_by_file_line_and_field(tmp_path, change, field):
    staged.put(tmp_path / "traces", train=[staged.trace(0), staged.trace(1) | change])
    assert f"traces/train.jsonl:2: {field}: " in refused(tmp_path / "traces")


def test_pretraining_rows_all_have_the_schema_of_the_first(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}, {"prompt": "b", "completion": "c"}])
    assert "train.jsonl:2: text: " in refused(tmp_path / "corpus", "pretrain")


def test_a_line_that_is_not_json_is_named(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}])
    with (tmp_path / "corpus" / "train.jsonl").open("a") as file:
        file.write("{\n")
    manifest = rewrite_manifest(tmp_path / "corpus", 2)
    assert manifest["files"][0]["rows"] == 2
    assert "train.jsonl:2: row: " in refused(tmp_path / "corpus", "pretrain")


def test_a_number_of_rows_other_than_the_manifests_is_refused(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}])
    rewrite_manifest(tmp_path / "corpus", 5)
    message = refused(tmp_path / "corpus", "pretrain", code=ErrorCode.INVALID_MANIFEST)
    assert "1 rows" in message and "5" in message


def rewrite_manifest(folder, count):
    write_manifest(
        folder,
        Manifest(name="x", about="-", licence="-", files=describe(folder, [("train.jsonl", count)])),
    )
    return json.loads((folder / "manifest.json").read_text())


def test_other_bytes_than_the_manifests_are_refused(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}])
    (tmp_path / "corpus" / "train.jsonl").write_text('{"text": "b"}\n')
    message = refused(tmp_path / "corpus", "pretrain", code=ErrorCode.TRAINING_DATA_CHANGED)
    assert str(tmp_path / "corpus" / "train.jsonl") in message


def test_a_split_that_the_manifest_does_not_name_is_refused(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}])
    (tmp_path / "corpus" / "dev.jsonl").write_text('{"text": "b"}\n')
    assert "dev.jsonl" in refused(tmp_path / "corpus", "pretrain", "dev", ErrorCode.INVALID_MANIFEST)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(items=st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30), count=st.integers(1, 12))
def test_dev_rows_that_are_split_off_are_complete_items_and_as_many_as_requested(items, count):
    from datasets import Dataset

    dataset = Dataset.from_list([{"item": item, "row": row} for row, item in enumerate(items)])
    most = max(Counter(items).values())
    try:
        train, dev = rows.split_off_dev(dataset, count, seed=1)
    except DataError:
        assert len(items) <= count + most
        return
    assert sorted([*train["row"], *dev["row"]]) == list(range(len(items)))
    assert not set(train["item"]) & set(dev["item"])
    assert count <= len(dev) < count + most
    again = rows.split_off_dev(dataset, count, seed=1)
    assert (again[0]["row"], again[1]["row"]) == (train["row"], dev["row"])


READ_AGAIN = """
import sys
from pathlib import Path
from training.data import rows
rows.parse_rows = None  # nothing may be parsed a second time
print(len(rows.load(Path(sys.argv[1]), "train", "sft", Path(sys.argv[2]))))
"""


def test_rows_are_parsed_once_per_cache_also_by_another_process(tmp_path):
    """Preflight writes the cache in one process, and training reads it in another."""
    staged.put(tmp_path / "traces", train=[staged.trace(number) for number in range(5)])
    command = [sys.executable, "-c", READ_AGAIN, str(tmp_path / "traces")]
    rows.load(tmp_path / "traces", "train", "sft", tmp_path / "cache")
    again = subprocess.run([*command, str(tmp_path / "cache")], capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (0, "5\n"), again.stderr
    other = subprocess.run([*command, str(tmp_path / "other")], capture_output=True, text=True, check=False)
    assert other.returncode != 0, "without the cache the rows have to be parsed"
