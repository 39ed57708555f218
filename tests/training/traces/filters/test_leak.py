"""Leaks of a gold label that the teacher was shown."""

import pytest

from tests.training.traces.filters.vignette import REASONING, reasoning, vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.leak import check_leak

MENTIONS = (
    "The correct answer is stated to be B, so volume comes first.",
    "The provided answer fits this.",
    "This agrees with the given answer.",
    "Option B is the answer as given.",
    "As given, saline is right.",
    "Since the correct answer is B, saline must be what she needs.",
    "We already know the answer, so the rest follows.",
    "The question states that the correct option is B.",
    "This matches the answer key.",
    "The gold label is B.",
    "To justify the given answer, consider her blood pressure.",
    "正确答案已给出，为B。",
    "与えられた正解はBである。",
)
ORDINARY = (
    "The correct answer is B.",
    "The given answer choices are four.",
    "Among the options given, only B restores volume.",
    "The dose was given as stated in the question.",
    "The options are correct as given, so B stands.",
    "Insulin is given as an infusion; saline is given first.",
    "The gold standard is an arterial blood gas.",
    "The key results, as stated in the vignette, are a high gap and a low pressure.",
    "The user says to select the correct answer, so I select one.",
    "The diagnosis provided by the laboratory values is ketoacidosis.",
    "B is the answer.",
)
FIRST = (
    "The answer is B. " + REASONING,
    "**B.** " + REASONING,
    "B) Intravenous saline. " + REASONING,
    "Option B is what she needs. " + REASONING.replace("Option ", "").replace("option ", ""),
    "The correct answer is (B), because volume comes first. " + REASONING,
    "Intravenous 0.9% saline is the most appropriate first step. " + REASONING,
    "答案是B。因为血压低，所以首先补液。",
)
EVIDENCE_FIRST = (
    REASONING,
    "Let's analyze each option one by one. Option B, saline, restores volume. Option A is only for a very low pH.",
    "Option A: bicarbonate, no. Option B: saline, yes. Option C: too slow.",
    "A 54-year-old woman with vomiting and a high gap has ketoacidosis. The answer is B.",
    "She is hypotensive with a wide anion gap and has lost much volume over two days, so the answer is B.",
    "Intravenous 0.9% saline is the solution whose sodium is closest to that of plasma. She has lost volume, so B.",
    "Vitamin B is not at issue. She has lost volume over two days and is hypotensive with ketoacidosis.",
)


@pytest.mark.parametrize("sentence", MENTIONS)
def test_a_mention_of_the_shown_answer(sentence):
    trace = reasoning(sentence)
    assert check_leak(trace, TraceFilters()) is None
    shown = vignette(reasoning=trace.reasoning, gold_shown=True)
    assert check_leak(shown, TraceFilters()).reason is DiscardReason.ANSWER_WAS_SHOWN
    concluding = vignette(reasoning=REASONING, final=f"{sentence} <answer>B</answer>", gold_shown=True)
    assert check_leak(concluding, TraceFilters()).reason is DiscardReason.ANSWER_WAS_SHOWN


@pytest.mark.parametrize("sentence", ORDINARY)
def test_ordinary_reasoning(sentence):
    assert check_leak(vignette(reasoning=f"{REASONING} {sentence}", gold_shown=True), TraceFilters()) is None


@pytest.mark.parametrize("text", FIRST)
def test_the_answer_before_evidence(text):
    verdict = check_leak(vignette(reasoning=text, gold_shown=True), TraceFilters())
    assert verdict.reason is DiscardReason.ANSWER_BEFORE_EVIDENCE


def test_a_first_sentence_without_end():
    assert check_leak(vignette(reasoning="and " * 100_000, gold_shown=True), TraceFilters()) is None


@pytest.mark.parametrize("text", EVIDENCE_FIRST)
def test_evidence_before_the_answer(text):
    assert check_leak(vignette(reasoning=text, gold_shown=True), TraceFilters()) is None


@pytest.mark.parametrize(
    ("text", "leaks"), [("Yes, the difference is significant.", True), ("The arms differ. Yes", False)]
)
def test_labels_that_are_words(text, leaks):
    options = {label: label for label in ("yes", "no", "maybe")}
    trace = vignette(options=options, gold="yes", reasoning=text + " The two arms differ." * 5, gold_shown=True)
    assert (check_leak(trace, TraceFilters()) is not None) == leaks
