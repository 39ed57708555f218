"""A real `vllm serve` on loopback, asked through `openai/` and through `inspect/`."""

import pytest
from asking import ask, collect, make_request, texts

from evalsuite.errors import BackendError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.openai import OpenAI

pytestmark = pytest.mark.integration
GREEDY = Decoding(max_tokens=24)
NEUTRAL = {"extra_body": '{"repetition_penalty": 1.0, "top_k": 0}'}
"""Takes back what the server reads from the model's generation config."""


def openai(server, decoding=GREEDY, **more):
    return OpenAI(BackendSettings(model=server.model, decoding=decoding, base_urls=(server.base_url,), **more))


def requests(count, samples=1):
    return [make_request(number, sample) for number in range(count) for sample in range(samples)]


async def test_fifty_requests(vllm_server):
    found = await ask(openai(vllm_server), requests(50))
    assert len(found) == 50
    for response in found.values():
        assert response.error is None
        assert response.finish == ("length" if response.output_tokens == 24 else "stop")
        assert response.input_tokens > 10


async def test_the_server_and_transformers_agree(vllm_server):
    """Two engines, one template, one decoding: the same texts, but for near ties."""
    pytest.importorskip("accelerate")
    from evalsuite.models.hf import HF

    served = texts(await ask(openai(vllm_server, model_args=NEUTRAL), requests(50)))
    local = texts(await ask(HF(BackendSettings(model=str(vllm_server.folder), decoding=GREEDY)), requests(50)))
    # A character that the last token leaves unfinished is dropped by the server and shown as U+FFFD by a tokenizer.
    same = [served[key] == local[key].rstrip("\N{REPLACEMENT CHARACTER}") for key in served]
    assert sum(same) >= 48


async def test_samples_depend_on_their_seed_alone(vllm_server):
    decoding = Decoding(max_tokens=24, temperature=1.0)
    backend = openai(vllm_server, decoding)
    await backend.open([])
    whole = texts(await collect(backend, requests(10, samples=3)))
    part = texts(await collect(backend, requests(10, samples=3)[::-2]))
    await backend.close()
    assert len(set(whole.values())) == 30
    assert part == {key: whole[key] for key in part}


async def test_too_long_prompts_fail_alone(vllm_server):
    asked = [*requests(5), make_request(99, text="aspirin " * vllm_server.context)]
    found = await ask(openai(vllm_server), asked)
    assert [key for key, response in found.items() if response.error] == [("item-99", 0)]


async def test_an_unknown_model_is_told_in_one_line(vllm_server):
    backend = OpenAI(BackendSettings(model="unheard-of", base_urls=(vllm_server.base_url,)))
    with pytest.raises(BackendError, match="unheard-of") as caught:
        await ask(backend, requests(1))
    assert "\n" not in str(caught.value)


async def test_through_inspect(vllm_server, monkeypatch):
    pytest.importorskip("inspect_ai")
    from evalsuite.models.inspect import Inspect

    monkeypatch.setenv("LOCAL_API_KEY", "none-needed")
    name = f"openai-api/local/{vllm_server.model}"
    settings = BackendSettings(model=name, decoding=GREEDY, base_urls=(vllm_server.base_url,), concurrency=16)
    found = await ask(Inspect(settings), requests(50))
    assert texts(found) == texts(await ask(openai(vllm_server), requests(50)))
