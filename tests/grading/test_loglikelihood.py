"""Log-likelihood scoring: which option is chosen, calibration, and separate columns of a leaderboard."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.grading.loglikelihood import LoglikelihoodPrompt, LoglikelihoodTally, grade_by_loglikelihood
from evalsuite.models import make_backend, split_name
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task

LOGS = st.floats(-500, 0)


def item(gold="A", options=("aspirin", "a much longer option", "β"), name="1"):
    return Item(name, "Q?", options, tuple("ABCDE"[: len(options)]), gold)


def record(logs, name="1"):
    return ResponseRecord(name, 0, "", "", "stop", False, None, None, None, "", logs)


@given(st.lists(LOGS, min_size=3, max_size=3))
def test_the_likeliest_option_is_the_answer_in_both_parse_modes(logs):
    found = grade_by_loglikelihood(item(), record(logs))
    assert logs["ABC".index(found.strict.label)] == max(logs)
    assert found.strict.status == "ok" and found.strict == found.lenient
    assert found.strict.correct == (found.strict.label == "A")


def test_what_a_server_does_not_name_is_never_chosen():
    assert grade_by_loglikelihood(item("B"), record([None, -9.0, None])).strict.label == "B"
    none = grade_by_loglikelihood(item(), record([None, None, None])).strict
    assert (none.label, none.status, none.correct) == (None, "no_answer", False)


@pytest.mark.parametrize(
    "logs", [None, [], [-1.0, -2.0], [-1.0, -2.0, math.nan], [-1.0, "x", -2.0], "abc", [[1], 2, 3]]
)
def test_a_journal_line_without_a_sum_for_each_option_is_an_error(logs):
    with pytest.raises(RunError) as caught:
        grade_by_loglikelihood(item(), record(logs))
    assert caught.value.code is ErrorCode.JOURNAL_MALFORMED and "item 1" in str(caught.value)


def test_longer_options_are_helped_by_their_length_in_characters_and_in_bytes():
    # Sums favour A; per character B (20 of them); per byte B too, where β counts two.
    weights = LoglikelihoodTally([item("B")], "cloze")
    weights.add(item("B"), record([-7.0, -10.0, -1.5]))
    assert grade_by_loglikelihood(item("B"), record([-7.0, -10.0, -1.5])).strict.label == "C"
    summary = weights.summary()
    assert summary["accuracy_per_character"]["value"] == 1
    assert summary["accuracy_per_byte"]["value"] == 1
    greek = LoglikelihoodTally([item("C")], "cloze")
    greek.add(item("C"), record([-7.0, -15.0, -1.4]))
    summary = greek.summary()
    assert summary["accuracy_per_character"]["value"] == 0  # -1.4 a character against -0.75
    assert summary["accuracy_per_byte"]["value"] == 1  # -0.7 a byte against -0.75


def test_under_rotations_a_probability_stays_with_its_option():
    """The same log-likelihoods in each order of the options: equal confidence and accuracy, three responses each."""
    belief, plain, moved = (
        [-0.2, -2.0, -4.0],
        LoglikelihoodTally([item()], "loglikelihood"),
        LoglikelihoodTally([item()], "loglikelihood"),
    )
    plain.add(item(), record(belief))
    for rotation in range(3):
        shown = belief[rotation:] + belief[:rotation]
        moved.add(item(), ResponseRecord("1", 0, "", "", "stop", False, None, None, None, "", shown, rotation))
    one, three = (weights.summary()["calibration"] for weights in (plain, moved))
    assert (one["n"], three["n"]) == (1, 3)
    for name in ("ece", "brier"):
        assert three[name]["value"] == pytest.approx(one[name]["value"])


def test_unanswered_items_count_as_wrong_and_not_as_uncertain():
    items = [item("A", name=str(number)) for number in range(4)]
    weights = LoglikelihoodTally(items, "cloze")
    weights.add(items[0], record([-0.001, -30.0, -40.0], "0"))
    summary = weights.summary()
    assert summary["accuracy_per_character"]["value"] in (0, 0.25)
    assert summary["calibration"]["n"] == 1


def test_probabilities_are_the_softmax_over_the_options():
    logs = np.log([[0.2, 0.5, 0.3]]) - 40  # whatever else the model could have generated
    weights = LoglikelihoodTally([item("B")], "loglikelihood")
    weights.add(item("B"), record(logs[0].tolist()))
    expected = 0.2**2 + 0.5**2 + 0.3**2
    assert weights.summary()["calibration"]["brier"]["value"] == pytest.approx(expected, abs=1e-12)
    assert "accuracy_per_byte" not in weights.summary()
    json.dumps(weights.summary())


def test_letters_show_the_options_and_cloze_does_not():
    task = load_task("medqa")
    letters, cloze = LoglikelihoodPrompt(task, "loglikelihood"), LoglikelihoodPrompt(task, "cloze")
    (shown,) = letters.messages(item())
    # byte for byte what lm-eval's medqa_4options asks
    assert shown["content"] == "Question: Q?\nA. aspirin\nB. a much longer option\nC. β\nAnswer:"
    assert letters.continuations(item()) == ("A", "B", "C")
    assert cloze.messages(item(gold="C")) == cloze.messages(item(gold="A"))
    assert "aspirin" not in cloze.messages(item())[0]["content"]
    assert cloze.continuations(item()) == item().options
    assert len({letters.digest, cloze.digest, LoglikelihoodPrompt(task, "cloze", "Be brief.").digest}) == 3


@pytest.mark.parametrize("model", ["trivial/majority", "replay/x"])
def test_what_has_no_probabilities_refuses(model):
    prefix, name = split_name(model)
    with pytest.raises(UsageError) as caught:
        make_backend(prefix, BackendSettings(name, scoring="cloze"))
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_BACKEND


@pytest.mark.parametrize("more", [{"samples": 2}, {"format": "boxed"}])
def test_what_only_shapes_written_answers_is_refused(more):
    with pytest.raises(UsageError) as caught:
        RunSpec("hf", ("medqa",), BackendSettings("x", scoring="cloze"), **more)
    assert caught.value.code is ErrorCode.CONFLICTING_ARGUMENTS


@pytest.mark.parametrize("decoding", [Decoding(temperature=0.5), Decoding(max_tokens=9), Decoding(thinking_budget=5)])
def test_decoding_has_no_part_in_it(decoding):
    with pytest.raises(UsageError) as caught:
        RunSpec("hf", ("medqa",), BackendSettings("x", decoding=decoding, scoring="loglikelihood"))
    assert caught.value.code is ErrorCode.CONFLICTING_ARGUMENTS


def test_a_spec_survives_the_run_folder():
    spec = RunSpec("hf", ("medqa",), BackendSettings("x", scoring="cloze", chat_template=""))
    assert RunSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.fixture
def plain_server():
    """Address of a server that answers chats and returns no log-probabilities."""
    command = [sys.executable, str(Path(__file__).parents[2] / "benchmarks" / "zero_server.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()


@pytest.mark.parametrize("more", [["loglikelihood"], ["cloze", "--chat-template", "none"]])
def test_a_server_without_log_probabilities_is_an_error_of_one_line(plain_server, tmp_path, more):
    command = [
        sys.executable,
        "-m",
        "evalsuite",
        "run",
        "--model",
        "openai/bench",
        "--base-url",
        plain_server,
    ]
    command += ["--tasks", "starter_recall", "--out", str(tmp_path / "run"), "--scoring", *more]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "log" in done.stderr and "prob" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "run").exists()
