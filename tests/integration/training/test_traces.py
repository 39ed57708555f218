"""Traces of a scripted teacher on loopback: every planted fault ends under its verdict, every good trace is kept."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from scripted_teacher import REASONING, Teacher, answer, plain

from evalsuite.cli import main
from evalsuite.reward import StrictReward
from training.data import rows
from training.data.manifest import verify

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.integration
GOLD = "B"


def once(first):
    """A fault of the connection at the first request, and a good answer after it."""
    return lambda name, number: first if number == 0 else plain(name)


def always(message):
    return lambda name, number: dict(message) if isinstance(message, dict) else message(name)


def adding(text, before=""):
    """A good reasoning with one more sentence behind or before it."""
    return lambda name, number: plain(name, reasoning=f"{before}{REASONING.format(name=name)} {text}")


GOOD = {
    "yew": adding("The dose is 15 mg/kg * 70 kg = 1050 mg."),
    "amber": always(plain),
    "basalt": always(lambda name: {"content": f"<think>\n{REASONING.format(name=name)}\n</think>\n\n{answer(GOLD)}"}),
    "chalk": always(lambda name: {"content": answer(GOLD), "reasoning_content": REASONING.format(name=name)}),
    "dune": always(lambda name: plain(name, final=f"So the final answer is:\n{answer(GOLD)}")),
    "ember": once(429),
    "fen": once("half"),
    "gravel": once(500),
}
FAULTS = {
    "heath": ("wrong_answer", always(lambda name: plain(name, "C"))),
    "inlet": ("several_answers", always(lambda name: plain(name, final=f"{answer('A')} or {answer('B')}"))),
    "jade": ("no_answer", always(lambda name: plain(name, final="It is A or B; I am not sure."))),
    "kelp": ("refused", always({"content": "I'm sorry, but I can't help with medical questions."})),
    "lava": ("refused", always({"content": "", "finish": "content_filter"})),
    "moss": ("truncated", always(lambda name: {"content": REASONING.format(name=name), "finish": "length"})),
    "nook": ("empty", always({"content": ""})),
    "opal": ("reasoning_unclosed", always(lambda name: {"content": f"<think>{REASONING.format(name=name)}"})),
    "peat": ("not_a_label", always(lambda name: plain(name, "Z"))),
    "reed": ("too_short", always(lambda name: plain(name, reasoning="It is meningitis."))),
    "sand": ("repetition", always(lambda name: plain(name, reasoning=REASONING * 4))),
    "tide": (
        "unbalanced_marks",
        always(
            lambda name: {"content": answer(GOLD), "reasoning_content": f"{REASONING.format(name=name)} </think> So."}
        ),
    ),
    "umber": ("wrong_arithmetic", adding("The dose is 15 mg/kg * 70 kg = 1500 mg.")),
    "willow": ("unlike_units", adding("In all that is 2 mg/dL + 3 mmol/L = 5 mg/dL.")),
    "vale": ("no_reasoning", always({"content": answer(GOLD)})),
}
SCRIPT = GOOD | {name: script for name, (_, script) in FAULTS.items()}
OPTIONS = {"A": "Pneumonia", "B": "Meningitis", "C": "Pyelonephritis", "D": "Gout"}


def questions(path, names):
    text = "Which diagnosis is the most likely one in case {}, with fever for two days and a stiff neck?"
    lines = [{"id": name, "question": text.format(name), "options": OPTIONS, "answer": GOLD} for name in names]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def source(tmp_path):
    return [str(questions(tmp_path / "questions.jsonl", SCRIPT)), "--licence", "made here"]


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def traces(source, teacher, out, *options):
    return main(["train", "traces", *source, *teacher.arguments(), "--out", str(out), *options])


def test_every_fault_has_its_verdict_and_every_good_trace_is_kept(source, tmp_path):
    out = tmp_path / "traces"
    with Teacher(SCRIPT) as teacher:
        assert traces(source, teacher, out) == 0
        sent = teacher.requested.total()
        assert traces(source, teacher, out) == 0
        assert teacher.requested.total() == sent
    discarded = {row["item"]: row["reason"] for row in read(out / "discarded.jsonl")}
    assert discarded == {name: reason for name, (reason, _) in FAULTS.items()}
    kept = read(out / "train.jsonl")
    assert {row["item"] for row in kept} == set(GOOD)
    for row in kept:
        more = " The dose is 15 mg/kg * 70 kg = 1050 mg." if row["item"] == "yew" else ""
        expected = f"<think>\n{REASONING.format(name=row['item'])}{more}\n</think>\n\n{answer(GOLD)}"
        assert row["completion"] == [{"role": "assistant", "content": expected}]
    wrong = next(row for row in read(out / "discarded.jsonl") if row["item"] == "heath")
    assert wrong["label"] == "C" and wrong["gold"] == GOLD
    manifest = verify(out)
    assert {each.name: each.dropped for each in manifest.filters} == {
        reason: sum(value == reason for value in discarded.values()) for reason in discarded.values()
    }


LEAKS = {
    "amber": (None, always(plain)),
    "basalt": ("answer_was_shown", adding("As given, the correct answer is B.")),
    "chalk": ("answer_was_shown", adding("The correct answer is stated to be meningitis.")),
    "dune": ("answer_before_evidence", adding("", before="B is correct. ")),
    "ember": ("wrong_answer", always(lambda name: plain(name, "D"))),
}


def test_a_teacher_that_is_shown_the_answer_must_not_give_that_away(tmp_path):
    source = [str(questions(tmp_path / "questions.jsonl", LEAKS)), "--licence", "made here", "--mode", "gold"]
    with Teacher({name: script for name, (_, script) in LEAKS.items()}) as teacher:
        assert traces(source, teacher, tmp_path / "traces") == 0
    assert all("B (Meningitis)" in prompt[0]["content"] for prompt in teacher.prompts)
    discarded = {row["item"]: row["reason"] for row in read(tmp_path / "traces" / "discarded.jsonl")}
    assert discarded == {name: reason for name, (reason, _) in LEAKS.items() if reason}
    (kept,) = read(tmp_path / "traces" / "train.jsonl")
    assert kept["item"] == "amber" and "B (Meningitis)" not in kept["prompt"][0]["content"]


@pytest.mark.parametrize("student", ["think", "harmony", "gemma4", "none"])
def test_the_rows_are_those_of_an_sft_stage_whatever_the_marks(source, tmp_path, student):
    out = tmp_path / "traces"
    with Teacher(SCRIPT) as teacher:
        assert traces(source, teacher, out, "--student", student, "--limit", "4") == 0
    reward = StrictReward()
    found = list(rows.read(out, "train", "sft"))
    assert len(found) == 4
    for row in found:
        text = row.completion[0].content
        assert reward.score(text, row.gold, row.labels, None, row.format) == 1.0
        assert REASONING.format(name=row.item) in text
    conversation = read(out / "messages.jsonl")[0]["messages"]
    assert [turn["role"] for turn in conversation] == ["user", "assistant"]


def start(source, teacher, out):
    options = ["--mode", "resample", "--samples", "3", "--refine", "2", "--concurrency", "1", "--out", str(out)]
    command = [sys.executable, "-m", "evalsuite", "train", "traces", *source, *teacher.arguments(), *options]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)


KILLS = 5


def test_killed_again_and_again_it_gives_the_same_traces_and_requests_nothing_twice(tmp_path):
    """The request's seed makes a reply right or wrong; a third of the cases is right only in the second refinement."""

    def reply(name, body):
        return plain(name, "BC"[body["seed"] % 2])

    def hard(name, body):
        refined = (
            f"{REASONING.format(name=name)}\nHypothesis: gout without any swelling\nHypothesis: the meninges are ill"
        )
        return plain(name, reasoning=refined) if len(body["messages"]) > 1 else plain(name, "A")

    names = [f"n{number}" for number in range(12)]
    script = {name: hard if number % 3 == 0 else reply for number, name in enumerate(names)}
    source = [str(questions(tmp_path / "questions.jsonl", names)), "--licence", "made here"]
    with Teacher(script, by_body=True) as teacher:
        for kill in range(KILLS):
            teacher.hanging, teacher.hung = {names[kill * len(names) // KILLS]}, threading.Event()
            process = start(source, teacher, tmp_path / "killed")
            assert teacher.hung.wait(60)
            process.kill()
            process.wait()
        teacher.hanging = set()
        assert start(source, teacher, tmp_path / "killed").wait(300) == 0
        answered = teacher.answered.copy()
        teacher.answered.clear()
        assert start(source, teacher, tmp_path / "whole").wait(300) == 0
        assert teacher.answered == answered
    for file in ("train.jsonl", "messages.jsonl", "discarded.jsonl"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    rounds = {row["item"]: row.get("round") for row in read(tmp_path / "whole" / "train.jsonl")}
    assert rounds.items() >= dict.fromkeys(names[::3], 2).items()


PRICES = "currency: USD\nmodels: {openai/scripted: {input: 10, output: 100}}\n"
"""A response of 100 and 50 tokens costs 0.006 USD."""


def test_a_budget_ends_the_requests_and_a_higher_one_goes_on(source, tmp_path, capsys):
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICES)
    options = ["--prices", str(prices), "--max-tokens", "60", "--concurrency", "4"]
    out, whole = tmp_path / "traces", tmp_path / "whole"
    with Teacher(SCRIPT) as teacher:
        assert traces(source, teacher, out, *options, "--budget", "0.05 USD") == 1
        first = json.loads((out / "manifest.json").read_text())["made_by"]
        assert 0.03 <= float(first["usage"]["cost"]) <= 0.05 and not first["complete"]
        reasons = {row["reason"] for row in read(out / "discarded.jsonl")}
        assert "not_requested" in reasons and "no_response" not in reasons
        sent = teacher.requested.total()
        assert traces(source, teacher, out, *options, "--budget", "0.05 USD") == 1
        assert teacher.requested.total() == sent
        assert traces(source, teacher, out, *options, "--budget", "100k tokens") == 0
        # The three connections that fail do so at the first request, and are counted with it.
        assert teacher.requested.total() == len(SCRIPT) + 3
        assert traces(source, teacher, whole, *options) == 0
    for name in ("train.jsonl", "messages.jsonl", "discarded.jsonl"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_dry_run_requests_nothing(source, tmp_path, capsys):
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICES)
    with Teacher(SCRIPT) as teacher:
        assert traces(source, teacher, tmp_path / "traces", "--dry-run", "--prices", str(prices)) == 0
        assert not teacher.requested and not (tmp_path / "traces").exists()
        assert traces(source, teacher, tmp_path / "traces") == 0
        capsys.readouterr()
        options = ["--dry-run", "--prices", str(prices), "--refine", "2"]
        sent = teacher.requested.total()
        assert traces(source, teacher, tmp_path / "traces", *options) == 0
        assert teacher.requested.total() == sent
    text = capsys.readouterr().out
    count = len(SCRIPT)
    assert f"{count} to {3 * count}" in text
    assert f"0.00 to {0.012 * count:.2f} USD" in text and f"{0.006 * count:.2f} spent" in text
