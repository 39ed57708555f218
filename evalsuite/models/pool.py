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

    A request is taken only by a free worker, and none is free while `workers` answers wait to be collected: at most
    twice `workers` requests are ever ahead of the reader. An exception of `ask` ends the stream behind what had
    finished. Closing the generator cancels what is going on, and waits until it has stopped.
    """
    done: asyncio.Queue[Answered | _End] = asyncio.Queue(workers)

    async def work() -> None:
        error = None
        try:
            for request in requests:
                await done.put(await ask(request))
        except Exception as caught:
            error = caught
        await done.put(_End(error))

    async def start() -> None:
        # One a turn of the loop: a burst would come back as a burst, and keep every worker waiting for all the others.
        for _ in range(workers):
            tasks.append(asyncio.create_task(work()))
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(start())]
    try:
        going = workers
        while going:
            answered = await done.get()
            if not isinstance(answered, _End):
                yield answered
                await asyncio.sleep(0)  # the reader's work must not hold up what is ready to be sent
            elif answered.error is not None:
                raise answered.error
            else:
                going -= 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
