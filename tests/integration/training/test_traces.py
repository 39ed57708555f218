"""Traces of a scripted teacher on loopback: every planted fault ends under its verdict, every good trace is kept."""

import json

import pytest
from scripted_teacher import REASONING, Teacher, answer, plain

from evalsuite.cli import main
from evalsuite.reward import StrictReward
from training.data import rows
from training.data.manifest import verify

pytestmark = pytest.mark.integration
GOLD = "B"


def once(first):
    """A fault of the connection at the first request, and a good answer after it."""
    return lambda name, number: first if number == 0 else plain(name)


def always(message):
    return lambda name, number: dict(message) if isinstance(message, dict) else message(name)


GOOD = {
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
        expected = f"<think>\n{REASONING.format(name=row['item'])}\n</think>\n\n{answer(GOLD)}"
        assert row["completion"] == [{"role": "assistant", "content": expected}]
    wrong = next(row for row in read(out / "discarded.jsonl") if row["item"] == "heath")
    assert wrong["label"] == "C" and wrong["gold"] == GOLD
    manifest = verify(out)
    assert {each.name: each.dropped for each in manifest.filters} == {
        reason: sum(value == reason for value in discarded.values()) for reason in discarded.values()
    }


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
    assert "20 to 60" in text and "0.00 to 0.24 USD" in text and "0.12 spent" in text
