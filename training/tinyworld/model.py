"""The start model of a world: a small random Qwen3 with two attention heads that form an induction circuit.

A model of this size, trained for minutes on two CPU cores, learns to copy from its prompt much later than larger ones
do, or never. So the circuit for it is there from the start, and training only has to use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

HIDDEN: Final = 128
LAYERS: Final = 4
HEADS: Final = 4
MATRIX_STD: Final = 0.05
EMBEDDING_STD: Final = 0.09
OUTPUT_STD: Final = 0.1
"""Standard deviations of random weights: matrices, embeddings, and the output matrix of the previous-token head."""
CONSTANT: Final = 0.5
"""First coordinate of every embedding."""
PREVIOUS_TOKEN_WEIGHTS: Final = (0.84, 0.54)
"""Weights of the two fastest rotations in the previous-token head; their squares sum to 1."""
FAST_ROTATIONS: Final = 5
"""Fastest rotations that the induction head ignores: they turn too far over the length of a prompt."""
QUERY_SCALE: Final = 3.0
"""Scale of the normalised queries of the first two layers, so that attention is sharp from the start."""


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3ForCausalLM:
    """Draw the weights of the start model in float32.

    In every layer keys are equal to queries and outputs to transposed values. Source: Trockman and Kolter 2023,
    "Mimetic Initialization of Self-Attention Layers", arXiv:2305.09828, here without its noise terms.
    """
    import torch
    from transformers import Qwen3ForCausalLM

    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(make_config(tokenizer))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2:
                weight.normal_(0.0, EMBEDDING_STD if "embed_tokens" in name else MATRIX_STD)
        for layer in model.model.layers:
            attention = layer.self_attn
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            attention.o_proj.weight.copy_(attention.v_proj.weight.T)
        _add_induction_circuit(model)
    return model


def make_config(tokenizer: PreTrainedTokenizerFast) -> Qwen3Config:
    """Return the model's config; its vocabulary is the tokenizer's."""
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


def _add_induction_circuit(model: Qwen3ForCausalLM) -> None:
    """Make the first heads of the first two layers an induction circuit.

    For a token that occurred before, it attends to the token that followed there. Source: Olsson et al. 2022,
    "In-context Learning and Induction Heads", arXiv:2209.11895.
    """
    previous, induction = (layer.self_attn for layer in model.model.layers[:2])
    width = previous.head_dim
    # The previous-token head attends by position alone. Its queries and keys read only the first coordinate, which is
    # the same for every token, so before rotation all queries are equal, and all keys are.
    model.model.embed_tokens.weight[:, 0] = CONSTANT
    previous.q_proj.weight[:width] = 0.0
    previous.k_proj.weight[:width] = 0.0
    for pair, (angle, size) in enumerate(zip(model.model.rotary_emb.inv_freq, PREVIOUS_TOKEN_WEIGHTS, strict=False)):
        # Rotary embeddings rotate the coordinates (pair, pair + width / 2) by position x angle. The key is the query
        # rotated one position ahead, so the key of position t - 1 matches the query of position t.
        previous.q_proj.weight[pair, 0] = size
        previous.k_proj.weight[pair, 0] = size * angle.cos()
        previous.k_proj.weight[width // 2 + pair, 0] = size * angle.sin()
    # It writes the previous token's identity, a random projection of its embedding, into random directions.
    previous.o_proj.weight[:, :width].normal_(0.0, OUTPUT_STD)
    # The induction head's query is the same projection of the present token. Its key reads the directions that were
    # written to. They match where the previous token equals the present one, and there the value is the next token.
    induction.q_proj.weight[:width] = previous.v_proj.weight[:width]
    induction.k_proj.weight[:width] = previous.o_proj.weight[:, :width].T
    # Qwen3 normalises queries and keys per head; without a larger scale, attention would be almost uniform.
    previous.q_norm.weight.fill_(QUERY_SCALE)
    induction.q_norm.weight.fill_(QUERY_SCALE)
    # The constant coordinate would give all queries a common part, and fast rotations would make the match depend on
    # the distance.
    induction.q_proj.weight[:width, 0] = 0.0
    for matrix in (induction.q_proj.weight, induction.k_proj.weight):
        matrix[:FAST_ROTATIONS] = 0.0
        matrix[width // 2 : width // 2 + FAST_ROTATIONS] = 0.0
