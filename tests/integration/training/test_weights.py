"""The weights that a stage starts from: adapters, merges, full weights, and what can't be loaded."""

import json
import shutil
from contextlib import contextmanager

import policies
import pytest
import staged

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.util.atomic_write import partial_folder
from training import weights
from training.run_folder import StageFolder
from training.stages.job import StageJob

pytestmark = pytest.mark.integration

PLAIN = staged.recipe(staged.pretrain())
ADAPTED = staged.recipe(staged.pretrain(), lora=staged.LORA)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return staged.make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def adapter(data, tmp_path_factory):
    """A folder of an adapter that isn't 0 anywhere."""
    import torch

    model = weights.load(ADAPTED, data / "base", data)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    folder = tmp_path_factory.mktemp("run") / "stages" / "1-pretrain" / "model"
    model.save_pretrained(folder)
    return folder


@contextmanager
def refused(code, *values):
    """Expect an error with a code and with values in its message."""
    with pytest.raises(UsageError) as caught:
        yield
    assert caught.value.code is code
    assert [value for value in values if value not in str(caught.value)] == []


def but(recipe, part, **change):
    return recipe.model_copy(update={part: getattr(recipe, part).model_copy(update=change)})


def logits(model):
    import torch

    with torch.no_grad():
        return model.eval()(torch.arange(40).reshape(2, 20)).logits


def test_the_base_is_a_hub_name_a_folder_or_one_among_the_data(tmp_path):
    base = PLAIN.base
    assert weights.base_model(base, tmp_path) == str((tmp_path / "base").resolve())
    for name in ("Qwen/Qwen3-8B", "/models/x"):
        assert weights.base_model(base.model_copy(update={"model": name}), tmp_path) == name


def test_a_new_adapter_changes_no_output_and_is_drawn_by_the_seed(data):
    import torch

    first, second = (weights.load(ADAPTED, data / "base", data) for _ in range(2))
    assert torch.equal(logits(first), logits(weights.load(PLAIN, data / "base", data)))
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    other = weights.load(ADAPTED.model_copy(update={"seed": 4}), data / "base", data)
    assert not all(map(torch.equal, first.state_dict().values(), other.state_dict().values()))


def test_an_adapter_is_trained_further_with_its_rank_and_weights(data, adapter):
    from peft import PeftModel

    model = weights.load(ADAPTED, adapter, data)
    config = model.peft_config["default"]
    assert (config.r, config.lora_alpha, set(config.target_modules)) == (4, 8, set(staged.TARGETS))
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained == {name for name, _ in model.named_parameters() if ".lora_" in name}
    saved = PeftModel.from_pretrained(weights.load(PLAIN, data / "base", data), adapter)
    assert bool((logits(model) == logits(saved)).all())


@pytest.mark.parametrize(
    ("part", "key", "numbers"), [({"r": 8}, "r", "48"), ({"alpha": 16}, "lora_alpha", ("8", "16"))]
)
def test_an_adapter_of_another_shape_is_refused(data, adapter, part, key, numbers):
    with refused(ErrorCode.ADAPTER_NOT_LOADABLE, str(adapter), key, *numbers):
        weights.load(but(ADAPTED, "lora", **part), adapter, data)


def test_a_recipe_that_trains_all_weights_cannot_start_from_an_adapter(data, adapter):
    with refused(ErrorCode.ADAPTER_NOT_LOADABLE, str(adapter)):
        weights.load(PLAIN, adapter, data)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_merge_answers_as_base_and_adapter_do(data, adapter, tmp_path, dtype):
    import torch
    from safetensors.torch import load_file

    merged = weights.merge(ADAPTED, adapter, data, tmp_path / "merged", dtype)
    full = weights.load_full_weights(PLAIN, merged, data)
    expected = logits(weights.load(ADAPTED, adapter, data))
    assert torch.allclose(logits(full), expected, atol=1e-4 if dtype == "float32" else 0.3)
    assert not torch.allclose(expected, logits(weights.load(PLAIN, data / "base", data)), atol=0.3)
    assert {weight.dtype for weight in load_file(merged / "model.safetensors").values()} == {getattr(torch, dtype)}
    assert weights.load_tokenizer(PLAIN, merged, data).chat_template == staged.tiny.QWEN_TEMPLATE
    assert not partial_folder(merged).exists()
    assert not [file for file in merged.iterdir() if file.suffix in (".bin", ".pt", ".pth", ".pkl")]


@pytest.mark.parametrize(
    "edited", [{"r": 10**12}, {"r": "x"}, {"target_modules": ["nothing"]}, {"lora_alpha": -1}, {"weights": b"{}"}]
)
def test_an_adapter_whose_files_were_edited_is_not_merged(data, adapter, tmp_path, edited):
    copy = shutil.copytree(adapter, tmp_path / "run" / "stages" / "1-pretrain" / "model")
    if "weights" in edited:
        (copy / "adapter_model.safetensors").write_bytes(edited["weights"])
    else:
        file = copy / "adapter_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | edited))
    with refused(ErrorCode.ADAPTER_NOT_LOADABLE, str(copy)):
        weights.merge(ADAPTED, copy, data, tmp_path / "merged", "float32")
    assert not (tmp_path / "merged").exists()


def test_an_incomplete_merge_is_repeated_and_a_complete_one_is_kept(data, adapter, tmp_path):
    partial = partial_folder(tmp_path / "merged")
    partial.mkdir()
    (partial / "model.safetensors").write_text("incomplete")
    merged = weights.merge(ADAPTED, adapter, data, tmp_path / "merged", "float32")
    written = (merged / "model.safetensors").stat().st_mtime_ns
    weights.merge(ADAPTED, adapter, data, merged, "float32")
    assert (merged / "model.safetensors").stat().st_mtime_ns == written


def test_trained_weights_are_float32_and_frozen_ones_are_not(data):
    import torch

    full = weights.load(but(PLAIN, "base", dtype="bfloat16"), data / "base", data)
    assert {weight.dtype for weight in full.parameters()} == {torch.float32}
    adapted = weights.load(but(ADAPTED, "base", dtype="bfloat16"), data / "base", data)
    for weight in adapted.parameters():
        assert weight.dtype == (torch.float32 if weight.requires_grad else torch.bfloat16)


def test_fsdp_shards_weights_of_one_dtype(data, monkeypatch):
    import torch

    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    adapted = weights.load(but(ADAPTED, "base", dtype="bfloat16"), data / "base", data)
    assert {weight.dtype for weight in adapted.parameters()} == {torch.float32}


def test_the_base_weights_of_an_adapter_are_found_after_the_run_was_moved(data, adapter, tmp_path):
    run = tmp_path / "run"
    start = weights.merge(ADAPTED, adapter, data, run / "stages" / "2-grpo" / weights.MERGED, "float32")
    weights.load(ADAPTED, start, data).save_pretrained(run / "stages" / "2-grpo" / "model")
    assert weights.base_weights_of(ADAPTED, run / "stages" / "2-grpo" / "model", data) == str(start)
    moved = run.rename(tmp_path / "moved") / "stages" / "2-grpo"
    assert weights.base_weights_of(ADAPTED, moved / "model", data) == str(moved / weights.MERGED)
    assert weights.base_weights_of(ADAPTED, adapter, data) == str(data / "base")
    shutil.rmtree(moved / weights.MERGED)
    with refused(ErrorCode.ADAPTER_NOT_LOADABLE, str(moved / "model")):
        weights.base_weights_of(ADAPTED, moved / "model", data)


@pytest.mark.parametrize(("quantise", "dtype", "moved"), [("none", "bfloat16", 0.1), ("nf4", "float32", 0.9)])
def test_an_adapter_that_trl_put_into_bfloat16_is_trained_in_float32(data, adapter, tmp_path, quantise, dtype, moved):
    """TRL does so for models in 4 bits, which no CPU loads: in bfloat16 a step of 1e-6 is lost on most weights."""
    import torch
    from safetensors.torch import load_file

    from training.stages import fit, pretrain

    optimiser = {"learning_rate": 1e-6, "schedule": "constant"}
    recipe = staged.recipe(staged.pretrain(optimiser=optimiser, steps=2), lora=staged.LORA)
    folder = StageFolder(tmp_path / "1-pretrain")
    trainer, facts = pretrain.prepare(StageJob(recipe, recipe.stages[0], folder, adapter, data))
    trained = {name: weight for name, weight in trainer.model.named_parameters() if weight.requires_grad}
    for weight in trained.values():
        weight.data = weight.data.to(torch.bfloat16)
    before = {name.replace(".default", ""): weight.detach().float().clone() for name, weight in trained.items()}
    fit.fit(StageJob(but(recipe, "base", quantise=quantise), recipe.stages[0], folder, adapter, data), trainer, facts)
    after = load_file(folder.model / "adapter_model.safetensors")
    assert after.keys() == before.keys()
    assert {weight.dtype for weight in after.values()} == {getattr(torch, dtype)}
    changed = torch.cat([(after[name].float() != weight).flatten() for name, weight in before.items()])
    share = float(changed.float().mean())
    assert share < moved if quantise == "none" else share > moved
    assert {weight.dtype for weight in trainer.model.parameters() if not weight.requires_grad} == {torch.float32}


def test_four_bits_need_a_gpu_and_bitsandbytes(data):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with refused(ErrorCode.TRAINING_NOT_POSSIBLE, "bitsandbytes"):
        weights.load(but(ADAPTED, "base", quantise="nf4"), data / "base", data)


def test_a_pickle_is_not_read(data, tmp_path):
    import torch

    folder = tmp_path / "pickled"
    shutil.copytree(data / "base", folder)
    model = weights.load(PLAIN, data / "base", data)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with refused(ErrorCode.MODEL_NOT_LOADABLE, str(folder)):
        weights.load(PLAIN, folder, data)


def test_a_turn_ends_with_the_token_that_the_recipe_names(data, tmp_path):
    from transformers import AutoTokenizer, GenerationConfig

    folder = policies.never_stop(shutil.copytree(data / "base", tmp_path / "base"))
    named = but(PLAIN, "base", eos="<|im_end|>")
    assert weights.load_tokenizer(PLAIN, folder, data).eos_token == "<|endoftext|>"
    assert weights.load_tokenizer(named, folder, data).eos_token_id == 2
    assert weights.end_tokens(named, folder, data) == {0}
    merged = weights.merge(named, folder, data, tmp_path / "merged", "float32")
    assert AutoTokenizer.from_pretrained(merged).eos_token == "<|im_end|>"
    assert GenerationConfig.from_pretrained(merged).eos_token_id == [2, 0]
    assert json.loads((merged / "config.json").read_text())["eos_token_id"] == 2
    (merged / "generation_config.json").unlink()
    assert weights.end_tokens(PLAIN, merged, data) == {2}


@pytest.mark.parametrize("eos", ["<|eot_id|>", "pain", "chest pain", ""])
def test_an_end_token_that_is_no_token_is_refused(data, eos):
    with pytest.raises(UsageError) as caught:
        weights.load_tokenizer(but(PLAIN, "base", eos=eos), data / "base", data)
    assert repr(eos) in str(caught.value)


def test_a_tokenizer_without_a_chat_template_is_refused_where_one_is_needed(data, tmp_path):
    folder = tmp_path / "plain"
    shutil.copytree(data / "base", folder)
    (folder / "chat_template.jinja").unlink()
    with refused(ErrorCode.MODEL_NOT_LOADABLE, str(folder)):
        weights.load_tokenizer(PLAIN, folder, data)
    assert weights.load_tokenizer(PLAIN, folder, data, chat=False).chat_template is None
    assert weights.merge(PLAIN, folder, data, tmp_path / "merged", "float32").is_dir()


def test_damaged_weights_are_refused(data, tmp_path):
    broken = shutil.copytree(data / "base", tmp_path / "broken")
    (broken / "model.safetensors").write_bytes((broken / "model.safetensors").read_bytes()[:1000])
    with refused(ErrorCode.MODEL_NOT_LOADABLE, str(broken)):
        weights.load(PLAIN, broken, data)
