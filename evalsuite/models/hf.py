"""`hf/REPO_OR_PATH`: a model run by transformers in this process, on a GPU or on the CPU."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, ClassVar

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Request, Response, Scoring
from evalsuite.models.local.batching import BatchQueue
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.models.local.continuation_tree import ContinuationRequest, choice
from evalsuite.models.local.generate import BatchGenerator, ContinuousGenerator, end_token_id
from evalsuite.models.local.loglikelihood import LoglikelihoodScorer
from evalsuite.models.local.partial_generation import PartialGeneration, check_budget
from evalsuite.models.local.weights_digest import revision
from evalsuite.models.model_args import parse_bool, parse_positive_int
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.tasks.item import Dataset

_ARGS = ("batch", "continuous", "device", "dtype", "eos", "trust_remote_code")
_DTYPES = ("auto", "float32", "bfloat16", "float16")
_CPU_BATCH = 32
_TYPICAL_PROMPT = 512
_WINDOW = 256
"""Choices that are sorted by length at once: few enough that little is lost when a run is killed."""


class HF(Backend):
    """A causal language model from the hub or a folder, with an optional LoRA adapter (peft, left unmerged).

    `--model-arg`: `dtype` (auto: as the checkpoint says), `device` (auto, cpu, cuda, cuda:1, mps), `batch`,
    `continuous` (auto: on one CUDA device and greedy), `eos` (a token that ends a response, beside those that the model
    says), `trust_remote_code` (false).
    Sampling uses the run's temperature and top_p alone; what the model's generation config suggests is not applied.
    """

    operational_args = frozenset({"batch", "continuous", "device"})
    scorings: ClassVar[frozenset[Scoring]] = frozenset({"generate", "loglikelihood", "cloze"})

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        args = settings.check_model_args(_ARGS, "hf")
        check_budget(settings.decoding)
        self._dtype = args.get("dtype", "auto")
        if self._dtype not in _DTYPES:
            raise UsageError(f"--model-arg dtype={self._dtype}: expected one of {', '.join(_DTYPES)}")
        self._trust = parse_bool(args.get("trust_remote_code", "false"), "trust_remote_code")
        self._batch = parse_positive_int(args["batch"], "batch") if "batch" in args else None
        self._continuous = _continuous(args.get("continuous", "auto"), settings.decoding.temperature)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hf")
        self._model: Any = None
        self._tokenizer: Any = None
        self._chat: ChatTemplate | None = None
        self._likelihoods: LoglikelihoodScorer | None = None

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Load tokenizer, model and adapter; say what they turned out to be."""
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
            raise BackendError(f"hf/{self.settings.model} can't be loaded: {describe_error(error)}") from error
        if self._continuous is None:
            self._continuous = self._model.device.type == "cuda" and _one_device(self._model) and _batches(transformers)
        elif self._continuous and not _batches(transformers):
            raise UsageError(f"transformers {transformers.__version__} has no continuous batching to use here")
        self._batch = self._batch or _fitting_batch(torch, self._model, self.settings)
        if self.settings.scoring != "generate":
            self._continuous = False
            self._likelihoods = LoglikelihoodScorer(self._model)
        return self._facts(torch, transformers)

    def _load_model(self, torch: Any, transformers: Any) -> None:
        settings = self.settings
        where = {"revision": settings.revision, "trust_remote_code": self._trust}
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(settings.model, **where)
        if "eos" in settings.model_args:
            end_token_id(self._tokenizer, settings.model_args["eos"], f"hf/{settings.model}")
            self._tokenizer.eos_token = settings.model_args["eos"]
        self._chat = ChatTemplate(
            self._tokenizer, settings.chat_template, settings.decoding.thinking, f"hf/{settings.model}"
        )
        self._model = transformers.AutoModelForCausalLM.from_pretrained(
            settings.model,
            dtype=self._dtype,
            device_map=_device(torch, settings.model_args.get("device", "auto")),
            **where,
        )
        # What the model suggests (top_k, penalties) would slip into every call; only its end tokens are wanted.
        end = self._model.generation_config.eos_token_id
        self._model.generation_config = transformers.GenerationConfig(eos_token_id=end)
        if settings.adapter is not None:
            self._model = import_optional("peft", "hf").PeftModel.from_pretrained(self._model, settings.adapter)
        self._model.eval()

    def _facts(self, torch: Any, transformers: Any) -> BackendInfo:
        assert self._chat is not None
        return {
            **self._chat.info(),
            "revision": revision(self.settings, getattr(self._model.config, "_commit_hash", None)),
            "context": self._context,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": str(self._model.device),
            "batch": self._batch,
            "continuous": self._continuous,
            **({} if self._likelihoods is None else {"shares_context": self._likelihoods.shares}),
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        }

    @property
    def _context(self) -> int | None:
        return getattr(self._model.config.get_text_config(), "max_position_embeddings", None)

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Generate batch by batch, or continuously where that was chosen; see `Backend.answer`."""
        if self._likelihoods is not None:
            async for response in self._weigh(requests, self._likelihoods):
                yield response
            return
        failed: list[Response] = []
        drafts = self._drafts(requests, failed)
        answers = self._answer_continuously(drafts) if self._continuous else self._answer_batches(drafts)
        try:
            async for response in answers:
                while failed:
                    yield failed.pop()
                yield response
            while failed:
                yield failed.pop()
        finally:
            await answers.aclose()

    def _drafts(self, requests: Iterator[Request], failed: list[Response]) -> Iterator[PartialGeneration]:
        assert self._chat is not None
        for request in requests:
            draft = PartialGeneration(request, self._chat, self.settings.decoding, self._context)
            if draft.too_long is None:
                yield draft
            else:
                failed.append(draft.failed(draft.too_long))

    async def _answer_batches(self, drafts: Iterator[PartialGeneration]) -> AsyncGenerator[Response, None]:
        assert self._batch is not None
        batches = BatchQueue(drafts, self._batch)
        plain = BatchGenerator(self._model, self._tokenizer, self.settings.decoding)
        loop = asyncio.get_running_loop()
        ready: list[Response] = []
        try:
            while batch := batches.take():
                running = loop.run_in_executor(self._thread, self._write, plain, batch, batches)
                for response in ready:
                    yield response
                ready = await running
            for response in ready:
                yield response
        finally:
            plain.stop()

    def _write(self, plain: BatchGenerator, batch: list[PartialGeneration], batches: BatchQueue) -> list[Response]:
        """Generate a batch; put back what isn't finished. Out of memory: the next ones are half as large."""
        torch = import_optional("torch", "hf")
        for draft in batch:
            if draft.leg == 0:
                draft.start()
        try:
            finished = plain.write(batch)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                return [batch[0].failed(f"out of memory for a single response: {describe_error(error)}")]
            batches.size = len(batch) // 2
            batches.put_back(batch)
            return []
        batches.put_back(draft for draft, done in zip(batch, finished, strict=True) if not done)
        return [draft.response() for draft, done in zip(batch, finished, strict=True) if done]

    async def _answer_continuously(self, drafts: Iterator[PartialGeneration]) -> AsyncGenerator[Response, None]:
        continuous = ContinuousGenerator(self._model, self._tokenizer, self.settings.concurrency)
        try:
            continuous.fill(drafts)
            while continuous.running:
                draft, error = await continuous.finished()
                continuous.fill(drafts)
                yield draft.response() if error is None else draft.failed(error)
        finally:
            await asyncio.get_running_loop().run_in_executor(self._thread, continuous.close)

    async def _weigh(
        self, requests: Iterator[Request], likelihoods: LoglikelihoodScorer
    ) -> AsyncGenerator[Response, None]:
        assert self._chat is not None and self._batch is not None
        while window := [choice(request, self._chat) for request in islice(requests, _WINDOW)]:
            sound = []
            for each in window:
                trouble = each.trouble(self._context)
                if trouble is None:
                    sound.append(each)
                else:
                    yield Response(each.request, error=trouble)
            for batch in likelihoods.batches(sound, self._batch):
                for response in await asyncio.get_running_loop().run_in_executor(
                    self._thread, _weighed, likelihoods, batch
                ):
                    yield response

    async def close(self) -> None:
        """Let the running batch stop at its next token, and let go of the model."""
        await asyncio.to_thread(self._thread.shutdown)
        self._model = self._tokenizer = self._chat = self._likelihoods = None


def _weighed(likelihoods: LoglikelihoodScorer, batch: Sequence[ContinuationRequest]) -> list[Response]:
    """Weigh a batch; where memory runs out, its halves."""
    torch = import_optional("torch", "hf")
    try:
        sums = likelihoods.sums(batch)
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            return [Response(batch[0].request, error=f"out of memory for a single item: {describe_error(error)}")]
        half = len(batch) // 2
        return [*_weighed(likelihoods, batch[:half]), *_weighed(likelihoods, batch[half:])]
    return [each.response(own) for each, own in zip(batch, sums, strict=True)]


def _continuous(value: str, temperature: float) -> bool | None:
    if temperature > 0:
        if value == "true":
            raise UsageError("--model-arg continuous=true: its samples have no seeds of their own; use temperature 0")
        return False
    return None if value == "auto" else parse_bool(value, "continuous")


def _batches(transformers: Any) -> bool:
    """Whether this transformers has continuous batching with a handler for each result."""
    try:
        manager = import_optional("transformers.generation.continuous_batching", "hf").ContinuousBatchingManager
    except (AttributeError, BackendError):
        return False
    return hasattr(manager, "register_result_handler") and hasattr(transformers, "ContinuousBatchingConfig")


def _device(torch: Any, asked: str) -> str:
    """The place for `device_map`; several GPUs share one model, layer by layer."""
    if asked != "auto":
        return asked
    if torch.cuda.is_available():
        return "cuda" if torch.cuda.device_count() == 1 else "auto"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _one_device(model: Any) -> bool:
    return len(set(getattr(model, "hf_device_map", {}).values())) <= 1


def _fitting_batch(torch: Any, model: Any, settings: BackendSettings) -> int:
    """How many sequences of full length have room for their keys and values in half of the free GPU memory."""
    if model.device.type != "cuda":
        return _CPU_BATCH
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize
    free = torch.cuda.mem_get_info(model.device)[0]
    fitting = free // (2 * token * (_TYPICAL_PROMPT + settings.decoding.max_tokens))
    return max(1, min(int(fitting), settings.concurrency))
