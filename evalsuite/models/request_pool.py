"""Concurrent processing of a lazy stream of requests, and the end of a run whose requests all fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from evalsuite.errors import BackendError, ErrorCode

Input = TypeVar("Input")
Output = TypeVar("Output")
_LONGEST_STREAK: Final = 32


@dataclass(frozen=True, slots=True)
class _WorkerEnded:
    error: Exception | None


async def process_concurrently(
    requests: Iterator[Input], process: Callable[[Input], Awaitable[Output]], workers: int
) -> AsyncGenerator[Output, None]:
    """Yield the result of `process` for each request as it finishes, with up to `workers` requests in progress.

    A worker takes its next request only after the consumer has handled its last result: never more than `workers`
    requests are taken but not yet stored, which is all that a killed process can lose. An exception of `process` is
    raised behind the results that were ready. Closing the generator cancels the workers and waits until they have
    stopped.
    """
    results: asyncio.Queue[tuple[Output, asyncio.Event] | _WorkerEnded] = asyncio.Queue()

    async def work() -> None:
        error = None
        try:
            for request in requests:
                result = await process(request)
                handled = asyncio.Event()
                results.put_nowait((result, handled))
                await handled.wait()
        except Exception as caught:
            error = caught
        results.put_nowait(_WorkerEnded(error))

    async def start() -> None:
        # One per turn of the loop: requests that leave in a burst return in one, and each then waits for the others.
        for _ in range(workers):
            tasks.append(asyncio.create_task(work()))
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(start())]
    try:
        running = workers
        while running:
            next_result = await results.get()
            if not isinstance(next_result, _WorkerEnded):
                result, handled = next_result
                yield result
                handled.set()
                await asyncio.sleep(0)  # the consumer's work must not delay requests that are ready to be sent
            elif next_result.error is not None:
                raise next_result.error
            else:
                running -= 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class FailureStreak:
    """Counts the requests in a row that failed for good; too many mean that none will succeed."""

    def __init__(self) -> None:
        self._length = 0

    def reset(self) -> None:
        """Record a success."""
        self._length = 0

    def add(self, message: str, cause: Exception | None = None, *, counts: bool = True) -> None:
        """Record a failure; raise a `BackendError` at the 32nd in a row. One that doesn't count leaves the number."""
        self._length += counts
        if self._length >= _LONGEST_STREAK:
            raise BackendError(
                ErrorCode.TOO_MANY_FAILURES,
                f"{_LONGEST_STREAK} requests in a row failed for good; the last: {message}",
            ) from cause
