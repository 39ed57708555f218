"""Preflight samples with the backend arguments of the stage's evaluation, if the backend is the same."""

import pytest

from training.checks.start_model_samples import backend_args
from training.recipe import read_recipe


@pytest.mark.parametrize(
    ("backend", "arguments"),
    [
        ("vllm", {"dtype": "bfloat16", "eos": "<|im_end|>", "tensor_parallel_size": "8"}),
        ("hf", {"dtype": "bfloat16", "eos": "<|im_end|>"}),
    ],
)
def test_a_model_that_is_evaluated_on_several_gpus_is_sampled_on_them_too(backend, arguments):
    recipe = read_recipe("fleming-32b")
    recipe = recipe.model_copy(update={"base": recipe.base.model_copy(update={"eos": "<|im_end|>"})})
    assert backend_args(recipe, recipe.stages[0], backend) == arguments
