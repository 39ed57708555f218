"""`--thinking off` is checked against the replies: a run is not recorded as what it isn't."""

from __future__ import annotations

import pytest

from evalsuite.errors import ErrorCode
from evalsuite.models.backend import Decoding
from evalsuite.models.http import transport
from evalsuite.models.http.thinking import advice_on_thinking, holds_reasoning
from tests.models.fault_server import FaultServer, answer, completion, reply_with
from tests.models.openai_client import answering, error_of, requests, respond, settings

OFF = Decoding(max_tokens=100, thinking="off")
REASONING = [
    completion("B", reasoning_content="hm"),
    completion("B", reasoning="hm"),
    completion("<think>hm</think>B"),
    completion("hm</think>B"),
    completion("<think>hm"),
    completion("[THINK]hm[/THINK]B"),
    completion("analysishmassistantfinalB"),
    completion([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "B"}]),
]
NONE = [
    completion("B"),
    completion("<think>\n\n</think>\n\nB"),
    completion("B", reasoning_content=""),
    completion("B", reasoning=None),
    completion("\n</think>B"),
]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(transport, "FIRST_BACKOFF", 0.02)
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("content", REASONING)
async def test_a_server_that_reasons_all_the_same_stops_the_run_early(content):
    with FaultServer(lambda item, attempt: reply_with(content)) as server:
        configured = settings(server.url, decoding=OFF, concurrency=2)
        message = await error_of(configured, ErrorCode.UNSUPPORTED_BY_BACKEND, 500)
    assert "`thinking`" in message and len(server.requests) <= 6


@pytest.mark.parametrize("content", REASONING)
async def test_one_reply_with_reasoning_is_a_note(content):
    with FaultServer(lambda item, attempt: reply_with(content) if item == "i2" else answer()) as server:
        configured = settings(server.url, decoding=OFF, concurrency=1)
        async with answering(configured, requests(6)) as (backend, answers):
            got = [response async for response in answers]
    assert not any(response.error for response in got)
    assert "1 of" in backend.notes["thinking"]


@pytest.mark.parametrize("content", NONE)
async def test_no_reasoning_is_no_note(content):
    with FaultServer(lambda item, attempt: reply_with(content)) as server:
        async with answering(settings(server.url, decoding=OFF), requests(6)) as (backend, answers):
            got = [response async for response in answers]
    assert not any(response.error for response in got) and "thinking" not in backend.notes


@pytest.mark.parametrize("thinking", ["auto", "on"])
async def test_reasoning_that_was_not_switched_off_is_no_note(thinking):
    decoding = Decoding(max_tokens=100, thinking=thinking)
    with FaultServer(lambda item, attempt: reply_with(REASONING[0])) as server:
        async with answering(settings(server.url, decoding=decoding), requests(6)) as (backend, answers):
            assert len([response async for response in answers]) == 6
    assert not backend.notes


@pytest.mark.parametrize(
    "words",
    ["Unrecognized request argument supplied: chat_template_kwargs", "Unknown parameter: 'chat_template_kwargs'."],
)
@pytest.mark.parametrize("listed", ["m", "another"])
async def test_a_server_that_takes_no_switch_names_its_own(words, listed):
    refusal = reply_with({"error": {"message": words}}, 400)
    server = FaultServer(models={"data": [{"id": listed}]})
    server.plan = lambda item, attempt: refusal if "chat_template_kwargs" in server.requests[-1].body else answer()
    with server:
        configured = settings(server.url, decoding=OFF)
        assert "extra_body" in await error_of(configured, ErrorCode.UNSUPPORTED_BY_BACKEND, 50)
        # The switch can be left out, so that the server's own field is all that is sent.
        own = '{"chat_template_kwargs": null, "reasoning_effort": "none"}'
        [response] = await respond(settings(server.url, decoding=OFF, extra_body=own))
    assert response.error is None and server.requests[-1].body["reasoning_effort"] == "none"


@pytest.mark.parametrize(
    ("server", "model", "named"),
    [
        ("https://api.openai.com/v1", "gpt-5.1", '"reasoning_effort": "none"'),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3-32b", '"enable_thinking": false'),
        ("https://openrouter.ai/api/v1", "qwen/qwen3-32b", '"reasoning": {"enabled": false}'),
        ("https://api.deepseek.com", "deepseek-chat", '"thinking": {"type": "disabled"}'),
        ("http://127.0.0.1:11434/v1", "qwen3", '"reasoning_effort": "none"'),
        ("http://127.0.0.1:8000/v1", "openai/gpt-oss-20b", '"reasoning_effort": "low"'),
        ("http://127.0.0.1:8000/v1", "HuggingFaceTB/SmolLM3-3B", "/no_think"),
        ("http://127.0.0.1:8000/v1", "nvidia/Llama-3_3-Nemotron-Super-49B-v1", "detailed thinking off"),
        ("http://127.0.0.1:8000/v1", "Qwen/QwQ-32B", "--thinking on"),
        ("http://127.0.0.1:8000/v1", "Qwen/Qwen3-8B", "chat_template_kwargs"),
    ],
)
def test_each_family_has_its_own_switch(server, model, named):
    assert named in advice_on_thinking(server, model)


def test_marks_of_reasoning():
    assert not holds_reasoning("A plain answer, with a < b and thinking.", "")
    assert holds_reasoning("", "hm") and not holds_reasoning("B", " \n")
