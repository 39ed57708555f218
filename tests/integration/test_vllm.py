"""`vllm/` with the real engine in this process, on a tiny random model; needs a Python with vllm."""

import asyncio
import multiprocessing
import os
import time
from contextlib import aclosing
from dataclasses import replace

import pytest
import pytest_asyncio
import tiny
from backend_calls import collect, make_request, respond, texts

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.models.vllm import VLLM

pytest.importorskip("vllm")
pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]
GREEDY = Decoding(max_tokens=24)
ARGS = {"dtype": "float32", "enforce_eager": "true"}


def vllm(model, **more):
    return VLLM(BackendSettings(model=str(model), decoding=GREEDY, model_args=ARGS, **more))


def requests(count, samples=1):
    return [make_request(number, sample) for number in range(count) for sample in range(samples)]


def with_decoding(backend, **changes):
    backend.settings = replace(backend.settings, decoding=replace(GREEDY, **changes))
    return backend


@pytest.fixture(scope="module", autouse=True)
def quiet_engine():
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    # The tests use torch before the engine starts, and a fork after that may hang in OpenMP.
    os.environ["VLLM_WORKER_MULTIPROCESSING_METHOD"] = "spawn"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tiny_model):
    """Return an open backend whose template opens the reasoning; one for all tests, since it starts slowly."""
    backend = vllm(tiny_model, chat_template=tiny.OPENING_TEMPLATE, concurrency=8)
    await backend.open([])
    yield backend
    await backend.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def greedy(engine):
    return await collect(with_decoding(engine), requests(30))


async def test_greedy_is_what_transformers_generates(tiny_model, greedy):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    same = 0
    for request in requests(30):
        ids = tokenizer.apply_chat_template(
            list(request.messages),
            chat_template=tiny.OPENING_TEMPLATE,
            add_generation_prompt=True,
            return_dict=False,
        )
        output = model.generate(torch.tensor([ids]), do_sample=False, repetition_penalty=1.0, max_new_tokens=24)
        expected = tokenizer.decode(output[0, len(ids) :], skip_special_tokens=True)
        response = greedy[(request.item.id, 0)]
        assert response.input_tokens == len(ids)
        assert response.text[:2] == expected[:2]
        same += response.text == expected
    assert same >= 28  # another order of summation may decide a near tie


async def test_every_request_is_answered_once_with_its_counts(greedy):
    assert len(greedy) == 30
    for response in greedy.values():
        assert response.error is None
        assert response.opens_reasoning
        assert response.finish == ("length" if response.output_tokens == 24 else "stop")
        assert response.latency > 0


async def test_responses_are_yielded_as_they_finish(engine):
    """A long response does not delay the short ones behind it."""
    sent = [make_request(number, text="pain " * 5 if number == 0 else "pain " * 200) for number in range(9)]
    responses = await collect(with_decoding(engine, max_tokens=900), sent)
    order = [response.output_tokens for response in responses.values()]
    assert order.index(max(order)) > 0


async def test_samples_depend_only_on_their_seeds(engine):
    with_decoding(engine, temperature=1.0, top_p=0.95)
    every = texts(await collect(engine, requests(6, samples=4)))
    part = texts(await collect(engine, requests(6, samples=4)[::-2]))
    assert len(set(every.values())) == 24
    assert part == {key: every[key] for key in part}


async def test_nothing_constrains_the_tokens(engine, monkeypatch):
    """Constrained decoding renormalises log-probabilities over the tokens that it leaves."""
    seen = []
    run = type(engine)._run

    async def recorded(self, ids, sampling):
        seen.append(sampling)
        return await run(self, ids, sampling)

    monkeypatch.setattr(type(engine), "_run", recorded)
    await collect(with_decoding(engine), requests(2))
    assert seen
    for sampling in seen:
        for name in ("structured_outputs", "guided_decoding", "logit_bias", "allowed_token_ids", "bad_words"):
            assert not getattr(sampling, name, None)


async def test_end_tokens_end_a_response_and_are_not_part_of_it(engine):
    responses = await collect(with_decoding(engine, temperature=1.3, max_tokens=300), requests(40))
    assert {response.finish for response in responses.values()} == {"stop", "length"}
    assert not [response for response in responses.values() if "<|im_end|>" in response.text]


async def test_a_budget_forces_the_end_of_reasoning(engine, greedy):
    responses = await collect(with_decoding(engine, thinking_budget=10), requests(30))
    for key, response in responses.items():
        if response.output_tokens < 24:
            continue
        reasoning, close, answer = response.text.partition("\n</think>\n\n")
        assert close and answer
        assert greedy[key].text.startswith(reasoning.rstrip("\N{REPLACEMENT CHARACTER}"))


async def test_a_prompt_that_is_too_long_fails_alone(engine):
    sent = [*requests(3), make_request(99, text="aspirin " * tiny.CONTEXT)]
    responses = await collect(with_decoding(engine), sent)
    assert str(tiny.CONTEXT) in responses[("item-99", 0)].error
    assert [key for key, response in responses.items() if response.error] == [("item-99", 0)]


async def test_closing_aborts_the_requests_in_the_engine(engine):
    with_decoding(engine, max_tokens=900, temperature=0.0)
    taken = []

    def counted():
        for request in requests(500):
            taken.append(request)
            yield request

    started = time.monotonic()
    async with aclosing(engine.answer(counted())) as responses:
        async for _ in responses:
            break
    assert len(taken) <= 2 * 8
    for _ in range(100):
        if engine._engine.get_num_unfinished_requests() == 0:
            break
        await asyncio.sleep(0.05)
    assert engine._engine.get_num_unfinished_requests() == 0
    again = await collect(with_decoding(engine), requests(3))
    assert not [response for response in again.values() if response.error]
    assert time.monotonic() - started < 60


async def test_an_adapter_changes_the_responses_and_a_dead_engine_ends_the_run(tiny_model, tiny_adapter, greedy):
    backend = vllm(tiny_model, chat_template=tiny.OPENING_TEMPLATE, adapter=str(tiny_adapter), concurrency=4)
    before = set(multiprocessing.active_children())
    await backend.open([])
    responses = await collect(backend, requests(30))
    assert sum(response.text != greedy[key].text for key, response in responses.items()) > 25

    def killing():
        for number, request in enumerate(requests(1000)):
            if number == 20:
                for child in set(multiprocessing.active_children()) - before:
                    child.kill()
            yield request

    with pytest.raises(BackendError) as caught:
        await asyncio.wait_for(collect(backend, killing()), 60)
    assert caught.value.code is ErrorCode.ENGINE_FAILED and "\n" not in str(caught.value)
    await backend.close()


@pytest.mark.parametrize(
    ("model", "more", "code", "named"),
    [
        ("no/such/place", {}, ErrorCode.MODEL_NOT_LOADABLE, "no/such/place"),
        ("{model}", {"adapter": "no/such/adapter"}, ErrorCode.ADAPTER_NOT_LOADABLE, "no/such/adapter"),
        ("{model}", {"model_args": {"max_model_len": "99999"}}, ErrorCode.MODEL_NOT_LOADABLE, "max_model_len"),
    ],
)
async def test_a_model_that_cannot_be_used_is_an_error_of_one_line(tiny_model, monkeypatch, model, more, code, named):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BackendError) as caught:
        await respond(VLLM(BackendSettings(model=model.format(model=tiny_model), **more)), requests(1))
    assert caught.value.code is code
    assert named in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("tied", [True, False])
async def test_an_adapter_of_the_head_needs_a_model_that_is_not_tied(tmp_path, tied):
    model = tiny.make_model(tmp_path / "model", tied=tied)
    adapter = tiny.make_head_adapter(tmp_path / "adapter", model)
    backend = vllm(model, chat_template=tiny.OPENING_TEMPLATE, adapter=str(adapter), concurrency=2)
    try:
        if tied:
            with pytest.raises(BackendError) as caught:
                await backend.open([])
            assert caught.value.code is ErrorCode.ADAPTER_NOT_LOADABLE
            assert "lm_head" in str(caught.value) and "\n" not in str(caught.value)
        else:
            await backend.open([])
            assert not (await collect(backend, requests(1))).popitem()[1].error
    finally:
        await backend.close()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"nonsense": "1"}, ErrorCode.UNKNOWN_MODEL_ARGUMENT),
        ({"gpu_memory_utilization": "2"}, ErrorCode.INVALID_ARGUMENT),
        ({"tensor_parallel_size": "0"}, ErrorCode.INVALID_ARGUMENT),
        ({"enforce_eager": "1"}, ErrorCode.INVALID_ARGUMENT),
    ],
)
async def test_invalid_model_args_are_refused(args, code):
    with pytest.raises(UsageError, match=next(iter(args))) as caught:
        VLLM(BackendSettings(model="x", model_args=args))
    assert caught.value.code is code


@pytest.mark.parametrize("scoring", ["loglikelihood", "cloze"])
async def test_options_get_the_log_probabilities_of_transformers(tiny_model, engine, scoring):
    import torch
    from transformers import AutoModelForCausalLM

    from evalsuite.models.local.continuation_tree import tokenize_continuations
    from evalsuite.models.local.loglikelihood import LoglikelihoodScorer

    options = ("A", "B") if scoring == "loglikelihood" else ("Aspirin, at once", "Aspirin, later", "Biopsy")
    sent = [replace(make_request(number), continuations=options) for number in range(12)]
    chat = ChatTemplate(engine._chat.tokenizer, "", "auto", "tiny")
    scorer = LoglikelihoodScorer(AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32))
    expected = {request.item.id: scorer.logprobs([tokenize_continuations(request, chat)])[0] for request in sent}
    before = engine.settings, engine._chat
    engine.settings, engine._chat = replace(engine.settings, scoring=scoring), chat
    try:
        responses = await collect(engine, sent)
    finally:
        engine.settings, engine._chat = before
    for (id, _), response in responses.items():
        assert response.logprobs == pytest.approx(expected[id], abs=1e-3)
