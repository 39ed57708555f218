"""`hf/REPO_OR_PATH`: a causal language model run by transformers in this process, on a GPU or on the CPU."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, ClassVar

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Request, Response, Scoring
from evalsuite.models.local.batching import BatchQueue
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.models.local.continuation_tree import ContinuationRequest, tokenize_continuations
from evalsuite.models.local.generate import BatchGenerator, ContinuousGenerator, end_token_id
from evalsuite.models.local.loglikelihood import LoglikelihoodScorer
from evalsuite.models.local.partial_generation import PartialGeneration, check_budget
from evalsuite.models.local.tied_embeddings import adapted_tied_embedding, describe
from evalsuite.models.local.transformers_private_api import commit_hash, has_continuous_batching
from evalsuite.models.local.weights_digest import weights_revision
from evalsuite.models.model_args import guarded_code, invalid_value, parse_bool, parse_positive_int
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.tasks.item import Dataset

_MODEL_ARGS = ("batch", "continuous", "device", "dtype", "eos", "trust_remote_code")
_DTYPES = ("auto", "float32", "bfloat16", "float16")
_CPU_BATCH = 32
_TYPICAL_PROMPT = 512
_SCORING_WINDOW = 256
"""Requests that are sorted by length together: few enough that little is lost when a run is killed."""


class HF(Backend):
    """A causal language model from the hub or a folder, with an optional LoRA adapter (peft, not merged).

    Model arguments: `dtype` (auto: that of the checkpoint), `device` (auto, cpu, cuda, cuda:1, mps), `batch`,
    `continuous` (auto: on one CUDA device if greedy), `eos` (a token that ends a response, in addition to those of the
    model's config), `trust_remote_code` (false).
    Sampling uses the run's temperature and top_p alone; the model's generation config is ignored.
    """

    operational_args: ClassVar[frozenset[str]] = frozenset({"batch", "continuous", "device"})
    scorings: ClassVar[frozenset[Scoring]] = frozenset({"generate", "loglikelihood", "cloze"})

    @classmethod
    def guarded(cls, settings: BackendSettings) -> frozenset[str]:
        """Return `trust_remote_code` where it would run the code of a model's repository."""
        return guarded_code(settings)

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        args = settings.check_model_args(_MODEL_ARGS, "hf")
        check_budget(settings.decoding)
        self._dtype = args.get("dtype", "auto")
        if self._dtype not in _DTYPES:
            raise invalid_value("dtype", self._dtype, f"expected one of {', '.join(_DTYPES)}")
        self._trust_remote_code = parse_bool(args.get("trust_remote_code", "false"), "trust_remote_code")
        self._batch = parse_positive_int(args["batch"], "batch") if "batch" in args else None
        self._continuous = _parse_continuous(args.get("continuous", "auto"), settings.decoding.temperature)
        # One thread: torch calls must not overlap, and the event loop stays free to journal responses meanwhile.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hf")
        self._model: Any = None
        self._tokenizer: Any = None
        self._chat: ChatTemplate | None = None
        self._scorer: LoglikelihoodScorer | None = None

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Load tokenizer, model and adapter; return their revision, device, types and library versions."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    def _load(self) -> BackendInfo:
        torch, transformers = import_optional("torch", "hf"), import_optional("transformers", "hf")
        import_optional("accelerate", "hf")  # transformers places a model on a device through it
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        try:
            self._load_model(torch, transformers)
        except (BackendError, UsageError):
            raise
        except Exception as error:  # loaders raise OSError, ValueError, RuntimeError, hub errors: each is final
            raise BackendError(
                ErrorCode.MODEL_NOT_LOADABLE, f"hf/{self.settings.model} can't be loaded: {describe_error(error)}"
            ) from error
        self._choose_batching(torch, transformers)
        if self.settings.scoring != "generate":
            self._continuous = False
            self._scorer = LoglikelihoodScorer(self._model)
        return self._info(torch, transformers)

    def _load_model(self, torch: Any, transformers: Any) -> None:
        settings = self.settings
        source = {"revision": settings.revision, "trust_remote_code": self._trust_remote_code}
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(settings.model, **source)
        if "eos" in settings.model_args:
            end_token_id(self._tokenizer, settings.model_args["eos"], f"hf/{settings.model}")
            self._tokenizer.eos_token = settings.model_args["eos"]
        self._chat = ChatTemplate(
            self._tokenizer, settings.chat_template, settings.decoding.thinking, f"hf/{settings.model}"
        )
        self._model = transformers.AutoModelForCausalLM.from_pretrained(
            settings.model,
            dtype=self._dtype,
            device_map=_device_map(torch, settings.model_args.get("device", "auto")),
            **source,
        )
        # The model's own defaults (top_k, penalties) would apply to every call; only its end tokens are needed.
        end_ids = self._model.generation_config.eos_token_id
        self._model.generation_config = transformers.GenerationConfig(eos_token_id=end_ids)
        if settings.adapter is not None:
            self._add_adapter(settings.adapter)
        self._model.eval()

    def _add_adapter(self, adapter: str) -> None:
        self._model = import_optional("peft", "hf").PeftModel.from_pretrained(self._model, adapter)
        embedding = adapted_tied_embedding(self._model)
        if embedding is not None:
            raise BackendError(ErrorCode.ADAPTER_NOT_LOADABLE, describe(f"`adapter` {adapter}", embedding))

    def _choose_batching(self, torch: Any, transformers: Any) -> None:
        if self._continuous is None:
            on_one_gpu = self._model.device.type == "cuda" and _on_one_device(self._model)
            self._continuous = on_one_gpu and has_continuous_batching(transformers)
        elif self._continuous and not has_continuous_batching(transformers):
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"`model_args` continuous=true: transformers {transformers.__version__} has no continuous batching "
                "that can be used here; leave it out",
            )
        self._batch = self._batch or _fitting_batch(torch, self._model, self.settings)

    def _info(self, torch: Any, transformers: Any) -> BackendInfo:
        assert self._chat is not None
        return {
            **self._chat.info(),
            "revision": weights_revision(self.settings, commit_hash(self._model.config)),
            "context": self._context,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": str(self._model.device),
            "batch": self._batch,
            "continuous": self._continuous,
            **({} if self._scorer is None else {"shares_context": self._scorer.shares_context}),
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        }

    @property
    def _context(self) -> int | None:
        return getattr(self._model.config.get_text_config(), "max_position_embeddings", None)

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Generate in batches or continuously, or score continuations; see `Backend.answer`."""
        assert self._chat is not None
        if note := self._chat.freeze_day(self.prompt_day):
            self.notes["prompt_day"] = note
        if self._scorer is not None:
            async for response in self._score(requests, self._scorer):
                yield response
            return
        failed: list[Response] = []
        generations = self._partial_generations(requests, failed)
        responses = (
            self._generate_continuously(generations) if self._continuous else self._generate_in_batches(generations)
        )
        try:
            async for response in responses:
                while failed:
                    yield failed.pop()
                yield response
            while failed:
                yield failed.pop()
        finally:
            await responses.aclose()

    def _partial_generations(self, requests: Iterator[Request], failed: list[Response]) -> Iterator[PartialGeneration]:
        """Yield what can be generated; append the responses of prompts that are too long to `failed`."""
        assert self._chat is not None
        for request in requests:
            generation = PartialGeneration(request, self._chat, self.settings.decoding, self._context)
            if generation.length_error is None:
                yield generation
            else:
                failed.append(generation.failed(generation.length_error))

    async def _generate_in_batches(self, generations: Iterator[PartialGeneration]) -> AsyncGenerator[Response, None]:
        assert self._batch is not None
        queue = BatchQueue(generations, self._batch)
        generator = BatchGenerator(self._model, self._tokenizer, self.settings.decoding)
        loop = asyncio.get_running_loop()
        ready: list[Response] = []
        try:
            while batch := queue.take():
                # The consumer stores the responses of the last batch while the next one is generated.
                running = loop.run_in_executor(self._thread, self._generate_batch, generator, batch, queue)
                for response in ready:
                    yield response
                ready = await running
            for response in ready:
                yield response
        finally:
            generator.stop()

    def _generate_batch(
        self, generator: BatchGenerator, batch: list[PartialGeneration], queue: BatchQueue
    ) -> list[Response]:
        """Generate a batch and put back what isn't complete; out of memory, the next batches are half as large."""
        torch = import_optional("torch", "hf")
        for generation in batch:
            if generation.phase == 0:
                generation.start()
        try:
            complete = generator.generate(batch)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                return [batch[0].failed(f"out of memory for a single response: {describe_error(error)}")]
            queue.size = len(batch) // 2
            queue.put_back(batch)
            return []
        queue.put_back(generation for generation, done in zip(batch, complete, strict=True) if not done)
        return [generation.response() for generation, done in zip(batch, complete, strict=True) if done]

    async def _generate_continuously(self, generations: Iterator[PartialGeneration]) -> AsyncGenerator[Response, None]:
        generator = ContinuousGenerator(self._model, self._tokenizer, self.settings.concurrency)
        try:
            generator.fill(generations)
            while generator.running:
                generation, error = await generator.next_complete()
                generator.fill(generations)
                yield generation.response() if error is None else generation.failed(error)
        finally:
            await asyncio.get_running_loop().run_in_executor(self._thread, generator.close)

    async def _score(self, requests: Iterator[Request], scorer: LoglikelihoodScorer) -> AsyncGenerator[Response, None]:
        assert self._chat is not None and self._batch is not None
        loop = asyncio.get_running_loop()
        while window := [tokenize_continuations(request, self._chat) for request in islice(requests, _SCORING_WINDOW)]:
            scorable = []
            for tokenized in window:
                error = tokenized.error(self._context)
                if error is None:
                    scorable.append(tokenized)
                else:
                    yield Response(tokenized.request, error=error)
            for batch in scorer.batches(scorable, self._batch):
                for response in await loop.run_in_executor(self._thread, _score_batch, scorer, batch):
                    yield response

    async def close(self) -> None:
        """Let the running batch stop at its next token, and release the model."""
        await asyncio.to_thread(self._thread.shutdown)
        self._model = self._tokenizer = self._chat = self._scorer = None


def _score_batch(scorer: LoglikelihoodScorer, batch: Sequence[ContinuationRequest]) -> list[Response]:
    """Score a batch; out of memory, score its halves."""
    torch = import_optional("torch", "hf")
    try:
        logprobs = scorer.logprobs(batch)
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            return [Response(batch[0].request, error=f"out of memory for a single item: {describe_error(error)}")]
        half = len(batch) // 2
        return [*_score_batch(scorer, batch[:half]), *_score_batch(scorer, batch[half:])]
    return [tokenized.response(values) for tokenized, values in zip(batch, logprobs, strict=True)]


def _parse_continuous(value: str, temperature: float) -> bool | None:
    """Parse true, false or auto (None); samples are never generated continuously."""
    if temperature > 0:
        if value == "true":
            raise UsageError(
                ErrorCode.CONFLICTING_ARGUMENTS,
                "`model_args` continuous=true: its samples have no seeds of their own; set `temperature` to 0",
            )
        return False
    return None if value == "auto" else parse_bool(value, "continuous")


def _device_map(torch: Any, device: str) -> str:
    """Return the `device_map` for a device; auto with several GPUs spreads the model's layers over them."""
    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda" if torch.cuda.device_count() == 1 else "auto"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _on_one_device(model: Any) -> bool:
    return len(set(getattr(model, "hf_device_map", {}).values())) <= 1


def _fitting_batch(torch: Any, model: Any, settings: BackendSettings) -> int:
    """Return how many sequences of full length have room for their keys and values in half the free GPU memory."""
    if model.device.type != "cuda":
        return _CPU_BATCH
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    bytes_per_token = 2 * config.num_hidden_layers * heads * head_dim * model.dtype.itemsize
    free = torch.cuda.mem_get_info(model.device)[0]
    fitting = free // (2 * bytes_per_token * (_TYPICAL_PROMPT + settings.decoding.max_tokens))
    return max(1, min(int(fitting), settings.concurrency))
