"""`function/`: a Python function from chat messages to text, evaluated like any other model."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import re
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import fields
from typing import Any, Final

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.backend import Backend, BackendInfo, BackendSettings, Request, Response
from evalsuite.models.code_digest import code_digest, unwrapped
from evalsuite.models.optional_packages import describe_error
from evalsuite.models.request_pool import process_concurrently
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import Message

ModelFunction = Callable[[Any], str] | Callable[[Any], Awaitable[str]]
"""What can be evaluated as a model: a list of chat messages in, the response's text out; plain or `async`.

Its argument is untyped, since a function that is annotated with `list[dict[str, str]]` takes no `list[Message]`.
"""
THREADS: Final = 16
"""Default `concurrency` of a plain function, whose calls need a thread each."""
FAILURE_LIMIT: Final = 20
"""Failed calls, none having succeeded, after which a run stops: the function is broken, and calls may cost money."""
INCOMPLETE: Final = "incomplete digest "
"""Beginning of the revision of a function that holds something without a digest."""
_LONGEST_MESSAGE: Final = 500
_SHAPES_RESPONSES: Final = ("base_urls", "revision", "adapter", "chat_template", "model_args", "decoding", "scoring")
"""Settings that a function never sees."""


class FunctionBackend(Backend):
    """Calls a function for each request; an exception fails that request alone, with the exception's message."""

    applies_decoding = False
    failure_limit = FAILURE_LIMIT

    @classmethod
    def guarded(cls, settings: BackendSettings) -> frozenset[str]:
        """Return nothing: no code is loaded by a setting, and no key is read."""
        return frozenset()

    def __init__(
        self, settings: BackendSettings, function: ModelFunction | None = None, version: str | None = None
    ) -> None:
        super().__init__(settings)
        if function is None:
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"function/{settings.model}: a Python function is evaluated from Python: "
                "evalsuite.evaluate(function, tasks)",
            )
        _check_settings(settings)
        _check_signature(function, settings.model)
        self._function = function
        self._version = version

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Return what identifies the function, so that responses of a changed function are never mixed.

        That is the version that the caller gave, or else the digest of the function and of what it holds. A function
        that has no complete digest equals no other one, so that its runs aren't resumed.
        """
        if self._version is not None:
            return {"revision": f"version {self._version}"}
        digest = code_digest(self._function)
        return {"revision": digest.value if digest.complete else f"{INCOMPLETE}{uuid.uuid4().hex}"}

    async def answer(self, requests: Iterator[Request]) -> AsyncGenerator[Response, None]:
        """Yield responses as calls return; plain functions run in threads, `async` ones in the event loop."""
        executor = ThreadPoolExecutor(self.settings.concurrency, thread_name_prefix="evalsuite-function")
        try:
            send = functools.partial(self._call, executor)
            async with aclosing(process_concurrently(requests, send, self.settings.concurrency)) as responses:
                async for response in responses:
                    yield response
        finally:
            # A thread can't be stopped: calls in flight end by themselves, and nobody waits for them.
            executor.shutdown(wait=False, cancel_futures=True)

    async def _call(self, executor: ThreadPoolExecutor, request: Request) -> Response:
        messages = [message.copy() for message in request.messages]  # a function may change what it is given
        start = time.perf_counter()
        text, error = await self._outcome(executor, messages)
        if error is not None:
            return Response(request, error=f"{type(error).__name__}: {describe_error(error)}"[:_LONGEST_MESSAGE])
        latency = time.perf_counter() - start
        if not isinstance(text, str):
            return Response(
                request, error=f"the function returned {type(text).__name__}, not the response's text (str)"
            )
        return Response(request, text=text, latency=latency)

    async def _outcome(self, executor: ThreadPoolExecutor, messages: list[Message]) -> tuple[Any, Exception | None]:
        """Return the result or the exception of a call."""
        if is_async(self._function):
            result, error = self._function(messages), None
        else:
            call = functools.partial(contextvars.copy_context().run, _call, self._function, messages)
            result, error = await asyncio.get_running_loop().run_in_executor(executor, call)
        # A plain function, too, may return an awaitable: lambda messages: client.send(messages).
        if error is None and inspect.isawaitable(result):
            try:
                result = await result
            except Exception as caught:
                error = caught
        return result, error


def is_async(function: ModelFunction) -> bool:
    """Whether calling the function gives an awaitable."""
    inner = unwrapped(function)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


def name_of(function: ModelFunction) -> str:
    """Return a function's name as part of a model's name; of a callable object, its class's."""
    inner = unwrapped(function)
    name = getattr(inner, "__name__", None) or type(inner).__name__
    return re.sub(r"[^\w.-]+", "", name) or "function"


def _call(function: Callable[[list[Message]], Any], messages: list[Message]) -> tuple[Any, Exception | None]:
    """Call in a thread. An exception is returned, since a future can't carry `StopIteration`, which `next` raises."""
    try:
        return function(messages), None
    except Exception as error:
        return None, error


def _check_settings(settings: BackendSettings) -> None:
    default = BackendSettings(settings.model)
    for name in _SHAPES_RESPONSES:
        if getattr(settings, name) != getattr(default, name):
            changed = _changed(settings, name)
            raise UsageError(
                ErrorCode.UNSUPPORTED_BY_BACKEND,
                f"`{changed}` doesn't reach a function: leave it out and set it where the function calls its model",
            )


def _check_signature(function: ModelFunction, name: str) -> None:
    """Refuse a function that can't be called with the messages alone, before its first request."""
    try:
        # What a decorator wraps may take more arguments than the wrapper does.
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # a built-in function without a signature
        return
    try:
        signature.bind([])
    except TypeError as error:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            f"`model` {name}{' '.join(str(signature).split())}: it must take one argument, the messages ({error})",
        ) from None


def _changed(settings: BackendSettings, name: str) -> str:
    if name != "decoding":
        return name
    default = type(settings.decoding)()
    return next(
        field.name
        for field in fields(default)
        if getattr(settings.decoding, field.name) != getattr(default, field.name)
    )
