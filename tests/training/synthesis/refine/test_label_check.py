"""The label check against a real server: each planted behaviour ends where it should, and a kill costs nothing."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalsuite.cli import main
from evalsuite.errors import ErrorCode
from evalsuite.models.redaction import KEY_VARIABLES
from tests.models.fault_server import FaultServer, half_body, hang
from tests.training.synthesis.refine.planted import in_turn, number_of, read_rows, refuses, row, says, write_rows
from training.data.manifest import verify

ROOT = Path(__file__).parents[4]
RIGHT, WRONG, LOOSE = "<answer>B</answer>", "Thus it is C.\n<answer>C</answer>", "The correct answer is B."
FILES = ("train.jsonl", "review.jsonl", "rejected.jsonl", "questions/items.jsonl", "proofs.jsonl", "manifest.json")


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def arguments(file: Path, out: Path, server: FaultServer) -> list[str]:
    options = ["--validator", "openai/m", "--base-url", server.url, "--concurrency", "8", "--max-tokens", "64"]
    return ["train", "refine", str(file), "--licence", "ours", "--out", str(out), *options]


def by_id(rows: list[dict]) -> dict[str, dict]:
    return {each["item"]["id"] if isinstance(each["item"], dict) else each["item"]: each for each in rows}


def plan():
    """What happens to the request of each question; a new plan for each server."""
    behaviours = {
        0: says(RIGHT),
        1: says(WRONG),
        2: in_turn(RIGHT, WRONG, WRONG, WRONG, WRONG),
        3: says(LOOSE),
        4: refuses(),
        5: says("I don't know."),
        6: says(RIGHT),
        7: in_turn(RIGHT, WRONG, RIGHT, WRONG, RIGHT),
    }
    return lambda prompt, attempt: (
        half_body() if (number_of(prompt), attempt) in {(6, n) for n in range(1, 6)} else behaviours[number_of(prompt)]
    )


def by_seed(prompt: str, attempt: int):
    """A right or a wrong answer, or none, always the same to the same request."""
    return (says(RIGHT), says(WRONG), says(RIGHT, WRONG), says("I don't know.", RIGHT, WRONG))[number_of(prompt) % 4]


def test_every_planted_behaviour_ends_in_its_place(tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [row(n, tier="easy") for n in range(8)])
    with FaultServer(plan()) as server:
        assert main(arguments(file, tmp_path / "out", server)) == 0
    items = {each["id"]: each["meta"] for each in read_rows(tmp_path / "out" / "questions" / "items.jsonl")}
    assert {name: (meta["passed"], meta["measured_tier"]) for name, meta in items.items()} == {
        "q000": ("5/5", "easy"),
        "q002": ("1/5", "difficult"),
        "q003": ("5/5", "easy"),
        "q006": ("5/5", "easy"),
        "q007": ("3/5", "moderate"),
    }
    assert {meta["tier"] for meta in items.values()} == {"easy"}
    review = by_id(read_rows(tmp_path / "out" / "review.jsonl"))
    assert {name: each["reason"] for name, each in review.items()} == {
        "q001": "never_right",
        "q004": "no_valid_answer",
        "q005": "no_valid_answer",
    }
    assert review["q001"]["answers"] == {"C": 5} and [t["text"] for t in review["q001"]["trials"]] == [WRONG] * 5
    assert review["q004"]["answers"] == {"refused": 5} and review["q005"]["answers"] == {"no_answer": 5}
    manifest = verify(tmp_path / "out")
    assert [(f.name, f.kept, f.dropped) for f in manifest.filters] == [("format", 8, 0), ("label check", 5, 3)]
    assert manifest.made_by["passed"] == {"0/5": 3, "1/5": 1, "3/5": 1, "5/5": 3}
    assert {each["tier"] for each in read_rows(tmp_path / "out" / "train.jsonl")} == {"easy"}


def test_rows_take_the_measured_tier_where_that_is_requested(tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [row(n, tier="easy") for n in (0, 2, 7)])
    with FaultServer(plan()) as server:
        assert main([*arguments(file, tmp_path / "out", server), "--tiers", "measured"]) == 0
    assert [each["tier"] for each in read_rows(tmp_path / "out" / "train.jsonl")] == ["easy", "difficult", "moderate"]


def test_the_five_trials_of_a_question_are_five_requests_with_seeds_of_their_own(tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [row(0)])
    with FaultServer(plan()) as server:
        assert main(arguments(file, tmp_path / "out", server)) == 0
    sent = [(each.body["seed"], each.body["temperature"]) for each in server.requests if "Question 0" in each.item]
    assert len({seed for seed, _ in sent}) == 5 and {temperature for _, temperature in sent} == {0.7}


def test_a_question_that_hangs_is_reviewed_and_requested_again(tmp_path, capsys):
    file = write_rows(tmp_path / "rows.jsonl", [row(0), row(1)])
    out = tmp_path / "out"
    with FaultServer(lambda prompt, _: hang() if number_of(prompt) == 1 else says(RIGHT)) as server:
        command = [*arguments(file, out, server), "--model-arg", "timeout=0.2"]
        assert main(command) == 1
    assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.RUN_INCOMPLETE}]")
    assert by_id(read_rows(out / "review.jsonl"))["q001"]["reason"] == "not_answered"
    assert verify(out).made_by["trials_without_response"] == 5
    with FaultServer(lambda *_: says(RIGHT), port=server.port) as again:
        assert main(command) == 0
    assert {number_of(each.item) for each in again.requests} <= {1} and len(again.requests) == 5
    assert read_rows(out / "review.jsonl") == [] and len(read_rows(out / "train.jsonl")) == 2


def test_equal_trials_are_refused(tmp_path, capsys):
    file = write_rows(tmp_path / "rows.jsonl", [row(0)])
    with FaultServer(plan()) as server:
        assert main([*arguments(file, tmp_path / "out", server), "--temperature", "0"]) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.CONFLICTING_ARGUMENTS}]")
    assert server.requests == []


def test_a_killed_check_goes_on_and_comes_to_the_same_files(tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [row(n) for n in range(8)])
    with FaultServer(by_seed) as server:
        assert main(arguments(file, tmp_path / "whole", server)) == 0
        assert len(server.requests) == 40

    def stalls(prompt: str, attempt: int):
        return hang() if sum(stalled.answered.values()) >= 10 else by_seed(prompt, attempt)

    with FaultServer(stalls) as stalled:
        command = arguments(file, tmp_path / "killed", stalled)
        process = subprocess.Popen([sys.executable, "-m", "evalsuite", *command], cwd=ROOT, stderr=subprocess.DEVNULL)
        journal = tmp_path / "killed" / "validation" / "responses" / "questions.jsonl"
        deadline = time.monotonic() + 60
        while not (journal.exists() and journal.read_bytes().count(b"\n") >= 10):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        stored = journal.read_bytes().count(b"\n")
    assert not (tmp_path / "killed" / "manifest.json").exists()
    with FaultServer(by_seed, port=stalled.port) as server:
        assert main(command) == 0
        assert len(server.requests) == 40 - stored
    for name in FILES:
        ours, theirs = ((tmp_path / folder / name).read_text() for folder in ("killed", "whole"))
        assert ours.replace('"killed"', '"whole"') == theirs, name


def test_another_validator_in_the_same_folder_is_refused(tmp_path, capsys):
    file = write_rows(tmp_path / "rows.jsonl", [row(0)])
    command = ["train", "refine", str(file), "--licence", "ours", "--out", str(tmp_path / "out"), "--validator"]
    assert main([*command, "trivial/first"]) == 1  # it is never right, so nothing is kept
    assert main([*command, "trivial/longest"]) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.RUN_MISMATCH}]")


@pytest.mark.parametrize(
    ("model", "code"), [("nothing/m", ErrorCode.UNKNOWN_BACKEND), ("nothing", ErrorCode.UNKNOWN_MODEL)]
)
def test_a_model_that_no_backend_has_leaves_no_folder(tmp_path, capsys, model, code):
    file = write_rows(tmp_path / "rows.jsonl", [row(0)])
    out = tmp_path / "out"
    assert main(["train", "refine", str(file), "--licence", "ours", "--out", str(out), "--validator", model]) == 2
    error = capsys.readouterr().err
    assert error.rstrip().endswith(f"[{code}]") and "--validator" in error and not out.exists()


def test_a_context_is_shown_to_the_validator_and_kept(tmp_path):
    context = {"headings": ["Methods"], "texts": ["Forty dogs were seen."]}
    file = write_rows(tmp_path / "rows.jsonl", [row(0, context=context)])
    with FaultServer(plan()) as server:
        assert main(arguments(file, tmp_path / "out", server)) == 0
    assert all("Methods: Forty dogs were seen." in each.item for each in server.requests if "Question" in each.item)
    (kept,) = read_rows(tmp_path / "out" / "questions" / "items.jsonl")
    (trained,) = read_rows(tmp_path / "out" / "train.jsonl")
    assert kept["context"] == context and "Forty dogs" in trained["prompt"][0]["content"]
