"""The HTTP backend against real servers on loopback that fail in every way they are known to."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from email.utils import formatdate

import pytest
from aiohttp import web

from evalsuite.errors import BackendError, EvalsuiteError, UsageError
from evalsuite.models.backend import BackendSettings, Decoding, Request, Response
from evalsuite.models.http import transport
from evalsuite.models.openai import OpenAI
from evalsuite.tasks.item import Item
from tests.models.fault_server import FaultServer, answer, completion, half_body, hang, reset, says

KEY = "sk-planted-0123456789/abcdef+key"
PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "B"}]
WRONG_SHAPES = [
    {},
    [],
    None,
    "text",
    {"choices": []},
    {"choices": None},
    {"choices": [None]},
    {"choices": [{}]},
    {"choices": [{"message": None}]},
    {"choices": [{"message": {"role": "assistant"}}]},
    {"choices": [{"message": {"content": 7}}]},
    {"choices": [{"message": {"content": ["x"]}}]},
    completion("", finish="error"),
    {"error": {"message": "upstream is away", "code": 502}},
]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No key of the machine's owner, and a backoff short enough for a test."""
    monkeypatch.setattr(transport, "FIRST_BACKOFF", 0.02)
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
async def nothing_left_behind():
    """No task outlives a test, and the loop complains of nothing: no open session, no exception never retrieved."""
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    before = asyncio.all_tasks()
    yield
    gc.collect()
    await asyncio.sleep(0.01)
    assert not complaints
    assert not {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}


def settings(*urls: str, concurrency: int = 16, decoding: Decoding | None = None, **args: str) -> BackendSettings:
    named = {name: args.pop(name) for name in ("model", "adapter", "chat_template", "revision") if name in args}
    return BackendSettings(
        **{"model": "m", **named},
        decoding=decoding or Decoding(max_tokens=100, seed=5),
        base_urls=urls,
        concurrency=concurrency,
        model_args={"timeout": "5", **args},
    )


def requests(count: int, taken: Counter[str] | None = None) -> Iterator[Request]:
    for number in range(count):
        item = Item(f"i{number}", "?", ("x", "y"), ("A", "B"), "B")
        if taken is not None:
            taken["taken"] += 1
        yield Request("t", item, 0, ({"role": "user", "content": item.id},), seed=number)


@asynccontextmanager
async def opened(made: BackendSettings) -> AsyncIterator[OpenAI]:
    backend = OpenAI(made)
    try:
        backend.facts = await backend.open(())
        yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def answering(
    made: BackendSettings, asked: Iterator[Request]
) -> AsyncIterator[tuple[OpenAI, AsyncGenerator[Response, None]]]:
    async with opened(made) as backend, aclosing(backend.answer(asked)) as responses:
        yield backend, responses


async def ask(made: BackendSettings, count: int = 1) -> list[Response]:
    async with answering(made, requests(count)) as (_, responses):
        return [response async for response in responses]


async def complaint(made: BackendSettings, count: int = 1) -> str:
    """The one line that a situation is told in."""
    with pytest.raises(EvalsuiteError) as caught:
        await ask(made, count)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    told = str(caught.value)
    assert "\n" not in told and KEY not in told
    return told


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# What is sent


async def test_sends_what_was_asked():
    decoding = Decoding(temperature=0.5, top_p=0.9, max_tokens=64, thinking="off")
    with FaultServer() as server:
        [response] = await ask(settings(server.url, decoding=decoding, extra_body='{"top_k": 20}'))
    body = server.requests[0].body
    switch = {"enable_thinking": False, "thinking": False}
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "i0"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 64,
        "seed": 0,
        "chat_template_kwargs": switch,
        "top_k": 20,
    }
    assert (response.text, response.finish, response.error) == ("<answer>B</answer> i0", "stop", None)
    assert (response.input_tokens, response.output_tokens) == (7, 3)
    assert response.latency is not None and 0 < response.latency < 5


async def test_extra_body_takes_fields_away_and_merges_template_arguments():
    extra = json.dumps({"top_p": None, "seed": None, "chat_template_kwargs": {"language": "de"}})
    with FaultServer() as server:
        await ask(settings(server.url, decoding=Decoding(thinking="on"), extra_body=extra))
    body = server.requests[0].body
    assert "top_p" not in body and "seed" not in body
    assert body["chat_template_kwargs"] == {"enable_thinking": True, "thinking": True, "language": "de"}


async def test_an_adapter_is_the_name_that_is_asked_for():
    with FaultServer(models={"data": [{"id": "m"}, {"id": "lora", "parent": "m"}]}) as server:
        await ask(settings(server.url, adapter="lora"))
    assert server.requests[0].body["model"] == "lora"


async def test_a_query_in_the_base_url_stays_with_every_request():
    seen = []

    async def chat(request: web.Request) -> web.Response:
        seen.append((request.path, dict(request.query)))
        return web.json_response(completion())

    with FaultServer(routes={"/odd/chat/completions": chat}) as server:
        base = server.url.replace("/v1", "/odd") + "?api-version=7"
        await ask(settings(base))
    assert ("/odd/chat/completions", {"api-version": "7"}) in seen


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"message": "Unsupported parameter. Use 'max_completion_tokens'.", "param": "max_tokens"}},
        {"error": {"message": "'max_tokens' is not supported; use 'max_completion_tokens' instead", "param": None}},
    ],
)
async def test_learns_the_name_of_the_tokens_field(refusal):
    server = FaultServer()
    server.plan = lambda item, attempt: says(refusal, 400) if "max_tokens" in server.requests[-1].body else answer()
    with server:
        async with answering(settings(server.url, concurrency=4), requests(20)) as (backend, answers):
            got = [response async for response in answers]
        assert not any(response.error for response in got)
        assert backend.facts["max_tokens_field"] == "max_completion_tokens"
    assert sum("max_tokens" in asked.body for asked in server.requests) <= 4
    assert all(asked.body.get("max_completion_tokens", 100) == 100 for asked in server.requests)


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"message": "Unknown parameter: 'seed'.", "param": "seed"}},
        {"error": {"message": "Extra inputs are not permitted", "param": "body.seed"}},
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
        [{"error": {"code": 400, "message": 'Invalid JSON payload. Unknown name "seed": Cannot find field.'}}],
    ],
)
async def test_leaves_the_seed_out_where_it_is_refused_and_says_so(refusal):
    server = FaultServer()
    server.plan = lambda item, attempt: says(refusal, 422) if "seed" in server.requests[-1].body else answer()
    with server:
        async with answering(settings(server.url), requests(5)) as (backend, answers):
            got = [response async for response in answers]
        assert not any(response.error for response in got)
        assert backend.facts["seed_sent"] is False


# What comes back


@pytest.mark.parametrize(
    ("said", "text", "reasoning", "finish"),
    [
        (completion("B", reasoning_content="hm"), "B", "hm", "stop"),
        (completion("B", reasoning="hm"), "B", "hm", "stop"),
        (completion(None, finish="length", reasoning="endless"), "", "endless", "length"),
        (completion("cut", finish="length"), "cut", "", "length"),
        (completion("", finish="content_filter"), "", "", "refused"),
        (completion(None, refusal="I can't."), "I can't.", "", "refused"),
        (completion(None), "", "", "stop"),
        (completion("B", finish=None), "B", "", "stop"),
        (completion(PARTS), "B", "hm", "stop"),
    ],
)
async def test_reads_each_dialect(said, text, reasoning, finish):
    with FaultServer(lambda item, attempt: says(said)) as server:
        [response] = await ask(settings(server.url))
    assert (response.text, response.reasoning, response.finish, response.error) == (text, reasoning, finish, None)


async def test_a_prompt_that_a_content_filter_stopped_is_a_refusal_not_an_error():
    filtered = {"error": {"message": "the prompt triggered the policy", "code": "content_filter"}}
    with FaultServer(lambda item, attempt: says(filtered, 400)) as server:
        [response] = await ask(settings(server.url))
    assert (response.finish, response.text, response.error) == ("refused", "", None)


async def test_lone_surrogates_of_a_token_cut_in_half_come_through():
    body = json.dumps(completion("B \ud83d")).encode()
    with FaultServer(lambda item, attempt: says(body)) as server:
        [response] = await ask(settings(server.url))
    assert response.text == "B \ud83d"


async def test_usage_that_is_missing_or_nonsense_is_unknown():
    nonsense = completion() | {"usage": {"prompt_tokens": "many", "completion_tokens": -1}}
    for said in (nonsense, completion() | {"usage": None}):
        with FaultServer(lambda item, attempt, said=said: says(said)) as server:
            [response] = await ask(settings(server.url))
        assert response.input_tokens is None and response.output_tokens is None


def vllm_like(prompt: list[str], splits: bool = False, model: str = "m") -> FaultServer:
    """A server that renders its template as vLLM's does, by /tokenize at the root."""

    async def tokenize(request: web.Request) -> web.Response:
        asked = await request.json()
        assert asked["model"] == model and asked["return_token_strs"] is True
        off = asked.get("chat_template_kwargs", {}).get("enable_thinking") is False
        strings = [*prompt, "</think>"] if off else prompt
        return web.json_response({"tokens": list(range(len(strings))), "token_strs": strings})

    said = completion(None, reasoning="hm", finish="length") if splits else completion("hm</think>B")
    return FaultServer(lambda item, attempt: says(said), routes={"/tokenize": tokenize})


@pytest.mark.parametrize(
    ("prompt", "opens"),
    [
        (["<|user|>", "Hello", "<think>", "Ċ"], True),
        (["Hello", "<", "think", ">"], True),
        (["Hello", "<think>", "</think>"], False),
        (["Hello"], False),
    ],
)
async def test_a_template_that_opens_reasoning_is_recognised(prompt, opens):
    with vllm_like(prompt) as server:
        async with answering(settings(server.url), requests(1)) as (backend, answers):
            [response] = [response async for response in answers]
    assert response.opens_reasoning is opens
    assert backend.facts["template_opens_reasoning"] is opens


async def test_where_the_server_splits_the_reasoning_off_nothing_is_left_open():
    with vllm_like(["<think>"], splits=True) as server:
        [response] = await ask(settings(server.url))
    assert response.opens_reasoning is False and response.text == ""


async def test_any_other_server_leaves_open_reasoning_unknown_and_the_user_may_say():
    with FaultServer() as server:
        async with opened(settings(server.url)) as backend:
            assert backend.facts["template_opens_reasoning"] is None
        [response] = await ask(settings(server.url, opens_reasoning="true"))
    assert response.opens_reasoning is True


async def test_a_template_without_a_thinking_switch_refuses_the_switch():
    with vllm_like(["Hello"]) as server:
        [response] = await ask(settings(server.url, decoding=Decoding(thinking="off")))
        assert response.opens_reasoning is False

    async def deaf(request: web.Request) -> web.Response:
        return web.json_response({"token_strs": ["Hello"]})

    with FaultServer(routes={"/tokenize": deaf}) as server:
        assert "thinking" in await complaint(settings(server.url, decoding=Decoding(thinking="off")))


async def test_a_thinking_budget_goes_only_to_a_server_that_minds_it():
    def minds(server, refuses_all=False):
        def plan(item, attempt):
            budget = server.requests[-1].body.get("thinking_token_budget")
            refused = budget is not None and (refuses_all or not isinstance(budget, int))
            return says({"error": {"message": "reasoning_config is not configured"}}, 400) if refused else answer()

        server.plan = plan
        return server

    made = {"decoding": Decoding(max_tokens=100, thinking_budget=32)}
    with minds(FaultServer()) as server:
        [response] = await ask(settings(server.url, **made))
        assert response.error is None and server.requests[-1].body["thinking_token_budget"] == 32
    with FaultServer() as server:
        assert "does nothing with thinking_token_budget" in await complaint(settings(server.url, **made))
    with minds(FaultServer(), refuses_all=True) as server:
        assert "reasoning_config is not configured" in await complaint(settings(server.url, **made))


async def test_a_chat_template_goes_only_to_a_server_that_minds_it():
    with FaultServer() as server:
        told = await complaint(settings(server.url, chat_template="{{ messages }}"))
    assert "--chat-template" in told and "--trust-request-chat-template" in told


# What goes wrong and passes


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_a_passing_status_is_asked_again(status):
    with FaultServer(lambda item, attempt: says({"error": "later"}, status) if attempt == 1 else answer()) as server:
        got = await ask(settings(server.url), 3)
    assert [response.error for response in got] == [None] * 3
    assert len(server.requests) == 6


@pytest.mark.parametrize("fault", [half_body, reset, lambda: says(b"<html>gateway</html>"), lambda: says(b'{"cho')])
async def test_a_broken_answer_is_asked_again(fault):
    with FaultServer(lambda item, attempt: fault() if attempt == 1 else answer()) as server:
        got = await ask(settings(server.url), 3)
    assert sorted(response.text for response in got) == [f"<answer>B</answer> i{n}" for n in range(3)]
    assert len(server.requests) == 6


async def test_json_of_a_wrong_shape_is_asked_again():
    with FaultServer(lambda item, attempt: says(WRONG_SHAPES[int(item[1:])]) if attempt == 1 else answer()) as server:
        got = await ask(settings(server.url), len(WRONG_SHAPES))
    assert not any(response.error for response in got)
    assert len(server.requests) == 2 * len(WRONG_SHAPES)


async def test_a_hang_is_cut_and_asked_again():
    with FaultServer(lambda item, attempt: hang() if attempt == 1 else answer()) as server:
        got = await ask(settings(server.url, timeout="0.2"), 2)
    assert not any(response.error for response in got) and len(server.requests) == 4


async def test_five_hangs_are_given_up():
    with FaultServer(lambda item, attempt: hang()) as server:
        [response] = await ask(settings(server.url, timeout="0.1"))
    assert response.error == "given up after 5 tries: no answer in 0.1 s"
    assert len(server.requests) == 5


def test_backoff_doubles_with_full_jitter_up_to_half_a_minute(monkeypatch):
    monkeypatch.undo()
    for troubles, most in [(1, 0.5), (2, 1.0), (5, 8.0), (7, 30.0), (500, 30.0)]:
        drawn = [transport.backoff(troubles) for _ in range(2000)]
        assert min(drawn) < 0.1 * most and 0.9 * most < max(drawn) <= most


async def test_retry_after_is_never_cut_short():
    waits = {"i0": "1", "i1": "1.2", "i2": None}
    due = {}

    def plan(item, attempt):
        if attempt > 1:
            return answer()
        header = waits[item]
        if header is None:
            at = int(time.time()) + 2
            due[item], header = at - time.time() - 0.01, formatdate(at, usegmt=True)
        else:
            due[item] = float(header)
        return says({"error": "slow down"}, 429, {"Retry-After": header})

    with FaultServer(plan) as server:
        got = await ask(settings(server.url), 3)
    assert not any(response.error for response in got)
    for item, seconds in due.items():
        first, second = [asked.at for asked in server.requests if asked.item == item]
        assert second - first >= seconds


async def test_a_wait_of_over_an_hour_is_not_waited_for():
    with FaultServer(lambda item, attempt: says({}, 429, {"Retry-After": "86400"})) as server:
        [response] = await ask(settings(server.url))
    assert response.error is not None and "86400 s" in response.error


async def test_a_twentieth_of_each_fault_loses_and_doubles_nothing():
    faults = [
        lambda: says({"error": "slow down"}, 429, {"Retry-After": "0.3"}),
        lambda: says({"error": "oops"}, 500),
        hang,
        half_body,
        lambda: says(b'{"choices": [{"mess'),
        reset,
    ]
    seen = Counter()

    def plan(item, attempt):
        seen["asked"] += 1
        number = seen["asked"] % 20
        return faults[number]() if number < len(faults) else answer()

    with FaultServer(plan) as server:
        got = await ask(settings(server.url, concurrency=64, timeout="1"), 500)
    assert Counter(response.request.item.id for response in got) == Counter(f"i{n}" for n in range(500))
    assert not [response.error for response in got if response.error]
    assert all(response.text == f"<answer>B</answer> {response.request.item.id}" for response in got)
    assert set(server.answered.values()) == {1}, "an item was answered, and asked again"


async def test_overload_narrows_the_gate_and_success_opens_it():
    def plan(item, attempt):
        return says({}, 503) if server.in_flight > 8 else answer(0.01)

    server = FaultServer(plan)
    with server:
        async with answering(settings(server.url, concurrency=64), requests(400)) as (backend, answers):
            got = [response async for response in answers]
        assert not any(response.error for response in got)
        assert backend.facts["lowest_concurrency"] <= 16
    refused = sum(asked.attempt > 1 for asked in server.requests)
    assert refused < 300, "it kept on asking at full width"


# What goes wrong for one request


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_request_refused_for_good_is_one_line_and_the_others_go_on(status):
    too_long = {"error": {"message": f"context length exceeded:\n 9000 tokens, key {KEY}"}}
    with FaultServer(lambda item, attempt: says(too_long, status) if item == "i3" else answer(), key=KEY) as server:
        made = settings(server.url, api_key_env="PLANTED")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLANTED", KEY)
            got = await ask(made, 6)
    [failed] = [response for response in got if response.error]
    assert failed.request.item.id == "i3" and failed.text == ""
    assert failed.error is not None and f"HTTP {status}" in failed.error and "context length exceeded" in failed.error
    assert "\n" not in failed.error and KEY not in failed.error
    assert Counter(asked.item for asked in server.requests)["i3"] == 1


async def test_when_everything_is_refused_the_run_stops_with_the_servers_words():
    refusal = {"error": {"message": "temperature must be 1 for this model"}}
    with FaultServer(lambda item, attempt: says(refusal, 400)) as server:
        told = await complaint(settings(server.url), 500)
    assert "32 requests in a row" in told and "temperature must be 1" in told
    assert len(server.requests) < 100


async def test_any_number_of_items_too_long_for_the_model_stay_their_own_trouble():
    refusal = {"error": {"message": "This model's maximum context length is 512 tokens."}}
    with FaultServer(lambda item, attempt: says(refusal, 400)) as server:
        got = await ask(settings(server.url), 50)
    assert len(got) == 50 and all(response.error for response in got)


# What goes wrong for all


async def test_no_server():
    told = await complaint(settings(f"http://127.0.0.1:{free_port()}/v1"))
    assert told.startswith("no server answers: http://127.0.0.1:") and "start it, or correct --base-url" in told


async def test_a_wrong_key(monkeypatch):
    monkeypatch.setenv("EVALSUITE_API_KEY", KEY)
    with FaultServer(key="another") as server:
        told = await complaint(settings(server.url))
    assert "HTTP 401" in told and "EVALSUITE_API_KEY" in told and "Incorrect API key" in told


async def test_an_unknown_model_is_told_with_what_is_served():
    listed = {"data": [{"id": f"model-{n}"} for n in range(9)]}
    absent = {"error": {"message": "The model `m` does not exist."}}
    with FaultServer(lambda item, attempt: says(absent, 404), models=listed) as server:
        told = await complaint(settings(server.url))
    assert "does not serve 'm'" in told and "model-0" in told and "4 more" in told and "model-8" not in told


async def test_an_alias_that_is_not_listed_is_accepted_when_it_answers():
    with FaultServer(models={"data": [{"id": "another"}]}) as server:
        [response] = await ask(settings(server.url))
    assert response.error is None


async def test_a_server_without_a_list_of_models_is_accepted():
    async def absent(request: web.Request) -> web.Response:
        return web.Response(status=404)

    with FaultServer(models=absent) as server:
        [response] = await ask(settings(server.url))
    assert response.error is None


async def test_a_base_url_without_v1_is_told():
    with FaultServer() as server:
        assert "/v1" in await complaint(settings(server.url.removesuffix("/v1")))


async def test_a_redirection_is_not_followed_with_the_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    seen = []

    async def there(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response({"data": []})

    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/there")

    with FaultServer(models=elsewhere, routes={"/there": there}) as server:
        assert "HTTP 307" in await complaint(settings(server.url))
    assert not seen


async def test_more_tokens_than_the_model_has_room_for():
    with FaultServer(models={"data": [{"id": "m", "max_model_len": 64}]}) as server:
        told = await complaint(settings(server.url))
    assert "--max-tokens 100" in told and "64" in told and not server.requests


@pytest.mark.parametrize(
    ("status", "said", "needle"),
    [
        (401, {"error": "who are you"}, "HTTP 401"),
        (402, {"error": "pay"}, "credit"),
        (404, {"error": "no such model"}, "HTTP 404"),
        (429, {"error": {"code": "insufficient_quota", "message": "used up"}}, "quota"),
    ],
)
async def test_what_no_request_survives_stops_the_run_but_keeps_what_was_answered(status, said, needle):
    with FaultServer(lambda item, attempt: answer() if int(item[1:]) < 10 else says(said, status)) as server:
        got = []
        with pytest.raises(BackendError, match=needle):
            async with answering(settings(server.url, concurrency=4), requests(99)) as (_backend, all):
                async for response in all:
                    got.append(response)
    assert 10 - 4 < len(got) <= 10, "only what was in flight may be lost"


async def test_a_server_that_goes_away_for_good_stops_the_run():
    server = FaultServer(lambda item, attempt: answer(0.01))
    with server:
        got = []
        began = time.monotonic()
        with pytest.raises(BackendError, match="nothing was answered for"):
            async with answering(settings(server.url, concurrency=4, patience="1"), requests(99999)) as (_backend, all):
                async for response in all:
                    got.append(response)
                    if len(got) == 20:
                        await asyncio.to_thread(server.kill)
    assert len(got) >= 20 and not any(response.error for response in got)
    assert 1 <= time.monotonic() - began < 8


async def test_a_server_that_comes_back_costs_nothing():
    first = FaultServer(lambda item, attempt: answer(0.01))
    with first, FaultServer() as elsewhere:
        got = []
        again = FaultServer(port=first.port)
        async with answering(settings(first.url, concurrency=4), requests(60)) as (_backend, answers):
            async for response in answers:
                got.append(response)
                if len(got) == 20:
                    await asyncio.to_thread(first.kill)
                    asyncio.get_running_loop().call_later(0.7, again.__enter__)
        again.kill()
    assert Counter(response.request.item.id for response in got) == Counter(f"i{n}" for n in range(60))
    assert not any(response.error for response in got) and not elsewhere.requests


# Replicas


async def test_replicas_share_the_load_and_one_may_die():
    with FaultServer(lambda i, a: answer(0.02)) as one, FaultServer(lambda i, a: answer(0.02)) as two:
        got = []
        async with answering(settings(one.url, two.url, concurrency=16), requests(400)) as (_backend, answers):
            async for response in answers:
                got.append(response)
                if len(got) == 200:
                    shares = len(one.requests), len(two.requests)
                    await asyncio.to_thread(one.kill)
    assert min(shares) > 0.4 * sum(shares)
    assert Counter(response.request.item.id for response in got) == Counter(f"i{n}" for n in range(400))
    assert not any(response.error for response in got)


async def test_a_replica_that_is_down_at_first_is_named_and_joins_later():
    late = FaultServer(lambda i, a: answer(0.02), port=free_port())
    with FaultServer(lambda i, a: answer(0.02)) as one:
        async with answering(settings(one.url, late.url, concurrency=8), requests(300)) as (backend, answers):
            assert backend.facts["servers_down"] == [late.url]
            count = 0
            async for response in answers:
                assert response.error is None
                count += 1
                if count == 20:
                    await asyncio.to_thread(late.__enter__)
        late.kill()
    assert count == 300 and len(late.requests) > 30


async def test_a_replica_that_only_fails_does_not_draw_the_load():
    with FaultServer(lambda i, a: answer(0.02)) as good, FaultServer(lambda i, a: says({}, 500)) as bad:
        got = await ask(settings(good.url, bad.url, concurrency=8), 200)
    assert not any(response.error for response in got)
    assert len(bad.requests) < 50


# Laziness and cancellation


async def test_requests_are_taken_as_capacity_allows():
    taken = Counter()
    with FaultServer(lambda item, attempt: answer(0.005)) as server:
        async with answering(settings(server.url, concurrency=8), requests(200, taken)) as (_backend, answers):
            count = 0
            async for _ in answers:
                count += 1
                if count % 20 == 0:
                    await asyncio.sleep(0.05)
                assert taken["taken"] - count <= 16
    assert count == 200 and server.most_in_flight == 8


async def test_closing_the_stream_abandons_what_is_in_flight_and_leaves_nothing():
    with FaultServer(lambda item, attempt: answer() if item < "i2" else hang(5)) as server:
        async with opened(settings(server.url, concurrency=8)) as backend:
            began = time.monotonic()
            async with aclosing(backend.answer(requests(1000))) as answers:
                async for _ in answers:
                    break
            assert time.monotonic() - began < 2
        await asyncio.sleep(0.1)
        assert server.in_flight == 0


async def test_a_cancelled_reader_leaves_nothing():
    with FaultServer(lambda item, attempt: hang(5)) as server:
        reader = asyncio.create_task(ask(settings(server.url, concurrency=8), 1000))
        while len(server.requests) < 8:
            await asyncio.sleep(0.01)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader


async def test_an_error_in_the_stream_of_requests_comes_out():
    def broken() -> Iterator[Request]:
        yield from requests(3)
        raise ZeroDivisionError

    with FaultServer() as server:
        async with answering(settings(server.url), broken()) as (_backend, answers):
            with pytest.raises(ZeroDivisionError):
                async for _ in answers:
                    pass


async def test_no_requests_no_responses():
    with FaultServer() as server:
        assert await ask(settings(server.url), 0) == []


# Secrets


async def test_a_planted_key_is_sent_and_never_told(monkeypatch, caplog):
    monkeypatch.setenv("EVALSUITE_API_KEY", KEY)

    def plan(item, attempt):
        echo = {"error": {"message": f"bad key {KEY}, {json.dumps(KEY)}, Bearer {KEY}"}}
        return {
            "i0": says(echo, 400),
            "i1": says({"error": echo, "choices": KEY}),
            "i2": says(completion(f"your key is {KEY}", reasoning=KEY)),
        }.get(item, answer())

    caplog.set_level(0)
    monkeypatch.setattr(transport, "TRIES", 1)
    with FaultServer(plan, key=KEY) as server:
        backend = OpenAI(settings(server.url))
        facts = await backend.open(())
        async with aclosing(backend.answer(requests(4))) as answers:
            got = [response async for response in answers]
        told = [repr(got), repr(facts), caplog.text, *map(repr, _inside(backend))]
        await backend.close()
    assert all(asked.headers["Authorization"] == f"Bearer {KEY}" for asked in server.requests)
    errors = {response.request.item.id for response in got if response.error}
    assert errors == {"i0", "i1"}
    for text in told:
        assert KEY not in text and json.dumps(KEY)[1:-1] not in text


@pytest.mark.parametrize("url", ["http://user:pass%2Fword@{}/v1", "http://{}/v1?key=pass%2Fword"])
async def test_secrets_in_a_base_url_are_never_told(url):
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"error": f"pass/word pass%2Fword {request.headers.get('Authorization')}"}, status=400)

    with FaultServer(models=echo) as server:
        full = url.format(f"127.0.0.1:{server.port}")
        async with answering(settings(full), requests(1)) as (backend, answers):
            got = [response async for response in answers]
        told = [repr(backend.facts), repr(got), *map(repr, _inside(backend))]
    gone = await complaint(settings(full))
    for text in [*told, gone]:
        assert "word" not in text.replace("keyword", "")


def _inside(backend: OpenAI) -> list[object]:
    """What a debugger's or a traceback's `repr` would show of the backend's own parts."""
    transport = backend._transport
    replicas = transport.replicas.all
    parts = [backend._redactor, backend._body, backend._probe, transport]
    return [backend, *parts, *replicas, *(replica.origin for replica in replicas)]


# What can't be asked at all


@pytest.mark.parametrize(
    ("made", "needle"),
    [
        (settings(), "--base-url"),
        (settings("127.0.0.1:8000"), "http://host:port/v1"),
        (settings("ftp://h/v1"), "http://host:port/v1"),
        (settings("http://h/v1", revision="abc"), "--revision"),
        (settings("http://h/v1", concurrency=0), "--concurrency"),
        (settings("http://h/v1", concurrency=10**7), "ulimit"),
        (settings("http://h/v1", color="red"), "color"),
        (settings("http://h/v1", timeout="soon"), "timeout"),
        (settings("http://h/v1", patience="nan"), "patience"),
        (settings("http://h/v1", extra_body="{"), "extra_body"),
        (settings("http://h/v1", extra_body="[]"), "extra_body"),
        (settings("http://h/v1", extra_body='{"max_tokens": 3}'), "max_tokens"),
        (settings("http://h/v1", extra_body='{"messages": null}'), "messages"),
        (settings("http://h/v1", opens_reasoning="perhaps"), "opens_reasoning"),
        (settings("http://h/v1", max_tokens_field="tokens"), "max_tokens_field"),
        (settings("http://h/v1", api_key_env="NOT_SET_ANYWHERE"), "api_key_env"),
    ],
)
async def test_what_does_not_fit_together_is_one_line(made, needle):
    with pytest.raises(UsageError) as caught:
        await ask(made)
    assert needle in str(caught.value) and "\n" not in str(caught.value)


async def test_two_credentials_are_one_too_many(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    told = await complaint(settings("http://user:word@h/v1"))
    assert "leave one out" in told and "word" not in told


async def test_a_key_where_its_variables_name_belongs_is_not_told():
    assert KEY not in await complaint(settings("http://h/v1", api_key_env=KEY))


async def test_a_model_arg_that_holds_the_key_is_refused_for_it_would_be_written_down(monkeypatch):
    monkeypatch.setenv("EVALSUITE_API_KEY", KEY)
    told = await complaint(settings("http://h/v1", extra_body=json.dumps({"user": KEY})))
    assert "extra_body" in told and KEY not in told


@pytest.mark.parametrize("key", [KEY, "another-key-that-is-wrong-0123456789"])
def test_a_planted_key_reaches_neither_the_run_folder_nor_the_terminal(tmp_path, key):
    echo = {"error": {"message": f"who is {key}?"}}

    def plan(item, attempt):
        return says(echo, 400) if "asthma" in item else says(completion(f"<answer>A</answer> {key}"))

    with FaultServer(plan, key=KEY) as server:
        run = [sys.executable, "-m", "evalsuite", "--debug", "run", "--model", "openai/m", "--suite", "starter"]
        where = ["--base-url", f"{server.url}?token=tok-planted-987654", "--out", str(tmp_path / "run")]
        environment = os.environ | {"EVALSUITE_API_KEY": key}
        ended = subprocess.run([*run, *where], env=environment, capture_output=True, text=True, check=False)
    told = [ended.stdout, ended.stderr, *(file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*.*"))]
    assert (len(server.requests) > 20) == (key == KEY), ended.stderr
    for text in told:
        assert key not in text and "tok-planted" not in text
