"""How preflight's samples are asked for: as the stage's evaluation asks, where that has the same backend."""

import pytest

from training.checks.start_model_samples import backend_args
from training.recipe import read_recipe


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("vllm", {"dtype": "bfloat16", "eos": "<|im_end|>", "tensor_parallel_size": "8"}),
        ("hf", {"dtype": "bfloat16", "eos": "<|im_end|>"}),
    ],
)
def test_a_model_that_takes_several_gpus_to_evaluate_takes_them_here_too(backend, told):
    recipe = read_recipe("fleming-32b")
    recipe = recipe.model_copy(update={"base": recipe.base.model_copy(update={"eos": "<|im_end|>"})})
    assert backend_args(recipe, recipe.stages[0], backend) == told
