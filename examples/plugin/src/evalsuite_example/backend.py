"""`callable/module:function`: answers by a Python function of your own, a retrieval pipeline or an agent, say.

The function takes the chat messages, a list of `{"role", "content"}`, and returns the response's text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from itertools import islice
from time import perf_counter
from typing import Any

from evalsuite.errors import BackendError
from evalsuite.models.backend import Backend, BackendInfo, Request, Response
from evalsuite.tasks.item import Dataset


class CallableBackend(Backend):
    """Calls a function in threads, `--concurrency` at a time; what it raises is the error of that one response."""

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Import the function; a name that leads to none is a `BackendError`."""
        self.settings.check_model_args((), "callable")
        module, _, name = self.settings.model.partition(":")
        try:
            self._function: Callable[[list[dict[str, Any]]], str] = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise BackendError(f"callable/{self.settings.model}: {error}; write it as module:function") from error
        return {"function": f"{self._function.__module__}.{self._function.__qualname__}"}

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Keep as many calls under way as were allowed, and yield each answer as it comes."""
        loop, most = asyncio.get_running_loop(), self.settings.concurrency
        threads = ThreadPoolExecutor(most)
        under_way: set[asyncio.Future[Response]] = set()
        try:
            while True:
                for request in islice(requests, most - len(under_way)):
                    under_way.add(loop.run_in_executor(threads, self._call, request))
                if not under_way:
                    return
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for answered in done:
                    yield answered.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def _call(self, request: Request) -> Response:
        started = perf_counter()
        try:
            text = self._function([dict(message) for message in request.messages])
        except Exception as error:  # the function is the user's: whatever it raises is told
            return Response(request, error=f"{type(error).__name__}: {error}")
        return Response(request, text=str(text), latency=perf_counter() - started)
