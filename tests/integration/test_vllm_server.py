"""A real `vllm serve` on loopback, through `openai/` and through `inspect/`."""

import pytest
from backend_calls import collect, make_request, respond, texts

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.openai import OpenAI

pytestmark = pytest.mark.integration
GREEDY = Decoding(max_tokens=24)
NEUTRAL = {"extra_body": '{"repetition_penalty": 1.0, "top_k": 0}'}
"""Overrides what the server takes from the model's generation config."""


def openai(server, decoding=GREEDY, **more):
    return OpenAI(BackendSettings(model=server.model, decoding=decoding, base_urls=(server.base_url,), **more))


def requests(count, samples=1):
    return [make_request(number, sample) for number in range(count) for sample in range(samples)]


async def test_fifty_requests(vllm_server):
    responses = await respond(openai(vllm_server), requests(50))
    assert len(responses) == 50
    for response in responses.values():
        assert response.error is None
        assert response.finish == ("length" if response.output_tokens == 24 else "stop")
        assert response.input_tokens > 10


async def test_the_server_and_transformers_agree(vllm_server):
    """Two engines with one template and one decoding give the same texts, except for near ties."""
    pytest.importorskip("accelerate")
    from evalsuite.models.hf import HF

    served = texts(await respond(openai(vllm_server, model_args=NEUTRAL), requests(50)))
    local = texts(await respond(HF(BackendSettings(model=str(vllm_server.folder), decoding=GREEDY)), requests(50)))
    # A character that the last token leaves unfinished is dropped by the server and shown as U+FFFD by a tokenizer.
    same = [served[key] == local[key].rstrip("\N{REPLACEMENT CHARACTER}") for key in served]
    assert sum(same) >= 48


async def test_samples_depend_only_on_their_seeds(vllm_server):
    decoding = Decoding(max_tokens=24, temperature=1.0)
    backend = openai(vllm_server, decoding)
    await backend.open([])
    every = texts(await collect(backend, requests(10, samples=3)))
    part = texts(await collect(backend, requests(10, samples=3)[::-2]))
    await backend.close()
    assert len(set(every.values())) == 30
    assert part == {key: every[key] for key in part}


async def test_a_prompt_that_is_too_long_fails_alone(vllm_server):
    sent = [*requests(5), make_request(99, text="aspirin " * vllm_server.context)]
    responses = await respond(openai(vllm_server), sent)
    assert [key for key, response in responses.items() if response.error] == [("item-99", 0)]


async def test_an_unknown_model_is_an_error_of_one_line(vllm_server):
    backend = OpenAI(BackendSettings(model="unheard-of", base_urls=(vllm_server.base_url,)))
    with pytest.raises(BackendError, match="unheard-of") as caught:
        await respond(backend, requests(1))
    assert caught.value.code is ErrorCode.MODEL_NOT_SERVED
    assert "\n" not in str(caught.value)


async def test_through_inspect(vllm_server, monkeypatch):
    pytest.importorskip("inspect_ai")
    from evalsuite.models.inspect_ai import Inspect

    monkeypatch.setenv("LOCAL_API_KEY", "none-needed")
    name = f"openai-api/local/{vllm_server.model}"
    settings = BackendSettings(model=name, decoding=GREEDY, base_urls=(vllm_server.base_url,), concurrency=16)
    responses = await respond(Inspect(settings), requests(50))
    assert texts(responses) == texts(await respond(openai(vllm_server), requests(50)))
