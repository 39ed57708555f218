"""The reward is 1 if and only if the benchmark would count the response as right under the strict parse."""

import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.parser import FORMATS, parse
from evalsuite.reward import StrictReward
from evalsuite.tasks.answer_format import write

LABELS = ("A", "B", "C", "D")
PIECES = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "A", "B", " B ", "b", "\n", "ANSWER: B", "The answer is (B).",
     r"\boxed{B}", "```", "x", "<answer>B</answer>", "А", "Ｂ", "\u200b", "\ud800"]
)  # fmt: skip
COMPLETIONS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=8).map("".join))


@given(text=COMPLETIONS, gold=st.sampled_from(LABELS), format=st.sampled_from(FORMATS), opens=st.booleans())
def test_the_reward_is_one_if_and_only_if_the_strict_parse_is_the_gold_label(text, gold, format, opens):
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
def test_a_batch_has_the_same_rewards_as_single_completions(rows):
    reward = StrictReward()
    texts, golds = [text for text, _ in rows], [gold for _, gold in rows]
    assert reward(texts, golds, [LABELS] * len(rows)) == [reward.score(text, gold, LABELS) for text, gold in rows]


def test_further_columns_of_a_trainer_are_ignored_and_the_reward_is_picklable():
    reward = pickle.loads(pickle.dumps(StrictReward()))
    rewards = reward(
        prompts=["p", "p"],
        completions=[write("answer_tag", "B"), write("answer_tag", "C")],
        completion_ids=[[1], [2]],
        gold=["B", "B"],
        labels=[["A", "B"], ["A", "B"]],
        trainer_state=None,
    )
    assert rewards == [1.0, 0.0]
    assert reward.__name__ == "strict"
    assert StrictReward("boxed").__name__ == "strict_boxed"


def test_a_prompt_that_ends_inside_reasoning_is_recognised():
    completion = "B it is.\n<answer>B</answer>"
    reward = StrictReward()
    assert reward([completion], ["B"], [LABELS], prompts=["...<|assistant|>\n<think>\n"]) == [0.0]
    assert reward(["so B\n</think>\n<answer>B</answer>"], ["B"], [LABELS], prompts=["<think>\n"]) == [1.0]


@given(text=COMPLETIONS, gold=st.sampled_from(LABELS))
def test_an_assistant_turn_to_be_continued_opens_reasoning_like_the_same_text(text, gold):
    prompt = [{"role": "user", "content": "<think>"}, {"role": "assistant", "content": "Well. <think>\nlet me"}]
    expected = StrictReward(prompt_opens_reasoning=True)([text], [gold], [LABELS])
    assert StrictReward()([text], [gold], [LABELS], prompts=[prompt]) == expected
    assert StrictReward()([text], [gold], [LABELS], opens_reasoning=[True]) == expected
    closed = [{"role": "assistant", "content": "<think>hm</think>"}]
    for other in (prompt[:1], closed, "<think> is what you must write:", []):
        assert StrictReward()([text], [gold], [LABELS], prompts=[other]) == StrictReward()([text], [gold], [LABELS])


def test_reasoning_that_was_returned_separately_is_closed():
    message = {"role": "assistant", "reasoning_content": "so B", "content": "<answer>B</answer>"}
    reward = StrictReward(prompt_opens_reasoning=True)
    assert reward([[message]], ["B"], [LABELS]) == [1.0]
    assert reward([[{**message, "reasoning_content": ""}]], ["B"], [LABELS]) == [0.0]
    assert reward([[{**message, "content": None}]], ["B"], [LABELS]) == [0.0]
    assert reward([[message, {"role": "tool", "content": "<answer>B</answer>"}]], ["B"], [LABELS]) == [0.0]


@given(rows=st.lists(st.tuples(COMPLETIONS, st.sampled_from(LABELS), st.sampled_from(FORMATS)), min_size=1, max_size=8))
def test_each_row_is_parsed_in_the_format_that_its_prompt_requests(rows):
    texts, golds, formats = (list(column) for column in zip(*rows, strict=True))
    rewards = StrictReward()(texts, golds, [LABELS] * len(rows), format=formats)
    assert rewards == [StrictReward(format).score(text, gold, LABELS) for text, gold, format in rows]


def test_a_reward_for_one_format_refuses_rows_of_another():
    assert StrictReward("boxed")([r"\boxed{B}"], ["B"], [LABELS], format=["boxed"]) == [1.0]
    with pytest.raises(UsageError) as caught:
        StrictReward("boxed")([r"\boxed{B}"], ["B"], [LABELS], format=["answer_tag"])
    assert caught.value.code is ErrorCode.CONFLICTING_ARGUMENTS
    with pytest.raises(UsageError, match="shout") as caught:
        StrictReward()(["B"], ["B"], [LABELS], format=["shout"])
    assert caught.value.code is ErrorCode.UNKNOWN_ANSWER_FORMAT


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError):
        StrictReward()(["B", "B"], ["B"], [LABELS])


def test_a_gold_that_could_never_earn_the_reward_is_an_error():
    with pytest.raises(UsageError, match="'E'") as caught:
        StrictReward()(["<answer>E</answer>"], ["E"], [LABELS])
    assert caught.value.code is ErrorCode.TRAINING_DATA_MALFORMED
    with pytest.raises(UsageError, match="shout") as caught:
        StrictReward("shout")
    assert caught.value.code is ErrorCode.UNKNOWN_ANSWER_FORMAT


def test_no_torch_is_needed():
    script = "import sys; import evalsuite.reward; print(any(m in sys.modules for m in ('torch', 'numpy', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "False"
