"""How large a model is, counted on the meta device: its config is read, its weights never are."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import UsageError
from evalsuite.models.optional_packages import describe_error
from training.recipe import Base, Lora, WorldSettings
from training.tinyworld.build import START

KNOWN: Final = Path(__file__).parent / "known.json"
"""Sizes of the shipped recipes' base models, from their published config.json; so a plan needs no network."""
MOST_LAYERS: Final = 1_000
"""More than any model has: a config is somebody's file, and every layer is built."""
LEAST_LINEAR: Final = 0.9
"""Least share of the parameters without embeddings that is in linear layers, of a model that can be reckoned with."""


@dataclass(frozen=True, slots=True)
class Linear:
    """All linear layers of one name, summed over the model."""

    count: int
    inputs: int
    """Input features, summed."""
    outputs: int
    weights: int
    """Inputs x outputs, summed; biases are not among them."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A dense decoder of equal blocks."""

    model: str
    origin: str
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
    """Parameters of the embedding table and of the output head, once where they are the same."""
    head: int
    """Parameters of the output head."""
    head_norms: bool
    """Whether queries and keys are normed, head by head."""
    linears: Mapping[str, Linear]
    """Linear layers of the blocks, by the last part of their names."""

    @property
    def blocks(self) -> int:
        """Weights of all blocks' linear layers, each of which multiplies every token once."""
        return sum(linear.weights for linear in self.linears.values())

    @property
    def kv_bytes(self) -> int:
        """Bytes of one token's keys and values in bfloat16."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_dim

    def adapters(self, lora: Lora) -> dict[str, int]:
        """Parameters of the adapters on each target: r (in + out) a layer; an unknown target is a `UsageError`."""
        unknown = [target for target in lora.targets if target not in self.linears]
        if unknown:
            raise UsageError(
                f"lora.targets: {self.model} has no {', '.join(unknown)}; its layers are {', '.join(self.linears)}"
            )
        return {
            target: lora.r * (self.linears[target].inputs + self.linears[target].outputs) for target in lora.targets
        }


def architecture(base: Base, data: Path | None, world: WorldSettings | None = None) -> Architecture:
    """The architecture of a base model, by its config: a folder's, the local cache's, a known one's, or the hub's.

    Without data, a world's own model is measured by the config that a run would give it.
    """
    missing = [library for library in ("torch", "transformers") if importlib.util.find_spec(library) is None]
    if missing:
        raise UsageError(f"plan needs {', '.join(missing)}: pip install 'evalsuite[train]'")
    if world is not None and data is None and base.model == f"./{START}":
        config, origin = _drawn(world), "the recipe's world"
    else:
        config, origin = _config(base, data)
    return _measure(base.model, origin, config.get_text_config())


def _config(base: Base, data: Path | None) -> tuple[Any, str]:
    """A model's config and where it is from; the network is asked last, since asking in vain takes half a minute."""
    from transformers import AutoConfig

    if base.model.startswith("./") and data is None:
        raise UsageError(f"base.model {base.model}: a folder among the recipe's data: say where that is, with --data")
    folder = data / base.model if data is not None and base.model.startswith("./") else Path(base.model)
    if folder.is_dir():
        return _read(str(folder)), str(folder)
    try:
        cached = AutoConfig.from_pretrained(base.model, revision=base.revision, local_files_only=True)
        return cached, "the hub's cache"
    except (OSError, ValueError):
        known = json.loads(KNOWN.read_text("utf-8")).get(base.model)
    if known is not None:
        return AutoConfig.for_model(**known), "the plan's own list"
    return _read(base.model, base.revision), "the hub"


def _drawn(world: WorldSettings) -> Any:
    from training.tinyworld.graph import make_world
    from training.tinyworld.model import make_config
    from training.tinyworld.tokenizer import make_tokenizer

    return make_config(make_tokenizer(make_world(world.seed)))


def _read(where: str, revision: str | None = None) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(where, revision=revision, trust_remote_code=False)
    except Exception as error:  # a config is somebody's file, and each class of models fails in its own way
        raise UsageError(f"base.model {where}: its config can't be read: {describe_error(error)[:300]}") from None


def _measure(model: str, origin: str, config: Any) -> Architecture:
    built = _build(model, config)
    embeddings = built.get_input_embeddings().weight
    head = built.get_output_embeddings().weight
    found = Architecture(
        model=model,
        origin=origin,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or config.num_attention_heads,
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        intermediate=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        vocabulary=embeddings.shape[0],
        parameters=sum(parameter.numel() for parameter in built.parameters()),
        embeddings=head.numel() if head is embeddings else head.numel() + embeddings.numel(),
        head=head.numel(),
        head_norms=any(name.endswith(".q_norm") for name, _ in built.named_modules()),
        linears=_linears(built),
    )
    if found.blocks < LEAST_LINEAR * (found.parameters - found.embeddings):
        raise UsageError(f"base.model {model}: not a dense decoder of linear layers, which is all that can be planned")
    return found


def _build(model: str, config: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    try:
        if config.num_hidden_layers > MOST_LAYERS:
            raise ValueError(f"{config.num_hidden_layers:,} layers")
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception as error:  # as above
        raise UsageError(f"base.model {model}: no causal language model: {describe_error(error)[:300]}") from None


def _linears(built: Any) -> dict[str, Linear]:
    import torch

    shapes: dict[str, list[tuple[int, int]]] = {}
    for name, module in built.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not built.get_output_embeddings():
            shapes.setdefault(name.rpartition(".")[2], []).append((module.in_features, module.out_features))
    return {
        name: Linear(
            count=len(found),
            inputs=sum(inputs for inputs, _ in found),
            outputs=sum(outputs for _, outputs in found),
            weights=sum(inputs * outputs for inputs, outputs in found),
        )
        for name, found in shapes.items()
    }
