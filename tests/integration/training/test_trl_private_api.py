"""The private names of TRL that training uses, against the installed release: a failure names what has moved."""

import inspect

import pytest
from trl import GRPOTrainer

from training.curriculum import trl_private_api

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", trl_private_api.USED)
def test_a_private_method_has_the_parameters_that_are_used(name):
    method = getattr(GRPOTrainer, name, None)
    assert method is not None, f"trl no longer has GRPOTrainer.{name}"
    assert tuple(inspect.signature(method).parameters) == trl_private_api.USED[name]


def test_completions_are_where_they_are_read():
    source = inspect.getsource(GRPOTrainer._generate)
    assert source.rstrip().endswith(f"return {trl_private_api.RETURNED}")


def test_evaluation_metrics_are_where_they_are_discarded():
    assert 'self._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}' in inspect.getsource(
        GRPOTrainer.__init__
    )
