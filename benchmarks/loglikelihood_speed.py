"""Speed of log-likelihood scoring: `hf/` compared with lm-eval's hf backend on the same random models.

    OMP_NUM_THREADS=1 python benchmarks/loglikelihood_speed.py --data-dir ../shared/data [--items 200] [--models tiny]

One process and one thread, float32, MedQA's items with both scoring methods, tokenization included. The two take turns
with slices of the items, so that other load on the machine affects both; lm-eval gets the batch size that is fastest
for it. Prints, for each model and method, items per second, the ratios of wall and of CPU time, and the largest
difference between the log-probabilities.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np

from evalsuite.data.load import load
from evalsuite.grading.loglikelihood import FORMS, LoglikelihoodPrompt
from evalsuite.models.backend import BackendSettings, Request, Scoring
from evalsuite.models.hf import HF
from evalsuite.tasks.continuation import DELIMITER, continuations
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.registry import load_task

MODELS = {
    "tiny": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 32, "vocab_size": 2000},
    "20M": {"hidden_size": 384, "num_hidden_layers": 10, "num_attention_heads": 6, "head_dim": 64, "vocab_size": 2000},
    "20M-wide": {
        "hidden_size": 128,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "head_dim": 32,
        "vocab_size": 151_936,
    },
}
"""Shapes in the Qwen3 architecture; the last has Qwen3's vocabulary and few other parameters."""
BATCHES = (1, 4, 16)
SLICE = 25
"""Items of a turn."""
TRIAL = 8
"""Items on which the batch sizes of lm-eval are compared."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), default=list(FORMS))
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    dataset = load(load_task("medqa"), options.data_dir)
    print(f"{'model':10}{'scoring':15}{'items/s':>9}{'lm-eval/s':>11}{'ratio':>7}{'CPU ratio':>11}  agreement")
    with tempfile.TemporaryDirectory(prefix="loglikelihood-") as models_folder:
        for name in options.models:
            folder = make_model(Path(models_folder) / name, dataset, **MODELS[name])
            for scoring in options.forms:
                measure(name, folder, dataset, options.items, scoring)


def make_model(folder: Path, dataset: Dataset, vocab_size: int, **shape: int) -> Path:
    """Save a random model, with a byte-level BPE tokenizer trained on the questions."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    torch.set_num_threads(1)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    size = min(vocab_size, 12_000)
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator((f"{item.question} {' '.join(item.options)}" for item in dataset.items), trainer)
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<end>", pad_token="<end>").save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=vocab_size,
        intermediate_size=3 * shape["hidden_size"],
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        initializer_range=0.05,
        dtype=torch.float32,
        **shape,
    )
    torch.manual_seed(0)
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


class Stopwatch:
    """Adds up the wall and CPU time of calls."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __call__(self, call: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return result


def measure(name: str, folder: Path, dataset: Dataset, count: int, scoring: Scoring) -> None:
    """Measure one model with one scoring method and print a line."""
    prompt, items = LoglikelihoodPrompt(dataset.task, scoring), dataset.items[:count]
    requests = [Request("medqa", item, 0, prompt.messages(item), 0, prompt.continuations(item)) for item in items]
    pairs = [continuations(item, FORMS[scoring]) for item in items]
    shown = [(context, [f"{DELIMITER}{choice}" for choice in choices]) for context, choices in pairs]
    lm, own_time, lm_eval_time = fastest(folder, shown), Stopwatch(), Stopwatch()
    with asyncio.Runner() as runner:
        backend = HF(BackendSettings(str(folder), model_args={"device": "cpu"}, scoring=scoring))
        runner.run(backend.open([]))
        own_logprobs, lm_eval_logprobs = {}, []
        for start in range(0, len(items), SLICE):
            part = slice(start, start + SLICE)
            own_logprobs |= own_time(lambda part=part: runner.run(score(backend, requests[part])))
            lm_eval_logprobs += lm_eval_time(lambda part=part: score_with_lm_eval(lm, shown[part]))
        runner.run(backend.close())
    pairs_of_logprobs = [(own_logprobs[item.id], values) for item, values in zip(items, lm_eval_logprobs, strict=True)]
    difference = max(np.abs(np.subtract(own, other)).max() for own, other in pairs_of_logprobs)
    same = sum(np.argmax(own) == np.argmax(other) for own, other in pairs_of_logprobs)
    print(
        f"{name:10}{scoring:15}{len(items) / own_time.wall:9.1f}{len(items) / lm_eval_time.wall:11.1f}"
        f"{lm_eval_time.wall / own_time.wall:7.1f}{lm_eval_time.cpu / own_time.cpu:11.1f}"
        f"  same answer {same} of {len(items)}, within {difference:.1e} (lm-eval's batch size {lm.batch_size})",
        flush=True,
    )


async def score(backend: HF, requests: Sequence[Request]) -> dict[str, Sequence[float | None]]:
    """Return the backend's log-probabilities by item."""
    logprobs = {}
    async for response in backend.answer(iter(requests)):
        assert response.logprobs is not None, response.error
        logprobs[response.request.item.id] = response.logprobs
    return logprobs


def fastest(folder: Path, shown: Sequence[tuple[str, Sequence[str]]]) -> Any:
    """Return lm-eval's model with the batch size that needs the least CPU time on the first items."""
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=BATCHES[0])
    cpu_seconds = {}
    for size in BATCHES:
        lm.batch_size_per_gpu, stopwatch = size, Stopwatch()
        stopwatch(lambda: score_with_lm_eval(lm, shown[:TRIAL]))
        cpu_seconds[size] = stopwatch.cpu
    lm.batch_size_per_gpu = min(cpu_seconds, key=lambda size: cpu_seconds[size])
    return lm


def score_with_lm_eval(lm: Any, shown: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
    """Return lm-eval's log-probabilities, one list per item."""
    from lm_eval.api.instance import Instance

    instances = [Instance("loglikelihood", {}, (context, each), 0) for context, choices in shown for each in choices]
    sums = iter(lm.loglikelihood(instances, disable_tqdm=True))
    return [[next(sums)[0] for _ in choices] for _, choices in shown]


if __name__ == "__main__":
    main()
