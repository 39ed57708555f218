"""Requests to a server through the backend `openai/`, as its tests send them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest

from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.models.backend import BackendSettings, Decoding, Request, Response
from evalsuite.models.openai import OpenAI
from evalsuite.tasks.item import Item

KEY = "sk-planted-0123456789/abcdef+key"


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
async def opened(configured: BackendSettings) -> AsyncIterator[OpenAI]:
    backend = OpenAI(configured)
    try:
        backend.info = await backend.open(())
        yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def answering(
    configured: BackendSettings, sent: Iterator[Request]
) -> AsyncIterator[tuple[OpenAI, AsyncGenerator[Response, None]]]:
    async with opened(configured) as backend, aclosing(backend.answer(sent)) as responses:
        yield backend, responses


async def respond(configured: BackendSettings, count: int = 1) -> list[Response]:
    async with answering(configured, requests(count)) as (_, responses):
        return [response async for response in responses]


async def error_of(configured: BackendSettings, code: ErrorCode, count: int = 1) -> str:
    """Return the message of the error that ends the run: one line, without the key, and with this code."""
    with pytest.raises(EvalsuiteError) as caught:
        await respond(configured, count)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    message = str(caught.value)
    assert "\n" not in message and KEY not in message
    assert caught.value.code is code
    return message
