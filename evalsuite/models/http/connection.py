"""One HTTP/1.1 connection: a request out, a whole answer back, parsed by llhttp, at the cost of little more than that.

General clients spend three to seven times the CPU on a request (benchmarks/harness_overhead.py shows the sum), which is
what a harness with hundreds of requests in flight is made of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

import httptools

_LARGEST_HEAD: Final = 2**16
_LARGEST_BODY: Final = 64 * 2**20
_FINAL: Final = 200


class ConnectionBroken(Exception):
    """A connection that ended, or said what isn't HTTP, before an answer was whole."""


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """An answer: status, headers by lower-case name (the last of a name counts), body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Connection(asyncio.Protocol):
    """Carries one exchange at a time, over a transport that a loop or `attach` gives it."""

    def __init__(self) -> None:
        self.reusable = True
        self.exchanges = 0
        """Answers that came over it."""
        self.idle_since = 0.0
        self._answer: asyncio.Future[HttpMessage] | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._received = self._size = 0
        self._headed = False
        self._whole: HttpMessage | None = None

    @property
    def silent(self) -> bool:
        """Whether nothing has come back since the last answer."""
        return self._received == 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.attach(cast(asyncio.Transport, transport))

    def attach(self, transport: asyncio.Transport) -> None:
        """Use this transport: the loop's, or the one that TLS put around it."""
        self._transport = transport

    async def exchange(self, request: bytes) -> HttpMessage:
        """Send a request and wait for its answer; `ConnectionBroken` where none comes. Cancelled, it hangs up."""
        if not self.reusable:
            raise ConnectionBroken("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self.abort()
            raise
        finally:
            self._answer = None

    def abort(self) -> None:
        """Hang up."""
        self.reusable = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what doesn't belong to an awaited answer ends the connection."""
        if self._answer is None or self._answer.done():
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._break(f"not HTTP: {error}")
            return
        if self._whole is not None:
            self._finish(self._whole)
        elif self._size > _LARGEST_BODY:
            self._break("a body of more than 64 MiB")
        elif not self._headed and self._received > _LARGEST_HEAD:
            self._break("headers of more than 64 KiB")

    def on_message_begin(self) -> None:
        """Something follows an answer that nobody asked for: it ends the connection."""
        if self._whole is not None:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._headed = True

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        self._size += len(part)
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """A message is whole: the answer, or only a notice that it is on its way (status 1xx)."""
        if self._whole is None and self._parser.get_status_code() >= _FINAL:
            self._whole = self._message()
            self.reusable = self.reusable and self._parser.should_keep_alive()
        self._headers, self._headed = {}, False

    def connection_lost(self, error: Exception | None) -> None:
        """The server hung up, which ends a body that has no length; anything else is left without an answer."""
        self.reusable = False
        endless = self._headed and not {"content-length", "transfer-encoding"} & self._headers.keys()
        if error is None and endless and self._answer is not None:
            self._finish(self._message())
        else:
            self._break(str(error or "the server closed the connection before its answer was whole"))

    def _message(self) -> HttpMessage:
        return HttpMessage(self._parser.get_status_code(), self._headers, b"".join(self._parts))

    def _finish(self, message: HttpMessage) -> None:
        if self._answer is not None and not self._answer.done():
            self.exchanges += 1
            self._answer.set_result(message)
        self._begin()

    def _break(self, why: str) -> None:
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionBroken(why))
        self._transport.abort()
