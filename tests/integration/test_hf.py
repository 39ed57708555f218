"""`hf/` on a tiny random model: responses don't depend on batching, and refusals are errors of one line."""

import asyncio
import threading
from contextlib import aclosing
from datetime import date

import pytest
import pytest_asyncio
import tiny
from backend_calls import collect, make_request, respond, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evalsuite as es
from evalsuite.analysis.run_result import read_result
from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.hf import HF

pytestmark = pytest.mark.integration
pytest.importorskip("torch")
pytest.importorskip("transformers")
GREEDY = Decoding(max_tokens=24)
SAMPLED = Decoding(max_tokens=24, temperature=1.0, top_p=0.95)


def hf(model, decoding=GREEDY, **more):
    return HF(BackendSettings(model=str(model), decoding=decoding, **more))


def requests(count, samples=1):
    return [make_request(number, sample) for number in range(count) for sample in range(samples)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_by_one(tiny_model):
    """Return greedy texts with a batch of one, where nothing is padded."""
    return texts(await respond(hf(tiny_model, model_args={"batch": "1"}), requests(24)))


async def test_greedy_is_what_transformers_generates(tiny_model, one_by_one):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    for request in requests(24)[::6]:
        ids = tokenizer.apply_chat_template(list(request.messages), add_generation_prompt=True, return_dict=False)
        output = model.generate(torch.tensor([ids]), do_sample=False, repetition_penalty=1.0, max_new_tokens=24)
        expected = tokenizer.decode(output[0, len(ids) :], skip_special_tokens=True)
        assert one_by_one[(request.item.id, 0)] == expected


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.integers(2, 30), order=st.randoms(use_true_random=False))
def test_responses_do_not_depend_on_batch_size_and_order(tiny_model, one_by_one, batch, order):
    sent = requests(24)
    order.shuffle(sent)
    responses = asyncio.run(respond(hf(tiny_model, model_args={"batch": str(batch)}), sent))
    assert texts(responses) == one_by_one


@pytest.mark.parametrize("continuous", ["false", "true"])
async def test_a_response_ends_at_the_end_token_of_the_model_args(tiny_model, one_by_one, continuous):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    ids = tokenizer(one_by_one[("item-0", 0)], add_special_tokens=False)["input_ids"]
    end_id = next(token for token in ids[3:] if len(tokenizer.decode([token]).strip()) > 1)
    end_token = tokenizer.convert_ids_to_tokens(end_id)
    responses = await respond(hf(tiny_model, model_args={"continuous": continuous, "eos": end_token}), requests(1))
    (response,) = responses.values()
    assert response.finish == "stop" and response.text == tokenizer.decode(ids[: ids.index(end_id)])


async def test_continuous_batching_gives_the_same_responses(tiny_model, one_by_one):
    responses = await respond(hf(tiny_model, model_args={"continuous": "true"}, concurrency=5), requests(24))
    assert texts(responses) == one_by_one


async def test_samples_depend_only_on_their_seeds(tiny_model):
    every = texts(await respond(hf(tiny_model, SAMPLED), requests(6, samples=4)))
    part = texts(await respond(hf(tiny_model, SAMPLED, model_args={"batch": "3"}), requests(6, samples=4)[::-2]))
    assert len(set(every.values())) == 24
    assert part == {key: every[key] for key in part}
    other = texts(await respond(hf(tiny_model, SAMPLED), [make_request(0, seed=77)]))
    assert other[("item-0", 0)] not in every.values()


async def test_sampling_follows_the_models_distribution(tiny_model):
    """The first token's frequencies over many seeds agree with the softmax (chi-square test, p > 1e-4)."""
    import torch
    from scipy.stats import chisquare
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    decoding = Decoding(max_tokens=1, temperature=0.5)
    sent = [make_request(3, sample, seed=sample) for sample in range(3000)]
    responses = await respond(hf(tiny_model, decoding, model_args={"batch": "500"}), sent)
    ids = tokenizer.apply_chat_template(list(sent[0].messages), add_generation_prompt=True, return_dict=False)
    with torch.inference_mode():
        probabilities = (model(torch.tensor([ids])).logits[0, -1].double() / 0.5).softmax(-1)
    expected: dict[str, float] = {}
    for token, probability in enumerate(probabilities.tolist()):
        text = tokenizer.decode([token], skip_special_tokens=True)
        expected[text] = expected.get(text, 0.0) + 3000 * probability
    common = [text for text, count in expected.items() if count >= 10]
    drawn = list(texts(responses).values())
    counts = [drawn.count(text) for text in common]
    rest = 3000 - sum(expected[text] for text in common)
    assert chisquare([*counts, 3000 - sum(counts)], [*(expected[text] for text in common), rest]).pvalue > 1e-4


async def test_counts_and_finish(tiny_model):
    responses = await respond(hf(tiny_model, Decoding(max_tokens=300, temperature=1.3)), requests(40))
    finishes = {response.finish for response in responses.values()}
    assert finishes == {"stop", "length"}
    for response in responses.values():
        assert (response.output_tokens == 300) >= (response.finish == "length")
        assert 0 < response.output_tokens <= 300
        assert "<|im_end|>" not in response.text
        assert response.latency > 0


async def test_an_adapter_changes_the_responses(tiny_model, tiny_adapter, one_by_one):
    pytest.importorskip("peft")
    plain = texts(await respond(hf(tiny_model, adapter=str(tiny_adapter)), requests(24)))
    continuous = await respond(
        hf(tiny_model, adapter=str(tiny_adapter), model_args={"continuous": "true"}), requests(24)
    )
    assert sum(plain[key] != one_by_one[key] for key in plain) > 20
    assert texts(continuous) == plain


def test_the_summary_names_the_adapter(tiny_model, tiny_adapter, tmp_path):
    pytest.importorskip("peft")
    own = es.Dataset([{"question": "Which?", "options": ["x", "y"], "answer": "A"}], name="own")
    run = es.evaluate(f"hf/{tiny_model}", [own], adapter=str(tiny_adapter), max_tokens=4, out=tmp_path / "run")
    assert read_result(run.path).summary.adapter == str(tiny_adapter)
    read_result(run.path).check_responses()


async def test_a_template_that_opens_reasoning_is_detected(tiny_model):
    request = make_request(1, text="What does <think> mean?")
    opened = await respond(hf(tiny_model, chat_template=tiny.OPENING_TEMPLATE), [request])
    closed = await respond(hf(tiny_model), [request])
    assert opened[("item-1", 0)].opens_reasoning
    assert not closed[("item-1", 0)].opens_reasoning


@pytest.mark.parametrize("args", [{}, {"batch": "2"}, {"continuous": "true"}])
async def test_a_budget_forces_the_end_of_reasoning(tiny_model, args):
    decoding = Decoding(max_tokens=24, thinking_budget=10)
    forced = await respond(hf(tiny_model, decoding, chat_template=tiny.OPENING_TEMPLATE, model_args=args), requests(12))
    free = await respond(hf(tiny_model, chat_template=tiny.OPENING_TEMPLATE), requests(12))
    for key, response in forced.items():
        reasoning, close, answer = response.text.partition("\n</think>\n\n")
        assert close and answer
        assert free[key].text.startswith(reasoning.rstrip("\N{REPLACEMENT CHARACTER}"))  # a truncated character
        assert response.output_tokens == 24
        assert response.finish == "length"


async def test_a_budget_does_not_change_responses_without_reasoning(tiny_model, one_by_one):
    responses = await respond(hf(tiny_model, Decoding(max_tokens=24, thinking_budget=10)), requests(24))
    assert texts(responses) == one_by_one


async def test_the_thinking_switch_changes_the_prompt(tiny_model, one_by_one):
    on = await respond(hf(tiny_model, Decoding(max_tokens=24, thinking="on")), requests(24))
    off = await respond(hf(tiny_model, Decoding(max_tokens=24, thinking="off")), requests(24))
    assert texts(on) == one_by_one
    assert texts(off) != one_by_one
    assert off[("item-0", 0)].input_tokens > on[("item-0", 0)].input_tokens


async def test_a_thinking_switch_that_the_template_ignores_is_refused(tiny_model):
    backend = hf(tiny_model, Decoding(thinking="off"), chat_template=tiny.OPENING_TEMPLATE)
    with pytest.raises(UsageError, match="`thinking`") as caught:
        await respond(backend, [])
    assert caught.value.code is ErrorCode.UNSUPPORTED_BY_BACKEND


async def test_a_model_without_a_template_gets_plain_text(tiny_model, tmp_path):
    bare = tiny.make_model(tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    backend = hf(bare)
    info = await backend.open([])
    responses = await collect(backend, [make_request(1, text="chest pain")])
    await backend.close()
    assert info["chat_template"] == "none: messages concatenated"
    assert responses[("item-1", 0)].input_tokens < 10


async def test_a_prompt_that_is_too_long_fails_alone(tiny_model):
    sent = [*requests(5), make_request(99, text="aspirin " * tiny.CONTEXT)]
    for args in ({}, {"continuous": "true"}):
        responses = await respond(hf(tiny_model, model_args=args), sent)
        assert "1024" in responses[("item-99", 0)].error
        assert [key for key, response in responses.items() if response.error] == [("item-99", 0)]


async def test_a_response_ends_where_the_context_ends(tiny_model):
    long, short = make_request(1, text="aspirin " * 500), make_request(2, text="aspirin")
    responses = await respond(hf(tiny_model, Decoding(max_tokens=2000)), [long, short])
    for response in responses.values():
        assert response.finish == "stop" or response.input_tokens + response.output_tokens == tiny.CONTEXT


async def test_out_of_memory_halves_the_batch(tiny_model, one_by_one):
    import torch

    backend = hf(tiny_model, model_args={"batch": "16"})
    await backend.open([])
    sizes = []

    def fail_above_five_rows(module, args, kwargs):
        sizes.append(kwargs["input_ids"].shape[0])
        if sizes[-1] > 5:
            raise torch.OutOfMemoryError("more than 5 rows")

    backend._model.register_forward_pre_hook(fail_above_five_rows, with_kwargs=True)
    responses = await collect(backend, requests(24))
    await backend.close()
    assert texts(responses) == one_by_one
    assert {16, 8, 4} <= set(sizes)


@pytest.mark.parametrize("args", [{"batch": "4"}, {"continuous": "true"}])
async def test_requests_are_taken_lazily(tiny_model, args):
    taken = []

    def endless():
        number = 0
        while True:
            taken.append(number)
            yield make_request(number)
            number += 1

    backend = hf(tiny_model, Decoding(max_tokens=4), model_args=args, concurrency=8)
    await backend.open([])
    await collect(backend, endless(), stop_after=20)
    await backend.close()
    assert len(taken) <= 20 + 2 * 64


@pytest.mark.parametrize("args", [{}, {"continuous": "true"}])
async def test_closing_stops_generation_at_once(tiny_model, args):
    backend = hf(tiny_model, Decoding(max_tokens=1000), model_args=args)
    await backend.open([])
    turns = 0

    async def consume():
        async with aclosing(backend.answer(iter(requests(200)))) as responses:
            async for _ in responses:
                pass

    task = asyncio.create_task(consume())
    for _ in range(10):
        await asyncio.sleep(0.05)
        turns += 1  # the event loop is not blocked while the model generates
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(backend.close(), 20)
    assert turns == 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hf")]


@pytest.mark.parametrize(
    ("model", "more", "code", "named"),
    [
        ("no/such/place", {}, ErrorCode.MODEL_NOT_LOADABLE, "no/such/place"),
        ("nobody/nothing", {}, ErrorCode.MODEL_NOT_LOADABLE, "nobody/nothing"),
        ("{model}", {"adapter": "no/such/adapter"}, ErrorCode.MODEL_NOT_LOADABLE, "no/such/adapter"),
        ("{model}", {"model_args": {"device": "nonsense"}}, ErrorCode.MODEL_NOT_LOADABLE, "nonsense"),
        ("{model}", {"chat_template": "{% broken"}, ErrorCode.CHAT_TEMPLATE_FAILED, "broken"),
        (
            "{model}",
            {"chat_template": "{{ raise_exception('no system role') }}"},
            ErrorCode.CHAT_TEMPLATE_FAILED,
            "no system role",
        ),
    ],
)
async def test_a_model_that_cannot_be_used_is_an_error_of_one_line(tiny_model, monkeypatch, model, more, code, named):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BackendError) as caught:
        await respond(hf(model.format(model=tiny_model), **more), requests(1))
    assert caught.value.code is code
    assert named in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"nonsense": "1"}, ErrorCode.UNKNOWN_MODEL_ARGUMENT),
        ({"batch": "0"}, ErrorCode.INVALID_ARGUMENT),
        ({"dtype": "int3"}, ErrorCode.INVALID_ARGUMENT),
        ({"continuous": "yes"}, ErrorCode.INVALID_ARGUMENT),
        ({"trust_remote_code": "1"}, ErrorCode.INVALID_ARGUMENT),
    ],
)
def test_invalid_model_args_are_refused(args, code):
    with pytest.raises(UsageError, match=next(iter(args))) as caught:
        hf("x", model_args=args)
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("decoding", "args", "code"),
    [
        (SAMPLED, {"continuous": "true"}, ErrorCode.CONFLICTING_ARGUMENTS),
        (Decoding(thinking_budget=0), {}, ErrorCode.INVALID_ARGUMENT),
        (Decoding(thinking_budget=5, thinking="off"), {}, ErrorCode.CONFLICTING_ARGUMENTS),
    ],
)
def test_conflicting_settings_are_refused(decoding, args, code):
    with pytest.raises(UsageError) as caught:
        hf("x", decoding, model_args=args)
    assert caught.value.code is code


async def test_remote_code_is_not_run_by_default(tiny_model, tmp_path):
    import json

    model = tiny.make_model(tmp_path / "remote")
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "unheard_of", "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}}
    (model / "config.json").write_text(json.dumps(config))
    (model / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(BackendError) as caught:
        await respond(hf(model), requests(1))
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADABLE
    assert not (tmp_path / "ran").exists()


async def test_the_revision_identifies_the_weights(tiny_model, tmp_path):
    async def revision(model):
        backend = hf(model)
        info = await backend.open([])
        await backend.close()
        return info["revision"]

    same, other = tiny.make_model(tmp_path / "same"), tiny.make_model(tmp_path / "other", seed=5)
    assert await revision(tiny_model) == await revision(same) != await revision(other)


async def test_a_template_that_writes_the_date_is_given_the_day_of_the_run(tiny_model):
    """transformers defines `strftime_now` for every template; a macro of that name must hide it."""
    template = "{{ strftime_now('%Y-%m-%d') }} {% for m in messages %}{{ m.content }}{% endfor %}"
    backend = hf(tiny_model, chat_template=template)
    backend.prompt_day = date(2021, 2, 3)
    await backend.open(())
    try:
        async with aclosing(backend.answer(iter(requests(1)))) as responses:
            assert len([response async for response in responses]) == 1
        rendered, _ = backend._chat.render(requests(1)[0].messages)
    finally:
        await backend.close()
    assert rendered.startswith("2021-02-03 ") and "2021-02-03" in backend.notes["prompt_day"]
