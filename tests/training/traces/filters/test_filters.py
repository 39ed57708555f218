"""All filters together: their order, their settings and their reasons."""

import pytest
from pydantic import ValidationError

from tests.training.traces.filters.vignette import reasoning, vignette
from training.traces.filters import DiscardReason, Filters, TraceFilters


def test_a_good_trace_is_kept():
    assert Filters(TraceFilters()).check(vignette()) is None


def test_the_first_filter_in_order_gives_the_verdict():
    verdict = Filters(TraceFilters()).check(vignette(reasoning="Too short.", final="B"))
    assert verdict.reason is DiscardReason.NO_STRICT_ANSWER
    assert Filters(TraceFilters(skip=["format"])).check(vignette(reasoning="Short.")).reason is DiscardReason.TOO_SHORT


def test_statements_are_counted_by_judgement():
    trace = reasoning("2 + 2 = 5. The weight is 154 lb (70 kg). HPV 16/18 = 70%.")
    assert Filters(TraceFilters()).judgements(trace) == {"right": 4, "wrong": 1, "not_checkable": 1}


def test_reasons_are_listed_once_and_without_those_of_skipped_filters():
    reasons = Filters(TraceFilters()).reasons()
    assert sorted(reasons) == sorted(DiscardReason)
    without = Filters(TraceFilters(skip=["length"])).reasons()
    assert [reason for reason in reasons if reason not in without] == ["too_short", "too_long"]


@pytest.mark.parametrize(
    "section",
    [
        {"least_words": 10, "most_words": 5},
        {"repeated": 1.1},
        {"copied": float("nan")},
        {"language_share": "0.5"},
        {"skip": ["spelling"]},
        {"answer_format": "haiku"},
        {"unknown": 1},
    ],
)
def test_settings_out_of_bounds_are_refused(section):
    with pytest.raises(ValidationError):
        TraceFilters.model_validate(section)
