"""One server by its base URL: proxy, TLS, address lookup and the pool of open connections."""

from __future__ import annotations

import asyncio
import os
import ssl
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.http.connection import Connection, ConnectionBroken, HttpResponse
from evalsuite.models.redaction import redact_url

CONNECT_SECONDS: Final = 10.0
_KEEP_ALIVE_SECONDS: Final = 4.0
"""Below uvicorn's 5: a connection that the server is about to close must not be used again."""
_DNS_CACHE_SECONDS: Final = 60.0
_TRUST: Final = (
    "if the server is yours, name a PEM file with its certificate, or that of its authority, in the environment "
    "variable SSL_CERT_FILE"
)
_UNTRUSTED: Final = ("is not from an authority that this machine trusts", _TRUST)
_CERTIFICATE_PROBLEMS: Final = {
    9: ("is not valid yet", "is this machine's clock right?"),
    10: ("has expired", "have the server's operator renew it; is this machine's clock right?"),
    18: ("is self-signed", _TRUST),
    19: ("is signed by an authority that this machine does not trust", _TRUST),
    20: _UNTRUSTED,
    62: ("is for another host", "use the name that the certificate was issued for in `base_urls`"),
    64: ("is for another address", "use the name that the certificate was issued for in `base_urls`"),
}
"""What OpenSSL's verification codes (X509_V_ERR_...) mean, and what to do."""
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "RECORD_LAYER_FAILURE")
"""What OpenSSL says of a server that replies without TLS."""
_LARGEST_PROXY_REPLY: Final = 2**16
_SAFE: Final = "/%:@!$&'()*+,;=-._~?"


class Unreachable(Exception):
    """No connection to the server, or to the proxy in front of it."""


class Origin:
    """One server by its base URL, such as `http://host:port/v1`; an invalid URL is a `UsageError`.

    A user and password in the URL become basic authorization; a query is sent with every request. `http_proxy`,
    `https_proxy` and `no_proxy` of the environment are honoured.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts, host, port = _split(url)
        self._tls = parts.scheme == "https"
        self._host = host
        self._port = port or (443 if self._tls else 80)
        self._path = quote(parts.path.rstrip("/"), safe=_SAFE)
        self._query = quote(parts.query, safe=_SAFE)
        self._proxy = _proxy(parts.scheme, self._host)
        self._headers = {"Host": self._authority, "User-Agent": "evalsuite", "Accept-Encoding": "identity", **headers}
        if parts.username is not None:
            self._headers["Authorization"] = _basic(parts)
        # Behind TLS the proxy sees only CONNECT, which carries its own authorization (see _Tunnel.connect).
        if self._proxy is not None and self._proxy.username is not None and not self._tls:
            self._headers["Proxy-Authorization"] = _basic(self._proxy)
        self._heads: dict[tuple[str, str, bool], bytes] = {}
        self._idle: deque[Connection] = deque()
        self._addresses: list[str] = []
        self._looked_up = float("-inf")
        self._context: ssl.SSLContext | None = None

    @property
    def _authority(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return host if self._port == (443 if self._tls else 80) else f"{host}:{self._port}"

    def _head(self, method: str, path: str, from_root: bool) -> bytes:
        base = self._path.removesuffix("/v1") if from_root else self._path
        target = f"{base}/{path}" + (f"?{self._query}" if self._query else "")
        if self._proxy is not None and not self._tls:
            target = f"http://{self._authority}{target}"
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in self._headers.items())]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n"

    async def exchange(self, method: str, path: str, body: bytes = b"", from_root: bool = False) -> HttpResponse:
        """Send a request to a path below the base URL, or with `from_root` below the base URL without its /v1.

        Raise `Unreachable` or `ConnectionBroken` if no response arrives.
        """
        key = (method, path, from_root)
        head = self._heads.get(key) or self._heads.setdefault(key, self._head(*key))
        request = b"%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        connection = self._idle_connection() or await self._connect()
        reused = connection.exchanges > 0
        try:
            response = await connection.exchange(request)
        except ConnectionBroken:
            # A reused connection that ends without one byte was idle for too long: the server has not read the
            # request, so sending it again at once can't answer it twice.
            if not (reused and connection.nothing_received):
                raise
            connection = await self._connect()
            response = await connection.exchange(request)
        if connection.reusable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.abort()
        return response

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)

    def _idle_connection(self) -> Connection | None:
        """Return the most recently used idle connection, so that those that are not needed time out."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and now - connection.idle_since < _KEEP_ALIVE_SECONDS:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> Connection:
        host, port = self._host, self._port
        if self._proxy is not None:
            host, port = self._proxy.hostname or "", self._proxy.port or 80
        reason, final = "no address", None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                for address in await self._lookup(host, port):
                    try:
                        return await self._open(address, port)
                    except ssl.SSLError as error:
                        final = _tls_error(f"{self._host}:{self._port}", error)
                        reason = f"no TLS: {error.reason or error}"
                    except (OSError, ConnectionBroken) as error:
                        reason = str(error) or type(error).__name__
        except TimeoutError:
            reason = f"no connection in {CONNECT_SECONDS:g} s"
        except OSError as error:
            reason = str(error)
        if final is not None:
            raise final
        raise Unreachable(f"cannot connect to {host}:{port}: {reason}")

    async def _lookup(self, host: str, port: int) -> list[str]:
        """Return a host's addresses, cached for a minute: hundreds of connections must not mean hundreds of lookups."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._looked_up > _DNS_CACHE_SECONDS:
            infos = await loop.getaddrinfo(host, port, type=1)
            self._addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
            self._looked_up = loop.time()
        return self._addresses

    async def _open(self, address: str, port: int) -> Connection:
        loop = asyncio.get_running_loop()
        if not self._tls:
            return (await loop.create_connection(Connection, address, port))[1]
        if self._context is None:
            self._context = ssl.create_default_context()
        if self._proxy is None:
            opening = loop.create_connection(Connection, address, port, ssl=self._context, server_hostname=self._host)
            return (await opening)[1]
        transport, tunnel = await loop.create_connection(_Tunnel, address, port)
        try:
            await tunnel.connect(f"{self._host}:{self._port}", self._proxy)
            connection = Connection()
            tls = await loop.start_tls(transport, connection, self._context, server_hostname=self._host)
        except BaseException:
            transport.abort()
            raise
        connection.attach(cast(asyncio.Transport, tls))
        return connection


class _Tunnel(asyncio.Protocol):
    """One tunnel through an HTTP proxy (CONNECT), over which TLS is then started."""

    def __init__(self) -> None:
        self._reply = b""
        self._established: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def connect(self, target: str, proxy: SplitResult) -> None:
        authorization = f"Proxy-Authorization: {_basic(proxy)}\r\n" if proxy.username is not None else ""
        self._transport.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n".encode("latin-1"))
        await self._established

    def data_received(self, data: bytes) -> None:
        self._reply += data
        if len(self._reply) > _LARGEST_PROXY_REPLY:
            self._transport.abort()
        if b"\r\n\r\n" in self._reply and not self._established.done():
            status = self._reply.split(b"\r\n", 1)[0].decode("latin-1")
            if status.split(" ")[1:2] == ["200"]:
                self._established.set_result(None)
            else:
                self._established.set_exception(ConnectionBroken(f"the proxy refused the tunnel: {status}"))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._established.done():
            self._established.set_exception(ConnectionBroken("the proxy closed the connection"))


def _tls_error(server: str, error: ssl.SSLError) -> BackendError | None:
    """Return the error for a TLS handshake that can't succeed; None if another attempt may."""
    if isinstance(error, ssl.SSLCertVerificationError):
        problem, advice = _CERTIFICATE_PROBLEMS.get(error.verify_code, _UNTRUSTED)
        return BackendError(
            ErrorCode.CERTIFICATE_REFUSED,
            f"https://{server}: its certificate {problem} ({error.verify_message}); {advice}",
        )
    if error.reason in _NOT_TLS:
        return BackendError(
            ErrorCode.SERVER_REPLY_UNUSABLE,
            f"https://{server}: the server doesn't speak TLS there ({error.reason}); write http:// in `base_urls`",
        )
    return None


def _proxy(scheme: str, host: str) -> SplitResult | None:
    """Return the environment's proxy for a host, or None."""
    # Most environments set no proxy, and urllib.request is slow to import.
    if not any(name.lower() == f"{scheme}_proxy" and value for name, value in os.environ.items()):
        return None
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    url = proxies.get(scheme)
    if not url or proxy_bypass(host):
        return None
    proxy = urlsplit(url if "://" in url else f"http://{url}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT,
            f"the environment variable {scheme}_proxy: only http:// proxies are supported; unset it",
        )
    return proxy


def _split(url: str) -> tuple[SplitResult, str, int | None]:
    """Return a URL's parts, its host in ASCII (IDNA), and its port."""
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
        port = parts.port
    except (ValueError, UnicodeError):
        parts, host, port = SplitResult("", "", "", "", ""), "", None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`base_urls` {redact_url(url)}: write it as http://host:port/v1")
    return parts, host, port


def _basic(parts: SplitResult) -> str:
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + b64encode(credentials.encode()).decode()
