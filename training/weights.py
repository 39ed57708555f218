"""A stage's weights: the base model, the adapter that goes on through the stages, and the merge of both."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from evalsuite.errors import UsageError
from evalsuite.models.local.generate import end_token_id
from evalsuite.models.optional_packages import describe_error
from evalsuite.util.atomic_write import atomic_folder
from training import trainer_config
from training.recipe import Base, Recipe

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Dtype = Literal["bfloat16", "float32"]
MERGED: Final = "start"
"""Folder of a stage that holds its start, merged into whole weights: what its new adapter is trained on."""


def base_model(base: Base, data: Path) -> str:
    """Where the base model is: its hub name or folder; `./NAME` is a folder among the data."""
    return str((data / base.model).resolve()) if base.model.startswith("./") else base.model


def is_adapter(start: str | Path) -> bool:
    """Whether a folder holds an adapter and not whole weights."""
    return (Path(start) / "adapter_config.json").is_file()


def base_weights_of(recipe: Recipe, adapter: str | Path, data: Path) -> str:
    """The whole weights that an adapter was trained on: the base model, or what a stage before merged its start into.

    The adapter says where that was; in a run that was moved it is looked for at the same place of the run.
    """
    said = Path(_adapter_config(adapter).base_model_name_or_path or "")
    if said.name != MERGED or said.parent.parent.name != "stages":
        return base_model(recipe.base, data)
    moved = Path(adapter).resolve().parent.parent / said.parent.name / MERGED
    for place in (moved, said):
        if place.is_dir():
            return str(place)
    raise UsageError(f"{adapter}: the weights that it was trained on, {said}, are gone: train their stage again")


def load_tokenizer(recipe: Recipe, start: str | Path, data: Path, chats: bool = True) -> PreTrainedTokenizerBase:
    """The tokenizer that was saved with the start, or the base model's; padded on the left, for generation.

    It ends a turn with the recipe's `base.eos`, where that is said; what isn't a token of it is a `UsageError`, and so
    is one without a chat template where it `chats`.
    """
    from transformers import AutoTokenizer

    base = base_model(recipe.base, data)
    own = (Path(start) / "tokenizer_config.json").is_file()
    where = str(start) if own else base
    tokenizer = _read(AutoTokenizer, where, revision=_revision(recipe.base, where, base), padding_side="left")
    if chats and not tokenizer.chat_template:
        raise UsageError(f"{where}: its tokenizer has no chat template; a stage needs the one of its evaluation")
    if recipe.base.eos is not None:
        end_token_id(tokenizer, recipe.base.eos, where)
        tokenizer.eos_token = recipe.base.eos
    return tokenizer


def ends(recipe: Recipe, start: str | Path, data: Path) -> frozenset[int]:
    """Tokens that end what a start writes by its generation config, or else by its config; not its tokenizer's own."""
    from transformers import AutoConfig, GenerationConfig

    where = base_weights_of(recipe, start, data) if is_adapter(start) else str(start)
    revision = _revision(recipe.base, where, base_model(recipe.base, data))
    try:
        found = GenerationConfig.from_pretrained(where, revision=revision).eos_token_id
    except OSError:  # it has none
        found = _read(AutoConfig, where, revision=revision).get_text_config().eos_token_id
    return frozenset(found if isinstance(found, list) else [] if found is None else [found])


def load(recipe: Recipe, start: str | Path, data: Path) -> PreTrainedModel | PeftModel:
    """The model that a stage trains, from an adapter, whole weights or a hub name.

    With LoRA: an adapter goes on as it is, and whole weights get a new one. Without: every weight is trained.
    """
    if recipe.lora is None:
        if is_adapter(start):
            raise UsageError(
                f"{start}: an adapter, but recipe {recipe.name} trains all weights: give lora, or merge it"
            )
        return load_whole(recipe, start, data)
    if is_adapter(start):
        return _continue(recipe, start, data)
    return _adapt(recipe, load_whole(recipe, start, data))


def load_whole(recipe: Recipe, start: str | Path, data: Path) -> PreTrainedModel:
    """Whole weights, from a folder or the hub.

    Weights that are trained are held in float32 and computed in the recipe's dtype: at a learning rate of 1e-6 a step
    is lost in bfloat16's 8 bits. Frozen ones are in the recipe's dtype, or in 4 bits. FSDP shards weights of one dtype
    only, and a new adapter is in float32: there all are.
    """
    sharded = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    if recipe.base.quantise == "nf4":
        return _weights(recipe.base, start, data, recipe.base.dtype, **_in_4_bits())
    return _weights(recipe.base, start, data, "float32" if recipe.lora is None or sharded else recipe.base.dtype)


def widen(model: Any) -> None:
    """Hold what is trained in float32 again: TRL puts the adapter of a model in 4 bits into bfloat16, see `load_whole`.

    Before the optimizer is made, which takes the weights as they are.
    """
    import torch

    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(torch.float32)


def merge(recipe: Recipe, start: str | Path, data: Path, out: Path, dtype: Dtype) -> Path:
    """Write whole weights with their tokenizer: the start's own, its adapter added to the base in float32.

    Their configs end a response where the tokenizer does, as the trainer's do of what it saves.
    The folder appears as a whole; one that is there already is left as it is.
    """
    if out.is_dir():
        return out
    if is_adapter(start):
        model = _peft(
            _weights(recipe.base, base_weights_of(recipe, start, data), data, "float32"), start
        ).merge_and_unload()
    else:
        model = _weights(recipe.base, start, data, "float32")
    import torch
    from transformers.trainer_utils import align_special_tokens

    tokenizer = load_tokenizer(recipe, start, data, chats=False)
    with atomic_folder(out) as partial:
        align_special_tokens(model, tokenizer)
        model.to(getattr(torch, dtype)).save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    return out


def _weights(base: Base, start: str | Path, data: Path, dtype: Dtype, **more: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    revision = _revision(base, str(start), base_model(base, data))
    return _read(AutoModelForCausalLM, str(start), revision=revision, dtype=getattr(torch, dtype), **more)


def _revision(base: Base, where: str, model: str) -> str | None:
    """The recipe's revision, for the hub's copy of its base model alone."""
    return base.revision if where == model and not Path(where).is_dir() else None


def _read(kind: Any, where: str, **how: Any) -> Any:
    """Read from a folder or the hub, never code and never a pickle; what can't be read is a `UsageError`."""
    if kind.__name__ == "AutoModelForCausalLM":
        how["use_safetensors"] = True
    from safetensors import SafetensorError

    try:
        return kind.from_pretrained(where, trust_remote_code=False, **how)
    except (OSError, ValueError, SafetensorError) as error:
        raise UsageError(f"{where}: no model could be read: {describe_error(error)[:300]}") from None


def _in_4_bits() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise UsageError(
            "base.quantise nf4: needs a CUDA GPU and bitsandbytes (pip install bitsandbytes): or say quantise: none"
        )
    return {"quantization_config": trainer_config.nf4(), "device_map": {"": torch.cuda.current_device()}}


def _continue(recipe: Recipe, start: str | Path, data: Path) -> Any:
    """The start's adapter, trained on; a shape other than the recipe's is a `UsageError`."""
    assert recipe.lora is not None
    found, asked = _adapter_config(start), trainer_config.lora(recipe.lora)
    for key in ("r", "lora_alpha", "lora_dropout", "target_modules"):
        if getattr(found, key) != getattr(asked, key):
            raise UsageError(
                f"{start}: its adapter has {key} {_said(getattr(found, key))}, recipe {recipe.name} says "
                f"{_said(getattr(asked, key))}: the same adapter goes on through the stages"
            )
    return _peft(load_whole(recipe, base_weights_of(recipe, start, data), data), start, is_trainable=True)


def _adapter_config(start: str | Path) -> Any:
    from peft import LoraConfig

    try:
        return LoraConfig.from_pretrained(str(start))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{start}: no adapter could be read: {describe_error(error)[:300]}") from None


def _said(value: Any) -> str:
    return ", ".join(sorted(value)) if isinstance(value, set | list) else str(value)


def _peft(whole: Any, start: str | Path, is_trainable: bool = False) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(whole, str(start), is_trainable=is_trainable, autocast_adapter_dtype=_apart())


def _adapt(recipe: Recipe, whole: Any) -> Any:
    """A new adapter, drawn by the recipe's seed."""
    from peft import get_peft_model
    from transformers import set_seed

    assert recipe.lora is not None
    set_seed(recipe.seed)
    return get_peft_model(whole, trainer_config.lora(recipe.lora), autocast_adapter_dtype=_apart())


def _apart() -> bool:
    """Whether the adapter is in float32 on a base in another dtype: not under ZeRO-3, which gathers one dtype alone."""
    from transformers.integrations import is_deepspeed_zero3_enabled

    return not is_deepspeed_zero3_enabled()
