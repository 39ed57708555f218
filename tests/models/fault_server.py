"""A real server on loopback that offers chat completions and fails as a plan says, request by request."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

Behaviour = Callable[["ReceivedRequest", web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ReceivedRequest:
    """One chat request that the server received."""

    body: dict[str, Any]
    headers: dict[str, str]
    attempt: int
    at: float = field(default_factory=time.monotonic)

    @property
    def item(self) -> str:
        return self.body["messages"][-1]["content"]


class FaultServer:
    """A server in a thread; `plan` returns what happens to an item's request at an attempt (from 1)."""

    def __init__(
        self,
        plan: Callable[[str, int], Behaviour] | None = None,
        *,
        models: Any = None,
        key: str | None = None,
        routes: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] | None = None,
        port: int = 0,
    ) -> None:
        self.plan = plan or (lambda item, attempt: answer())
        self.models = {"data": [{"id": "m"}]} if models is None else models
        self.key = key
        self.routes = routes or {}
        self.port = port
        self.requests: list[ReceivedRequest] = []
        self.answered: Counter[str] = Counter()
        self.in_flight = self.max_in_flight = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Stop at once: close the port and drop the requests in flight."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        for path, handler in self.routes.items():
            app.router.add_route("*", path, handler)
        runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def _denied(self, request: web.Request) -> web.Response | None:
        if self.key is None or request.headers.get("Authorization") == f"Bearer {self.key}":
            return None
        sent = request.headers.get("Authorization", "nothing")
        return web.json_response({"error": {"message": f"Incorrect API key provided: {sent}"}}, status=401)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if callable(self.models):
            return await self.models(request)
        return self._denied(request) or web.json_response(self.models)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        denied = self._denied(request)
        if denied is not None:
            return denied
        body = await request.json()
        attempt = 1 + sum(before.item == body["messages"][-1]["content"] for before in self.requests)
        received = ReceivedRequest(body, dict(request.headers), attempt)
        self.requests.append(received)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            behaviour = self.plan(received.item, received.attempt)
            reply = await behaviour(received, request)
        finally:
            self.in_flight -= 1
        if getattr(behaviour, "answers", False):
            self.answered[received.item] += 1
        return reply


def completion(text: str | None = "<answer>B</answer>", finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion as servers write it."""
    return {
        "choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }


def reply_with(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    """Reply with JSON, or with the bytes as they are."""

    async def behave(received: ReceivedRequest, request: web.Request) -> web.StreamResponse:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")

    return behave


def answer(after: float = 0.0) -> Behaviour:
    """Answer correctly; the text repeats the question, so that swapped responses would show."""

    async def behave(received: ReceivedRequest, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(after)
        return web.json_response(completion(f"<answer>B</answer> {received.item}"))

    behave.answers = True  # type: ignore[attr-defined]
    return behave


def hang(seconds: float = 60.0) -> Behaviour:
    """Send nothing for a minute, so that the client times out first."""

    async def behave(received: ReceivedRequest, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.Response(status=500)

    return behave


def event(content: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def events(text: str, finish: str = "stop", reasoning: str = "") -> list[bytes]:
    """A streamed chat completion, a piece per event, as OpenAI and vLLM send it."""
    deltas = [{"role": "assistant", "content": ""}, {"reasoning_content": reasoning}]
    deltas += [{"content": text[:5]}, {"content": text[5:]}]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    ended = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    return [*map(event, chunks), b": keep-alive\n\n", event(ended), event(usage), b"data: [DONE]\n\n"]


def streamed(pieces: Sequence[bytes]) -> Behaviour:
    """Stream these pieces, each in a write of its own, and end the body."""

    async def behave(received: ReceivedRequest, request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await reply.prepare(request)
        for piece in pieces:
            await reply.write(piece)
        return reply

    return behave


def half_body() -> Behaviour:
    """Announce a complete body, send half of it and close the connection."""

    async def behave(received: ReceivedRequest, request: web.Request) -> web.StreamResponse:
        body = json.dumps(completion("x" * 1000)).encode()
        reply = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "application/json"})
        await reply.prepare(request)
        await reply.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return reply

    return behave


def reset() -> Behaviour:
    """Reset the connection without a reply."""

    async def behave(received: ReceivedRequest, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        return web.Response(status=500)

    return behave
