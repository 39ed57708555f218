"""What a plan knows of a base model, against what PEFT and torch's own FLOP counter say of it; what it can't plan."""

import json
from dataclasses import replace

import pytest

from evalsuite.errors import UsageError
from training.estimate import estimate as plan
from training.estimate.architecture import architecture
from training.estimate.data_needs import DataNeed
from training.estimate.flops import compute_estimate, forward
from training.estimate.memory import activations
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
    """A folder with a model's config alone."""
    from transformers import AutoConfig

    AutoConfig.for_model(**{"model_type": "qwen3", **SIZES, **more}).save_pretrained(folder)
    return folder


def on(recipe, model):
    """The same recipe with one line changed."""
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
    shape = architecture(Base(model=str(folder)), None)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), attn_implementation="eager")
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    recipe = on(read_recipe("fleming-7b"), folder)
    tokens = torch.zeros(2, 32, dtype=torch.long)
    with FlopCounterMode(display=False) as counted:
        model(tokens)
    assert counted.get_total_flops() == forward(shape, recipe, 64, 64, 32)
    lora = Lora(r=4)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=lora.targets, task_type="CAUSAL_LM"))
    assert sum(shape.adapters(lora).values()) == adapted.get_nb_trainable_parameters()[0]


@pytest.mark.parametrize("lora", [None, Lora(r=4, dropout=0.0)])
def test_training_flops_are_what_torch_counts(tmp_path, lora):
    """Without checkpointing; the plan reckons every block alike.

    Where embeddings are frozen, the first block's q, k and v have nobody to pass a gradient on to, nor have their
    adapters of rank 4: 64 -> 4 heads x 16, 64 -> 2 x 16, twice.
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
    shape = architecture(recipe.base, None)
    work = replace(workload(recipe.stages[0], 1, DataNeed("", "there", "")), tokens=64, labelled=64, context=32)
    tokens = torch.zeros(2, 32, dtype=torch.long)
    with FlopCounterMode(display=False) as counted:
        model(tokens).logits.sum().backward()
    unpassed = 0 if lora is None else 64 * 2 * 64 * (4 * 16 + 2 * 2 * 16 + 3 * 4)
    assert counted.get_total_flops() == compute_estimate(shape, recipe, recipe.stages[0], work).training - unpassed


def kept(folder, lora):
    """Bytes of all that torch keeps for the backward pass of a model's blocks, of 251 tokens."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    model = whole = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).to(torch.bfloat16).train()
    if lora:
        model = get_peft_model(whole, LoraConfig(r=4, target_modules=Lora().targets, task_type="CAUSAL_LM"))
        model.enable_input_require_grads()
    held = {}

    def keep(tensor):
        if 251 in tensor.shape and tensor.dim() > 1 and min(tensor.shape[-1], tensor.numel() // 251) > 8:
            held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.autocast("cpu", dtype=torch.bfloat16), hooks:
        output = whole.model(torch.zeros(1, 251, dtype=torch.long), use_cache=False)
    assert output.last_hidden_state.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in held.values())


@pytest.mark.parametrize("lora", [None, Lora(r=4, dropout=0.0)])
@pytest.mark.parametrize("kind", ["qwen3", "qwen2", "llama"])
def test_a_block_keeps_what_torch_keeps(tmp_path, kind, lora):
    """Without what is a few bytes a token: an adapter's r values, the norms' scales, attention's log-sum-exp."""
    two, three = (saved(tmp_path / str(layers), model_type=kind, num_hidden_layers=layers) for layers in (2, 3))
    recipe = on(read_recipe("fleming-7b"), two).model_copy(update={"lora": lora})
    shape = architecture(recipe.base, None)
    block = activations(shape, recipe, 251) - 251 * 2 * 2 * shape.hidden
    assert kept(three, lora) - kept(two, lora) == pytest.approx(block, rel=1e-3)


@pytest.mark.parametrize("name", ["reasonmed-8b", "fleming-7b", "fleming-32b"])
def test_another_base_model_is_planned_by_changing_one_line(tmp_path, name):
    """The targets are there in a Llama and in a Mistral as in a Qwen."""
    for kind in ("llama", "mistral", "qwen2"):
        recipe = on(read_recipe(name), saved(tmp_path / kind, model_type=kind))
        found = plan(recipe)
        assert found.shape.origin == str(tmp_path / kind)
        assert [stage.amount for stage in found.stages] == [stage.amount for stage in plan(read_recipe(name)).stages]
        assert found.stages[0].compute.flops < plan(read_recipe(name)).stages[0].compute.flops
    assert plan(on(read_recipe(name), "Qwen/Qwen3-32B")).shape.parameters == 32_762_123_264


def test_a_folder_among_the_data_is_found_there(tmp_path):
    saved(tmp_path / "base")
    recipe = on(read_recipe("reasonmed-8b"), "./base")
    assert plan(recipe, tmp_path).shape.hidden == 64
    with pytest.raises(UsageError, match=r"base\.model \./base: .* --data"):
        plan(recipe)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model_type": "gpt2"}, "lora.targets: .* has no q_proj|not a dense decoder"),
        ({"model_type": "mixtral"}, "not a dense decoder"),
        ({"model_type": "llama", "num_hidden_layers": 10**9}, "no causal language model: 1,000,000,000 layers"),
        ({"hidden_size": -4}, "config can't be read|no causal language model"),
    ],
)
def test_a_model_that_cannot_be_planned_is_refused_in_one_line(tmp_path, more, said):
    saved(tmp_path / "model", **{key: value for key, value in more.items() if key == "model_type"})
    file = tmp_path / "model" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | more))
    with pytest.raises(UsageError, match=said) as caught:
        plan(on(read_recipe("reasonmed-8b"), tmp_path / "model"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    ["{", "[]", "{}", '{"model_type": "nothing"}', '{"model_type": "x", "auto_map": {"AutoConfig": "evil.C"}}'],
)
def test_a_config_that_is_none_is_refused_and_its_code_never_runs(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass C: pass\n")
    with pytest.raises(UsageError, match=r"base\.model .*: its config can't be read"):
        architecture(Base(model=str(tmp_path)), None)
    assert not (tmp_path / "ran").exists()


def test_a_model_that_nobody_knows_is_refused_without_the_hub():
    with pytest.raises(UsageError, match=r"base\.model nobody/nothing: its config can't be read"):
        architecture(Base(model="nobody/nothing"), None)
