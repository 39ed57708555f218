"""`hf/` on a tiny random model: the same answers however they are batched, and every refusal in one line."""

import asyncio
import threading
from contextlib import aclosing

import pytest
import pytest_asyncio
import tiny
from asking import ask, collect, make_request, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsuite.errors import BackendError, UsageError
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
    """Greedy texts with a batch of one: nothing is padded."""
    return texts(await ask(hf(tiny_model, model_args={"batch": "1"}), requests(24)))


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


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.integers(2, 30), order=st.randoms(use_true_random=False))
def test_batch_and_order_change_nothing(tiny_model, one_by_one, batch, order):
    asked = requests(24)
    order.shuffle(asked)
    found = asyncio.run(ask(hf(tiny_model, model_args={"batch": str(batch)}), asked))
    assert texts(found) == one_by_one


@pytest.mark.parametrize("continuous", ["false", "true"])
async def test_a_response_ends_at_the_token_that_is_named(tiny_model, one_by_one, continuous):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    whole = tokenizer(one_by_one[("item-0", 0)], add_special_tokens=False)["input_ids"]
    named = next(token for token in whole[3:] if len(tokenizer.decode([token]).strip()) > 1)
    written = tokenizer.convert_ids_to_tokens(named)
    found = await ask(hf(tiny_model, model_args={"continuous": continuous, "eos": written}), requests(1))
    (response,) = found.values()
    assert response.finish == "stop" and response.text == tokenizer.decode(whole[: whole.index(named)])


async def test_continuous_batching_gives_the_same_answers(tiny_model, one_by_one):
    found = await ask(hf(tiny_model, model_args={"continuous": "true"}, concurrency=5), requests(24))
    assert texts(found) == one_by_one


async def test_samples_depend_on_their_seed_alone(tiny_model):
    whole = texts(await ask(hf(tiny_model, SAMPLED), requests(6, samples=4)))
    part = texts(await ask(hf(tiny_model, SAMPLED, model_args={"batch": "3"}), requests(6, samples=4)[::-2]))
    assert len(set(whole.values())) == 24
    assert part == {key: whole[key] for key in part}
    other = texts(await ask(hf(tiny_model, SAMPLED), [make_request(0, seed=77)]))
    assert other[("item-0", 0)] not in whole.values()


async def test_sampling_follows_the_models_distribution(tiny_model):
    """The first token's frequencies over many seeds match its softmax (chi-square, p > 1e-4)."""
    import torch
    from scipy.stats import chisquare
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    decoding = Decoding(max_tokens=1, temperature=0.5)
    asked = [make_request(3, sample, seed=sample) for sample in range(3000)]
    found = await ask(hf(tiny_model, decoding, model_args={"batch": "500"}), asked)
    ids = tokenizer.apply_chat_template(list(asked[0].messages), add_generation_prompt=True, return_dict=False)
    with torch.inference_mode():
        chances = (model(torch.tensor([ids])).logits[0, -1].double() / 0.5).softmax(-1)
    expected: dict[str, float] = {}
    for token, chance in enumerate(chances.tolist()):
        text = tokenizer.decode([token], skip_special_tokens=True)
        expected[text] = expected.get(text, 0.0) + 3000 * chance
    common = [text for text, count in expected.items() if count >= 10]
    drawn = list(texts(found).values())
    counts = [drawn.count(text) for text in common]
    rest = 3000 - sum(expected[text] for text in common)
    assert chisquare([*counts, 3000 - sum(counts)], [*(expected[text] for text in common), rest]).pvalue > 1e-4


async def test_counts_and_finish(tiny_model):
    found = await ask(hf(tiny_model, Decoding(max_tokens=300, temperature=1.3)), requests(40))
    finishes = {response.finish for response in found.values()}
    assert finishes == {"stop", "length"}
    for response in found.values():
        assert (response.output_tokens == 300) >= (response.finish == "length")
        assert 0 < response.output_tokens <= 300
        assert "<|im_end|>" not in response.text
        assert response.latency > 0


async def test_adapter_changes_the_answers(tiny_model, tiny_adapter, one_by_one):
    pytest.importorskip("peft")
    plain = texts(await ask(hf(tiny_model, adapter=str(tiny_adapter)), requests(24)))
    continuous = await ask(hf(tiny_model, adapter=str(tiny_adapter), model_args={"continuous": "true"}), requests(24))
    assert sum(plain[key] != one_by_one[key] for key in plain) > 20
    assert texts(continuous) == plain


async def test_a_template_that_opens_reasoning_is_recognised(tiny_model):
    sly = make_request(1, text="What does <think> mean?")
    opened = await ask(hf(tiny_model, chat_template=tiny.OPENING_TEMPLATE), [sly])
    closed = await ask(hf(tiny_model), [sly])
    assert opened[("item-1", 0)].opens_reasoning
    assert not closed[("item-1", 0)].opens_reasoning


@pytest.mark.parametrize("args", [{}, {"batch": "2"}, {"continuous": "true"}])
async def test_budget_forces_the_end_of_reasoning(tiny_model, args):
    decoding = Decoding(max_tokens=24, thinking_budget=10)
    forced = await ask(hf(tiny_model, decoding, chat_template=tiny.OPENING_TEMPLATE, model_args=args), requests(12))
    free = await ask(hf(tiny_model, chat_template=tiny.OPENING_TEMPLATE), requests(12))
    for key, response in forced.items():
        reasoning, close, answer = response.text.partition("\n</think>\n\n")
        assert close and answer
        assert free[key].text.startswith(reasoning.rstrip("\N{REPLACEMENT CHARACTER}"))  # half a character
        assert response.output_tokens == 24
        assert response.finish == "length"


async def test_budget_leaves_a_model_that_does_not_reason_alone(tiny_model, one_by_one):
    found = await ask(hf(tiny_model, Decoding(max_tokens=24, thinking_budget=10)), requests(24))
    assert texts(found) == one_by_one


async def test_thinking_switch(tiny_model, one_by_one):
    on = await ask(hf(tiny_model, Decoding(max_tokens=24, thinking="on")), requests(24))
    off = await ask(hf(tiny_model, Decoding(max_tokens=24, thinking="off")), requests(24))
    assert texts(on) == one_by_one
    assert texts(off) != one_by_one
    assert off[("item-0", 0)].input_tokens > on[("item-0", 0)].input_tokens


async def test_a_switch_that_the_template_ignores_is_refused(tiny_model):
    backend = hf(tiny_model, Decoding(thinking="off"), chat_template=tiny.OPENING_TEMPLATE)
    with pytest.raises(UsageError, match="no thinking switch"):
        await ask(backend, [])


async def test_a_model_without_template_gets_plain_text(tiny_model, tmp_path):
    bare = tiny.make_model(tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    backend = hf(bare)
    facts = await backend.open([])
    found = await collect(backend, [make_request(1, text="chest pain")])
    await backend.close()
    assert facts["chat_template"] == "none: messages concatenated"
    assert found[("item-1", 0)].input_tokens < 10


async def test_too_long_prompts_fail_alone(tiny_model):
    asked = [*requests(5), make_request(99, text="aspirin " * tiny.CONTEXT)]
    for args in ({}, {"continuous": "true"}):
        found = await ask(hf(tiny_model, model_args=args), asked)
        assert "don't fit the model's context of 1024" in found[("item-99", 0)].error
        assert [key for key, response in found.items() if response.error] == [("item-99", 0)]


async def test_a_response_ends_where_the_context_ends(tiny_model):
    long, short = make_request(1, text="aspirin " * 500), make_request(2, text="aspirin")
    found = await ask(hf(tiny_model, Decoding(max_tokens=2000)), [long, short])
    for response in found.values():
        assert response.finish == "stop" or response.input_tokens + response.output_tokens == tiny.CONTEXT


async def test_out_of_memory_halves_the_batch(tiny_model, one_by_one):
    import torch

    backend = hf(tiny_model, model_args={"batch": "16"})
    await backend.open([])
    seen = []

    def crowded(module, args, kwargs):
        seen.append(kwargs["input_ids"].shape[0])
        if seen[-1] > 5:
            raise torch.OutOfMemoryError("more than 5 rows")

    backend._model.register_forward_pre_hook(crowded, with_kwargs=True)
    found = await collect(backend, requests(24))
    await backend.close()
    assert texts(found) == one_by_one
    assert {16, 8, 4} <= set(seen)


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
    beats = 0

    async def answers():
        async with aclosing(backend.answer(iter(requests(200)))) as responses:
            async for _ in responses:
                pass

    task = asyncio.create_task(answers())
    for _ in range(10):
        await asyncio.sleep(0.05)
        beats += 1  # the loop lives while the model generates
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(backend.close(), 20)
    assert beats == 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hf")]


@pytest.mark.parametrize(
    ("model", "more", "told"),
    [
        ("no/such/place", {}, "can't be loaded"),
        ("nobody/nothing", {}, "can't be loaded"),
        ("{model}", {"adapter": "no/such/adapter"}, "can't be loaded"),
        ("{model}", {"model_args": {"device": "nonsense"}}, "can't be loaded"),
        ("{model}", {"chat_template": "{% broken"}, "refuses these messages"),
        ("{model}", {"chat_template": "{{ raise_exception('no system role') }}"}, "no system role"),
    ],
)
async def test_what_cannot_be_used_is_told_in_one_line(tiny_model, monkeypatch, model, more, told):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BackendError) as caught:
        await ask(hf(model.format(model=tiny_model), **more), requests(1))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "args", [{"nonsense": "1"}, {"batch": "0"}, {"dtype": "int3"}, {"continuous": "yes"}, {"trust_remote_code": "1"}]
)
def test_bad_arguments(args):
    with pytest.raises(UsageError):
        hf("x", model_args=args)


def test_contradictions():
    with pytest.raises(UsageError, match="temperature 0"):
        hf("x", SAMPLED, model_args={"continuous": "true"})
    with pytest.raises(UsageError, match="at least 1"):
        hf("x", Decoding(thinking_budget=0))
    with pytest.raises(UsageError, match="contradict"):
        hf("x", Decoding(thinking_budget=5, thinking="off"))


async def test_remote_code_is_never_run_unasked(tiny_model, tmp_path):
    import json

    model = tiny.make_model(tmp_path / "remote")
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "unheard_of", "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}}
    (model / "config.json").write_text(json.dumps(config))
    (model / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(BackendError):
        await ask(hf(model), requests(1))
    assert not (tmp_path / "ran").exists()


async def test_facts_name_the_weights(tiny_model, tmp_path):
    async def revision(model):
        backend = hf(model)
        facts = await backend.open([])
        await backend.close()
        return facts["revision"]

    same, other = tiny.make_model(tmp_path / "same"), tiny.make_model(tmp_path / "other", seed=5)
    assert await revision(tiny_model) == await revision(same) != await revision(other)
