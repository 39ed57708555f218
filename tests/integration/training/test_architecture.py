"""The measured architecture of base models against PEFT and torch's FLOP counter, and models that can't be planned."""

import json
from dataclasses import replace

import pytest

from evalsuite.errors import ErrorCode, UsageError
from training.estimate import estimate as plan
from training.estimate.architecture import read_architecture
from training.estimate.data_needs import DataNeed
from training.estimate.flops import compute_estimate, forward_flops
from training.estimate.memory import activation_bytes
from training.estimate.workload import workload
from training.recipe import Base, Lora, Recipe, read_recipe

pytestmark = pytest.mark.integration
SIZES = {
    "vocab_size": 320,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 160,
}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def saved(folder, **more):
    """Save a model's config without weights and return the folder."""
    from transformers import AutoConfig

    AutoConfig.for_model(**{"model_type": "qwen3", **SIZES, **more}).save_pretrained(folder)
    return folder


def on(recipe, model):
    """Return the recipe with another base model."""
    return Recipe.model_validate(recipe.to_json() | {"base": recipe.to_json()["base"] | {"model": str(model)}})


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("qwen3", {"head_dim": 32}),
        ("qwen3", {"tie_word_embeddings": True}),
        ("qwen2", {}),
        ("llama", {}),
        ("mistral", {}),
    ],
)
def test_adapters_and_flops_are_what_peft_and_torch_count(tmp_path, kind, more):
    import torch
    from peft import LoraConfig, get_peft_model
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = saved(tmp_path / kind, model_type=kind, **more)
    shape = read_architecture(Base(model=str(folder)), None)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), attn_implementation="eager")
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    recipe = on(read_recipe("fleming-7b"), folder)
    tokens = torch.zeros(2, 32, dtype=torch.long)
    with FlopCounterMode(display=False) as counted:
        model(tokens)
    assert counted.get_total_flops() == forward_flops(shape, recipe, 64, 64, 32)
    lora = Lora(r=4)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=lora.targets, task_type="CAUSAL_LM"))
    assert sum(shape.adapters(lora).values()) == adapted.get_nb_trainable_parameters()[0]


@pytest.mark.parametrize("lora", [None, Lora(r=4, dropout=0.0)])
def test_training_flops_are_what_torch_counts(tmp_path, lora):
    """Without checkpointing; the estimate treats every block alike.

    Where embeddings are frozen, the first block's q, k and v need no gradient of their inputs, nor do their adapters
    of rank 4: 64 -> 4 heads x 16, 64 -> 2 x 16, twice.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = saved(tmp_path / "model", head_dim=16)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), attn_implementation="eager")
    if lora is not None:
        model = get_peft_model(model, LoraConfig(r=4, target_modules=lora.targets, task_type="CAUSAL_LM"))
    content = read_recipe("fleming-7b").to_json()
    content["base"] |= {"model": str(folder), "dtype": "float32"}
    recipe = Recipe.model_validate(content | {"lora": None if lora is None else lora.model_dump()})
    shape = read_architecture(recipe.base, None)
    work = replace(workload(recipe.stages[0], 1, DataNeed("", "complete", "")), tokens=64, loss_tokens=64, context=32)
    tokens = torch.zeros(2, 32, dtype=torch.long)
    with FlopCounterMode(display=False) as counted:
        model(tokens).logits.sum().backward()
    not_needed = 0 if lora is None else 64 * 2 * 64 * (4 * 16 + 2 * 2 * 16 + 3 * 4)
    assert counted.get_total_flops() == compute_estimate(shape, recipe, recipe.stages[0], work).training - not_needed


def saved_bytes(folder, lora):
    """Return the bytes that torch saves for the backward pass of a model's blocks over 251 tokens."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    model = base = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).to(torch.bfloat16).train()
    if lora:
        model = get_peft_model(base, LoraConfig(r=4, target_modules=Lora().targets, task_type="CAUSAL_LM"))
        model.enable_input_require_grads()
    tensors = {}

    def keep(tensor):
        if 251 in tensor.shape and tensor.dim() > 1 and min(tensor.shape[-1], tensor.numel() // 251) > 8:
            tensors[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.autocast("cpu", dtype=torch.bfloat16), hooks:
        output = base.model(torch.zeros(1, 251, dtype=torch.long), use_cache=False)
    assert output.last_hidden_state.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors.values())


@pytest.mark.parametrize("lora", [None, Lora(r=4, dropout=0.0)])
@pytest.mark.parametrize("kind", ["qwen3", "qwen2", "llama"])
def test_a_block_saves_what_torch_saves(tmp_path, kind, lora):
    """Without a few bytes per token: an adapter's r values, the norms' scales, attention's log-sum-exp."""
    two, three = (saved(tmp_path / str(layers), model_type=kind, num_hidden_layers=layers) for layers in (2, 3))
    recipe = on(read_recipe("fleming-7b"), two).model_copy(update={"lora": lora})
    shape = read_architecture(recipe.base, None)
    block = activation_bytes(shape, recipe, 251) - 251 * 2 * 2 * shape.hidden
    assert saved_bytes(three, lora) - saved_bytes(two, lora) == pytest.approx(block, rel=1e-3)


@pytest.mark.parametrize("name", ["reasonmed-8b", "fleming-7b", "fleming-32b"])
def test_another_base_model_is_planned_by_changing_one_line(tmp_path, name):
    """Llama and Mistral have the same LoRA targets as Qwen."""
    for kind in ("llama", "mistral", "qwen2"):
        recipe = on(read_recipe(name), saved(tmp_path / kind, model_type=kind))
        planned = plan(recipe)
        assert planned.architecture.config_source == str(tmp_path / kind)
        assert [stage.workload for stage in planned.stages] == [
            stage.workload for stage in plan(read_recipe(name)).stages
        ]
        assert planned.stages[0].compute.flops < plan(read_recipe(name)).stages[0].compute.flops
    assert plan(on(read_recipe(name), "Qwen/Qwen3-32B")).architecture.parameters == 32_762_123_264


def test_a_base_model_among_the_data_is_read_from_there(tmp_path):
    saved(tmp_path / "base")
    recipe = on(read_recipe("reasonmed-8b"), "./base")
    assert plan(recipe, tmp_path).architecture.hidden == 64
    with pytest.raises(UsageError, match=r"\./base.*`data`") as caught:
        plan(recipe)
    assert caught.value.code is ErrorCode.MISSING_ARGUMENT


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ({"model_type": "gpt2"}, {ErrorCode.INVALID_RECIPE, ErrorCode.TRAINING_NOT_POSSIBLE}),
        ({"model_type": "mixtral"}, {ErrorCode.TRAINING_NOT_POSSIBLE}),
        ({"model_type": "llama", "num_hidden_layers": 10**9}, {ErrorCode.MODEL_NOT_LOADABLE}),
        ({"hidden_size": -4}, {ErrorCode.MODEL_NOT_LOADABLE}),
    ],
)
def test_a_model_that_cannot_be_planned_is_refused_in_one_line(tmp_path, more, codes):
    saved(tmp_path / "model", **{key: value for key, value in more.items() if key == "model_type"})
    file = tmp_path / "model" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | more))
    with pytest.raises(UsageError) as caught:
        plan(on(read_recipe("reasonmed-8b"), tmp_path / "model"))
    assert caught.value.code in codes
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    ["{", "[]", "{}", '{"model_type": "nothing"}', '{"model_type": "x", "auto_map": {"AutoConfig": "evil.C"}}'],
)
def test_a_malformed_config_is_refused_and_its_code_never_runs(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass C: pass\n")
    with pytest.raises(UsageError) as caught:
        read_architecture(Base(model=str(tmp_path)), None)
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADABLE and str(tmp_path) in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_an_unknown_model_is_refused_without_the_hub():
    with pytest.raises(UsageError) as caught:
        read_architecture(Base(model="nobody/nothing"), None)
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADABLE and "nobody/nothing" in str(caught.value)
