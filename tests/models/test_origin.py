"""The HTTP/1.1 client against servers that write responses byte by byte."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import BackendSettings
from evalsuite.models.http import connection as connection_module
from evalsuite.models.http import origin as origin_module
from evalsuite.models.http.connection import Connection, ConnectionBroken, HttpResponse
from evalsuite.models.http.origin import Origin, Unreachable
from evalsuite.models.openai import OpenAI

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_proxy_from_this_machine(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Server:
    """A raw server: `handler` reads and writes the bytes of each connection."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._handler, self._context, self._host = handler, context, host
        self.connections = 0
        self.heads: list[bytes] = []

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._handler(reader, writer)
        writer.close()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request and return its body."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        length = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        return await reader.readexactly(int(length[0])) if length else b""


def replying(*replies: bytes, pause: float = 0.0) -> Server:
    """Return a server that sends these bytes to the requests of each connection in turn, and then closes it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            await server.request(reader)
            writer.write(reply)
            await writer.drain()
            await asyncio.sleep(pause)

    server = Server(handle)
    return server


@asynccontextmanager
async def origin_of(server: Server, scheme: str = "http", host: str = "127.0.0.1") -> AsyncIterator[Origin]:
    origin = Origin(f"{scheme}://{host}:{server.port}/v1", {"X-Key": "k"})
    try:
        yield origin
    finally:
        await origin.close()


async def get(server: Server, count: int = 1) -> list[HttpResponse]:
    async with server, origin_of(server) as origin:
        return [await origin.exchange("GET", "models") for _ in range(count)]


# Messages


class RecordingTransport(asyncio.Transport):
    """The transport of a connection whose data the test supplies."""

    closed = False

    def write(self, data: bytes) -> None:
        pass

    def abort(self) -> None:
        self.closed = True


FRAMED = [
    OK,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nTrailer: t\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
    b"HTTP/1.0 200 OK\r\ncontent-length:   2\r\nConnection: keep-alive\r\n\r\nok",
]


@settings(max_examples=150)
@given(reply=st.sampled_from(FRAMED), cuts=st.sets(st.integers(1, 160)))
async def test_a_response_does_not_depend_on_how_its_bytes_are_split(reply, cuts):
    connection, transport = Connection(), RecordingTransport()
    connection.connection_made(transport)
    for _ in range(2):
        exchange = asyncio.create_task(connection.exchange(b""))
        await asyncio.sleep(0)
        offsets = [0, *sorted(cut for cut in cuts if cut < len(reply)), len(reply)]
        for start, end in pairwise(offsets):
            connection.data_received(reply[start:end])
        message = await exchange
        assert (message.status, message.body) == (200, b"ok")
        assert "link" not in message.headers
    assert connection.reusable and not transport.closed


async def test_a_body_without_a_length_ends_with_the_connection():
    [message] = await get(replying(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsome text"))
    assert message.body == b"some text"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", "closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "not HTTP"),
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "headers of more than 64 KiB"),
    ],
)
async def test_an_invalid_response_breaks_the_connection(reply, reason):
    with pytest.raises(ConnectionBroken, match=reason):
        await get(replying(reply))


async def test_an_endless_body_is_refused(monkeypatch):
    monkeypatch.setattr(connection_module, "LARGEST_BODY", 2**20)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 2**16)
            await writer.drain()

    with pytest.raises(ConnectionBroken, match="a body of more than"):
        await get(Server(flood))


# Connections


async def test_a_connection_is_reused():
    server = replying(OK, OK, OK)
    assert [message.body for message in await get(server, 3)] == [b"ok"] * 3
    assert server.connections == 1


async def test_a_connection_that_the_server_closes_is_not_reused():
    server = replying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", OK)
    await get(server, 2)
    assert server.connections == 2


async def test_an_unrequested_response_is_never_taken_for_the_next():
    surplus = OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"
    server = replying(surplus, OK, OK)
    assert [message.body for message in await get(server, 3)] == [b"ok"] * 3
    assert server.connections == 3

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await late.request(reader)
        writer.write(OK)
        await idle.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
        await reader.read()

    late, idle = Server(handle), asyncio.Event()
    async with late, origin_of(late) as origin, asyncio.timeout(60):
        for _ in range(3):
            assert (await origin.exchange("GET", "models")).body == b"ok"
            idle.set()
            while origin._idle[-1].reusable:  # until the unrequested response has arrived
                await asyncio.sleep(0.001)
            idle.clear()
    assert late.connections == 3


async def test_a_connection_closed_while_idle_is_replaced():
    server = replying(OK)
    async with server, origin_of(server) as origin:
        for _ in range(3):
            assert (await origin.exchange("POST", "chat/completions", b"{}")).body == b"ok"
    assert server.connections == 3


async def test_a_connection_that_ends_at_the_next_request_is_replaced():
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.request(reader)
        writer.write(OK)
        await server.request(reader)  # and close without a reply

    server = Server(handle)
    assert len(await get(server, 3)) == 3


async def test_a_connection_idle_for_too_long_is_not_used(monkeypatch):
    monkeypatch.setattr(origin_module, "_KEEP_ALIVE_SECONDS", 0.0)
    server = replying(OK, OK)
    await get(server, 2)
    assert server.connections == 2


async def test_a_cancelled_exchange_closes_the_connection():
    closed = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.request(reader)
        with suppress(ConnectionError):
            await reader.read()
        closed.set()

    server = Server(handle)
    async with server, origin_of(server) as origin:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await origin.exchange("GET", "models")
        await asyncio.wait_for(closed.wait(), 2)


# Requests


async def test_the_bytes_of_a_request():
    server = replying(OK, OK, OK)
    async with server:
        origin = Origin(f"http://us%65r:pa%3Ass@127.0.0.1:{server.port}/a b/v1/?k=v w", {"X-Key": "k"})
        await origin.exchange("POST", "chat/completions", b"{}")
        await origin.exchange("POST", "tokenize", b"[]", from_root=True)
        await origin.close()
    first, second = server.heads
    start = f"POST /a%20b/v1/chat/completions?k=v%20w HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    assert first.startswith(start.encode())
    assert second.startswith(b"POST /a%20b/tokenize?k=v%20w HTTP/1.1\r\n")
    assert b"\r\nX-Key: k\r\n" in first and b"\r\nContent-Length: 2\r\n" in first
    assert b"\r\nAuthorization: Basic dXNlcjpwYTpzcw==\r\n" in first


async def test_a_server_on_ipv6():
    server = replying(OK)
    server._host = "::1"
    try:
        await server.__aenter__()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with origin_of(server, host="[::1]") as origin:
        assert (await origin.exchange("GET", "models")).body == b"ok"
    assert b"Host: [::1]:%d\r\n" % server.port in server.heads[0]
    await server.__aexit__()


@pytest.mark.parametrize("url", ["", "h", "ftp://h", "http://", "http://[::1", "http://h:port/v1", "http://h:99999/"])
def test_an_invalid_url_is_refused(url):
    with pytest.raises(UsageError, match="`base_urls`") as caught:
        Origin(url, {})
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1"])
async def test_a_server_without_a_connection_is_unreachable(host, unused_tcp_port):
    with pytest.raises(Unreachable, match="cannot connect to"):
        await Origin(f"http://{host}:{unused_tcp_port}/v1", {}).exchange("GET", "models")


async def test_a_host_that_never_accepts_is_unreachable(monkeypatch):
    monkeypatch.setattr(origin_module, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(Origin, "_open", lambda self, address, port: asyncio.sleep(5))
    with pytest.raises(Unreachable, match=r"no connection in 0.1 s"):
        await Origin("http://127.0.0.1:1/v1", {}).exchange("GET", "models")


# TLS and proxies


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    file = tmp_path_factory.mktemp("tls") / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    options = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{file}.key", "-out", str(file)]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    return file


@pytest.fixture(scope="module")
def expired_certificate(certificate, tmp_path_factory) -> Path:
    """Return a certificate of the same key that expired years ago; only `openssl ca` can date one back."""
    folder = tmp_path_factory.mktemp("expired")
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
        "policy=any\ncopy_extensions=copy\n[any]\ncommonName=supplied\n"
    )
    key = ["-key", f"{certificate}.key"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    dates = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"]
    signed = ["-selfsign", "-keyfile", f"{certificate}.key", "-in", "request.pem", "-out", "cert.pem", "-notext"]
    for command in (
        ["openssl", "req", "-new", *key, *names, "-out", "request.pem"],
        ["openssl", "ca", "-batch", "-config", "ca.cnf", *signed, *dates],
    ):
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
    shutil.copy(f"{certificate}.key", folder / "cert.pem.key")
    return folder / "cert.pem"


def replying_over_tls(certificate: Path, *replies: bytes) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    server = replying(*replies)
    server._context = context
    return server


async def test_a_trusted_certificate_is_accepted(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = replying_over_tls(certificate, OK, OK)
    async with server, origin_of(server, "https", "localhost") as origin:
        assert [(await origin.exchange("GET", "models")).body for _ in range(2)] == [b"ok"] * 2
    assert server.connections == 1


async def test_an_unknown_certificate_is_refused(certificate):
    server = replying_over_tls(certificate, OK)
    async with server, origin_of(server, "https", "localhost") as origin:
        with pytest.raises(BackendError, match="SSL_CERT_FILE") as caught:
            await origin.exchange("GET", "models")
    assert caught.value.code is ErrorCode.CERTIFICATE_REFUSED


async def test_a_certificate_that_is_refused_ends_the_run_without_a_storm_of_retries(certificate):
    server = replying_over_tls(certificate, OK)
    async with server:
        backend = OpenAI(BackendSettings("m", base_urls=(f"https://localhost:{server.port}/v1",)))
        with pytest.raises(BackendError) as caught:
            await backend.open(())
    assert caught.value.code is ErrorCode.CERTIFICATE_REFUSED and "\n" not in str(caught.value)
    assert server.connections == 0, "a handshake that failed is tried once, and no request was sent"


async def test_a_certificate_for_another_host_is_refused(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = replying_over_tls(certificate, OK)
    async with server, origin_of(server, "https", "127.1") as origin:
        with pytest.raises(BackendError, match="another") as caught:
            await origin.exchange("GET", "models")
    assert caught.value.code is ErrorCode.CERTIFICATE_REFUSED


async def test_an_expired_certificate_is_refused(expired_certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(expired_certificate))
    server = replying_over_tls(expired_certificate, OK)
    async with server, origin_of(server, "https", "localhost") as origin:
        with pytest.raises(BackendError, match="expired") as caught:
            await origin.exchange("GET", "models")
    assert caught.value.code is ErrorCode.CERTIFICATE_REFUSED


async def test_a_server_without_tls_is_named_as_such():
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    server = Server(refuse)
    async with server, origin_of(server, "https", "localhost") as origin:
        with pytest.raises(BackendError, match="http://") as caught:
            await origin.exchange("GET", "models")
    assert caught.value.code is ErrorCode.SERVER_REPLY_UNUSABLE


def proxy() -> Server:
    """Return a proxy with user p and password q that tunnels CONNECT and replies to other requests itself."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(2**16):
                sink.write(data)
        sink.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.request(reader)
        head = server.heads[-1]
        if b"Proxy-Authorization: Basic cDpx\r\n" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif head.startswith(b"CONNECT "):
            host, port = head.split(b" ")[1].decode().rsplit(":", 1)
            target_reader, target_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\nVia: me\r\n\r\n")
            await asyncio.gather(pump(reader, target_writer), pump(target_reader, writer))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")
            await writer.drain()

    server = Server(handle)
    return server


async def test_http_through_a_proxy(monkeypatch):
    async with proxy() as through:
        monkeypatch.setenv("http_proxy", f"http://p:q@127.0.0.1:{through.port}")
        message = await Origin("http://far.invalid:81/v1", {}).exchange("GET", "models")
    assert message.body == b"proxy"
    assert through.heads[0].startswith(b"GET http://far.invalid:81/v1/models HTTP/1.1\r\nHost: far.invalid:81\r\n")


async def test_https_through_a_proxy(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = replying_over_tls(certificate, OK, OK)
    async with proxy() as through, server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://p:q@127.0.0.1:{through.port}")
        async with origin_of(server, "https", "localhost") as origin:
            assert [(await origin.exchange("GET", "models")).body for _ in range(2)] == [b"ok"] * 2
    assert through.heads[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % server.port)
    assert server.connections == through.connections == 1
    assert b"Proxy-Authorization" not in server.heads[0]


async def test_a_proxy_that_refuses(certificate, monkeypatch):
    async with proxy() as through:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{through.port}")
        with pytest.raises(Unreachable, match=r"HTTP/1\.1 407"):
            await Origin("https://far.invalid/v1", {}).exchange("GET", "models")


async def test_no_proxy_is_honoured(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    assert [message.body for message in await get(replying(OK))] == [b"ok"]


def test_a_proxy_that_is_not_http_is_refused(monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://user:word@h:1")
    with pytest.raises(UsageError, match="https_proxy") as caught:
        Origin("https://far.invalid/v1", {})
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert "word" not in str(caught.value)
