"""Promise 6 of the answer contract: paid if and only if the benchmark would count it."""

import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.answer import FORMATS, parse
from evalsuite.errors import UsageError
from evalsuite.formats import write
from evalsuite.reward import StrictReward

LABELS = ("A", "B", "C", "D")
PIECES = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "A", "B", " B ", "b", "\n", "ANSWER: B", "The answer is (B).",
     r"\boxed{B}", "```", "x", "<answer>B</answer>", "А", "Ｂ", "\u200b", "\ud800"]
)  # fmt: skip
COMPLETIONS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=8).map("".join))


@given(text=COMPLETIONS, gold=st.sampled_from(LABELS), format=st.sampled_from(FORMATS), opens=st.booleans())
def test_paid_if_and_only_if_the_strict_reading_is_the_gold_label(text, gold, format, opens):
    strict = parse(text, LABELS, None, format, "stop", opens).strict
    expected = float(strict.status == "ok" and strict.label == gold)
    reward = StrictReward(format, prompt_opens_reasoning=opens)
    assert reward([text], [gold], [LABELS]) == [expected]
    assert reward([[{"role": "assistant", "content": text}]], [gold], [LABELS]) == [expected]
    parts = [{"type": "text", "text": text}]
    assert reward([[{"role": "user", "content": "?"}, {"role": "assistant", "content": parts}]], [gold], [LABELS]) == [
        expected
    ]


@given(rows=st.lists(st.tuples(COMPLETIONS, st.sampled_from(LABELS)), max_size=8))
def test_a_batch_pays_what_each_would_be_paid_alone(rows):
    reward = StrictReward()
    texts, golds = [text for text, _ in rows], [gold for _, gold in rows]
    assert reward(texts, golds, [LABELS] * len(rows)) == [reward.pay(text, gold, LABELS) for text, gold in rows]


def test_all_that_a_trainer_passes_is_taken_and_nothing_else_changes():
    reward = pickle.loads(pickle.dumps(StrictReward()))
    paid = reward(
        prompts=["p", "p"],
        completions=[write("answer_tag", "B"), write("answer_tag", "C")],
        completion_ids=[[1], [2]],
        gold=["B", "B"],
        labels=[["A", "B"], ["A", "B"]],
        trainer_state=None,
    )
    assert paid == [1.0, 0.0]
    assert reward.__name__ == "strict_answer_tag"


def test_a_prompt_that_ends_inside_reasoning_is_recognised():
    completion = "B it is.\n<answer>B</answer>"
    reward = StrictReward()
    assert reward([completion], ["B"], [LABELS], prompts=["...<|assistant|>\n<think>\n"]) == [0.0]
    assert reward(["so B\n</think>\n<answer>B</answer>"], ["B"], [LABELS], prompts=["<think>\n"]) == [1.0]


def test_a_gold_that_can_never_be_paid_is_an_error_before_training():
    with pytest.raises(UsageError, match="gold 'E'"):
        StrictReward()(["<answer>E</answer>"], ["E"], [LABELS])
    with pytest.raises(UsageError, match="shout"):
        StrictReward("shout")


def test_no_torch_is_needed():
    script = "import sys; import evalsuite.reward; print(any(m in sys.modules for m in ('torch', 'numpy', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "False"
