"""Ground truth in one line of JSON, and the rewards of verl and open-instruct that read it."""

import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.parser import FORMATS
from evalsuite.reward import GroundTruth, StrictReward
from evalsuite.reward.ground_truth import parse_ground_truth
from evalsuite.reward.verl import compute_score, row
from evalsuite.tasks.answer_format import write

LABEL = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=4)
LABELS = st.lists(LABEL, min_size=1, max_size=5, unique_by=str.casefold).map(tuple)
TRUTHS = st.builds(GroundTruth, LABEL, LABELS, st.sampled_from(FORMATS), st.booleans())
ABC = ("A", "B", "C")


@given(truth=TRUTHS)
def test_a_written_line_is_parsed_to_the_same_value(truth):
    assert parse_ground_truth(str(truth)) == truth
    assert "\n" not in str(truth)


@given(line=st.one_of(st.text(), st.sampled_from(["B", "[]", "{}", "null", '{"gold": "B"}', "[" * 100_000])))
def test_any_other_text_is_malformed(line):
    with pytest.raises(UsageError) as caught:
        parse_ground_truth(line)
    assert caught.value.code is ErrorCode.TRAINING_DATA_MALFORMED


@pytest.mark.parametrize("fields", [
    '"gold": 1, "labels": ["A"], "format": "boxed", "opens_reasoning": false',
    '"gold": "A", "labels": "A", "format": ["boxed"], "opens_reasoning": false',
    '"gold": "A", "labels": ["A"], "format": "boxed", "opens_reasoning": "no"',
])  # fmt: skip
def test_fields_of_another_type_are_refused(fields):
    with pytest.raises(UsageError) as caught:
        parse_ground_truth("{" + fields + "}")
    assert caught.value.code is ErrorCode.TRAINING_DATA_MALFORMED


@given(gold=st.sampled_from(ABC), answer=st.sampled_from(ABC), format=st.sampled_from(FORMATS), opens=st.booleans())
def test_verls_score_is_the_reward(gold, answer, format, opens):
    text = write(format, answer)
    expected = StrictReward(format, prompt_opens_reasoning=opens).score(text, gold, ABC)
    example = {"task": "medqa", "prompt": [{"role": "user", "content": "?"}], "item": "7"}
    verl_row = row(example | {"ground_truth": str(GroundTruth(gold, ABC, format, opens))}, 3)
    # As verl's reward manager calls it: by keyword, with whatever else the configuration adds.
    score = compute_score(
        data_source=verl_row["data_source"],
        solution_str=text,
        ground_truth=verl_row["reward_model"]["ground_truth"],
        extra_info=verl_row["extra_info"] | {"num_turns": 2},
        reward_router_address=None,
    )
    assert score == expected
    assert (score == 1.0) == (gold == answer and not opens)
    assert verl_row["prompt"] == example["prompt"]
    assert verl_row["extra_info"]["item"] == "7"


def test_open_instructs_verifier_returns_the_reward(monkeypatch):
    """open-instruct isn't installable here: this is its interface, as its ground_truth_utils declares it."""
    module = ModuleType("open_instruct.ground_truth_utils")

    class VerifierFunction:
        def __init__(self, name, weight=1.0, verifier_config=None):
            self.name, self.weight, self.verifier_config = name, weight, verifier_config

    class VerificationResult:
        def __init__(self, score, cost=0.0, reasoning=None):
            self.score, self.cost, self.reasoning = score, cost, reasoning

    module.VerifierFunction, module.VerificationResult = VerifierFunction, VerificationResult
    monkeypatch.setitem(sys.modules, "open_instruct", ModuleType("open_instruct"))
    monkeypatch.setitem(sys.modules, "open_instruct.ground_truth_utils", module)
    monkeypatch.delitem(sys.modules, "evalsuite.reward.open_instruct", raising=False)
    from evalsuite.reward import open_instruct

    (registered,) = VerifierFunction.__subclasses__()  # how it collects its verifiers
    verifier = registered(None)
    example = open_instruct.row({"prompt": [], "ground_truth": str(GroundTruth("B", ABC, "boxed"))})
    assert example["dataset"] == verifier.name == verifier.name.lower()
    for answer in ABC:
        for label in (example["ground_truth"], [example["ground_truth"]]):
            result = verifier([1], write("boxed", answer), label, query="?", rollout_state={})
            assert result.score == float(answer == "B")
    monkeypatch.delitem(sys.modules, "evalsuite.reward.open_instruct")
