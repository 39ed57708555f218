"""A random model of the Qwen3 architecture, small enough for two CPU cores, started so that it soon learns to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

HIDDEN: Final = 128
LAYERS: Final = 4
HEADS: Final = 4
MATRIX: Final = 0.05
EMBEDDING: Final = 0.09
WRITTEN: Final = 0.1
"""Standard deviations of what is drawn: matrices, embeddings, and what the head that looks back writes."""
CONSTANT: Final = 0.5
"""First coordinate of every embedding."""
TURNS: Final = (0.84, 0.54)
"""How much the head that looks back relies on each of the fastest rotations; their squares add up to 1."""
FAST: Final = 5
"""Rotations that the head that finds again leaves out: they turn too far over the length of a prompt."""
SHARP: Final = 3.0
"""Scale of the normalised queries of the first two layers, so that attention is sharp from the start."""


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3ForCausalLM:
    """Draw the weights; queries begin equal to keys and outputs to transposed values.

    Source: Trockman and Kolter 2023, Mimetic Initialization of Self-Attention Layers (here without the noise terms).
    """
    import torch
    from transformers import Qwen3ForCausalLM

    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(make_config(tokenizer))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2:
                weight.normal_(0.0, EMBEDDING if "embed_tokens" in name else MATRIX)
        for layer in model.model.layers:
            attention = layer.self_attn
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            attention.o_proj.weight.copy_(attention.v_proj.weight.T)
        _wire_induction(model)
    return model


def make_config(tokenizer: PreTrainedTokenizerFast) -> Qwen3Config:
    """The model's shape; its embeddings are as many as the world's words make tokens."""
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=3 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        head_dim=HIDDEN // HEADS,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )


def _wire_induction(model: Qwen3ForCausalLM) -> None:
    """Let two heads begin as an induction circuit: what came after the last place where this token stood.

    The first layer's head attends to the token before: its keys are its queries turned by one place, and both read
    only a first coordinate that every embedding has alike. The second layer's head looks for what the first one wrote,
    with the first one's values as queries. Source: Olsson et al. 2022, In-context Learning and Induction Heads.
    """
    before, after = (layer.self_attn for layer in model.model.layers[:2])
    width = before.head_dim
    model.model.embed_tokens.weight[:, 0] = CONSTANT
    before.q_proj.weight[:width] = 0.0
    before.k_proj.weight[:width] = 0.0
    for pair, (angle, size) in enumerate(zip(model.model.rotary_emb.inv_freq, TURNS, strict=False)):
        before.q_proj.weight[pair, 0] = size
        before.k_proj.weight[pair, 0] = size * angle.cos()
        before.k_proj.weight[width // 2 + pair, 0] = size * angle.sin()
    before.o_proj.weight[:, :width].normal_(0.0, WRITTEN)
    after.q_proj.weight[:width] = before.v_proj.weight[:width]
    after.k_proj.weight[:width] = before.o_proj.weight[:, :width].T
    before.q_norm.weight.fill_(SHARP)
    after.q_norm.weight.fill_(SHARP)
    after.q_proj.weight[:width, 0] = 0.0
    for matrix in (after.q_proj.weight, after.k_proj.weight):
        matrix[:FAST] = 0.0
        matrix[width // 2 : width // 2 + FAST] = 0.0
