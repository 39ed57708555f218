"""Quotations have to stand in the sources."""

import pytest

from tests.training.traces.filters.vignette import reasoning, vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.snippets import check_snippets

SOURCE = (
    "In adults with diabetic ketoacidosis, begin with isotonic saline at 15-20 mL/kg during the first hour.\n"
    "Insulin is withheld until potassium is > 3.3 mmol/L. Bicarbonate is considered only if the pH is below 6.9."
)


def verdict(sentence, sources=(SOURCE,)):
    return check_snippets(vignette(reasoning=reasoning(sentence).reasoning, sources=sources), TraceFilters())


@pytest.mark.parametrize(
    "sentence",
    [
        'The guideline says "begin with isotonic saline at 15-20 mL/kg during the first hour".',
        "The guideline says “Begin with  isotonic saline at 15–20 mL/kg, during the first hour.”",
        'According to the guideline, "insulin is withheld ... bicarbonate is considered only if the pH is below 6.9".',
        'The guideline says "[fluid first], isotonic saline at 15-20 mL/kg during the first hour".',
        "> Insulin is withheld until potassium is > 3.3 mmol/L.",
        'There is a study titled "Fluid resuscitation of diabetic ketoacidosis in adults".',
        'The passage speaks of "isotonic saline".',
        'So the question is "what would happen if we gave insulin at once?"',
        'The study of the case: "has vomited for two days. Her blood pressure is 96/60".',
    ],
)
def test_quotations_of_the_source(sentence):
    assert verdict(sentence) is None


@pytest.mark.parametrize(
    "sentence",
    [
        'The guideline says "begin with isotonic saline at 30-40 mL/kg during the first hour".',
        'The guideline says "insulin is withheld until potassium is < 3.3 mmol/L".',
        'According to the guideline, "bicarbonate is considered ... insulin is withheld until potassium".',
        "> Insulin is started at once in all patients.",
        "The ADA recommends “hypotonic saline at 15-20 mL/kg during the first hour”.",
    ],
)
def test_quotations_that_no_source_has(sentence):
    assert verdict(sentence).reason is DiscardReason.SNIPPET_NOT_IN_SOURCE
    assert verdict(sentence, sources=()) is None
