"""How many requests may be in flight, and which replica receives the next one."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from evalsuite.models.http.origin import Origin

_STEPS_TO_MAXIMUM: Final = 16
"""Round trips without overload that raise the limit from zero to its maximum."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0
_FAILURES_UNTIL_SUSPENSION: Final = 3


class ConcurrencyLimit:
    """An adaptive limit on requests in flight: it starts at `maximum`, halves on overload and recovers in steps.

    Additive increase and multiplicative decrease, as in TCP congestion control (Chiu and Jain, 1989): at most one
    halving per round trip, and `maximum` / 16 more per round trip of successes.
    """

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.limit = float(maximum)
        self.lowest = maximum
        """The lowest limit so far."""
        self._in_flight = 0
        self._last_halved = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        # Those who wait go first: without the second condition a new request could overtake them.
        if self._in_flight < int(self.limit) and not self._waiting:
            self._in_flight += 1
            return
        admission = asyncio.get_running_loop().create_future()
        self._waiting.append(admission)
        try:
            await admission
        except asyncio.CancelledError:
            # Admitted and cancelled in the same turn of the loop: the place was already counted, so give it back.
            if admission.done() and not admission.cancelled():
                self._release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def overloaded(self, sent: float) -> None:
        """Halve the limit for an overloaded server; `sent` is when the request left (monotonic seconds)."""
        # A request that was sent before the last halving reports the load of that time: it is no new evidence.
        if sent > self._last_halved:
            self._last_halved = time.monotonic()
            self.limit = max(1.0, self.limit / 2)
            self.lowest = min(self.lowest, int(self.limit))

    def succeeded(self) -> None:
        """Raise the limit a little, if it is below its maximum."""
        if self.limit < self.maximum:
            # About `limit` successes arrive per round trip, so dividing by it makes the step per round trip constant.
            self.limit = min(float(self.maximum), self.limit + self.maximum / _STEPS_TO_MAXIMUM / self.limit)
            self._admit()

    def _release(self) -> None:
        self._in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._in_flight < int(self.limit):
            admission = self._waiting.popleft()
            if not admission.done():
                self._in_flight += 1
                admission.set_result(None)


@dataclass(slots=True)
class Replica:
    """One server and its state."""

    origin: Origin = field(repr=False)
    name: str
    """Its address without secrets."""
    in_flight: int = 0
    """Requests that it is answering."""
    suspended: bool = False
    """Whether it receives no requests until a health check succeeds."""
    next_check: float = 0.0
    """When the next health check is due (monotonic seconds); infinite while one is running."""
    _failures: int = 0
    _pause: float = _FIRST_PAUSE

    def succeeded(self) -> None:
        """Record a success: the replica is healthy."""
        self.suspended, self._failures, self._pause = False, 0, _FIRST_PAUSE

    def suspend(self) -> None:
        """Send nothing for a while, twice as long after each health check that fails."""
        now = time.monotonic()
        # Many requests in flight can fail at once; only the first may start the pause, or they would multiply it.
        if self.suspended and now <= self.next_check < float("inf"):
            return
        self.suspended = True
        self.next_check = now + self._pause
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)

    def failed(self, others_available: bool) -> None:
        """Record a failed attempt; the third in a row suspends the replica, if others are available."""
        self._failures += 1
        if self._failures >= _FAILURES_UNTIL_SUSPENSION and others_available:
            self.suspend()


class Replicas:
    """The servers among which the requests are shared."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.all = replicas

    @property
    def in_flight(self) -> int:
        """Requests that any of them is answering."""
        return sum(replica.in_flight for replica in self.all)

    def others_available(self, replica: Replica) -> bool:
        """Whether a replica other than `replica` accepts requests."""
        return any(not other.suspended for other in self.all if other is not replica)

    async def choose(self) -> Replica:
        """Return the replica with the fewest requests, or a suspended one that is due for a health check.

        A suspended replica is returned to one caller only, who must check its health; if all are suspended, wait.
        """
        while True:
            now = time.monotonic()
            for replica in self.all:
                if replica.suspended and replica.next_check <= now:
                    replica.next_check = float("inf")  # this caller's check is the only one
                    return replica
            available = [replica for replica in self.all if not replica.suspended]
            if available:
                return min(available, key=lambda replica: replica.in_flight)
            soonest = min(replica.next_check for replica in self.all)
            await asyncio.sleep(min(_FIRST_PAUSE, soonest - now) + random.uniform(0, 0.05))
