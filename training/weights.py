"""Loads and merges a stage's weights: the base model, adapters, and full weights, each with its tokenizer.

A start is what a stage trains on from: the folder of an adapter, a folder of full weights, or a hub name. With LoRA one
adapter goes through the stages, except that a grpo stage merges its start into full weights first and trains a new
adapter on them: the model without that adapter is then the reference of its KL divergence.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.local.generate import end_token_id
from evalsuite.models.local.tied_embeddings import adapted_tied_embedding, describe
from evalsuite.models.optional_packages import describe_error
from evalsuite.util.atomic_write import atomic_folder
from training import trainer_config
from training.merge_check import ROUNDING_TOLERANCE, TOLERANCE, prompt_logits, refuse_difference
from training.recipe import Base, Recipe

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Dtype = Literal["bfloat16", "float32"]
MERGED: Final = "start"
"""Folder of a stage with its start merged into full weights: the base weights of its new adapter."""


def base_model(base: Base, data: Path) -> str:
    """Return the base model's hub name or folder; `./NAME` is a folder among the data."""
    return str((data / base.model).resolve()) if base.model.startswith("./") else base.model


def is_adapter(start: str | Path) -> bool:
    """Return whether a folder holds an adapter and not full weights."""
    return (Path(start) / "adapter_config.json").is_file()


def base_weights_of(recipe: Recipe, adapter: str | Path, data: Path) -> str:
    """Return the base weights of an adapter: the base model, or what a stage merged its start into.

    A `UsageError` if they are gone.
    """
    recorded = Path(_adapter_config(adapter).base_model_name_or_path or "")
    # Only `stages/<stage>/start` is a merge; any other path is wherever the base model was when the adapter was saved.
    if recorded.name != MERGED or recorded.parent.parent.name != "stages":
        return base_model(recipe.base, data)
    # The path was absolute when the adapter was saved. If the run was moved since, the same stage of the run that the
    # adapter lies in has it. That place comes first, so that a copied run never reads the weights of its original.
    in_this_run = Path(adapter).resolve().parent.parent / recorded.parent.name / MERGED
    for folder in (in_this_run, recorded):
        if folder.is_dir():
            return str(folder)
    message = f"{adapter}: its base weights, {recorded}, are gone: train their stage again"
    raise UsageError(ErrorCode.ADAPTER_NOT_LOADABLE, message)


def load_tokenizer(recipe: Recipe, start: str | Path, data: Path, chat: bool = True) -> PreTrainedTokenizerBase:
    """Load the tokenizer that was saved with the start, or else the base model's; padded on the left, for generation.

    It ends a turn with the recipe's `base.eos`, if that is given; a `UsageError` if it isn't a token. With `chat` a
    tokenizer without a chat template is a `UsageError` too.
    """
    from transformers import AutoTokenizer

    base = base_model(recipe.base, data)
    has_own = (Path(start) / "tokenizer_config.json").is_file()
    source = str(start) if has_own else base
    tokenizer = _from_pretrained(
        AutoTokenizer, source, revision=_revision(recipe.base, source, base), padding_side="left"
    )
    if chat and not tokenizer.chat_template:
        message = f"{source}: its tokenizer has no chat template; a stage needs the one of its evaluation"
        raise UsageError(ErrorCode.MODEL_NOT_LOADABLE, message)
    if recipe.base.eos is not None:
        end_token_id(tokenizer, recipe.base.eos, source)  # raises for what isn't a token
        tokenizer.eos_token = recipe.base.eos
    return tokenizer


def end_tokens(recipe: Recipe, start: str | Path, data: Path) -> frozenset[int]:
    """Return the tokens that end a response by the start's generation config, or else by its config.

    The tokenizer's own end token is not among them, unless these files name it too.
    """
    from transformers import AutoConfig, GenerationConfig

    source = base_weights_of(recipe, start, data) if is_adapter(start) else str(start)
    revision = _revision(recipe.base, source, base_model(recipe.base, data))
    try:
        tokens = GenerationConfig.from_pretrained(source, revision=revision).eos_token_id
    except OSError:  # there is no generation config
        tokens = _from_pretrained(AutoConfig, source, revision=revision).get_text_config().eos_token_id
    return frozenset(tokens if isinstance(tokens, list) else [] if tokens is None else [tokens])


def load(recipe: Recipe, start: str | Path, data: Path) -> PreTrainedModel | PeftModel:
    """Load the model that a stage trains.

    With LoRA an adapter is trained further and full weights get a new one. Without it every weight is trained, and a
    start that is an adapter is a `UsageError`.
    """
    if recipe.lora is None:
        if is_adapter(start):
            message = f"{start}: an adapter, but recipe {recipe.name} trains all weights: give lora, or merge it"
            raise UsageError(ErrorCode.ADAPTER_NOT_LOADABLE, message)
        return load_full_weights(recipe, start, data)
    if is_adapter(start):
        return _load_adapter(recipe, start, data)
    return _add_adapter(recipe, load_full_weights(recipe, start, data))


def load_full_weights(recipe: Recipe, start: str | Path, data: Path) -> PreTrainedModel:
    """Load full weights from a folder or the hub, in the dtype in which they are trained or frozen."""
    # Trained weights are held in float32 and computed in the recipe's dtype: at a learning rate of 1e-6 most steps are
    # smaller than the spacing of bfloat16's 8 bits and would be lost. Frozen weights are in the recipe's dtype or in 4
    # bits. FSDP shards weights of one dtype only, and a new adapter is in float32, so there all weights are.
    if recipe.base.quantise == "nf4":
        return _load_causal_lm(recipe.base, start, data, recipe.base.dtype, **_in_4_bits())
    sharded = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    dtype: Dtype = "float32" if recipe.lora is None or sharded else recipe.base.dtype
    return _load_causal_lm(recipe.base, start, data, dtype)


def load_teacher(teacher: Base, data: Path, tokenizer: PreTrainedTokenizerBase, student: Any) -> PreTrainedModel:
    """Load a teacher of distillation; a `UsageError` where its vocabulary isn't the student's, or is padded otherwise.

    Models of one family and tokenizer may have different numbers of logits: Qwen2.5's 0.5B 151,936, its 7B 152,064.
    """
    from transformers import AutoTokenizer

    source = base_model(teacher, data)
    own = _from_pretrained(AutoTokenizer, source, revision=_revision(teacher, source, source))
    if own.get_vocab() != tokenizer.get_vocab():
        message = f"`teacher` {source}: its vocabulary isn't the student's, whose tokens it is to score; choose another"
        raise UsageError(ErrorCode.MODEL_NOT_LOADABLE, message)
    model: PreTrainedModel = _load_causal_lm(teacher, source, data, teacher.dtype)
    sizes = [each.config.get_text_config().vocab_size for each in (model, student)]
    if sizes[0] != sizes[1]:
        message = f"`teacher` {source}: has {sizes[0]:,} logits and the student {sizes[1]:,}; choose another"
        raise UsageError(ErrorCode.MODEL_NOT_LOADABLE, message)
    return model


def train_in_float32(model: Any) -> None:
    """Hold the trained weights in float32: TRL puts the adapter of a model in 4 bits into bfloat16.

    `load_full_weights` says why that loses steps. To be called before the optimizer is made, which takes the weights
    as they are.
    """
    import torch

    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(torch.float32)


def refuse_tied_embeddings(model: Any, adapter: str) -> None:
    """Raise a `UsageError` where the adapter of a `PeftModel` changes one of two embeddings that share weights."""
    embedding = adapted_tied_embedding(model)
    if embedding is not None:
        raise UsageError(ErrorCode.ADAPTER_NOT_LOADABLE, describe(adapter, embedding))


def refuse_unfit_targets(recipe: Recipe, data: Path) -> None:
    """Raise a `UsageError` where the recipe's adapter can't be put on its base model, of which only the config is read.

    The base model is built on the meta device, where tensors have shapes but no storage.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    base = base_model(recipe.base, data)
    config = _from_pretrained(AutoConfig, base, revision=_revision(recipe.base, base, base))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft warns in several lines of what is refused here in one
        _add_adapter(recipe, model)


def merge(recipe: Recipe, start: str | Path, data: Path, out: Path, dtype: Dtype) -> Path:
    """Write full weights with their tokenizer into a folder: the start's own, or its adapter added to its base weights.

    The sum is computed in float32 and written in `dtype`. The configs end a response where the tokenizer does, as the
    trainer's do. A folder that exists is left as it is, since it appears only when it is complete, and once the weights
    in it are known to answer as the start does: else that is a `RunError` (see `training.merge_check`).
    """
    if out.is_dir():
        return out
    tokenizer = load_tokenizer(recipe, start, data, chat=False)
    model, expected = _merged(recipe, start, data, tokenizer, out)
    with atomic_folder(out) as partial:
        written = _save_rounded(model, tokenizer, partial, dtype)
        refuse_difference(written, expected, ROUNDING_TOLERANCE[dtype], out)
        del model  # or two models were in memory
        read = prompt_logits(_load_causal_lm(recipe.base, partial, data, "float32"), tokenizer)
        refuse_difference(read, written, TOLERANCE, out)
    return out


def _merged(recipe: Recipe, start: str | Path, data: Path, tokenizer: Any, out: Path) -> tuple[Any, torch.Tensor]:
    """Return the full weights of a start in float32, and the logits that the start itself has."""
    if not is_adapter(start):
        model = _load_causal_lm(recipe.base, start, data, "float32")
        return model, prompt_logits(model, tokenizer)
    _refuse_other_shape(recipe, start)
    adapted = _with_adapter(_load_causal_lm(recipe.base, base_weights_of(recipe, start, data), data, "float32"), start)
    expected = prompt_logits(adapted, tokenizer)
    model = adapted.merge_and_unload()
    refuse_difference(prompt_logits(model, tokenizer), expected, TOLERANCE, out)
    return model, expected


def _save_rounded(model: Any, tokenizer: Any, folder: Path, dtype: Dtype) -> torch.Tensor:
    """Write a float32 model in a dtype, and return the logits of the weights written, computed in float32."""
    import torch
    from transformers.trainer_utils import align_special_tokens

    rounded = getattr(torch, dtype)
    with torch.no_grad():
        # The weights alone: `model.to` would also round what is computed, not read, such as the rotary frequencies.
        for weight in model.parameters():
            weight.copy_(weight.to(rounded))
    logits = prompt_logits(model, tokenizer)
    align_special_tokens(model, tokenizer)
    model.to(rounded).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return logits


def _load_causal_lm(base: Base, start: str | Path, data: Path, dtype: Dtype, **options: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    revision = _revision(base, str(start), base_model(base, data))
    return _from_pretrained(
        AutoModelForCausalLM,
        str(start),
        revision=revision,
        dtype=getattr(torch, dtype),
        use_safetensors=True,  # never a pickle, which can run code
        **options,
    )


def _revision(base: Base, source: str, model: str) -> str | None:
    """Return the recipe's revision for its base model on the hub; a folder or another model has none."""
    return base.revision if source == model and not Path(source).is_dir() else None


def _from_pretrained(auto_class: Any, source: str, **options: Any) -> Any:
    """Load from a folder or the hub, without running code from there; a `UsageError` if it can't be loaded."""
    from safetensors import SafetensorError

    try:
        return auto_class.from_pretrained(source, trust_remote_code=False, **options)
    except (OSError, ValueError, SafetensorError) as error:
        message = f"{source}: no model could be loaded: {describe_error(error)[:300]}"
        raise UsageError(ErrorCode.MODEL_NOT_LOADABLE, message) from None


def _in_4_bits() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise UsageError(
            ErrorCode.TRAINING_NOT_POSSIBLE,
            "base.quantise nf4: needs a CUDA GPU and bitsandbytes (pip install bitsandbytes); or use quantise: none",
        )
    return {"quantization_config": trainer_config.nf4(), "device_map": {"": torch.cuda.current_device()}}


def _load_adapter(recipe: Recipe, start: str | Path, data: Path) -> Any:
    """Load the start's adapter to be trained further; a shape other than the recipe's is a `UsageError`."""
    _refuse_other_shape(recipe, start)
    base = load_full_weights(recipe, base_weights_of(recipe, start, data), data)
    return _with_adapter(base, start, is_trainable=True)


def _refuse_other_shape(recipe: Recipe, start: str | Path) -> None:
    """Raise a `UsageError` where an adapter isn't of the recipe's shape, before memory of its shape is allocated."""
    if recipe.lora is None:
        return
    saved, expected = _adapter_config(start), trainer_config.lora(recipe.lora)
    for key in ("r", "lora_alpha", "lora_dropout", "target_modules"):
        if getattr(saved, key) != getattr(expected, key):
            raise UsageError(
                ErrorCode.ADAPTER_NOT_LOADABLE,
                f"{start}: its adapter has {key} {_as_text(getattr(saved, key))}, recipe {recipe.name} has "
                f"{_as_text(getattr(expected, key))}: the same adapter goes through all stages",
            )


def _adapter_config(start: str | Path) -> Any:
    from peft import LoraConfig

    try:
        return LoraConfig.from_pretrained(str(start))
    except (OSError, ValueError, TypeError) as error:
        message = f"{start}: no adapter could be loaded: {describe_error(error)[:300]}"
        raise UsageError(ErrorCode.ADAPTER_NOT_LOADABLE, message) from None


def _as_text(value: Any) -> str:
    return ", ".join(sorted(value)) if isinstance(value, set | list) else str(value)


def _with_adapter(base: Any, adapter: str | Path, is_trainable: bool = False) -> Any:
    from peft import PeftModel
    from safetensors import SafetensorError

    try:
        model = PeftModel.from_pretrained(
            base, str(adapter), is_trainable=is_trainable, autocast_adapter_dtype=_adapter_in_float32()
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:  # by damaged files
        message = f"{adapter}: no adapter could be loaded: {describe_error(error)[:300]}"
        raise UsageError(ErrorCode.ADAPTER_NOT_LOADABLE, message) from None
    refuse_tied_embeddings(model, str(adapter))
    return model


def _add_adapter(recipe: Recipe, base: Any) -> Any:
    """Add a new adapter, drawn by the recipe's seed."""
    from peft import get_peft_model
    from transformers import set_seed

    assert recipe.lora is not None
    set_seed(recipe.seed)
    try:
        model = get_peft_model(base, trainer_config.lora(recipe.lora), autocast_adapter_dtype=_adapter_in_float32())
    except ValueError as error:  # peft finds none of the targets, or can't adapt one
        message = f"recipe {recipe.name}: lora.targets: {describe_error(error)[:300]}"
        raise UsageError(ErrorCode.INVALID_RECIPE, message) from None
    refuse_tied_embeddings(model, f"recipe {recipe.name}: lora.targets")
    return model


def _adapter_in_float32() -> bool:
    """Return whether an adapter may have another dtype than its base weights: not under ZeRO-3, which gathers one."""
    from transformers.integrations import is_deepspeed_zero3_enabled

    return not is_deepspeed_zero3_enabled()
