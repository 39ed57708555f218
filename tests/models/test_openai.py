"""The HTTP backend against real servers on loopback that fail in every way that is known of servers."""

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
from collections.abc import Iterator
from contextlib import aclosing
from email.utils import formatdate

import pytest
from aiohttp import web

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import Decoding, Request
from evalsuite.models.http import transport
from evalsuite.models.openai import OpenAI
from tests.models.fault_server import FaultServer, answer, completion, half_body, hang, reply_with, reset
from tests.models.openai_client import KEY, answering, error_of, opened, requests, respond, settings

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
    """No API key from this machine, and a backoff short enough for a test."""
    monkeypatch.setattr(transport, "FIRST_BACKOFF", 0.02)
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
async def no_leaked_tasks():
    """No task outlives a test, and the loop reports no error: no unclosed connection, no exception never retrieved."""
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    before = asyncio.all_tasks()
    yield
    gc.collect()
    await asyncio.sleep(0.01)
    assert not reported
    assert not {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Request bodies


async def test_the_body_of_a_request():
    decoding = Decoding(temperature=0.5, top_p=0.9, max_tokens=64, thinking="off")
    with FaultServer() as server:
        [response] = await respond(settings(server.url, decoding=decoding, extra_body='{"top_k": 20}'))
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


async def test_extra_body_removes_fields_and_merges_template_arguments():
    extra = json.dumps({"top_p": None, "seed": None, "chat_template_kwargs": {"language": "de"}})
    with FaultServer() as server:
        await respond(settings(server.url, decoding=Decoding(thinking="on"), extra_body=extra))
    body = server.requests[0].body
    assert "top_p" not in body and "seed" not in body
    assert body["chat_template_kwargs"] == {"enable_thinking": True, "thinking": True, "language": "de"}


async def test_an_adapter_is_requested_by_its_name():
    with FaultServer(models={"data": [{"id": "m"}, {"id": "lora", "parent": "m"}]}) as server:
        await respond(settings(server.url, adapter="lora"))
    assert server.requests[0].body["model"] == "lora"


async def test_a_query_in_the_base_url_is_sent_with_every_request():
    seen = []

    async def chat(request: web.Request) -> web.Response:
        seen.append((request.path, dict(request.query)))
        return web.json_response(completion())

    with FaultServer(routes={"/odd/chat/completions": chat}) as server:
        base = server.url.replace("/v1", "/odd") + "?api-version=7"
        await respond(settings(base))
    assert ("/odd/chat/completions", {"api-version": "7"}) in seen


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"message": "Unsupported parameter. Use 'max_completion_tokens'.", "param": "max_tokens"}},
        {"error": {"message": "'max_tokens' is not supported; use 'max_completion_tokens' instead", "param": None}},
    ],
)
async def test_the_tokens_field_is_renamed_after_a_refusal(refusal):
    server = FaultServer()
    server.plan = lambda item, attempt: (
        reply_with(refusal, 400) if "max_tokens" in server.requests[-1].body else answer()
    )
    with server:
        async with answering(settings(server.url, concurrency=4), requests(20)) as (backend, answers):
            got = [response async for response in answers]
        assert not any(response.error for response in got)
        assert backend.info["max_tokens_field"] == "max_completion_tokens"
    assert sum("max_tokens" in received.body for received in server.requests) <= 4
    assert all(received.body.get("max_completion_tokens", 100) == 100 for received in server.requests)


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"message": "Unknown parameter: 'seed'.", "param": "seed"}},
        {"error": {"message": "Extra inputs are not permitted", "param": "body.seed"}},
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
        [{"error": {"code": 400, "message": 'Invalid JSON payload. Unknown name "seed": Cannot find field.'}}],
    ],
)
async def test_a_refused_seed_is_left_out_and_recorded(refusal):
    server = FaultServer()
    server.plan = lambda item, attempt: reply_with(refusal, 422) if "seed" in server.requests[-1].body else answer()
    with server:
        async with answering(settings(server.url), requests(5)) as (backend, answers):
            got = [response async for response in answers]
        assert not any(response.error for response in got)
        assert backend.unsent == {"seed", "top_p"}


# Replies


@pytest.mark.parametrize(
    ("content", "text", "reasoning", "finish"),
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
async def test_each_dialect_is_parsed(content, text, reasoning, finish):
    with FaultServer(lambda item, attempt: reply_with(content)) as server:
        [response] = await respond(settings(server.url))
    assert (response.text, response.reasoning, response.finish, response.error) == (text, reasoning, finish, None)


async def test_a_prompt_stopped_by_a_content_filter_is_refused_and_no_error():
    filtered = {"error": {"message": "the prompt triggered the policy", "code": "content_filter"}}
    with FaultServer(lambda item, attempt: reply_with(filtered, 400)) as server:
        [response] = await respond(settings(server.url))
    assert (response.finish, response.text, response.error) == ("refused", "", None)


async def test_lone_surrogates_of_a_truncated_character_are_kept():
    body = json.dumps(completion("B \ud83d")).encode()
    with FaultServer(lambda item, attempt: reply_with(body)) as server:
        [response] = await respond(settings(server.url))
    assert response.text == "B \ud83d"


async def test_missing_or_invalid_usage_is_unknown():
    nonsense = completion() | {"usage": {"prompt_tokens": "many", "completion_tokens": -1}}
    for content in (nonsense, completion() | {"usage": None}):
        with FaultServer(lambda item, attempt, content=content: reply_with(content)) as server:
            [response] = await respond(settings(server.url))
        assert response.input_tokens is None and response.output_tokens is None


def vllm_like(prompt: list[str], separates: bool = False, model: str = "m") -> FaultServer:
    """Return a server that renders its template as vLLM does, by /tokenize at the root."""

    async def tokenize(request: web.Request) -> web.Response:
        body = await request.json()
        assert body["model"] == model and body["return_token_strs"] is True
        off = body.get("chat_template_kwargs", {}).get("enable_thinking") is False
        strings = [*prompt, "</think>"] if off else prompt
        return web.json_response({"tokens": list(range(len(strings))), "token_strs": strings})

    content = completion(None, reasoning="hm", finish="length") if separates else completion("hm</think>B")
    return FaultServer(lambda item, attempt: reply_with(content), routes={"/tokenize": tokenize})


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
    assert backend.info["template_opens_reasoning"] is opens


async def test_a_server_that_returns_reasoning_separately_leaves_no_reasoning_open():
    with vllm_like(["<think>"], separates=True) as server:
        [response] = await respond(settings(server.url))
    assert response.opens_reasoning is False and response.text == ""


async def test_with_other_servers_open_reasoning_is_unknown_unless_the_user_sets_it():
    with FaultServer() as server:
        async with opened(settings(server.url)) as backend:
            assert backend.info["template_opens_reasoning"] is None
        [response] = await respond(settings(server.url, opens_reasoning="true"))
    assert response.opens_reasoning is True


async def test_a_template_without_a_thinking_switch_refuses_the_switch():
    with vllm_like(["Hello"]) as server:
        [response] = await respond(settings(server.url, decoding=Decoding(thinking="off")))
        assert response.opens_reasoning is False

    async def without_switch(request: web.Request) -> web.Response:
        return web.json_response({"token_strs": ["Hello"]})

    with FaultServer(routes={"/tokenize": without_switch}) as server:
        configured = settings(server.url, decoding=Decoding(thinking="off"))
        assert "`thinking`" in await error_of(configured, ErrorCode.UNSUPPORTED_BY_BACKEND)


async def test_a_thinking_budget_requires_a_server_that_honours_it():
    def honouring(server, refuses_all=False):
        def plan(item, attempt):
            budget = server.requests[-1].body.get("thinking_token_budget")
            refused = budget is not None and (refuses_all or not isinstance(budget, int))
            return (
                reply_with({"error": {"message": "reasoning_config is not configured"}}, 400) if refused else answer()
            )

        server.plan = plan
        return server

    budget = {"decoding": Decoding(max_tokens=100, thinking_budget=32)}
    with honouring(FaultServer()) as server:
        [response] = await respond(settings(server.url, **budget))
        assert response.error is None and server.requests[-1].body["thinking_token_budget"] == 32
    with FaultServer() as server:
        message = await error_of(settings(server.url, **budget), ErrorCode.UNSUPPORTED_BY_BACKEND)
        assert "`thinking_budget`" in message and "thinking_token_budget" in message
    with honouring(FaultServer(), refuses_all=True) as server:
        message = await error_of(settings(server.url, **budget), ErrorCode.REQUEST_REFUSED)
        assert "reasoning_config is not configured" in message


async def test_a_chat_template_requires_a_server_that_honours_it():
    with FaultServer() as server:
        configured = settings(server.url, chat_template="{{ messages }}")
        message = await error_of(configured, ErrorCode.UNSUPPORTED_BY_BACKEND)
    assert "`chat_template`" in message and "--trust-request-chat-template" in message


# Retryable errors


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_a_retryable_status_is_sent_again(status):
    with FaultServer(
        lambda item, attempt: reply_with({"error": "later"}, status) if attempt == 1 else answer()
    ) as server:
        got = await respond(settings(server.url), 3)
    assert [response.error for response in got] == [None] * 3
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "fault", [half_body, reset, lambda: reply_with(b"<html>gateway</html>"), lambda: reply_with(b'{"cho')]
)
async def test_a_broken_reply_is_sent_again(fault):
    with FaultServer(lambda item, attempt: fault() if attempt == 1 else answer()) as server:
        got = await respond(settings(server.url), 3)
    assert sorted(response.text for response in got) == [f"<answer>B</answer> i{n}" for n in range(3)]
    assert len(server.requests) == 6


async def test_json_of_a_wrong_shape_is_sent_again():
    with FaultServer(
        lambda item, attempt: reply_with(WRONG_SHAPES[int(item[1:])]) if attempt == 1 else answer()
    ) as server:
        got = await respond(settings(server.url), len(WRONG_SHAPES))
    assert not any(response.error for response in got)
    assert len(server.requests) == 2 * len(WRONG_SHAPES)


async def test_a_hang_times_out_and_is_sent_again():
    with FaultServer(lambda item, attempt: hang() if attempt == 1 else answer()) as server:
        got = await respond(settings(server.url, timeout="0.2"), 2)
    assert not any(response.error for response in got) and len(server.requests) == 4


async def test_five_timeouts_end_a_request():
    with FaultServer(lambda item, attempt: hang()) as server:
        [response] = await respond(settings(server.url, timeout="0.1"))
    assert response.error is not None and "5" in response.error and "0.1 s" in response.error
    assert len(server.requests) == 5


def test_backoff_doubles_with_full_jitter_up_to_half_a_minute(monkeypatch):
    monkeypatch.undo()
    for failures, longest in [(1, 0.5), (2, 1.0), (5, 8.0), (7, 30.0), (500, 30.0)]:
        drawn = [transport.backoff(failures) for _ in range(2000)]
        assert min(drawn) < 0.1 * longest and 0.9 * longest < max(drawn) <= longest


async def test_retry_after_is_always_honoured():
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
        return reply_with({"error": "slow down"}, 429, {"Retry-After": header})

    with FaultServer(plan) as server:
        got = await respond(settings(server.url), 3)
    assert not any(response.error for response in got)
    for item, seconds in due.items():
        first, second = [received.at for received in server.requests if received.item == item]
        assert second - first >= seconds


async def test_a_wait_that_a_server_requests_takes_no_patience():
    slow_down = reply_with({"error": "slow down"}, 429, {"Retry-After": "1.3"})
    with FaultServer(lambda item, attempt: slow_down if attempt < 3 else answer()) as server:
        [response] = await respond(settings(server.url, patience="1"))
    assert response.error is None and len(server.requests) == 3


async def test_a_retry_after_of_over_an_hour_ends_the_request():
    with FaultServer(lambda item, attempt: reply_with({}, 429, {"Retry-After": "86400"})) as server:
        [response] = await respond(settings(server.url))
    assert response.error is not None and "86400 s" in response.error


async def test_with_a_twentieth_of_each_fault_every_item_is_answered_once():
    faults = [
        lambda: reply_with({"error": "slow down"}, 429, {"Retry-After": "0.3"}),
        lambda: reply_with({"error": "oops"}, 500),
        hang,
        half_body,
        lambda: reply_with(b'{"choices": [{"mess'),
        reset,
    ]
    seen = Counter()

    def plan(item, attempt):
        seen["requests"] += 1
        number = seen["requests"] % 20
        return faults[number]() if number < len(faults) else answer()

    with FaultServer(plan) as server:
        got = await respond(settings(server.url, concurrency=64, timeout="1"), 500)
    assert Counter(response.request.item.id for response in got) == Counter(f"i{n}" for n in range(500))
    assert not [response.error for response in got if response.error]
    assert all(response.text == f"<answer>B</answer> {response.request.item.id}" for response in got)
    assert set(server.answered.values()) == {1}, "an item that was answered was sent again"


async def test_overload_lowers_the_concurrency_limit_and_success_raises_it():
    def plan(item, attempt):
        return reply_with({}, 503) if server.in_flight > 8 else answer(0.01)

    server = FaultServer(plan)
    with server:
        async with answering(settings(server.url, concurrency=64), requests(400)) as (backend, answers):
            got = [response async for response in answers]
        assert not any(response.error for response in got)
        assert backend.info["lowest_concurrency"] <= 16
    refused = sum(received.attempt > 1 for received in server.requests)
    assert refused < 300, "the limit was not lowered"


# Permanent refusals of one request


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refused_request_is_one_line_and_the_others_continue(status):
    too_long = {"error": {"message": f"context length exceeded:\n 9000 tokens, key {KEY}"}}
    with FaultServer(
        lambda item, attempt: reply_with(too_long, status) if item == "i3" else answer(), key=KEY
    ) as server:
        configured = settings(server.url, api_key_env="PLANTED")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLANTED", KEY)
            got = await respond(configured, 6)
    [failed] = [response for response in got if response.error]
    assert failed.request.item.id == "i3" and failed.text == ""
    assert failed.error is not None and f"HTTP {status}" in failed.error and "context length exceeded" in failed.error
    assert "\n" not in failed.error and KEY not in failed.error
    assert Counter(received.item for received in server.requests)["i3"] == 1


async def test_a_run_whose_requests_are_all_refused_stops_with_the_servers_message():
    refusal = {"error": {"message": "temperature must be 1 for this model"}}
    with FaultServer(lambda item, attempt: reply_with(refusal, 400)) as server:
        message = await error_of(settings(server.url), ErrorCode.TOO_MANY_FAILURES, 500)
    assert "32" in message and "temperature must be 1" in message
    assert len(server.requests) < 100


async def test_items_too_long_for_the_model_never_stop_the_run():
    refusal = {"error": {"message": "This model's maximum context length is 512 tokens."}}
    with FaultServer(lambda item, attempt: reply_with(refusal, 400)) as server:
        got = await respond(settings(server.url), 50)
    assert len(got) == 50 and all(response.error for response in got)


# Errors that end the run


async def test_no_server():
    url = f"http://127.0.0.1:{free_port()}/v1"
    message = await error_of(settings(url), ErrorCode.SERVER_UNREACHABLE)
    assert url in message and "`base_urls`" in message


async def test_a_wrong_key(monkeypatch):
    monkeypatch.setenv("EVALSUITE_API_KEY", KEY)
    with FaultServer(key="another") as server:
        message = await error_of(settings(server.url), ErrorCode.AUTHENTICATION_FAILED)
    assert "HTTP 401" in message and "EVALSUITE_API_KEY" in message and "Incorrect API key" in message


async def test_an_unknown_model_is_an_error_that_lists_the_served_ones():
    listed = {"data": [{"id": f"model-{n}"} for n in range(9)]}
    absent = {"error": {"message": "The model `m` does not exist."}}
    with FaultServer(lambda item, attempt: reply_with(absent, 404), models=listed) as server:
        message = await error_of(settings(server.url), ErrorCode.MODEL_NOT_SERVED)
    assert "'m'" in message and "model-0" in message and "4 more" in message and "model-8" not in message


async def test_an_alias_that_is_not_listed_is_accepted_when_it_answers():
    with FaultServer(models={"data": [{"id": "another"}]}) as server:
        [response] = await respond(settings(server.url))
    assert response.error is None


async def test_a_server_without_a_list_of_models_is_accepted():
    async def absent(request: web.Request) -> web.Response:
        return web.Response(status=404)

    with FaultServer(models=absent) as server:
        [response] = await respond(settings(server.url))
    assert response.error is None


async def test_a_base_url_without_v1_is_an_error_that_mentions_it():
    with FaultServer() as server:
        configured = settings(server.url.removesuffix("/v1"))
        message = await error_of(configured, ErrorCode.MODEL_NOT_SERVED)
    assert "/v1" in message and "`base_urls`" in message


async def test_a_redirection_is_not_followed_with_the_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    seen = []

    async def target(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response({"data": []})

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/target?session=s3cret-value")

    with FaultServer(models=redirect, routes={"/target": target}) as server:
        message = await error_of(settings(server.url), ErrorCode.SERVER_REPLY_UNUSABLE)
    assert "/target" in message and "s3cret" not in message
    assert not seen


async def test_more_tokens_than_the_context_holds():
    with FaultServer(models={"data": [{"id": "m", "max_model_len": 64}]}) as server:
        message = await error_of(settings(server.url), ErrorCode.CONTEXT_TOO_SHORT)
    assert "`max_tokens` 100" in message and "64" in message and not server.requests


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (401, {"error": "unknown user"}, ErrorCode.AUTHENTICATION_FAILED),
        (402, {"error": "no credit"}, ErrorCode.QUOTA_EXHAUSTED),
        (404, {"error": "no such model"}, ErrorCode.MODEL_NOT_SERVED),
        (429, {"error": {"code": "insufficient_quota", "message": "used up"}}, ErrorCode.QUOTA_EXHAUSTED),
    ],
)
async def test_an_error_of_every_request_stops_the_run_but_keeps_the_responses(status, content, code):
    with FaultServer(lambda item, attempt: answer() if int(item[1:]) < 10 else reply_with(content, status)) as server:
        got = []
        with pytest.raises(BackendError, match=f"HTTP {status}") as caught:
            async with answering(settings(server.url, concurrency=4), requests(99)) as (_backend, all):
                async for response in all:
                    got.append(response)
    assert caught.value.code is code
    assert 10 - 4 < len(got) <= 10, "only what was in flight may be lost"


async def test_a_server_that_stops_for_good_ends_the_run():
    server = FaultServer(lambda item, attempt: answer(0.01))
    with server:
        got = []
        started = time.monotonic()
        with pytest.raises(BackendError) as caught:
            async with answering(settings(server.url, concurrency=4, patience="1"), requests(99999)) as (_backend, all):
                async for response in all:
                    got.append(response)
                    if len(got) == 20:
                        await asyncio.to_thread(server.kill)
    assert len(got) >= 20 and not any(response.error for response in got)
    assert caught.value.code is ErrorCode.SERVER_UNREACHABLE
    assert 1 <= time.monotonic() - started < 8


async def test_a_server_that_restarts_loses_no_request():
    first = FaultServer(lambda item, attempt: answer(0.01))
    with first, FaultServer() as another:
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
    assert not any(response.error for response in got) and not another.requests


# Replicas


async def test_replicas_share_the_load_and_one_may_stop():
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


async def test_a_replica_that_is_down_at_first_is_recorded_and_used_later():
    late = FaultServer(lambda i, a: answer(0.02), port=free_port())
    with FaultServer(lambda i, a: answer(0.02)) as one:
        async with answering(settings(one.url, late.url, concurrency=8), requests(300)) as (backend, answers):
            assert backend.info["servers_down"] == [late.url]
            count = 0
            async for response in answers:
                assert response.error is None
                count += 1
                if count == 20:
                    await asyncio.to_thread(late.__enter__)
        late.kill()
    assert count == 300 and len(late.requests) > 30


async def test_a_replica_that_only_fails_gets_few_requests():
    with FaultServer(lambda i, a: answer(0.02)) as good, FaultServer(lambda i, a: reply_with({}, 500)) as bad:
        got = await respond(settings(good.url, bad.url, concurrency=8), 200)
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
    assert count == 200 and server.max_in_flight == 8


async def test_closing_the_stream_cancels_the_requests_in_flight():
    with FaultServer(lambda item, attempt: answer() if item < "i2" else hang(5)) as server:
        async with opened(settings(server.url, concurrency=8)) as backend:
            started = time.monotonic()
            async with aclosing(backend.answer(requests(1000))) as answers:
                async for _ in answers:
                    break
            assert time.monotonic() - started < 2
        await asyncio.sleep(0.1)
        assert server.in_flight == 0


async def test_a_cancelled_consumer_leaves_no_task():
    with FaultServer(lambda item, attempt: hang(5)) as server:
        reader = asyncio.create_task(respond(settings(server.url, concurrency=8), 1000))
        while len(server.requests) < 8:
            await asyncio.sleep(0.01)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader


async def test_an_error_in_the_stream_of_requests_is_raised():
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
        assert await respond(settings(server.url), 0) == []


# Secrets


async def test_a_planted_key_is_sent_and_never_shown(monkeypatch, caplog):
    monkeypatch.setenv("EVALSUITE_API_KEY", KEY)

    def plan(item, attempt):
        echo = {"error": {"message": f"bad key {KEY}, {json.dumps(KEY)}, Bearer {KEY}"}}
        return {
            "i0": reply_with(echo, 400),
            "i1": reply_with({"error": echo, "choices": KEY}),
            "i2": reply_with(completion(f"your key is {KEY}", reasoning=KEY)),
        }.get(item, answer())

    caplog.set_level(0)
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    with FaultServer(plan, key=KEY) as server:
        backend = OpenAI(settings(server.url))
        info = await backend.open(())
        async with aclosing(backend.answer(requests(4))) as answers:
            got = [response async for response in answers]
        shown = [repr(got), repr(info), caplog.text, *map(repr, _parts(backend))]
        await backend.close()
    assert all(received.headers["Authorization"] == f"Bearer {KEY}" for received in server.requests)
    errors = {response.request.item.id for response in got if response.error}
    assert errors == {"i0", "i1"}
    for text in shown:
        assert KEY not in text and json.dumps(KEY)[1:-1] not in text


@pytest.mark.parametrize("url", ["http://user:pass%2Fword@{}/v1", "http://{}/v1?key=pass%2Fword"])
async def test_secrets_in_a_base_url_are_never_shown(url):
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"error": f"pass/word pass%2Fword {request.headers.get('Authorization')}"}, status=400)

    with FaultServer(models=echo) as server:
        full = url.format(f"127.0.0.1:{server.port}")
        async with answering(settings(full), requests(1)) as (backend, answers):
            got = [response async for response in answers]
        shown = [repr(backend.info), repr(got), *map(repr, _parts(backend))]
    stopped = await error_of(settings(full), ErrorCode.SERVER_UNREACHABLE)
    for text in [*shown, stopped]:
        assert "word" not in text.replace("keyword", "")


def _parts(backend: OpenAI) -> list[object]:
    """Return the objects whose `repr` a debugger or a traceback could show."""
    transport = backend._transport
    replicas = transport.replicas.all
    parts = [backend._redactor, backend._body, backend._probe, transport]
    return [backend, *parts, *replicas, *(replica.origin for replica in replicas)]


# Arguments that are refused


URL = "http://h/v1"
INVALID, CONFLICTING = ErrorCode.INVALID_ARGUMENT, ErrorCode.CONFLICTING_ARGUMENTS


@pytest.mark.parametrize(
    ("configured", "code", "named"),
    [
        (settings(), ErrorCode.MISSING_ARGUMENT, "`base_urls`"),
        (settings("127.0.0.1:8000"), INVALID, "`base_urls` 127.0.0.1:8000"),
        (settings("ftp://h/v1"), INVALID, "`base_urls` ftp://h/v1"),
        (settings("http://[::1"), INVALID, "`base_urls` ***"),
        (settings(URL, revision="abc"), ErrorCode.UNSUPPORTED_BY_BACKEND, "`revision`"),
        (settings(URL, concurrency=0), INVALID, "`concurrency` 0"),
        (settings(URL, concurrency=10**7), INVALID, "`concurrency` 10000000"),
        (settings(URL, color="red"), ErrorCode.UNKNOWN_MODEL_ARGUMENT, "color"),
        (settings(URL, timeout="soon"), INVALID, "timeout=soon"),
        (settings(URL, patience="nan"), INVALID, "patience=nan"),
        (settings(URL, extra_body="{"), INVALID, "extra_body"),
        (settings(URL, extra_body="[]"), INVALID, "extra_body"),
        (settings(URL, extra_body='{"max_tokens": 3}'), CONFLICTING, "max_tokens"),
        (settings(URL, extra_body='{"messages": null}'), CONFLICTING, "messages"),
        (settings(URL, opens_reasoning="perhaps"), INVALID, "opens_reasoning"),
        (settings(URL, max_tokens_field="tokens"), INVALID, "max_tokens_field"),
        (settings(URL, api_key_env="NOT_SET_ANYWHERE"), INVALID, "api_key_env"),
        (settings(URL, chat_template=""), ErrorCode.UNSUPPORTED_BY_BACKEND, "`chat_template`"),
    ],
)
async def test_arguments_that_are_refused(configured, code, named):
    with pytest.raises(UsageError) as caught:
        await respond(configured)
    assert caught.value.code is code
    assert named in str(caught.value) and "\n" not in str(caught.value)


async def test_a_user_in_the_url_and_an_api_key_conflict(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert "word" not in await error_of(settings("http://user:word@h/v1"), CONFLICTING)


async def test_a_key_in_place_of_its_variables_name_is_not_shown():
    assert KEY not in await error_of(settings(URL, api_key_env=KEY), INVALID)


async def test_a_model_arg_that_contains_the_key_is_refused_since_it_would_be_stored(monkeypatch):
    monkeypatch.setenv("EVALSUITE_API_KEY", KEY)
    configured = settings(URL, extra_body=json.dumps({"user": KEY}))
    assert "extra_body" in await error_of(configured, ErrorCode.SECRET_IN_ARGUMENT)


@pytest.mark.parametrize("key", [KEY, "another-key-that-is-wrong-0123456789"])
def test_a_planted_key_reaches_neither_the_run_folder_nor_the_terminal(tmp_path, key):
    echo = {"error": {"message": f"unknown key {key}"}}

    def plan(item, attempt):
        return reply_with(echo, 400) if "asthma" in item else reply_with(completion(f"<answer>A</answer> {key}"))

    with FaultServer(plan, key=KEY) as server:
        run = [sys.executable, "-m", "evalsuite", "--debug", "run", "--model", "openai/m", "--suite", "starter"]
        where = ["--base-url", f"{server.url}?token=tok-planted-987654", "--out", str(tmp_path / "run")]
        environment = os.environ | {"EVALSUITE_API_KEY": key}
        ended = subprocess.run([*run, *where], env=environment, capture_output=True, text=True, check=False)
    written = [ended.stdout, ended.stderr, *(file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*.*"))]
    assert (len(server.requests) > 20) == (key == KEY), ended.stderr
    for text in written:
        assert key not in text and "tok-planted" not in text
