"""An OpenAI-compatible server that costs next to nothing, so that what is measured is the client.

    python benchmarks/zero_server.py [--port 0] [--latency 0.2]

It answers every chat completion after `latency` seconds with the same short chain of thought that ends in
`<answer>B</answer>`. The first line that it prints is its base address. `GET /stats` tells since the last `GET /reset`:
requests, most in flight, and seconds from the first request in to the last answer out; and the connections that were
opened since the server began, this one among them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import cast

THOUGHT = (
    "The presentation points to one mechanism, which rules out the first option; the third needs a finding that is "
    "absent, and the fourth would not explain the laboratory values. That leaves the second.\n<answer>B</answer>"
)
COMPLETION = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "created": 0,
    "model": "bench",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": THOUGHT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 200, "completion_tokens": 48, "total_tokens": 248},
}
MODELS = {"object": "list", "data": [{"id": "bench", "object": "model", "created": 0, "owned_by": "bench"}]}


def _reply(content: object, status: str = "200 OK") -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


ANSWER, LISTING = _reply(COMPLETION), _reply(MODELS)
UNKNOWN = _reply({"error": {"message": "no such address"}}, "404 Not Found")


class Stats:
    """What happened since the last reset."""

    def __init__(self) -> None:
        self.requests = self.out = self.most = 0
        self.first = self.last = 0.0

    def arrived(self) -> None:
        """A request is in."""
        if not self.requests:
            self.first = time.perf_counter()
        self.requests += 1
        self.out += 1
        self.most = max(self.most, self.out)

    def answered(self) -> None:
        """Its answer is out."""
        self.out -= 1
        self.last = time.perf_counter()

    def told(self) -> dict[str, float]:
        """The content of /stats."""
        return {"requests": self.requests, "most_in_flight": self.most, "seconds": self.last - self.first}


class Connection(asyncio.Protocol):
    """One client's connection: requests come one after the other, with a Content-Length or without a body."""

    stats = Stats()
    latency = 0.0
    opened = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing read."""
        Connection.opened += 1
        self.transport = cast(asyncio.WriteTransport, transport)
        self.data = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self.data = self.data + data if self.data else data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.data) < end + 4 + length:
                return
            self.data = self.data[end + 4 + length :]
            self.answer(head.split(b" ", 2)[1])

    def answer(self, path: bytes) -> None:
        """Answer a request by its path."""
        if path.endswith(b"/chat/completions"):
            self.stats.arrived()
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.finish)
            else:
                self.finish()
        elif path.endswith(b"/models"):
            self.transport.write(LISTING)
        elif path == b"/stats":
            self.transport.write(_reply(self.stats.told() | {"connections": self.opened}))
        elif path == b"/reset":
            Connection.stats = Stats()
            self.transport.write(_reply({}))
        else:
            self.transport.write(UNKNOWN)

    def finish(self) -> None:
        """Send the answer."""
        self.stats.answered()
        self.transport.write(ANSWER)


async def serve(port: int, latency: float) -> None:
    """Serve until killed."""
    Connection.latency = latency
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from a request to its answer")
    args = parser.parse_args()
    try:
        import uvloop

        uvloop.run(serve(args.port, args.latency))
    except ModuleNotFoundError:
        asyncio.run(serve(args.port, args.latency))


if __name__ == "__main__":
    main()
