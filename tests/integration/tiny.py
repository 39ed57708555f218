"""Tiny random models for tests, with tokenizer and LoRA adapter, in the Qwen3 architecture.

They run through the same code of transformers and vllm as large models of that architecture.
"""

import json
from pathlib import Path

QWEN_TEMPLATE = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% endif %}
{%- endif %}"""
"""As Qwen3's: thinking off appends an empty reasoning block to the prompt; on appends nothing."""

OPENING_TEMPLATE = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
<think>
{% endif %}"""
"""As the templates of DeepSeek-R1 and Qwen3-Thinking, it opens the reasoning block in the prompt."""

SENTENCES = (
    "A 45-year-old man comes to the emergency department because of crushing chest pain for two hours.",
    "Which of the following is the most appropriate next step in management? A. Aspirin B. Heparin C. Biopsy",
    "Think step by step, then give the final answer as <answer>X</answer>, where X is the letter of the option.",
    "The patient's blood pressure is 150/90 mm Hg, pulse is 96/min, and respirations are 18/min. Yes, no, maybe.",
)
LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD_DIM = 2, 128, 4, 2, 32
CONTEXT = 1024


def make_tokenizer(folder: Path) -> int:
    """Train a byte-level BPE tokenizer on a few sentences, save it, and return the size of its vocabulary."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(SENTENCES, trainer)
    bpe.add_tokens([AddedToken("<think>", special=False), AddedToken("</think>", special=False)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=QWEN_TEMPLATE
    )
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def make_model(folder: Path, seed: int = 0, context: int = CONTEXT, tied: bool = False) -> Path:
    """Save a random Qwen3 model with its tokenizer (about half a million parameters, float32)."""
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    config = Qwen3Config(
        vocab_size=make_tokenizer(folder),
        hidden_size=HIDDEN,
        intermediate_size=256,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        head_dim=HEAD_DIM,
        max_position_embeddings=context,
        tie_word_embeddings=tied,
        # A wide initialisation gives peaked distributions, so that few tokens are near ties that rounding decides.
        initializer_range=0.15,
        eos_token_id=2,
        pad_token_id=0,
        dtype=torch.float32,
    )
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(config)
    # Defaults that a harness must not apply, since the run's decoding settings are part of its identity.
    model.generation_config = GenerationConfig(
        eos_token_id=[2, 0], pad_token_id=0, do_sample=True, temperature=0.6, top_k=20, repetition_penalty=1.3
    )
    model.save_pretrained(folder)
    return folder


def train_adapter(folder: Path, base: Path, **targets: object) -> Path:
    """Save an adapter that peft itself has put on a base model, with every weight of it changed at random."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **targets)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn(weight.shape, generator=generator) * 0.05)
    model.save_pretrained(folder)
    return folder


def make_adapter(folder: Path, base: Path, rank: int = 8, seed: int = 1) -> Path:
    """Save a random LoRA adapter for `make_model`'s model, in peft's format."""
    widths = {"q_proj": HEADS * HEAD_DIM, "v_proj": KV_HEADS * HEAD_DIM}
    shapes = {
        f"model.layers.{layer}.self_attn.{name}": width for layer in range(LAYERS) for name, width in widths.items()
    }
    return _save_adapter(folder, base, shapes, rank, seed)


def make_head_adapter(folder: Path, base: Path) -> Path:
    """Save a random LoRA adapter of the output head of `make_model`'s model, written without peft."""
    vocabulary = json.loads((base / "config.json").read_text())["vocab_size"]
    return _save_adapter(folder, base, {"lm_head": vocabulary}, rank=8, seed=1)


def _save_adapter(folder: Path, base: Path, widths: dict[str, int], rank: int, seed: int) -> Path:
    """Save an adapter of the named modules, each with its number of outputs; all have `HIDDEN` inputs."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for module, width in widths.items():
        prefix = f"base_model.model.{module}"
        weights[f"{prefix}.lora_A.weight"] = torch.randn(rank, HIDDEN, generator=generator) * 0.3
        weights[f"{prefix}.lora_B.weight"] = torch.randn(width, rank, generator=generator) * 0.3
    save_file(weights, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "r": rank,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({module.rpartition(".")[2] for module in widths}),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
