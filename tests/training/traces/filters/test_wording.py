"""Length bands, repetition and copied questions."""

import pytest

from tests.training.traces.filters.vignette import QUESTION, REASONING, vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.wording import check_copied_question, check_length, check_repetition

LOOP = "Wait, the correct answer is B. But maybe it is C. "


@pytest.mark.parametrize(
    ("words", "reason"), [(29, DiscardReason.TOO_SHORT), (30, None), (50, None), (51, DiscardReason.TOO_LONG)]
)
def test_the_band_holds_its_bounds(words, reason):
    verdict = check_length(vignette(reasoning="word " * words), TraceFilters(least_words=30, most_words=50))
    assert (verdict and verdict.reason) == reason


def test_a_chinese_character_is_a_word():
    assert check_length(vignette(reasoning="患者" * 15), TraceFilters(least_words=30)) is None


def test_a_loop_is_found_and_quoted():
    verdict = check_repetition(vignette(reasoning=REASONING + LOOP * 20), TraceFilters())
    assert verdict.reason is DiscardReason.REPETITION
    assert "correct answer is b" in verdict.detail


@pytest.mark.parametrize("text", [REASONING, REASONING + LOOP * 2, LOOP * 4])
def test_reasoning_that_comes_back_to_a_point_is_no_loop(text):
    assert check_repetition(vignette(reasoning=text), TraceFilters()) is None


def test_a_question_that_is_copied_is_found():
    verdict = check_copied_question(vignette(reasoning=f"{QUESTION} Let me think. {REASONING}"), TraceFilters())
    assert verdict.reason is DiscardReason.COPIED_QUESTION


@pytest.mark.parametrize(
    "text",
    [
        REASONING,
        "A 54-year-old woman with type 1 diabetes has vomited for two days, so ketoacidosis is likely.",
        "The question asks for the most appropriate first step in management.",
    ],
)
def test_findings_of_the_question_may_be_named(text):
    assert check_copied_question(vignette(reasoning=text), TraceFilters()) is None


def test_a_question_may_be_restated_before_long_reasoning():
    text = f"{QUESTION} Let me think. " + " ".join(f"Finding number {n} speaks for volume loss." for n in range(60))
    assert check_copied_question(vignette(reasoning=text), TraceFilters()) is None


def test_a_short_question_may_be_restated():
    short = "Which drug is the first choice in absence seizures of childhood?"
    assert check_copied_question(vignette(question=short, reasoning=f"{short} Ethosuximide."), TraceFilters()) is None
