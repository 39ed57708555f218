"""A server that accepts requests and answers none is reported, and given up after the stated time."""

from __future__ import annotations

import pytest

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.http import silence
from tests.models.fault_server import FaultServer, answer, hang
from tests.models.openai_client import answering, requests, settings


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No API key from this machine."""
    for name in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


async def collected(configured, count):
    told, got = [], []
    async with answering(configured, requests(count)) as (backend, responses):
        backend.tell = told.append
        try:
            async for response in responses:
                got.append(response)
        except BackendError as error:
            return told, got, error
    return told, got, None


async def test_a_server_that_never_answers_is_said_once_and_given_up(monkeypatch):
    monkeypatch.setattr(silence, "SAID_AFTER", 0.2)
    with FaultServer(lambda item, attempt: hang()) as server:
        told, got, error = await collected(settings(server.url, timeout="0.6", patience="0.3", concurrency=4), 20)
    assert error is not None and error.code is ErrorCode.SERVER_UNREACHABLE and not got
    assert server.url in str(error)
    assert len(told) == 1 and server.url in told[0] and "4" in told[0]
    assert len(server.requests) <= 12


async def test_a_server_that_hangs_after_some_answers_is_given_up_and_the_answers_are_kept(monkeypatch):
    monkeypatch.setattr(silence, "SAID_AFTER", 0.2)
    with FaultServer(lambda item, attempt: answer() if int(item[1:]) < 8 else hang()) as server:
        told, got, error = await collected(settings(server.url, timeout="0.6", patience="0.3", concurrency=4), 40)
    assert error is not None and error.code is ErrorCode.SERVER_UNREACHABLE
    assert len(got) == 8 and len(told) == 1


async def test_a_slow_server_is_waited_for(monkeypatch):
    monkeypatch.setattr(silence, "SAID_AFTER", 0.1)
    with FaultServer(lambda item, attempt: answer(0.4)) as server:
        told, got, error = await collected(settings(server.url, timeout="5", patience="0.1", concurrency=2), 4)
    assert error is None and len(got) == 4 and told


async def test_a_server_that_answers_is_not_said_to_be_silent(monkeypatch):
    monkeypatch.setattr(silence, "SAID_AFTER", 0.3)
    with FaultServer(lambda item, attempt: answer(0.02)) as server:
        told, got, error = await collected(settings(server.url, concurrency=2), 60)
    assert error is None and len(got) == 60 and not told
