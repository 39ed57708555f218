"""Data folders as datasets: whole, of their kind, and refused with file and line where they aren't."""

import json
from collections import Counter

import policies
import pytest
import staged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsuite.errors import DataError
from training.data import rows
from training.data.manifest import Manifest, describe, write_manifest

pytestmark = pytest.mark.integration


def load(folder, kind="sft", split="train"):
    return rows.load(folder, split, kind, folder / "cache")


def test_rows_come_as_they_stand_in_the_file(tmp_path):
    given = [staged.trace(number) for number in range(5)]
    staged.put(tmp_path / "traces", train=given, dev=given[:2])
    assert load(tmp_path / "traces").to_list() == given
    assert load(tmp_path / "traces", split="dev").to_list() == given[:2]


def question(**more):
    """A row of a question without a tier."""
    asked = {key: value for key, value in staged.trace(1).items() if key != "completion"}
    return asked | {"opens_reasoning": False, "task": "t"} | more


def test_a_question_has_the_columns_that_are_used_and_may_have_a_tier(tmp_path):
    staged.put(tmp_path / "questions", train=[question(tier="easy", ground_truth="{}", hops=3), question()])
    assert load(tmp_path / "questions", "grpo").to_list() == [question(tier="easy"), question(tier=None)]


@pytest.mark.parametrize(
    "more, said", [({}, "tier: Field required"), ({"tier": None}, "tier: Input should be 'easy', 'moderate' or")]
)
def test_a_stage_that_takes_some_tiers_needs_the_tier_of_each_row(tmp_path, more, said):
    staged.put(tmp_path / "questions", train=[question(tier="easy"), question(**more)])
    with pytest.raises(DataError, match=rf"questions/train\.jsonl:2: {said}"):
        load(tmp_path / "questions", "tiered")
    plain, tiered = policies.recipe("base", {}, {"name": "b", "tiers": ["easy"]}).stages
    assert (rows.kind_of(plain), rows.kind_of(tiered)) == ("grpo", "tiered")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gold": None}, "gold: Input should be a valid string"),
        ({"labels": []}, "labels: List should have at least 1 item"),
        ({"prompt": "as text"}, "prompt: Input should be a valid "),
        ({"completion": [{"role": "tool", "content": "x"}]}, "completion.0.role: Input should be"),
        ({"item": 7}, "item: Input should be a valid string"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(tmp_path, change, said):
    staged.put(tmp_path / "traces", train=[staged.trace(0), staged.trace(1) | change])
    with pytest.raises(DataError) as refused:
        load(tmp_path / "traces")
    assert f"traces/train.jsonl:2: {said}" in str(refused.value)


def test_pretraining_rows_are_all_of_one_shape(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}, {"prompt": "b", "completion": "c"}])
    with pytest.raises(DataError, match=r"train\.jsonl:2: text: Field required"):
        load(tmp_path / "corpus", "pretrain")


def test_a_line_that_is_no_json_is_named(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}])
    with (tmp_path / "corpus" / "train.jsonl").open("a") as file:
        file.write("{\n")
    manifest = rewritten(tmp_path / "corpus", 2)
    assert manifest["files"][0]["rows"] == 2
    with pytest.raises(DataError, match=r"train\.jsonl:2: row: Invalid JSON"):
        load(tmp_path / "corpus", "pretrain")


def test_a_number_of_rows_that_is_not_the_manifests_is_refused(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}])
    rewritten(tmp_path / "corpus", 5)
    with pytest.raises(DataError, match="1 rows, but the manifest says 5"):
        load(tmp_path / "corpus", "pretrain")


def rewritten(folder, count):
    write_manifest(
        folder,
        Manifest(name="x", about="-", licence="-", files=describe(folder, [("train.jsonl", count)])),
    )
    return json.loads((folder / "manifest.json").read_text())


def test_other_bytes_than_the_manifests_are_refused(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}])
    (tmp_path / "corpus" / "train.jsonl").write_text('{"text": "b"}\n')
    with pytest.raises(DataError, match="its bytes are not those of the manifest"):
        load(tmp_path / "corpus", "pretrain")


def test_a_split_that_the_manifest_does_not_name_is_refused(tmp_path):
    staged.put(tmp_path / "corpus", train=[{"text": "a"}])
    (tmp_path / "corpus" / "dev.jsonl").write_text('{"text": "b"}\n')
    with pytest.raises(DataError, match=r"names no dev\.jsonl"):
        load(tmp_path / "corpus", "pretrain", "dev")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(items=st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30), count=st.integers(1, 12))
def test_held_out_rows_are_whole_items_and_as_many_as_asked(items, count):
    from datasets import Dataset

    given = Dataset.from_list([{"item": item, "row": row} for row, item in enumerate(items)])
    most = max(Counter(items).values())
    try:
        train, held = rows.hold_out(given, count, seed=1)
    except DataError:
        assert len(items) <= count + most
        return
    assert sorted([*train["row"], *held["row"]]) == list(range(len(items)))
    assert not set(train["item"]) & set(held["item"])
    assert count <= len(held) < count + most
    again = rows.hold_out(given, count, seed=1)
    assert (again[0]["row"], again[1]["row"]) == (train["row"], held["row"])
