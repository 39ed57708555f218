"""Many askers over one lazy stream of requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class _End:
    error: Exception | None


async def pooled(
    requests: Iterator[Asked], ask: Callable[[Asked], Awaitable[Answered]], workers: int
) -> AsyncGenerator[Answered, None]:
    """Yield what `ask` makes of each request as it finishes, with up to `workers` of them going on.

    A worker takes the next request only when the reader is through with its last answer: never more than `workers` are
    asked and not yet kept, which is all that a kill can lose. An exception of `ask` ends the stream behind what had
    finished. Closing the generator cancels what is going on, and waits until it has stopped.
    """
    done: asyncio.Queue[tuple[Answered, asyncio.Event] | _End] = asyncio.Queue()

    async def work() -> None:
        error = None
        try:
            for request in requests:
                answered = await ask(request)
                kept = asyncio.Event()
                done.put_nowait((answered, kept))
                await kept.wait()
        except Exception as caught:
            error = caught
        done.put_nowait(_End(error))

    async def start() -> None:
        # One a turn of the loop: a burst would come back as a burst, and keep every worker waiting for all the others.
        for _ in range(workers):
            tasks.append(asyncio.create_task(work()))
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(start())]
    try:
        going = workers
        while going:
            got = await done.get()
            if not isinstance(got, _End):
                answered, kept = got
                yield answered
                kept.set()
                await asyncio.sleep(0)  # the reader's work must not hold up what is ready to be sent
            elif got.error is not None:
                raise got.error
            else:
                going -= 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
