"""The names of vLLM that it doesn't promise to keep: a release that moves them breaks this module alone.

vLLM's documented engine, `LLM`, answers a list of prompts at once; a harness needs each response when it is finished.
"""

from __future__ import annotations

from typing import Any

from evalsuite.models.optional_packages import import_optional


def start_engine(arguments: Any) -> Any:
    """Start the asynchronous engine with its `AsyncEngineArgs`."""
    return import_optional("vllm.v1.engine.async_llm", "vllm").AsyncLLM.from_engine_args(arguments)


def engine_dead_error() -> type[Exception]:
    """Return the exception that every request raises once the engine's process has ended."""
    error: type[Exception] = import_optional("vllm.v1.engine.exceptions", "vllm").EngineDeadError
    return error


def only_final_output() -> Any:
    """Return the setting under which a request yields once, when it is finished."""
    return import_optional("vllm.sampling_params", "vllm").RequestOutputKind.FINAL_ONLY


def adapter_request(folder: str) -> Any:
    """Return what a request names to be answered with a LoRA adapter."""
    return import_optional("vllm.lora.request", "vllm").LoRARequest("adapter", 1, folder)


def scores_given_tokens(vllm: Any) -> bool:
    """Return whether this version can return the log-probabilities of given tokens."""
    return hasattr(vllm.SamplingParams, "logprob_token_ids")


def model_config(engine: Any) -> Any:
    """Return an engine's config of the model: `hf_config`, `hf_text_config`, `dtype`, `max_model_len`."""
    return engine.model_config
