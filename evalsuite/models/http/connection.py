"""One HTTP/1.1 connection as an asyncio protocol: requests are written as bytes, responses are parsed by llhttp.

General HTTP clients spend four times the CPU time on a request, or far more (measured by
`benchmarks/http_clients.py`), which matters to a harness that has hundreds of requests in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

import httptools

_LARGEST_HEAD: Final = 2**16
LARGEST_BODY: Final = 64 * 2**20
"""Bytes of a body, also of one that was inflated: a few kilobytes can inflate to gigabytes."""
_FIRST_FINAL_STATUS: Final = 200
"""Lower status codes (1xx) only announce the response."""


class ConnectionBroken(Exception):
    """The connection ended, or the server sent something that isn't HTTP, before a response was complete."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One HTTP response: status, headers by lower-case name (of repeated headers the last), body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Connection(asyncio.Protocol):
    """One connection to a server; it carries one exchange at a time."""

    def __init__(self) -> None:
        self.reusable = True
        """Whether another request may be sent."""
        self.exchanges = 0
        """Number of responses received so far."""
        self.idle_since = 0.0
        """Loop time at which the last exchange ended; set by the owner of the connection."""
        self._pending: asyncio.Future[HttpResponse] | None = None
        self._reset_parser()

    def _reset_parser(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._received_bytes = self._body_bytes = 0
        self._headers_complete = False
        self._complete: HttpResponse | None = None

    @property
    def nothing_received(self) -> bool:
        """Whether no byte has arrived since the last complete response."""
        return self._received_bytes == 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Use the transport that the loop opened."""
        self.attach(cast(asyncio.Transport, transport))

    def attach(self, transport: asyncio.Transport) -> None:
        """Use this transport: the loop's own, or the TLS transport that was wrapped around it."""
        self._transport = transport

    async def exchange(self, request: bytes) -> HttpResponse:
        """Send a request and return its response; raise `ConnectionBroken` if none arrives.

        A cancelled exchange closes the connection: its late response would be taken for the next one.
        """
        if not self.reusable:
            raise ConnectionBroken("the server closed the connection")
        self._pending = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._pending
        except BaseException:
            self.abort()
            raise
        finally:
            self._pending = None

    def abort(self) -> None:
        """Close the connection at once."""
        self.reusable = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; data that belongs to no pending exchange closes the connection."""
        # Unrequested data must never be taken for the response to the next request.
        if self._pending is None or self._pending.done():
            self.abort()
            return
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"not HTTP: {error}")
            return
        if self._complete is not None:
            self._finish(self._complete)
        elif self._body_bytes > LARGEST_BODY:
            self._fail("a body of more than 64 MiB")
        elif not self._headers_complete and self._received_bytes > _LARGEST_HEAD:
            self._fail("headers of more than 64 KiB")

    def on_message_begin(self) -> None:
        """Called by the parser; a second message behind a complete response makes the connection unusable."""
        if self._complete is not None:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser behind the last header."""
        self._headers_complete = True

    def on_body(self, part: bytes) -> None:
        """Called by the parser for each part of the body."""
        self._body_bytes += len(part)
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """Called by the parser at the end of a message: the response, or an interim response (status 1xx)."""
        if self._complete is None and self._parser.get_status_code() >= _FIRST_FINAL_STATUS:
            self._complete = self._response()
            self.reusable = self.reusable and self._parser.should_keep_alive()
        self._headers, self._headers_complete = {}, False

    def connection_lost(self, error: Exception | None) -> None:
        """The server closed the connection: a body without a length ends here, any other exchange has failed."""
        self.reusable = False
        # RFC 9112, 6.3: without a length or chunks, the end of the connection is the end of the body.
        until_close = self._headers_complete and not {"content-length", "transfer-encoding"} & self._headers.keys()
        if error is None and until_close and self._pending is not None:
            self._finish(self._response())
        else:
            self._fail(str(error or "the server closed the connection before its response was complete"))

    def _response(self) -> HttpResponse:
        return HttpResponse(self._parser.get_status_code(), self._headers, b"".join(self._parts))

    def _finish(self, response: HttpResponse) -> None:
        if self._pending is not None and not self._pending.done():
            self.exchanges += 1
            self._pending.set_result(response)
        self._reset_parser()

    def _fail(self, reason: str) -> None:
        self.reusable = False
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(ConnectionBroken(reason))
        self._transport.abort()
