"""An OpenAI-compatible server that takes almost no time per request, so that a benchmark measures the client.

    python benchmarks/zero_server.py [--port 0] [--latency 0.2]

It answers every chat completion after `latency` seconds with the same short reasoning that ends in
`<answer>B</answer>`. The first line that it prints is its base URL. `GET /stats` returns, since the last `GET /reset`:
the number of requests, the most in flight, and the seconds from the first request to the last response.
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


COMPLETION_REPLY, MODELS_REPLY = _reply(COMPLETION), _reply(MODELS)
NOT_FOUND = _reply({"error": {"message": "no such path"}}, "404 Not Found")


class Stats:
    """Counters since the last reset."""

    def __init__(self) -> None:
        self.requests = self.in_flight = self.max_in_flight = 0
        self.first = self.last = 0.0

    def received(self) -> None:
        """Count a request."""
        if not self.requests:
            self.first = time.perf_counter()
        self.requests += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def responded(self) -> None:
        """Count its response."""
        self.in_flight -= 1
        self.last = time.perf_counter()

    def to_json(self) -> dict[str, float]:
        """Return the content of /stats."""
        return {"requests": self.requests, "most_in_flight": self.max_in_flight, "seconds": self.last - self.first}


class Connection(asyncio.Protocol):
    """One connection of a client, which sends requests one at a time, with a Content-Length or without a body."""

    stats = Stats()
    latency = 0.0
    opened = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with an empty buffer."""
        Connection.opened += 1
        self.transport = cast(asyncio.WriteTransport, transport)
        self.data = b""

    def data_received(self, data: bytes) -> None:
        """Respond to each complete request."""
        self.data = self.data + data if self.data else data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            header = head.find(b"\r\ncontent-length:")
            length = int(head[header + 17 :].split(b"\r\n", 1)[0]) if header >= 0 else 0
            if len(self.data) < end + 4 + length:
                return
            self.data = self.data[end + 4 + length :]
            self.respond(head.split(b" ", 2)[1])

    def respond(self, path: bytes) -> None:
        """Respond to a request by its path."""
        if path.endswith(b"/chat/completions"):
            self.stats.received()
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.send_completion)
            else:
                self.send_completion()
        elif path.endswith(b"/models"):
            self.transport.write(MODELS_REPLY)
        elif path == b"/stats":
            self.transport.write(_reply(self.stats.to_json() | {"connections": self.opened}))
        elif path == b"/reset":
            Connection.stats = Stats()
            self.transport.write(_reply({}))
        else:
            self.transport.write(NOT_FOUND)

    def send_completion(self) -> None:
        """Send the completion."""
        self.stats.responded()
        if not self.transport.is_closing():  # the client may have disconnected during the latency
            self.transport.write(COMPLETION_REPLY)


async def serve(port: int, latency: float) -> None:
    """Serve until the process is killed."""
    Connection.latency = latency
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from a request to its response")
    args = parser.parse_args()
    try:
        import uvloop

        uvloop.run(serve(args.port, args.latency))
    except ModuleNotFoundError:
        asyncio.run(serve(args.port, args.latency))


if __name__ == "__main__":
    main()
