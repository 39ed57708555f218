"""Text generation with transformers, on a worker thread: in batches, or continuously."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import Decoding
from evalsuite.models.local.partial_generation import PartialGeneration
from evalsuite.models.local.transformers_private_api import fatal_error
from evalsuite.models.optional_packages import describe_error, import_optional

_CPU_MEMORY_SHARE = 0.05
"""Share of the free memory for keys and values of continuous batching on a CPU."""


class BatchGenerator:
    """One call of `generate` per batch: left-padded, greedy or sampled.

    The randomness of a sample depends on its request alone: noise from a generator of its own is added to its row
    (the Gumbel-max trick), so that neither the batch around it nor the order of a resumed run changes the result.
    """

    def __init__(self, model: Any, tokenizer: Any, decoding: Decoding) -> None:
        self._model = model
        self._decoding = decoding
        self._end_ids = end_token_ids(model, tokenizer)
        self._pad_id = pad_token_id(tokenizer, self._end_ids)
        self._torch, self._transformers = import_optional("torch", "hf"), import_optional("transformers", "hf")
        self._stop = threading.Event()

    def stop(self) -> None:
        """End the running call at its next token, and any later call at its first."""
        self._stop.set()

    def generate(self, batch: Sequence[PartialGeneration]) -> list[bool]:
        """Continue each partial generation; return which are complete. Raises torch's OutOfMemoryError."""
        torch = self._torch
        limit = min(generation.max_new_tokens for generation in batch)
        width = max(len(generation.input_ids) for generation in batch)
        padding = [width - len(generation.input_ids) for generation in batch]
        ids = [[self._pad_id] * pad + each.input_ids for pad, each in zip(padding, batch, strict=True)]
        mask = [[0] * pad + [1] * (width - pad) for pad in padding]
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=torch.tensor(ids, device=self._model.device),
                attention_mask=torch.tensor(mask, device=self._model.device),
                generation_config=self._config(limit),
                logits_processor=self._processors(batch),
                stopping_criteria=self._transformers.StoppingCriteriaList([self._stopped]),
            )
        rows = output[:, width:].tolist()
        return [each.extend(*until_end(row[:limit], self._end_ids)) for each, row in zip(batch, rows, strict=True)]

    def _config(self, limit: int) -> Any:
        # Not do_sample: the processors add noise to the scores, and the largest noisy score is a sample.
        return self._transformers.GenerationConfig(
            do_sample=False,
            max_new_tokens=limit,
            eos_token_id=sorted(self._end_ids) or None,
            pad_token_id=self._pad_id,
        )

    def _processors(self, batch: Sequence[PartialGeneration]) -> list[Any]:
        if self._decoding.temperature == 0:
            return []
        processors: list[Any] = [self._transformers.TemperatureLogitsWarper(float(self._decoding.temperature))]
        if self._decoding.top_p < 1:
            processors.append(self._transformers.TopPLogitsWarper(self._decoding.top_p))
        return [*processors, _GumbelNoise(self._torch, [each.seed for each in batch], self._model.device)]

    def _stopped(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        rows = input_ids.shape[0]
        return self._torch.full((rows,), self._stop.is_set(), dtype=self._torch.bool, device=input_ids.device)


class _GumbelNoise:
    """Adds Gumbel noise to each row of scores, from the row's own generator."""

    def __init__(self, torch: Any, seeds: Sequence[int], device: Any) -> None:
        self._torch = torch
        self._generators = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        noise = self._torch.empty(scores.shape, dtype=self._torch.float32, device=scores.device)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores.float() - noise.log()  # minus the log of an exponential variable is a Gumbel variable


class ContinuousGenerator:
    """Continuous batching of transformers: a complete response leaves the batch at once and another one enters.

    Greedy only: the manager draws all samples from one generator, so that a sample would depend on its neighbours.
    """

    def __init__(self, model: Any, tokenizer: Any, capacity: int) -> None:
        self._end_ids = end_token_ids(model, tokenizer)
        self._capacity = capacity
        self._outputs: asyncio.Queue[tuple[PartialGeneration, Any]] = asyncio.Queue()
        self._manager = self._make_manager(model, pad_token_id(tokenizer, self._end_ids))
        self._manager.start()
        self._submitted = 0
        self.running = 0

    def _make_manager(self, model: Any, pad_id: int) -> Any:
        transformers = import_optional("transformers", "hf")
        config = transformers.GenerationConfig(
            do_sample=False, eos_token_id=sorted(self._end_ids) or -1, pad_token_id=pad_id, max_new_tokens=1
        )
        # The manager's default share, 0.9 of what is free, suits a GPU but not the main memory of a machine.
        share = None if model.device.type == "cuda" else _CPU_MEMORY_SHARE
        batching = transformers.ContinuousBatchingConfig(
            max_requests_per_batch=self._capacity, max_memory_percent=share
        )
        return model.init_continuous_batching(generation_config=config, continuous_batching_config=batching)

    def fill(self, generations: Iterator[PartialGeneration]) -> None:
        """Submit partial generations until the capacity is used."""
        while self.running < self._capacity and (generation := next(generations, None)) is not None:
            generation.start()
            self._submit(generation)
            self.running += 1

    async def next_complete(self) -> tuple[PartialGeneration, str | None]:
        """Wait for a response to be complete; return it with the error that ended it, if any."""
        while True:
            generation, output = await self._outputs.get()
            if output.error is not None:
                break
            if generation.extend(*until_end(output.generated_tokens, self._end_ids)):
                break
            self._submit(generation)  # its second phase
        self.running -= 1
        return generation, output.error and describe_error(RuntimeError(output.error))

    def _submit(self, generation: PartialGeneration) -> None:
        self._submitted += 1
        name = f"generation-{self._submitted}"
        self._manager.register_result_handler(name, lambda output: self._outputs.put_nowait((generation, output)))
        accepted = self._manager.add_request(
            generation.input_ids, request_id=name, max_new_tokens=generation.max_new_tokens
        )
        if accepted is None:
            fatal = fatal_error(self._manager)
            raise BackendError(
                ErrorCode.ENGINE_FAILED,
                f"hf/: continuous batching stopped: {fatal}; try `model_args` continuous=false",
            )

    def close(self) -> None:
        """Cancel what is running and stop the manager's thread."""
        self._manager.stop(block=True, hard_stop=True)


def until_end(ids: Sequence[int], end_ids: frozenset[int]) -> tuple[list[int], bool]:
    """Return the generated tokens before the first end token, and whether there was one."""
    for position, token in enumerate(ids):
        if token in end_ids:
            return list(ids[:position]), True
    return list(ids), False


def end_token_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end a response: those of the model's generation config and the tokenizer's."""
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(token for token in [*ids, tokenizer.eos_token_id] if token is not None)


def end_token_id(tokenizer: Any, token: str, model: str) -> int:
    """Return the id of an end token that the user names; a text that isn't one token is a `UsageError`."""
    number = tokenizer.get_vocab().get(token)
    if number is None or tokenizer(token, add_special_tokens=False)["input_ids"] != [number]:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            f"{model}: {token!r} is not a token of its vocabulary, so no response can end with it: name one with "
            "which its chat template ends a turn",
        )
    return int(number)


def pad_token_id(tokenizer: Any, end_ids: frozenset[int]) -> int:
    """Return a token for padding; any will do, since padding is masked."""
    if tokenizer.pad_token_id is not None:
        return int(tokenizer.pad_token_id)
    return min(end_ids, default=0)
