"""Compressed bodies: servers and the proxies in front of them compress although no encoding was offered to them."""

from __future__ import annotations

import zlib
from typing import Final

from evalsuite.models.http.connection import LARGEST_BODY

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_COMPRESSIONS: Final = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_ZLIB_METHOD: Final = 8


class UnknownEncoding(Exception):
    """A content encoding that isn't gzip or deflate; the message names it."""


class DamagedBody(Exception):
    """A compressed body that is cut short, not what its encoding says, or too large when inflated."""

    def __init__(self, problem: str, *, cut_short: bool = False) -> None:
        super().__init__(problem)
        self.cut_short = cut_short
        """Whether a part was lost on the way, so that another attempt may get it whole."""


def decode_body(body: bytes, encodings: str) -> bytes:
    """Return a body without its encodings, the value of a Content-Encoding header; raise one of the above.

    "deflate" is zlib's format (RFC 9110, 8.4.1.2), but some servers send the bare compressed data.
    """
    for name in reversed([each.strip().lower() for each in encodings.split(",")]):
        if name in ("", "identity"):
            continue
        if name not in _COMPRESSIONS:
            raise UnknownEncoding(name[:40])
        if body:  # a response without content may name an encoding all the same
            body = _inflated(body, _GZIP if _COMPRESSIONS[name] == "gzip" else _deflate_format(body))
    return body


def _deflate_format(body: bytes) -> int:
    """Return the window bits of zlib's format where the body has its header (RFC 1950, 2.2), else of bare data."""
    header = int.from_bytes(body[:2])
    return _ZLIB if body[0] & 0x0F == _ZLIB_METHOD and header % 31 == 0 else _RAW


def _inflated(body: bytes, window_bits: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:
        inflater = zlib.decompressobj(window_bits)
        try:
            part = inflater.decompress(body, LARGEST_BODY + 1 - size)
        except zlib.error as error:
            raise DamagedBody(f"a compressed body that can't be inflated: {error}") from None
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            raise DamagedBody(f"a body of more than {LARGEST_BODY >> 20} MiB when inflated")
        if not inflater.eof:
            raise DamagedBody("a compressed body that is cut short", cut_short=True)
        # A gzip body may have several members (RFC 1952, 2.2), each with its own header; anything else ends here.
        body = inflater.unused_data.lstrip(b"\0") if window_bits == _GZIP else b""
    return b"".join(parts)
