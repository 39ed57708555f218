"""Servers that accept requests and answer none: reported after half a minute, and given up after a stated time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from evalsuite.models.http.concurrency import Replicas

SAID_AFTER: Final = 30.0
"""Seconds without any reply after which a line says so."""


class Silence:
    """Measures how long no server has replied although requests were in flight.

    `tell` shows a line. A server is given up when one attempt could have timed out and `patience` seconds more passed.
    """

    def __init__(self, replicas: Replicas, tell: Callable[[str], None], timeout: float, patience: float) -> None:
        self._replicas, self._tell = replicas, tell
        self._timeout = timeout
        self._longest = timeout + patience
        self._waiting = 0
        """Requests in flight."""
        self._since: float | None = None
        """Since when requests are in flight without a reply; None: nothing is waited for."""
        self._said: float | None = None
        """The start of the silence that the last line was about."""
        self._timer: asyncio.TimerHandle | None = None

    def sent(self) -> None:
        """Record that a request leaves."""
        self._waiting += 1
        if self._since is None:
            self._since = time.monotonic()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SAID_AFTER, self._say)

    def ended(self, silently: bool) -> None:
        """Record that a request is no longer in flight: silently if it timed out or was cancelled."""
        self._waiting -= 1
        if not silently:
            self._since = time.monotonic() if self._waiting else None

    @property
    def seconds_left(self) -> float:
        """Seconds until the servers are given up."""
        return self._longest - self._seconds

    @property
    def given_up(self) -> str | None:
        """The reason why nothing more is expected; None while something is."""
        seconds = self._seconds
        return f"no reply to any request for {seconds:.0f} s" if seconds >= self._longest else None

    def close(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._since = None, None

    @property
    def _seconds(self) -> float:
        return 0.0 if self._since is None else time.monotonic() - self._since

    def _say(self) -> None:
        """Say that nothing arrives, once for each silence; look again when the present one would be long enough."""
        self._timer = None
        if self._since is None or self._since == self._said or not self._waiting:
            return  # the next request starts the timer again
        left = SAID_AFTER - self._seconds
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._say)
            return
        self._said = self._since
        names = ", ".join(replica.name for replica in self._replicas.all if replica.in_flight) or "the server"
        self._tell(
            f"no answer from {names} for {self._seconds:.0f} s, requests in flight: {self._waiting}; an attempt may "
            f"take {self._timeout:g} s (--model-arg timeout), and after {self._longest:g} s without any answer the "
            "run stops (--model-arg patience)"
        )
