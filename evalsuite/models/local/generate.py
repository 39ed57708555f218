"""Generation with transformers, on a worker thread: a batch at once, or many requests continuously."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import Decoding
from evalsuite.models.local.partial_generation import PartialGeneration
from evalsuite.models.optional_packages import describe_error, import_optional

_CPU_MEMORY = 0.05
"""Share of the free memory for keys and values of continuous batching on a CPU."""


class BatchGenerator:
    """One call of `generate` a batch: left-padded, greedy or sampled.

    A sample's randomness is its request's alone: noise from a generator of its own is added to its row (the Gumbel
    trick), so that neither the batch around it nor the order of a resumed run changes what is drawn.
    """

    def __init__(self, model: Any, tokenizer: Any, decoding: Decoding) -> None:
        self._model = model
        self._decoding = decoding
        self._end = end_tokens(model, tokenizer)
        self._pad = pad_token(tokenizer, self._end)
        self._torch, self._transformers = import_optional("torch", "hf"), import_optional("transformers", "hf")
        self._stop = threading.Event()

    def stop(self) -> None:
        """End the running call at its next token, and any later call at its first."""
        self._stop.set()

    def write(self, drafts: Sequence[PartialGeneration]) -> list[bool]:
        """Let the model go on with each draft; return which are finished. Raises torch's OutOfMemoryError."""
        torch = self._torch
        limit = min(draft.limit for draft in drafts)
        width = max(len(draft.ids) for draft in drafts)
        ids = [[self._pad] * (width - len(draft.ids)) + draft.ids for draft in drafts]
        mask = [[0] * (width - len(draft.ids)) + [1] * len(draft.ids) for draft in drafts]
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=torch.tensor(ids, device=self._model.device),
                attention_mask=torch.tensor(mask, device=self._model.device),
                generation_config=self._config(limit),
                logits_processor=self._processors(drafts),
                stopping_criteria=self._transformers.StoppingCriteriaList([self._stopped]),
            )
        rows = output[:, width:].tolist()
        return [draft.add(*until_end(row[:limit], self._end)) for draft, row in zip(drafts, rows, strict=True)]

    def _config(self, limit: int) -> Any:
        # Sampling is the processors' work, and greedy picks the best of the noisy scores.
        return self._transformers.GenerationConfig(
            do_sample=False, max_new_tokens=limit, eos_token_id=sorted(self._end) or None, pad_token_id=self._pad
        )

    def _processors(self, drafts: Sequence[PartialGeneration]) -> list[Any]:
        if self._decoding.temperature == 0:
            return []
        processors: list[Any] = [self._transformers.TemperatureLogitsWarper(float(self._decoding.temperature))]
        if self._decoding.top_p < 1:
            processors.append(self._transformers.TopPLogitsWarper(self._decoding.top_p))
        return [*processors, _Noise(self._torch, [draft.seed for draft in drafts], self._model.device)]

    def _stopped(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        rows = input_ids.shape[0]
        return self._torch.full((rows,), self._stop.is_set(), dtype=self._torch.bool, device=input_ids.device)


class _Noise:
    """Gumbel noise for each row of scores, from the row's own generator."""

    def __init__(self, torch: Any, seeds: Sequence[int], device: Any) -> None:
        self._torch = torch
        self._generators = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        noise = self._torch.empty(scores.shape, dtype=self._torch.float32, device=scores.device)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores.float() - noise.log()


class ContinuousGenerator:
    """Continuous batching of transformers: each draft leaves as it finishes and another takes its place. Greedy only.

    The manager draws all samples from one generator, so that a sample would depend on what runs beside it.
    """

    def __init__(self, model: Any, tokenizer: Any, most: int) -> None:
        self._end = end_tokens(model, tokenizer)
        self._most = most
        self._done: asyncio.Queue[tuple[PartialGeneration, Any]] = asyncio.Queue()
        self._manager = self._make(model, pad_token(tokenizer, self._end))
        self._manager.start()
        self._asked = 0
        self.running = 0

    def _make(self, model: Any, pad: int) -> Any:
        transformers = import_optional("transformers", "hf")
        config = transformers.GenerationConfig(
            do_sample=False, eos_token_id=sorted(self._end) or -1, pad_token_id=pad, max_new_tokens=1
        )
        # The manager's own share, 0.9 of what is free, is right on a GPU and far too much of a machine's memory.
        share = None if model.device.type == "cuda" else _CPU_MEMORY
        batching = transformers.ContinuousBatchingConfig(max_requests_per_batch=self._most, max_memory_percent=share)
        return model.init_continuous_batching(generation_config=config, continuous_batching_config=batching)

    def fill(self, drafts: Iterator[PartialGeneration]) -> None:
        """Submit drafts until as many run as may."""
        while self.running < self._most and (draft := next(drafts, None)) is not None:
            draft.start()
            self._submit(draft)
            self.running += 1

    async def finished(self) -> tuple[PartialGeneration, str | None]:
        """Wait for a draft to end; return it with the error that ended it, if one did."""
        while True:
            draft, output = await self._done.get()
            if output.error is not None:
                break
            if draft.add(*until_end(output.generated_tokens, self._end)):
                break
            self._submit(draft)
        self.running -= 1
        return draft, output.error and describe_error(RuntimeError(output.error))

    def _submit(self, draft: PartialGeneration) -> None:
        self._asked += 1
        name = f"draft-{self._asked}"
        self._manager.register_result_handler(name, lambda output: self._done.put_nowait((draft, output)))
        taken = self._manager.add_request(draft.ids, request_id=name, max_new_tokens=draft.limit)
        if taken is None:
            fatal = self._manager.background_thread_status.fatal_error
            raise BackendError(f"hf/: continuous batching stopped: {fatal}; try --model-arg continuous=false")

    def close(self) -> None:
        """Abandon what runs and stop the manager's thread."""
        self._manager.stop(block=True, hard_stop=True)


def until_end(row: Sequence[int], end: frozenset[int]) -> tuple[list[int], bool]:
    """Cut generated tokens before the first end token; return them and whether there was one."""
    for position, token in enumerate(row):
        if token in end:
            return list(row[:position]), True
    return list(row), False


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a response: those of the model's generation config and the tokenizer's own."""
    own = model.generation_config.eos_token_id
    listed = own if isinstance(own, list) else [own]
    return frozenset(token for token in [*listed, tokenizer.eos_token_id] if token is not None)


def end_token_id(tokenizer: Any, token: str, model: str) -> int:
    """The id of a token that is to end a response; a text that isn't one token of the vocabulary is a `UsageError`."""
    number = tokenizer.get_vocab().get(token)
    if number is None or tokenizer(token, add_special_tokens=False)["input_ids"] != [number]:
        raise UsageError(
            f"{model}: {token!r} is no token of its vocabulary, so nothing can end there: name one that its chat "
            "template ends a turn with"
        )
    return int(number)


def pad_token(tokenizer: Any, end: frozenset[int]) -> int:
    """A token to fill with; which one is of no account, for padding is masked."""
    if tokenizer.pad_token_id is not None:
        return int(tokenizer.pad_token_id)
    return min(end, default=0)
