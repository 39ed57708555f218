"""`vllm/REPO_OR_PATH`: vLLM's engine in this process, each response yielded as it finishes."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models import vllm_private_api
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Request, Response, Scoring
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.models.local.continuation_tree import ContinuationRequest, TokenTree, tokenize_continuations
from evalsuite.models.local.generate import end_token_id
from evalsuite.models.local.partial_generation import PartialGeneration, check_budget
from evalsuite.models.local.tied_embeddings import describe, targeted_embedding
from evalsuite.models.local.transformers_private_api import commit_hash
from evalsuite.models.local.weights_digest import weights_revision
from evalsuite.models.model_args import guarded_code, parse_bool, parse_fraction, parse_positive_int
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.models.request_pool import process_concurrently
from evalsuite.tasks.item import Dataset


def _parse_text(value: str, key: str) -> str:
    return value


_ENGINE_ARGS: dict[str, Callable[[str, str], Any]] = {
    "dtype": _parse_text,
    "enforce_eager": parse_bool,
    "gpu_memory_utilization": parse_fraction,
    "max_model_len": parse_positive_int,
    "quantization": _parse_text,
    "tensor_parallel_size": parse_positive_int,
    "trust_remote_code": parse_bool,
}
"""Model arguments that are the engine's own, with the parser of each."""
_ITEMS_SCORED = 32
"""Items scored at once: each is some dozens of sequences, whose context should still be in the prefix cache."""
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Values that vLLM accepts as `max_lora_rank`; an adapter needs the next one up from its rank."""


class VLLM(Backend):
    """A model run by vLLM's V1 engine, with prefix caching and an optional LoRA adapter.

    Model arguments are those of the engine, `tensor_parallel_size`, `gpu_memory_utilization`, `max_model_len`,
    `dtype`, `quantization`, `enforce_eager` and `trust_remote_code` (false), and `eos`, a token that ends a response in
    addition to those of the model's config. Sampling uses the run's temperature, top_p and each request's seed alone;
    the model's generation config is ignored.
    """

    operational_args: ClassVar[frozenset[str]] = frozenset(
        {"enforce_eager", "gpu_memory_utilization", "tensor_parallel_size"}
    )
    scorings: ClassVar[frozenset[Scoring]] = frozenset({"generate", "loglikelihood", "cloze"})

    @classmethod
    def guarded(cls, settings: BackendSettings) -> frozenset[str]:
        """Return `trust_remote_code` where it would run the code of a model's repository."""
        return guarded_code(settings)

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        check_budget(settings.decoding)
        args = settings.check_model_args(sorted((*_ENGINE_ARGS, "eos")), "vllm")
        self._engine_args = {key: _ENGINE_ARGS[key](value, key) for key, value in args.items() if key in _ENGINE_ARGS}
        self._end_ids: list[int] = []
        self._engine: Any = None
        self._chat: ChatTemplate | None = None
        self._lora: Any = None
        self._calls = 0

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Start the engine and load the adapter."""
        # Read when vllm is first imported: its own log lines would drown the progress bar.
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        vllm = import_optional("vllm", "vllm")
        self._vllm = vllm
        if self.settings.scoring != "generate" and not vllm_private_api.scores_given_tokens(vllm):
            raise BackendError(
                ErrorCode.LOGPROBS_UNAVAILABLE,
                f"vllm {vllm.__version__} can't return the log-probabilities of given tokens; install a newer one",
            )
        adapter = _adapter_folder(self.settings.adapter)
        try:
            await asyncio.to_thread(self._start_engine, vllm, adapter)
            self._chat = self._make_chat()
        except (BackendError, UsageError):
            raise
        except Exception as error:  # config, memory, a missing file: whatever it is, there is no engine
            message = f"vllm/{self.settings.model}: the engine didn't start: {describe_error(error)}"
            raise BackendError(ErrorCode.MODEL_NOT_LOADABLE, message) from error
        if adapter is not None:
            self._refuse_tied_embeddings(adapter)
            self._lora = vllm_private_api.adapter_request(str(adapter))
            await self._add_adapter()
        return self._info()

    def _start_engine(self, vllm: Any, adapter: Path | None) -> None:
        lora = {} if adapter is None else {"enable_lora": True, "max_loras": 1, "max_lora_rank": _max_rank(adapter)}
        args = vllm.AsyncEngineArgs(
            model=self.settings.model,
            revision=self.settings.revision,
            tokenizer_revision=self.settings.revision,
            tokenizer_mode="hf",
            max_num_seqs=self.settings.concurrency,
            enable_prefix_caching=True,
            disable_log_stats=True,
            use_tqdm_on_load=False,
            **lora,
            **self._engine_args,
        )
        # Not returned: vllm keeps this thread's frames alive in a traceback, and those would keep the engine alive.
        self._engine = vllm_private_api.start_engine(args)

    def _make_chat(self) -> ChatTemplate:
        settings = self.settings
        tokenizer = self._engine.get_tokenizer()
        if "eos" in settings.model_args:
            self._end_ids = [end_token_id(tokenizer, settings.model_args["eos"], f"vllm/{settings.model}")]
        return ChatTemplate(tokenizer, settings.chat_template, settings.decoding.thinking, f"vllm/{settings.model}")

    def _refuse_tied_embeddings(self, adapter: Path) -> None:
        if not vllm_private_api.model_config(self._engine).hf_text_config.tie_word_embeddings:
            return
        try:
            embedding = targeted_embedding(adapter)
        except Exception as error:  # somebody else's files, and safetensors has errors of its own
            message = f"`adapter` {adapter}: it can't be read: {describe_error(error)}"
            raise BackendError(ErrorCode.ADAPTER_NOT_LOADABLE, message) from error
        if embedding is not None:
            raise BackendError(ErrorCode.ADAPTER_NOT_LOADABLE, describe(f"`adapter` {adapter}", embedding))

    async def _add_adapter(self) -> None:
        try:
            await self._engine.add_lora(self._lora)
        except Exception as error:  # the engine wraps whatever its worker raised
            raise BackendError(
                ErrorCode.ADAPTER_NOT_LOADABLE,
                f"vllm/{self.settings.model}: adapter {self.settings.adapter} can't be used: {describe_error(error)}",
            ) from error

    def _info(self) -> BackendInfo:
        assert self._chat is not None
        config = vllm_private_api.model_config(self._engine)
        return {
            **self._chat.info(),
            "revision": weights_revision(self.settings, commit_hash(config.hf_config)),
            "context": self._context,
            "dtype": str(config.dtype).removeprefix("torch."),
            "quantization": config.quantization,
            "vllm": self._vllm.__version__,
            "torch": import_optional("torch", "vllm").__version__,
        }

    @property
    def _context(self) -> int:
        return int(vllm_private_api.model_config(self._engine).max_model_len)

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Have `concurrency` requests in the engine; closing the generator aborts them there."""
        assert self._chat is not None
        if note := self._chat.freeze_day(self.prompt_day):
            self.notes["prompt_day"] = note
        concurrency = self.settings.concurrency
        if self.settings.scoring == "generate":
            results = process_concurrently(requests, self._generate, concurrency)
        else:
            results = process_concurrently(requests, self._score, min(concurrency, _ITEMS_SCORED))
        async with aclosing(results) as responses:
            async for response in responses:
                yield response

    async def _generate(self, request: Request) -> Response:
        assert self._chat is not None
        generation = PartialGeneration(request, self._chat, self.settings.decoding, self._context)
        if generation.length_error is not None:
            return generation.failed(generation.length_error)
        generation.start()
        while True:
            try:
                output = await self._run_phase(generation)
            except BackendError:
                raise
            except Exception as error:  # of this request alone: the engine still runs
                return generation.failed(describe_error(error.__cause__ or error))
            ended = output.finish_reason == "stop"
            if not ended and output.finish_reason != "length":
                return generation.failed(f"vllm ended the response with {output.finish_reason!r}")
            # Only end tokens stop a response (there are no stop strings), so the last token isn't part of it.
            if generation.extend(output.token_ids[:-1] if ended else output.token_ids, ended):
                return generation.response()

    async def _run_phase(self, generation: PartialGeneration) -> Any:
        decoding = self.settings.decoding
        sampling = self._vllm.SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            seed=generation.seed if decoding.temperature > 0 else None,
            stop_token_ids=self._end_ids,
            max_tokens=generation.max_new_tokens,
            detokenize=False,
            output_kind=vllm_private_api.only_final_output(),
        )
        return await self._run(generation.input_ids, sampling)

    async def _score(self, request: Request) -> Response:
        """Request the probabilities behind each node of the options' tree, all of which share the cached context."""
        assert self._chat is not None
        tokenized = tokenize_continuations(request, self._chat)
        error_message = tokenized.error(self._context - 1)  # the engine generates a token behind all that it reads
        if error_message is not None:
            return Response(request, error=error_message)
        tree = TokenTree(tokenized.continuations)
        (first, tokens), *others = tree.tokens_by_row().items()
        try:
            # The first call alone, so that the others find the context in the prefix cache.
            logprobs = {first: await self._logprobs_behind(tokenized, tree, first, tokens)}
            more = await asyncio.gather(*(self._logprobs_behind(tokenized, tree, row, ids) for row, ids in others))
        except BackendError:
            raise
        except Exception as error:  # of this request alone: the engine still runs
            return Response(request, error=describe_error(error.__cause__ or error))
        return tokenized.response(tree.sums(logprobs | dict(zip((row for row, _ in others), more, strict=True))))

    async def _logprobs_behind(
        self, tokenized: ContinuationRequest, tree: TokenTree, row: int, tokens: list[int]
    ) -> dict[int, float]:
        """Return the log-probabilities of `tokens` behind a row of the tree."""
        sampling = self._vllm.SamplingParams(
            temperature=0,
            max_tokens=1,
            ignore_eos=True,
            logprob_token_ids=tokens,
            detokenize=False,
            output_kind=vllm_private_api.only_final_output(),
        )
        output = await self._run(tokenized.context + tree.path(row), sampling)
        return {token: output.logprobs[0][token].logprob for token in tokens}

    async def _run(self, ids: list[int], sampling: Any) -> Any:
        """Call the engine once; cancelling the call aborts the request there."""
        self._calls += 1
        prompt = self._vllm.TokensPrompt(prompt_token_ids=ids)
        stream = self._engine.generate(prompt, sampling, str(self._calls), lora_request=self._lora)
        try:
            async with aclosing(stream) as outputs:
                async for output in outputs:
                    return output.outputs[0]
        except vllm_private_api.engine_dead_error() as error:
            raise BackendError(
                ErrorCode.ENGINE_FAILED, f"vllm/{self.settings.model}: the engine died; see its own log for the cause"
            ) from error
        raise BackendError(ErrorCode.ENGINE_FAILED, f"vllm/{self.settings.model}: the engine returned no output")

    async def close(self) -> None:
        """Shut the engine's process down."""
        if self._engine is None:
            return
        # Not on a thread: the engine's listener runs in this loop and would mistake the end of its process for a crash.
        self._engine.shutdown()
        self._engine = None
        # The engine is in a reference cycle, and its finaliser needs modules that are gone when this process ends.
        gc.collect()


def _adapter_folder(name: str | None) -> Path | None:
    """Return the adapter's folder: a local one, or a download from the hub."""
    if name is None:
        return None
    if Path(name).is_dir():
        return Path(name)
    hub = import_optional("huggingface_hub", "vllm")
    try:
        return Path(hub.snapshot_download(name))
    except Exception as error:  # hub errors have no common base class; each means that there is no adapter
        message = f"`adapter` {name}: neither a folder nor a repository on the hub: {describe_error(error)}"
        raise BackendError(ErrorCode.ADAPTER_NOT_LOADABLE, message) from error


def _max_rank(adapter: Path) -> int:
    """Return the smallest rank that vLLM accepts and that is at least the adapter's."""
    file = adapter / "adapter_config.json"
    try:
        rank = int(json.loads(file.read_text())["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{file}: it has no valid LoRA rank ({describe_error(error)}); is it a peft adapter?"
        raise BackendError(ErrorCode.ADAPTER_NOT_LOADABLE, message) from error
    fitting = [accepted for accepted in _LORA_RANKS if accepted >= rank]
    if not fitting:
        raise BackendError(
            ErrorCode.ADAPTER_NOT_LOADABLE,
            f"{file}: rank {rank} exceeds vLLM's maximum of {_LORA_RANKS[-1]}; merge the adapter into the model",
        )
    return fitting[0]
