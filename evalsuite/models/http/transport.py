"""Getting an answer out of servers that fail: tries, backoff, replicas, pace; nothing here knows what a chat is.

What a try can meet, and what follows:

- no connection: the replica is set aside and greeted again later; this costs the request nothing
- 429: the gate is halved; asked again after Retry-After, never sooner; this costs the request nothing either
- 408, 409, 425, 5xx (503 and 529 halve the gate too), a dropped connection, half a body, a body that can't be read, no
  answer in time: asked again, up to 12 tries of which 5 may run out of time
- nothing but the first two for `patience` seconds, with nothing else under way: `BackendError`
- 401, 402, 404, 405, a redirection, 403 before any success, an exhausted quota: `BackendError` at once
- any other 4xx: a `PermanentRefusal`, which is about this one request

Between tries: full jitter over 0.5 s, doubled each time up to 30 s, on top of Retry-After.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Final, Generic, TypeVar

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.http.concurrency import ConcurrencyLimit, Replica, Replicas
from evalsuite.models.http.connection import ConnectionBroken
from evalsuite.models.http.origin import CONNECT_SECONDS, Unreachable
from evalsuite.models.http.reply import FailureKind, PermanentRefusal, RetryableError, ServerReply, judge
from evalsuite.models.redaction import Redactor

TRIES: Final = 12
TIMEOUTS: Final = 5
FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 30.0
_LONGEST_WAIT: Final = 3600.0
_OTHER_FILES: Final = 128

Answer = TypeVar("Answer")


class Transport(Generic[Answer]):
    """Posts bodies to replicas until `read` makes an answer of what comes back (`ValueError` where it can't)."""

    def __init__(
        self,
        replicas: Sequence[Replica],
        read: Callable[[ServerReply], Answer],
        *,
        redactor: Redactor,
        concurrency: int,
        timeout: float,
        patience: float,
    ) -> None:
        self.replicas = Replicas(replicas)
        self.pace = ConcurrencyLimit(concurrency)
        self.succeeded = False
        """Whether any request ever was answered."""
        self._read = read
        self._redactor = redactor
        self._timeout = timeout
        self._patience = patience
        self._quiet_since: float | None = None
        self._longest_wait = 0.0

    async def close(self) -> None:
        """Close the connections."""
        for replica in self.replicas.all:
            await replica.origin.close()

    async def post(self, path: str, body: bytes) -> Answer | PermanentRefusal:
        """Ask until there is an answer or no hope; `BackendError` where no request could succeed."""
        tries = timeouts = troubles = 0
        while True:
            trouble = await self._try(path, body)
            if not isinstance(trouble, RetryableError):
                return trouble
            troubles += 1
            tries += trouble.kind in (FailureKind.FAILED, FailureKind.TIMED_OUT)
            timeouts += trouble.kind is FailureKind.TIMED_OUT
            if trouble.wait > _LONGEST_WAIT:
                return PermanentRefusal(f"{trouble.told}; it asks to wait {trouble.wait:.0f} s, which is over an hour")
            if tries >= TRIES or timeouts >= TIMEOUTS:
                return PermanentRefusal(f"given up after {troubles} tries: {trouble.told}")
            if trouble.kind is not FailureKind.UNREACHABLE:
                await asyncio.sleep(trouble.wait + backoff(troubles))

    async def _try(self, path: str, body: bytes) -> Answer | PermanentRefusal | RetryableError:
        async with self.pace:
            replica = await self._greeted()
            if isinstance(replica, RetryableError):
                return replica
            asked = time.monotonic()
            replica.out += 1
            try:
                reply = await self.exchange(replica, "POST", path, body)
            finally:
                replica.out -= 1
        outcome = reply if isinstance(reply, RetryableError) else self._judge(replica, reply)
        if not isinstance(outcome, RetryableError):
            self.succeeded = self.succeeded or not isinstance(outcome, PermanentRefusal)
            self._went_well(replica)
            return outcome
        self._went_badly(replica, outcome, asked)
        return outcome

    async def _greeted(self) -> Replica | RetryableError:
        """Choose a replica; one that was set aside must answer something, anything, before it gets a request."""
        replica = await self.replicas.next()
        if not replica.down:
            return replica
        try:
            reply = await self.exchange(replica, "GET", "models", timeout=CONNECT_SECONDS)
        except BaseException:
            replica.set_aside()
            raise
        if isinstance(reply, RetryableError) or reply.status >= 500:
            told = reply.told if isinstance(reply, RetryableError) else f"HTTP {reply.status}"
            trouble = RetryableError(FailureKind.UNREACHABLE, told)
            self._went_badly(replica, trouble, time.monotonic())
            return trouble
        replica.succeeded()
        return replica

    def _went_well(self, replica: Replica) -> None:
        self._quiet_since = None
        replica.succeeded()
        self.pace.succeeded()

    def _went_badly(self, replica: Replica, trouble: RetryableError, asked: float) -> None:
        now = time.monotonic()
        if trouble.overloaded:
            self.pace.overloaded(asked)
        if trouble.kind is FailureKind.UNREACHABLE:
            replica.set_aside()
        else:
            replica.troubled(self.replicas.others_live(replica))
        if self._quiet_since is None:
            self._quiet_since, self._longest_wait = now, 0.0
        self._longest_wait = max(self._longest_wait, trouble.wait)
        quiet = now - self._quiet_since
        alone = trouble.kind in (FailureKind.UNREACHABLE, FailureKind.LIMITED) and not self.replicas.out
        if alone and quiet > self._patience + self._longest_wait:
            raise BackendError(
                f"{replica.name}: nothing was answered for {quiet:.0f} s, at last: {trouble.told}; "
                "when it serves again, the same command goes on from here"
            )

    async def exchange(
        self,
        replica: Replica,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        timeout: float = inf,
        from_root: bool = False,
    ) -> ServerReply | RetryableError:
        """One request and what came back, an answer or the reason why there is none."""
        limit = min(timeout, self._timeout)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(limit):
                message = await replica.origin.exchange(method, path, body, from_root)
            return ServerReply(message.status, message.body, message.headers, time.perf_counter() - began)
        except Unreachable as error:
            kind, told = FailureKind.UNREACHABLE, str(error)
        except TimeoutError:
            kind, told = FailureKind.TIMED_OUT, f"no answer in {limit:g} s"
        except ConnectionBroken as error:
            kind, told = FailureKind.FAILED, str(error)
        return RetryableError(kind, self._redactor.redact_line(told))

    def _judge(self, replica: Replica, reply: ServerReply) -> Answer | PermanentRefusal | RetryableError:
        if not 200 <= reply.status < 300:
            return judge(reply, replica.name, self._redactor, self.succeeded)
        try:
            return self._read(reply)
        except ValueError as error:
            return RetryableError(FailureKind.FAILED, self._redactor.redact_line(f"HTTP {reply.status}, but {error}"))


def backoff(troubles: int) -> float:
    """Seconds to wait before the next try, drawn with full jitter so that clients don't come back together."""
    return random.uniform(0, min(_LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(troubles - 1, 10)))


def allow_files(connections: int) -> None:
    """Let this process hold so many connections; a hard limit below that is a `UsageError`."""
    try:
        import resource
    except ImportError:  # no such limit on this system
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(f"--concurrency {connections}: `ulimit -n` allows {hard} files; raise it or ask for less")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
