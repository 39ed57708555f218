"""`callable/module:function`: answers by a Python function of yours, such as a retrieval pipeline or an agent.

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

from evalsuite.errors import BackendError, ErrorCode
from evalsuite.models.backend import Backend, BackendInfo, Request, Response
from evalsuite.tasks.item import Dataset


class CallableBackend(Backend):
    """Calls a function in threads, `--concurrency` at a time; an exception is the error of that one response."""

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Import the function; a name that does not lead to one is a `BackendError`."""
        self.settings.check_model_args((), "callable")
        module, _, name = self.settings.model.partition(":")
        try:
            self._function: Callable[[list[dict[str, Any]]], str] = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise BackendError(
                ErrorCode.MODEL_NOT_LOADABLE, f"callable/{self.settings.model}: {error}; write it as module:function"
            ) from error
        return {"function": f"{self._function.__module__}.{self._function.__qualname__}"}

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Keep up to `concurrency` calls in flight, and yield each response as soon as it is complete."""
        loop, limit = asyncio.get_running_loop(), self.settings.concurrency
        threads = ThreadPoolExecutor(limit)
        in_flight: set[asyncio.Future[Response]] = set()
        try:
            while True:
                for request in islice(requests, limit - len(in_flight)):
                    in_flight.add(loop.run_in_executor(threads, self._call, request))
                if not in_flight:
                    return
                done, in_flight = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
                for completed in done:
                    yield completed.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def _call(self, request: Request) -> Response:
        started = perf_counter()
        try:
            text = self._function([dict(message) for message in request.messages])
        except Exception as error:  # the function is the user's, so it may raise anything
            return Response(request, error=f"{type(error).__name__}: {error}")
        return Response(request, text=str(text), latency=perf_counter() - started)
