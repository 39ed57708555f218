"""The size of a model, counted on torch's meta device: its config is read, its weights never are."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.optional_packages import describe_error
from evalsuite.util.installation import install_command
from training.recipe import Base, Lora, WorldSettings
from training.tinyworld.build import START

KNOWN_CONFIGS: Final = Path(__file__).parent / "known.json"
"""Sizes of the shipped recipes' base models from their published config.json, so that planning needs no network."""
MAX_LAYERS: Final = 1_000
"""More than any model has. A config comes from somebody else, and every layer is instantiated."""
MIN_LINEAR_SHARE: Final = 0.9
"""Smallest share of the parameters without embeddings that must be in linear layers for the formulas to apply."""


@dataclass(frozen=True, slots=True)
class LinearLayers:
    """All linear layers of one name, summed over the model."""

    count: int
    inputs: int
    """Sum of the layers' input features."""
    outputs: int
    """Sum of the layers' output features."""
    weights: int
    """Sum of inputs x outputs; biases are not included."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One dense decoder of equal blocks."""

    model: str
    config_source: str
    """Where its config is from."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    parameters: int
    embeddings: int
    """Parameters of the embedding table and of the output head, counted once where they are tied."""
    head: int
    """Parameters of the output head."""
    head_norms: bool
    """Whether queries and keys are normalised head by head."""
    linears: Mapping[str, LinearLayers]
    """Linear layers of the blocks, by the last part of their names."""

    @property
    def block_weights(self) -> int:
        """Weights of all blocks' linear layers, each of which multiplies every token once."""
        return sum(linear.weights for linear in self.linears.values())

    @property
    def kv_bytes(self) -> int:
        """Bytes of one token's keys and values in bfloat16: 2 x 2 bytes x layers x KV heads x head dimension."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_dim

    def adapters(self, lora: Lora) -> dict[str, int]:
        """Return the adapter parameters of each target, r (inputs + outputs) per layer (Hu et al. 2021, 2106.09685).

        An unknown target is a `UsageError`.
        """
        unknown = [target for target in lora.targets if target not in self.linears]
        if unknown:
            raise UsageError(
                ErrorCode.INVALID_RECIPE,
                f"lora.targets: {self.model} has no {', '.join(unknown)}; its layers are {', '.join(self.linears)}",
            )
        return {
            target: lora.r * (self.linears[target].inputs + self.linears[target].outputs) for target in lora.targets
        }


def read_architecture(base: Base, data: Path | None, world: WorldSettings | None = None) -> Architecture:
    """Return the architecture of a base model from its config: of a folder, the hub's cache, the known list or the hub.

    `data` is the folder with the recipe's data, if there is one yet. Without it the model of a recipe's world is
    measured by the config that a run would give it. A missing package, an unreadable config and a model that is not a
    dense decoder are each a `UsageError`.
    """
    missing = [library for library in ("torch", "transformers") if importlib.util.find_spec(library) is None]
    if missing:
        raise UsageError(ErrorCode.MISSING_PACKAGE, f"planning needs {', '.join(missing)}: {install_command('train')}")
    if world is not None and data is None and base.model == f"./{START}":
        config, source = _world_config(world), "the recipe's world"
    else:
        config, source = _config(base, data)
    return _measure(base.model, source, config.get_text_config())


def _config(base: Base, data: Path | None) -> tuple[Any, str]:
    """Return a model's config and its source; the network comes last, as a failing request takes half a minute."""
    from transformers import AutoConfig

    if base.model.startswith("./") and data is None:
        raise UsageError(
            ErrorCode.MISSING_ARGUMENT, f"base.model {base.model} is a folder among the recipe's data: give `data`"
        )
    folder = data / base.model if data is not None and base.model.startswith("./") else Path(base.model)
    if folder.is_dir():
        return _read_config(str(folder)), str(folder)
    try:
        cached = AutoConfig.from_pretrained(base.model, revision=base.revision, local_files_only=True)
        return cached, "the hub's cache"
    except (OSError, ValueError):
        known = json.loads(KNOWN_CONFIGS.read_text("utf-8")).get(base.model)
    if known is not None:
        return AutoConfig.for_model(**known), "the list of known configs"
    return _read_config(base.model, base.revision), "the hub"


def _world_config(world: WorldSettings) -> Any:
    from training.tinyworld.graph import make_world
    from training.tinyworld.model import make_config
    from training.tinyworld.tokenizer import make_tokenizer

    return make_config(make_tokenizer(make_world(world.seed)))


def _read_config(source: str, revision: str | None = None) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
    except Exception as error:  # a config comes from somebody else, and each model class raises other exceptions
        raise UsageError(
            ErrorCode.MODEL_NOT_LOADABLE,
            f"base.model {source}: its config can't be read: {describe_error(error)[:300]}",
        ) from None


def _measure(model: str, source: str, config: Any) -> Architecture:
    instance = _instantiate(model, config)
    embeddings = instance.get_input_embeddings().weight
    head = instance.get_output_embeddings().weight
    architecture = Architecture(
        model=model,
        config_source=source,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or config.num_attention_heads,
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        intermediate=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        vocabulary=embeddings.shape[0],
        parameters=sum(parameter.numel() for parameter in instance.parameters()),
        embeddings=head.numel() if head is embeddings else head.numel() + embeddings.numel(),
        head=head.numel(),
        head_norms=any(name.endswith(".q_norm") for name, _ in instance.named_modules()),
        linears=_linear_layers(instance),
    )
    # Mixtures of experts and convolutions have most weights in other modules, for which 2 FLOPs per weight is wrong.
    if architecture.block_weights < MIN_LINEAR_SHARE * (architecture.parameters - architecture.embeddings):
        raise UsageError(
            ErrorCode.TRAINING_NOT_POSSIBLE,
            f"base.model {model}: not a dense decoder of linear layers, the only kind that can be planned",
        )
    return architecture


def _instantiate(model: str, config: Any) -> Any:
    """Build the model on the meta device, where tensors have shapes but no storage."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        if config.num_hidden_layers > MAX_LAYERS:
            raise ValueError(f"{config.num_hidden_layers:,} layers")
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception as error:  # as in _read_config
        raise UsageError(
            ErrorCode.MODEL_NOT_LOADABLE,
            f"base.model {model}: no causal language model: {describe_error(error)[:300]}",
        ) from None


def _linear_layers(instance: Any) -> dict[str, LinearLayers]:
    import torch

    sizes: dict[str, list[tuple[int, int]]] = {}
    for name, module in instance.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not instance.get_output_embeddings():
            sizes.setdefault(name.rpartition(".")[2], []).append((module.in_features, module.out_features))
    return {
        name: LinearLayers(
            count=len(pairs),
            inputs=sum(inputs for inputs, _ in pairs),
            outputs=sum(outputs for _, outputs in pairs),
            weights=sum(inputs * outputs for inputs, outputs in pairs),
        )
        for name, pairs in sizes.items()
    }
