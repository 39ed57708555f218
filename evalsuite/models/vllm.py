"""`vllm/REPO_OR_PATH`: vLLM's engine in this process, each answer passed on as it finishes."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Request, Response, Scoring
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.models.local.continuation_tree import ContinuationRequest, TokenTree, choice
from evalsuite.models.local.generate import end_token_id
from evalsuite.models.local.partial_generation import PartialGeneration, check_budget
from evalsuite.models.local.weights_digest import revision
from evalsuite.models.model_args import parse_bool, parse_fraction, parse_positive_int
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.models.request_pool import pooled
from evalsuite.tasks.item import Dataset


def _text(value: str, key: str) -> str:
    return value


_READ: dict[str, Callable[[str, str], Any]] = {
    "dtype": _text,
    "enforce_eager": parse_bool,
    "gpu_memory_utilization": parse_fraction,
    "max_model_len": parse_positive_int,
    "quantization": _text,
    "tensor_parallel_size": parse_positive_int,
    "trust_remote_code": parse_bool,
}
_CHOICES = 32
"""Items weighed at once: each is some dozens of sequences, whose context should still be in the prefix cache."""
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM makes room for; an adapter needs the next one up."""


class VLLM(Backend):
    """A model served by vLLM's V1 engine, with prefix caching and an optional LoRA adapter.

    `--model-arg` takes the engine's own options: `tensor_parallel_size`, `gpu_memory_utilization`, `max_model_len`,
    `dtype`, `quantization`, `enforce_eager`, `trust_remote_code` (false); and `eos`, a token that ends a response,
    beside those that the model says. Sampling uses the run's temperature, top_p and each request's seed alone; what
    the model's generation config suggests is not applied.
    """

    operational_args = frozenset({"enforce_eager", "gpu_memory_utilization", "tensor_parallel_size"})
    scorings: ClassVar[frozenset[Scoring]] = frozenset({"generate", "loglikelihood", "cloze"})

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        check_budget(settings.decoding)
        args = settings.check_model_args(sorted((*_READ, "eos")), "vllm")
        self._args = {key: _READ[key](value, key) for key, value in args.items() if key in _READ}
        self._ends: list[int] = []
        self._engine: Any = None
        self._chat: ChatTemplate | None = None
        self._lora: Any = None
        self._asked = 0

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Start the engine and load the adapter."""
        # Read when vllm is first imported: its own talk would drown the progress bar.
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        vllm = import_optional("vllm", "vllm")
        self._vllm = vllm
        if self.settings.scoring != "generate" and not hasattr(vllm.SamplingParams, "logprob_token_ids"):
            raise BackendError(f"vllm {vllm.__version__} tells no log-probabilities of chosen tokens; a newer one does")
        adapter = _adapter(self.settings.adapter)
        try:
            await asyncio.to_thread(self._start, vllm, adapter)
            self._chat = self._make_chat()
        except (BackendError, UsageError):
            raise
        except Exception as error:  # config, memory, a missing file: whatever it is, there is no engine
            raise BackendError(
                f"vllm/{self.settings.model}: the engine didn't start: {describe_error(error)}"
            ) from error
        if adapter is not None:
            self._lora = import_optional("vllm.lora.request", "vllm").LoRARequest("adapter", 1, str(adapter))
            await self._add_adapter()
        return self._facts()

    def _start(self, vllm: Any, adapter: Path | None) -> None:
        lora = {} if adapter is None else {"enable_lora": True, "max_loras": 1, "max_lora_rank": _rank(adapter)}
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
            **self._args,
        )
        # Not returned: vllm keeps this thread's frames alive in a traceback, and they must not hold the engine.
        self._engine = import_optional("vllm.v1.engine.async_llm", "vllm").AsyncLLM.from_engine_args(args)

    def _make_chat(self) -> ChatTemplate:
        settings = self.settings
        tokenizer = self._engine.get_tokenizer()
        if "eos" in settings.model_args:
            self._ends = [end_token_id(tokenizer, settings.model_args["eos"], f"vllm/{settings.model}")]
        return ChatTemplate(tokenizer, settings.chat_template, settings.decoding.thinking, f"vllm/{settings.model}")

    async def _add_adapter(self) -> None:
        try:
            await self._engine.add_lora(self._lora)
        except Exception as error:  # the engine wraps whatever its worker raised
            adapter = self.settings.adapter
            raise BackendError(
                f"vllm/{self.settings.model}: adapter {adapter} can't be used: {describe_error(error)}"
            ) from error

    def _facts(self) -> BackendInfo:
        assert self._chat is not None
        config = self._engine.model_config
        return {
            **self._chat.info(),
            "revision": revision(self.settings, getattr(config.hf_config, "_commit_hash", None)),
            "context": self._context,
            "dtype": str(config.dtype).removeprefix("torch."),
            "quantization": config.quantization,
            "vllm": self._vllm.__version__,
            "torch": import_optional("torch", "vllm").__version__,
        }

    @property
    def _context(self) -> int:
        return int(self._engine.model_config.max_model_len)

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Keep `concurrency` requests in the engine; closing the generator aborts those in it."""
        most = self.settings.concurrency
        if self.settings.scoring == "generate":
            answers = pooled(requests, self._ask, most)
        else:
            answers = pooled(requests, self._weigh, min(most, _CHOICES))
        async with aclosing(answers) as responses:
            async for response in responses:
                yield response

    async def _ask(self, request: Request) -> Response:
        assert self._chat is not None
        draft = PartialGeneration(request, self._chat, self.settings.decoding, self._context)
        if draft.too_long is not None:
            return draft.failed(draft.too_long)
        draft.start()
        while True:
            try:
                written = await self._write(draft)
            except BackendError:
                raise
            except Exception as error:  # this request's alone: the engine lives
                return draft.failed(describe_error(error.__cause__ or error))
            ended = written.finish_reason == "stop"
            if not ended and written.finish_reason != "length":
                return draft.failed(f"vllm ended the response with {written.finish_reason!r}")
            # Only end tokens stop a response, so the last one is no part of it.
            if draft.add(written.token_ids[:-1] if ended else written.token_ids, ended):
                return draft.response()

    async def _weigh(self, request: Request) -> Response:
        """Ask for the probabilities that follow each node of the options' tree: all share the context's cache."""
        assert self._chat is not None
        each = choice(request, self._chat)
        trouble = each.trouble(self._context - 1)  # the engine writes a token after all that it reads
        if trouble is not None:
            return Response(request, error=trouble)
        tree = TokenTree(each.continuations)
        (first, tokens), *others = tree.asked().items()
        try:
            logs = {first: await self._follow(each, tree, first, tokens)}  # it fills the cache
            found = await asyncio.gather(*(self._follow(each, tree, row, tokens) for row, tokens in others))
        except BackendError:
            raise
        except Exception as error:  # this request's alone: the engine lives
            return Response(request, error=describe_error(error.__cause__ or error))
        return each.response(tree.sums(logs | dict(zip((row for row, _ in others), found, strict=True))))

    async def _follow(
        self, each: ContinuationRequest, tree: TokenTree, row: int, tokens: list[int]
    ) -> dict[int, float]:
        """Log-probabilities of tokens behind a node."""
        sampling = self._vllm.SamplingParams(
            temperature=0,
            max_tokens=1,
            ignore_eos=True,
            logprob_token_ids=tokens,
            detokenize=False,
            output_kind=self._vllm.sampling_params.RequestOutputKind.FINAL_ONLY,
        )
        written = await self._run(each.context + tree.path(row), sampling)
        return {token: written.logprobs[0][token].logprob for token in tokens}

    async def _write(self, draft: PartialGeneration) -> Any:
        decoding = self.settings.decoding
        sampling = self._vllm.SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            seed=draft.seed if decoding.temperature > 0 else None,
            stop_token_ids=self._ends,
            max_tokens=draft.limit,
            detokenize=False,
            output_kind=self._vllm.sampling_params.RequestOutputKind.FINAL_ONLY,
        )
        return await self._run(draft.ids, sampling)

    async def _run(self, ids: list[int], sampling: Any) -> Any:
        """One call of the engine; cancelling it aborts the request there."""
        self._asked += 1
        prompt = self._vllm.TokensPrompt(prompt_token_ids=ids)
        stream = self._engine.generate(prompt, sampling, str(self._asked), lora_request=self._lora)
        try:
            async with aclosing(stream) as outputs:
                async for output in outputs:
                    return output.outputs[0]
        except self._vllm.v1.engine.exceptions.EngineDeadError as error:
            raise BackendError(f"vllm/{self.settings.model}: the engine died; its own log says why") from error
        raise BackendError(f"vllm/{self.settings.model}: the engine gave no output")

    async def close(self) -> None:
        """Shut the engine's process down."""
        if self._engine is None:
            return
        # Not on a thread: the engine's listener runs in this loop and would take the end of its process for a death.
        self._engine.shutdown()
        self._engine = None
        # The engine is in a reference cycle, and its finaliser needs modules that are gone when the process ends.
        gc.collect()


def _adapter(name: str | None) -> Path | None:
    """Find the adapter's folder: a local one, or the hub's."""
    if name is None:
        return None
    if Path(name).is_dir():
        return Path(name)
    hub = import_optional("huggingface_hub", "vllm")
    try:
        return Path(hub.snapshot_download(name))
    except Exception as error:  # hub errors have many roots; each means that there is no adapter
        raise BackendError(
            f"--adapter {name}: no folder, and not on the hub either: {describe_error(error)}"
        ) from error


def _rank(adapter: Path) -> int:
    """The smallest rank that vLLM can be told and that the adapter fits into."""
    file = adapter / "adapter_config.json"
    try:
        rank = int(json.loads(file.read_text())["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackendError(
            f"{file}: no LoRA rank to be read ({describe_error(error)}); is it a peft adapter?"
        ) from error
    fitting = [each for each in _LORA_RANKS if each >= rank]
    if not fitting:
        raise BackendError(f"{file}: rank {rank} is more than vLLM's {_LORA_RANKS[-1]}; merge the adapter first")
    return fitting[0]
