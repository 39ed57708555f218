"""Runs a coroutine from synchronous code, on the fastest event loop, also where one is already running."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return the result of a coroutine.

    Where an event loop runs in this thread, as in a notebook, the coroutine gets a loop in a thread of its own.
    `KeyboardInterrupt` cancels it, waits until it has stopped, and is raised again.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(work())
    return _run_in_thread(work)


def _run_in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    result: Future[T] = Future()
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()

    async def main() -> T:
        task = asyncio.ensure_future(work())
        started.set_result((asyncio.get_running_loop(), task))
        return await task

    def thread() -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                result.set_result(runner.run(main()))
        except BaseException as error:
            result.set_exception(error)

    worker = threading.Thread(target=thread, name="evalsuite-event-loop")
    worker.start()
    try:
        return result.result()
    except KeyboardInterrupt:
        loop, task = started.result()
        if not result.done():
            loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        worker.join()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the constructor of a faster event loop; None is Python's own, the only one on Windows."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
