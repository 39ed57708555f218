"""How fast to ask: how many requests may be out at once, and which replica gets the next one."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from evalsuite.models.http.origin import Origin

_STEPS_BACK: Final = 16
"""Round trips without overload that take the limit from nothing back to all of it."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0
_STRIKES: Final = 3


class ConcurrencyLimit:
    """A gate for at most `limit` requests: it starts fully open, is halved by overload and reopens step by step.

    Additive increase, multiplicative decrease as in TCP: one halving a round trip (a request that set out before the
    last halving says nothing new), and `most` / 16 more a round trip of successes.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.lowest = most
        """The narrowest that it ever was."""
        self._out = 0
        self._halved = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._out < int(self.limit) and not self._waiting:
            self._out += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def overloaded(self, asked: float) -> None:
        """Halve the limit for a request that set out at `asked` (monotonic seconds)."""
        if asked > self._halved:
            self._halved = time.monotonic()
            self.limit = max(1.0, self.limit / 2)
            self.lowest = min(self.lowest, int(self.limit))

    def succeeded(self) -> None:
        """Open the gate a little, if it isn't open."""
        if self.limit < self.most:
            self.limit = min(float(self.most), self.limit + self.most / _STEPS_BACK / self.limit)
            self._admit()

    def _leave(self) -> None:
        self._out -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._out < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._out += 1
                turn.set_result(None)


@dataclass(slots=True)
class Replica:
    """One server, and how it is doing."""

    origin: Origin = field(repr=False)
    name: str
    """What may be told of the address."""
    out: int = 0
    """Requests that it is answering."""
    down: bool = False
    """Set aside: it must be greeted before it is asked again."""
    again: float = 0.0
    """When it may be greeted (monotonic seconds)."""
    _strikes: int = 0
    _pause: float = _FIRST_PAUSE

    def succeeded(self) -> None:
        """It answers."""
        self.down, self._strikes, self._pause = False, 0, _FIRST_PAUSE

    def set_aside(self) -> None:
        """Leave it alone for a while, twice as long each time it is greeted in vain."""
        now = time.monotonic()
        if self.down and now <= self.again < float("inf"):
            return
        self.down = True
        self.again = now + self._pause
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)

    def troubled(self, others_live: bool) -> None:
        """Note a failed try; the third in a row sets it aside, if others live."""
        self._strikes += 1
        if self._strikes >= _STRIKES and others_live:
            self.set_aside()


class Replicas:
    """Servers that share the load."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.all = replicas

    @property
    def out(self) -> int:
        """Requests that any of them is answering."""
        return sum(replica.out for replica in self.all)

    def others_live(self, replica: Replica) -> bool:
        """Whether one but `replica` can be asked."""
        return any(not other.down for other in self.all if other is not replica)

    async def next(self) -> Replica:
        """Choose the least busy; one that was set aside, when its pause is over, for this caller alone to greet."""
        while True:
            now = time.monotonic()
            for replica in self.all:
                if replica.down and replica.again <= now:
                    replica.again = float("inf")
                    return replica
            living = [replica for replica in self.all if not replica.down]
            if living:
                return min(living, key=lambda replica: replica.out)
            soonest = min(replica.again for replica in self.all)
            await asyncio.sleep(min(_FIRST_PAUSE, soonest - now) + random.uniform(0, 0.05))
