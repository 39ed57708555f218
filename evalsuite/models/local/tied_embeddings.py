"""Finds adapters that can't be merged, because they change one of two embeddings that share their weights.

A tied model has one matrix for its input embeddings and its output head. A LoRA of one of them leaves the other as it
is, until it is merged: peft 0.21.2 then adds it to the shared matrix, also with `ensure_weight_tying`, and the merged
model answers otherwise than the one that was trained. vLLM's LoRA never changes the other one either. Copies of the
whole matrix (`modules_to_save`) and of single rows (`trainable_token_indices`) are merged as they were trained.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_EMBEDDINGS: Final = frozenset({"embed_in", "embed_out", "embed_tokens", "lm_head", "word_embeddings", "wte"})
"""Names of input embeddings and output heads in transformers' models of language."""


def adapted_tied_embedding(model: Any) -> str | None:
    """Return the name of a tied embedding that the adapter of a `PeftModel` changes; None if there is none."""
    from peft.tuners.trainable_tokens import TrainableTokensLayer
    from peft.tuners.tuners_utils import BaseTunerLayer

    base = model.get_base_model()
    ends = [module for module in (base.get_input_embeddings(), base.get_output_embeddings()) if module is not None]
    if len({id(_original(module).weight) for module in ends}) == len(ends):
        return None
    adapted = [
        module for module in ends if isinstance(module, BaseTunerLayer) and not isinstance(module, TrainableTokensLayer)
    ]
    return next((name for name, module in base.named_modules() if module in adapted), None)


def targeted_embedding(adapter: Path) -> str | None:
    """Return the name of an embedding that an adapter's folder has a LoRA of; None if there is none.

    For engines that read an adapter without peft. Raises OSError, ValueError, TypeError or SafetensorError for files of
    another form.
    """
    targets = json.loads((adapter / "adapter_config.json").read_text("utf-8")).get("target_modules")
    names = set(targets) if isinstance(targets, list) else set()  # else a regular expression, which may be hostile
    weights = adapter / "adapter_model.safetensors"
    if weights.is_file():
        from safetensors import safe_open

        with safe_open(weights, "np") as tensors:
            keys = list(tensors.keys())
        names |= {key.partition(".lora_")[0] for key in keys if ".lora_" in key}
    return next((name for name in sorted(names) if name.rpartition(".")[2] in _EMBEDDINGS), None)


def describe(adapter: str, embedding: str) -> str:
    """Return why an adapter is refused, and what to do."""
    return (
        f"{adapter}: has a LoRA of {embedding}, but the model's input embeddings and output head are one matrix "
        "(tied): merged it would be another model; train it without that target"
    )


def _original(module: Any) -> Any:
    """Return the module that peft wrapped: by an adapter, or by a copy that is trained."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    while True:
        if isinstance(module, BaseTunerLayer):
            module = module.get_base_layer()
        elif hasattr(module, "original_module"):
            module = module.original_module
        else:
            return module
