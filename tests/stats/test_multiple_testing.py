"""Holm's adjustment is statsmodels'."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from evalsuite.stats.multiple_testing import holm


@pytest.fixture(scope="module", autouse=True)
def no_collection():
    """statsmodels 0.14 collects garbage at every call, a second each in a process that holds the whole suite."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda *_: 0)
        yield


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_statsmodels(p):
    found = holm(p, "5 tasks")
    assert found.p == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)
    assert found.name == "5 tasks"


def test_no_tests_are_an_empty_family():
    assert np.array_equal(holm([], "nothing").p, [])
