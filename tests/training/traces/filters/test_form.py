"""Form: reasoning, its marks, and an answer that evaluation reads strictly."""

import pytest

from tests.training.traces.filters.vignette import REASONING, vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.form import check_form


def reason(**changed):
    verdict = check_form(vignette(**changed), TraceFilters())
    return verdict and verdict.reason


@pytest.mark.parametrize("text", ["", "  \n"])
def test_without_reasoning(text):
    assert reason(reasoning=text) is DiscardReason.NO_REASONING


@pytest.mark.parametrize(
    "text",
    [f"<think>{REASONING}", f"{REASONING}</think>", f"[THINK]{REASONING}", f"{REASONING}\n```\n132 - 104"],
)
def test_marks_inside_the_reasoning(text):
    assert reason(reasoning=text) is DiscardReason.UNBALANCED_MARKS


def test_marks_inside_the_final_segment():
    assert reason(final="</think><answer>B</answer>") is DiscardReason.UNBALANCED_MARKS


@pytest.mark.parametrize("final", ["B", "The answer is B.", "<answer>E</answer>", "<answer>B</answer> or C", ""])
def test_a_final_answer_that_is_not_strict(final):
    assert reason(final=final) is DiscardReason.NO_STRICT_ANSWER


@pytest.mark.parametrize("final", ["<answer>B</answer>", "Saline restores the volume.\n<answer>D</answer>"])
def test_a_strict_answer_passes_whichever_it_is(final):
    assert reason(final=final) is None


def test_a_balanced_code_block_passes():
    assert reason(reasoning=f"{REASONING}\n```\n132 - 104 = 28\n```") is None
