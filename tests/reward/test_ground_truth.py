"""One string that says all of an item, and the trainers' signatures that pay by it."""

import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import UsageError
from evalsuite.parser import FORMATS
from evalsuite.reward import GroundTruth, StrictReward
from evalsuite.reward.ground_truth import read
from evalsuite.reward.verl import compute_score, row
from evalsuite.tasks.answer_format import write

LABEL = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=4)
LABELS = st.lists(LABEL, min_size=1, max_size=5, unique_by=str.casefold).map(tuple)
TRUTHS = st.builds(GroundTruth, LABEL, LABELS, st.sampled_from(FORMATS), st.booleans())
ABC = ("A", "B", "C")


@given(truth=TRUTHS)
def test_what_is_written_is_read(truth):
    assert read(str(truth)) == truth
    assert "\n" not in str(truth)


@given(line=st.one_of(st.text(), st.sampled_from(["B", "[]", "{}", "null", '{"gold": "B"}', "[" * 100_000])))
def test_anything_else_is_one_clear_line(line):
    with pytest.raises(UsageError, match="ground_truth"):
        read(line)


@pytest.mark.parametrize("fields", [
    '"gold": 1, "labels": ["A"], "format": "boxed", "opens_reasoning": false',
    '"gold": "A", "labels": "A", "format": ["boxed"], "opens_reasoning": false',
    '"gold": "A", "labels": ["A"], "format": "boxed", "opens_reasoning": "no"',
])  # fmt: skip
def test_fields_of_another_type_are_refused(fields):
    with pytest.raises(UsageError, match="ground_truth"):
        read("{" + fields + "}")


@given(gold=st.sampled_from(ABC), said=st.sampled_from(ABC), format=st.sampled_from(FORMATS), opens=st.booleans())
def test_verl_pays_what_the_reward_pays(gold, said, format, opens):
    text = write(format, said)
    expected = StrictReward(format, prompt_opens_reasoning=opens).pay(text, gold, ABC)
    example = {"task": "medqa", "prompt": [{"role": "user", "content": "?"}], "item": "7"}
    made = row(example | {"ground_truth": str(GroundTruth(gold, ABC, format, opens))}, 3)
    # As verl's reward manager calls it: by keyword, with whatever else the configuration adds.
    paid = compute_score(
        data_source=made["data_source"],
        solution_str=text,
        ground_truth=made["reward_model"]["ground_truth"],
        extra_info=made["extra_info"] | {"num_turns": 2},
        reward_router_address=None,
    )
    assert paid == expected
    assert (paid == 1.0) == (gold == said and not opens)
    assert made["prompt"] == example["prompt"]
    assert made["extra_info"]["item"] == "7"


def test_open_instruct_finds_a_verifier_that_pays(monkeypatch):
    """open-instruct isn't installed here: this is its interface, as its ground_truth_utils declares it."""
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

    (found,) = VerifierFunction.__subclasses__()  # how it collects its verifiers
    verifier = found(None)
    made = open_instruct.row({"prompt": [], "ground_truth": str(GroundTruth("B", ABC, "boxed"))})
    assert made["dataset"] == verifier.name == verifier.name.lower()
    for said in ABC:
        for label in (made["ground_truth"], [made["ground_truth"]]):
            result = verifier([1], write("boxed", said), label, query="?", rollout_state={})
            assert result.score == float(said == "B")
    monkeypatch.delitem(sys.modules, "evalsuite.reward.open_instruct")
