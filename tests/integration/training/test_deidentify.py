"""De-identification with its model: the command from file to manifest, and what the labelled sentences promise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.cli import main
from training.data.manifest import verify

pytestmark = pytest.mark.integration
pytest.importorskip("presidio_analyzer")
ROOT = Path(__file__).parents[3]
SENTENCE = (
    "Mrs. Jane Roe, 93 years old, MRN 4839201, seen on 03/14/2021 at St. Mary's Hospital, call 617-555-0123. "
    "She has Hashimoto thyroiditis and takes Humira."
)
CLEAN = (
    "Mrs. [NAME-1], 90 or older, MRN [MRN-1], seen on 2021 at [FACILITY-1], call [PHONE-1]. "
    "She has Hashimoto thyroiditis and takes Humira."
)


def written(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path: Path) -> list:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_command_writes_rows_masks_and_a_manifest_the_same_on_any_number_of_processes(tmp_path):
    rows = [{"id": n, "text": SENTENCE, "options": ["a", "b"]} for n in range(130)]
    rows[3] = {"id": 3, "text": "Dr. Hashimoto left.", "options": ["Hashimoto thyroiditis", "b"]}
    file = written(tmp_path / "in.jsonl", rows)
    for workers, out in (("1", "one"), ("2", "two")):
        arguments = ["--field", "text", "--options", "options", "--workers", workers, "--out", str(tmp_path / out)]
        assert main(["train", "deidentify", str(file), *arguments]) == 0
    one, two = tmp_path / "one", tmp_path / "two"
    made = verify(one).made_by
    kept = lines(one / "train.jsonl")
    assert [row["id"] for row in kept] == [n for n in range(130) if n != 3]
    assert {row["text"] for row in kept} == {CLEAN}
    assert lines(one / "review.jsonl") == [{"line": 4, "reason": "touches_option"}]
    assert made["masks_by_kind"] == {"age": 129, "date": 129, "facility": 129, "mrn": 129, "name": 130, "phone": 129}
    assert made["fields_not_read"] == ["id", "options"]
    masks = lines(one / "masks.jsonl")
    assert len(masks) == 130 and "Jane" not in (one / "masks.jsonl").read_text()
    assert [SENTENCE[each["start"] : each["end"]] for each in masks[0]["masks"]][:2] == ["Jane Roe", "93 years old"]
    assert all(CLEAN[each["new_start"] : each["new_end"]] == each["replacement"] for each in masks[0]["masks"])
    for name in ("train.jsonl", "masks.jsonl", "review.jsonl"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize("content", ["", "[]\n", "{\n", '{"text": 7}\n', '{"text": "a"}\n{"other": "b"}\n'])
def test_bad_rows_end_in_one_line_and_leave_no_folder(tmp_path, capsys, content):
    (tmp_path / "in.jsonl").write_text(content)
    arguments = [str(tmp_path / "in.jsonl"), "--field", "text", "--out", str(tmp_path / "out")]
    assert main(["train", "deidentify", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "[data_malformed]" in error
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.jsonl"]


def test_the_labelled_sentences_are_found_and_clinical_sentences_stay():
    run = [sys.executable, str(ROOT / "benchmarks" / "deidentification.py"), "--json"]
    printed = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    result = json.loads(printed.splitlines()[-1])
    for part, least in (("first", 0.99), ("second", 0.94), ("third", 0.91)):
        ours, theirs = result["ours"][part], result["presidio"][part]
        found, identifiers = ours["recall"]["all"]
        right, masks = ours["precision"]["all"]
        assert found / identifiers >= least and right / masks >= 0.98
        assert found > theirs["recall"]["all"][0]
        assert ours["clean sentences"][0] <= 1 < theirs["clean sentences"][0]
