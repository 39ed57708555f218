"""Posting requests to servers that fail: retries, backoff, replicas and the concurrency limit.

Nothing here knows what a chat completion is. What an attempt can meet, and what follows:

- no connection: the replica is suspended and its health is checked later; no attempt is counted
- 429: the concurrency limit is halved; sent again after Retry-After, never sooner; no attempt is counted either
- 408, 409, 425, 5xx (503 and 529 halve the limit too), a broken connection, a body that breaks off, a timeout: sent
  again, up to 12 attempts, of which 5 may time out, and not after `patience` seconds without any response to anything
- a stream that ends without a finish reason: sent again, up to 4 times in all
- a whole body of an unknown shape: sent again once
- an error inside a body whose status is a success: as its own code says
- nothing but the first two for `patience` seconds, with no other request in flight: `BackendError`
- no reply at all while requests are in flight: reported after 30 s; a `BackendError` after the timeout and `patience`
- 401, 402, 404, 405, a redirection, 403 before any success, an exhausted quota: `BackendError` at once
- any other 4xx, a context that is too short, a content filter: a `PermanentRefusal`, which concerns this one request

Between attempts: full jitter over 0.5 s, doubled each time up to 30 s, on top of Retry-After.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf
from typing import Final, Generic, TypeVar

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.http.concurrency import ConcurrencyLimit, Replica, Replicas
from evalsuite.models.http.connection import ConnectionBroken, HttpResponse
from evalsuite.models.http.content_encoding import DamagedBody, UnknownEncoding, decode_body
from evalsuite.models.http.error_report import ErrorReport, UnreadableReply
from evalsuite.models.http.event_stream import BrokenStream, assemble, is_event_stream
from evalsuite.models.http.failure_series import FailureSeries
from evalsuite.models.http.origin import CONNECT_SECONDS, Unreachable
from evalsuite.models.http.reply import FailureKind, PermanentRefusal, RetryableError, ServerReply, classify_error
from evalsuite.models.http.silence import Silence
from evalsuite.models.redaction import Redactor

ATTEMPTS: Final = 12
TIMEOUTS: Final = 5
_SHORTEST_ATTEMPT: Final = 0.05
"""Seconds that an attempt gets when the servers are about to be given up."""
_UNREADABLE: Final = 2
"""Replies of an unknown shape that end a request: each is paid for, and a third will hardly look different."""
_CUT_OFF: Final = 4
"""Streams without an end that end a request: the server may well have sent all that it had, and each is paid for."""
FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 30.0
_LONGEST_RETRY_AFTER: Final = 3600.0
_OTHER_FILES: Final = 128
"""File descriptors that the process needs besides its connections."""
_MOST_OF_A_KIND: Final = {
    FailureKind.TIMED_OUT: TIMEOUTS,
    FailureKind.UNREADABLE: _UNREADABLE,
    FailureKind.CUT_OFF: _CUT_OFF,
}

Parsed = TypeVar("Parsed")


class Transport(Generic[Parsed]):
    """Posts bodies to replicas until `parse` accepts a reply.

    `parse` raises an `ErrorReport` for a reply that reports an error, an `UnreadableReply` for one of an unknown shape,
    and another `ValueError` for one that was cut off on its way.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        parse: Callable[[ServerReply], Parsed],
        *,
        redactor: Redactor,
        concurrency: int,
        timeout: float,
        patience: float,
        tell: Callable[[str], None],
    ) -> None:
        self.replicas = Replicas(replicas)
        self.limit = ConcurrencyLimit(concurrency)
        self.succeeded = False
        """Whether any request was ever answered."""
        self._parse = parse
        self._redactor = redactor
        self._timeout = timeout
        self._silence = Silence(self.replicas, tell, timeout, patience)
        self._failures = FailureSeries(tell, timeout, patience)

    async def close(self) -> None:
        """Close all connections."""
        self._silence.close()
        for replica in self.replicas.all:
            await replica.origin.close()

    async def post(self, path: str, body: bytes) -> Parsed | PermanentRefusal:
        """Send a request until it is answered or refused; raise a `BackendError` if no request could succeed."""
        attempts = failures = 0
        kinds: Counter[FailureKind] = Counter()
        while True:
            outcome = await self._attempt(path, body)
            if not isinstance(outcome, RetryableError):
                return outcome
            failures += 1
            # An unreachable or rate-limiting server is no failure of this request, so those attempts don't count.
            attempts += outcome.kind not in (FailureKind.UNREACHABLE, FailureKind.RATE_LIMITED)
            kinds[outcome.kind] += 1
            if outcome.retry_after > _LONGEST_RETRY_AFTER:
                wait = f"it requests a wait of {outcome.retry_after:.0f} s, which is over an hour"
                return PermanentRefusal(f"{outcome.message}; {wait}")
            if attempts >= ATTEMPTS or any(kinds[kind] >= most for kind, most in _MOST_OF_A_KIND.items()):
                return PermanentRefusal(f"failed after {failures} attempts: {outcome.message}")
            if outcome.kind is FailureKind.FAILED and self._failures.exhausts_patience(self.replicas.in_flight):
                return PermanentRefusal(
                    f"failed, and no request has been answered for {self._failures.seconds:.0f} s (patience): "
                    f"{outcome.message}"
                )
            # An unreachable replica is paused by its suspension; the request itself may go to another at once.
            if outcome.kind is not FailureKind.UNREACHABLE:
                await asyncio.sleep(outcome.retry_after + backoff(failures))

    async def _attempt(self, path: str, body: bytes) -> Parsed | PermanentRefusal | RetryableError:
        async with self.limit:
            replica = await self._healthy_replica()
            if isinstance(replica, RetryableError):
                return replica
            sent = time.monotonic()
            replica.in_flight += 1
            try:
                reply = await self.exchange(replica, "POST", path, body)
            finally:
                replica.in_flight -= 1
        outcome = reply if isinstance(reply, RetryableError) else self._parse_reply(replica, reply)
        if not isinstance(outcome, RetryableError):
            self.succeeded = self.succeeded or not isinstance(outcome, PermanentRefusal)
            self._record_success(replica)
            return outcome
        self._record_failure(replica, outcome, sent)
        return outcome

    async def _healthy_replica(self) -> Replica | RetryableError:
        """Choose a replica; a suspended one must return any reply below 500 to `GET /models` first."""
        replica = await self.replicas.choose()
        if not replica.suspended:
            return replica
        try:
            reply = await self.exchange(replica, "GET", "models", timeout=CONNECT_SECONDS)
        except BaseException:
            # Cancelled during the check: without a new date for the next one the replica would stay out forever.
            replica.suspend()
            raise
        if isinstance(reply, RetryableError) or reply.status >= 500:
            message = reply.message if isinstance(reply, RetryableError) else f"HTTP {reply.status}"
            error = RetryableError(FailureKind.UNREACHABLE, message)
            self._record_failure(replica, error, time.monotonic())
            return error
        replica.succeeded()
        return replica

    def _record_success(self, replica: Replica) -> None:
        self._failures.reset()
        replica.succeeded()
        self.limit.succeeded()

    def _record_failure(self, replica: Replica, error: RetryableError, sent: float) -> None:
        if error.overloaded:
            self.limit.overloaded(sent)
        if error.kind is FailureKind.UNREACHABLE:
            replica.suspend()
        else:
            replica.failed(self.replicas.others_available(replica))
        self._failures.record(replica.name, error)
        reason = self._silence.given_up
        if error.kind is FailureKind.TIMED_OUT and reason is not None:
            raise BackendError(
                ErrorCode.SERVER_UNREACHABLE,
                f"{replica.name}: {reason}; is it stuck? When it serves again, the same command resumes the run",
            )
        # While any request is in flight its response may still come; a server that fails otherwise (5xx, timeouts)
        # ends the requests one by one, so that only failures that don't count as attempts need this second end.
        hopeless = error.kind in (FailureKind.UNREACHABLE, FailureKind.RATE_LIMITED) and not self.replicas.in_flight
        if hopeless and self._failures.exhausts_patience(in_flight=0):
            raise BackendError(
                ErrorCode.SERVER_UNREACHABLE,
                f"{replica.name}: no response for {self._failures.seconds:.0f} s, last error: {error.message}; "
                "when it serves again, the same command resumes the run",
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
        """Send one request, without retries; return the reply, or the reason why there is none."""
        self._silence.sent()
        limit = min(timeout, self._timeout, max(_SHORTEST_ATTEMPT, self._silence.seconds_left))
        started, silently = time.perf_counter(), True
        try:
            async with asyncio.timeout(limit):
                response = await replica.origin.exchange(method, path, body, from_root)
            silently = False
            return self._received(replica, response, time.perf_counter() - started)
        except Unreachable as error:
            silently, kind, message = False, FailureKind.UNREACHABLE, str(error)
        except TimeoutError:
            kind, message = FailureKind.TIMED_OUT, f"no response in {limit:.3g} s"
        except ConnectionBroken as error:
            silently, kind, message = False, FailureKind.FAILED, str(error)
        finally:
            self._silence.ended(silently)
        return RetryableError(kind, self._redactor.redact_line(message))

    def _received(self, replica: Replica, response: HttpResponse, seconds: float) -> ServerReply | RetryableError:
        """Return a response with its body inflated, and assembled where it was streamed."""
        try:
            body = decode_body(response.body, response.headers.get("content-encoding", ""))
            if 200 <= response.status < 300 and is_event_stream(response.headers.get("content-type", ""), body):
                body = assemble(body)
            return ServerReply(response.status, body, response.headers, seconds)
        except (DamagedBody, BrokenStream) as error:
            lost = error.cut_short if isinstance(error, DamagedBody) else not error.whole
            kind = FailureKind.FAILED if lost else FailureKind.UNREADABLE
            if lost and isinstance(error, BrokenStream):
                kind = FailureKind.CUT_OFF
            return RetryableError(kind, self._redactor.redact_line(str(error)))
        except UnknownEncoding as error:
            unknown = self._redactor.redact_line(str(error))
        raise BackendError(
            ErrorCode.SERVER_REPLY_UNUSABLE,
            f"{replica.name}: its replies have the content encoding {unknown}, which was not offered; let the server, "
            "or the proxy in front of it, send gzip, deflate or none",
        )

    def _parse_reply(self, replica: Replica, reply: ServerReply) -> Parsed | PermanentRefusal | RetryableError:
        if not 200 <= reply.status < 300:
            return classify_error(reply, replica.name, self._redactor, self.succeeded)
        try:
            return self._parse(reply)
        except ValueError as error:
            report, kind, message = error, FailureKind.FAILED, str(error)
        if isinstance(report, ErrorReport):
            return classify_error(reply, replica.name, self._redactor, self.succeeded, report)
        if isinstance(report, UnreadableReply):
            kind = FailureKind.UNREADABLE
        return RetryableError(kind, self._redactor.redact_line(f"HTTP {reply.status}, but {message}"))


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures: full jitter, so that clients don't return all at once."""
    return random.uniform(0, min(_LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(failures - 1, 10)))


def allow_open_files(connections: int) -> None:
    """Raise this process's limit of open files for so many connections; a lower hard limit is a `UsageError`."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            f"`concurrency` {connections}: ulimit -n allows {hard} open files; raise it or lower the concurrency",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
