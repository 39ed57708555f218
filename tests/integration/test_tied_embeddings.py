"""Adapters of input embeddings and output heads, of a tied and an untied model: refused where merging changes them."""

import asyncio
import json

import pytest
import tiny
from backend_calls import make_request, respond

from evalsuite.errors import BackendError, ErrorCode, RunError, UsageError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.hf import HF
from training import weights
from training.merge_check import ROUNDING_TOLERANCE, TOLERANCE, prompt_logits, refuse_difference
from training.recipe import Recipe

pytestmark = pytest.mark.integration

CHANGES_TIED = {
    "head": {"target_modules": ["q_proj", "lm_head"]},
    "embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "both": {"target_modules": ["lm_head", "embed_tokens"]},
    "pattern": {"target_modules": r".*\.(q_proj|o_proj)|lm_head"},
    "head kept tied": {"target_modules": ["q_proj", "lm_head"], "ensure_weight_tying": True},
    "embeddings kept tied": {"target_modules": ["q_proj", "embed_tokens"], "ensure_weight_tying": True},
}
CHANGES_NOTHING = {
    "attention": {"target_modules": ["q_proj", "v_proj"]},
    "all linear layers": {"target_modules": "all-linear"},
    "copy of the head": {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    "copy of the embeddings": {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
    "rows of the embeddings": {"target_modules": ["q_proj"], "trainable_token_indices": [3, 4]},
}
STAGE = {
    "name": "text",
    "kind": "pretrain",
    "data": {"folder": "text"},
    "optimiser": {"learning_rate": 1e-3, "schedule": "constant"},
    "evaluation": {"tasks": ["medqa"]},
    "gate": {"gains": {"macro": 0.0}},
    "batch": {"sequences": 4, "length": 32},
    "steps": 1,
}


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def base(request, tmp_path_factory):
    return tiny.make_model(tmp_path_factory.mktemp("base") / "base", tied=request.param)


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    return tiny.make_model(tmp_path_factory.mktemp("base") / "base", tied=True)


def recipe(base, lora):
    facts = {"name": "test", "about": "-", "source": "-", "lora": lora}
    facts["base"] = {"model": str(base), "dtype": "float32"}
    return Recipe.model_validate({**facts, "stages": [STAGE]})


def recipe_of_targets(base, targets):
    return recipe(base, {"targets": targets, "dropout": 0.0})


def is_tied(base):
    return json.loads((base / "config.json").read_text())["tie_word_embeddings"]


def merge(base, adapter, folder, dtype="float32"):
    """Merge under a recipe that states no shape of adapters, since it can't state every shape that peft has."""
    return weights.merge(recipe(base, None), adapter, base.parent, folder, dtype)


def answer(base, adapter):
    settings = BackendSettings(str(base), adapter=str(adapter), decoding=Decoding(max_tokens=2))
    return asyncio.run(respond(HF(settings), [make_request(0)]))


@pytest.mark.parametrize("name", CHANGES_TIED)
def test_a_lora_of_a_tied_embedding_is_neither_evaluated_nor_merged(base, tmp_path, name):
    adapter = tiny.train_adapter(tmp_path / "adapter", base, **CHANGES_TIED[name])
    if not is_tied(base):
        assert len(answer(base, adapter)) == 1 and merge(base, adapter, tmp_path / "merged").is_dir()
        return
    with pytest.raises(BackendError) as evaluated:
        answer(base, adapter)
    with pytest.raises(UsageError) as merged:
        merge(base, adapter, tmp_path / "merged")
    for error in (evaluated.value, merged.value):
        assert error.code is ErrorCode.ADAPTER_NOT_LOADABLE
        assert str(adapter) in str(error) and "\n" not in str(error)
        assert "lm_head" in str(error) or "embed_tokens" in str(error)
    assert [entry.name for entry in tmp_path.iterdir()] == ["adapter"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CHANGES_NOTHING)
def test_other_adapters_are_evaluated_and_merged_as_they_were_trained(base, tmp_path, name, dtype):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    adapter = tiny.train_adapter(tmp_path / "adapter", base, **CHANGES_NOTHING[name])
    assert len(answer(base, adapter)) == 1
    merged = merge(base, adapter, tmp_path / "merged", dtype)
    tokenizer = AutoTokenizer.from_pretrained(base)
    plain = AutoModelForCausalLM.from_pretrained(base)
    before = prompt_logits(plain, tokenizer)
    trained = prompt_logits(PeftModel.from_pretrained(plain, adapter), tokenizer)
    read = prompt_logits(AutoModelForCausalLM.from_pretrained(merged, dtype="float32"), tokenizer)
    assert float((read - trained).std() / trained.std()) < ROUNDING_TOLERANCE[dtype]
    assert float((read - before).std() / trained.std()) > 0.05


@pytest.mark.parametrize("name", CHANGES_TIED)
def test_what_peft_merges_wrongly_is_above_every_tolerance(tied, tmp_path, name):
    """Behind the refusal: should another release or another kind of adapter do the same, its logits tell."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    adapter = tiny.train_adapter(tmp_path / "adapter", tied, **CHANGES_TIED[name])
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tied), AutoTokenizer.from_pretrained(tied)
    adapted = PeftModel.from_pretrained(model, adapter)
    expected = prompt_logits(adapted, tokenizer)
    merged = prompt_logits(adapted.merge_and_unload(), tokenizer)
    for tolerance in (TOLERANCE, *ROUNDING_TOLERANCE.values()):
        with pytest.raises(RunError) as caught:
            refuse_difference(merged, expected, tolerance, "here")
        assert caught.value.code is ErrorCode.MERGE_MISMATCH and "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_are_not_written(tied, tmp_path):
    from safetensors.torch import load_file, save_file

    adapter = tiny.train_adapter(tmp_path / "adapter", tied, target_modules=["q_proj"])
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, file)
    with pytest.raises(RunError) as caught:
        merge(tied, adapter, tmp_path / "merged")
    assert caught.value.code is ErrorCode.MERGE_MISMATCH
    assert [entry.name for entry in tmp_path.iterdir()] == ["adapter"]


def test_weights_that_bfloat16_cannot_hold_are_written_in_float32_only(tmp_path):
    """A head of weights around 64 has steps of a half in bfloat16, and its logits differ by less."""
    import torch
    from transformers import AutoModelForCausalLM

    base = tiny.make_model(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.lm_head.weight.add_(64)
    model.save_pretrained(base)
    adapter = tiny.train_adapter(tmp_path / "adapter", base, target_modules=["q_proj"])
    with pytest.raises(RunError) as caught:
        merge(base, adapter, tmp_path / "rounded", "bfloat16")
    assert caught.value.code is ErrorCode.MERGE_MISMATCH and not (tmp_path / "rounded").exists()


@pytest.mark.parametrize("targets", [["lm_head"], ["q_proj", "embed_tokens"], ["model.embed_tokens"]])
def test_a_recipes_targets_are_checked_on_its_base_models_config_alone(base, tmp_path, targets):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_bytes((base / "config.json").read_bytes())
    checked = recipe_of_targets("./base", targets)
    if not is_tied(base):
        weights.refuse_unfit_targets(checked, tmp_path)
        return
    with pytest.raises(UsageError) as caught:
        weights.refuse_unfit_targets(checked, tmp_path)
    assert caught.value.code is ErrorCode.ADAPTER_NOT_LOADABLE and targets[-1].rpartition(".")[2] in str(caught.value)


def test_targets_that_the_base_model_lacks_are_refused(base):
    with pytest.raises(UsageError) as caught:
        weights.refuse_unfit_targets(recipe_of_targets(base, ["c_attn"]), base.parent)
    assert caught.value.code is ErrorCode.INVALID_RECIPE and "c_attn" in str(caught.value)
