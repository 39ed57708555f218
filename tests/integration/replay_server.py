"""An OpenAI-compatible server on loopback that replays responses by model and prompt, for every harness alike."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answers = Mapping[tuple[str, str], str | tuple[str, ...]]
"""{(model, content of the last user message): response}; several responses are sent one after the other."""


@dataclass
class ReplayServer:
    """One running server: `with ReplayServer(answers) as server:`; `requests` holds what was sent to it."""

    answers: Answers
    finish: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Finish reasons other than "stop"."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Body of every chat request, in the order of arrival."""

    def __post_init__(self):
        self._turn, self._lock = Counter(), threading.Lock()

    def __enter__(self):
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.replay = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self):
        """The base URL for OpenAI clients."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def reply(self, body):
        """Return the recorded completion of a request; None: nothing was recorded."""
        messages = [message for message in body["messages"] if message["role"] == "user"]
        key = body["model"], _text(messages[-1]["content"])
        if key not in self.answers:
            return None
        text = self.answers[key]
        if not isinstance(text, str):
            with self._lock:
                text = text[self._turn[key] % len(text)]
                self._turn[key] += 1
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": self.finish.get(key, "stop"),
        }
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        facts = {"id": "replay", "object": "chat.completion", "created": 0, "model": body["model"]}
        return facts | {"choices": [choice], "usage": usage}


def _text(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _events(reply):
    """Return a completion as server-sent events: the message, its finish reason, the usage, and the end."""
    (choice,), usage = reply["choices"], reply["usage"]
    chunk = {**reply, "object": "chat.completion.chunk", "usage": None}
    delta = {"index": 0, "delta": choice["message"], "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    chunks = [{**chunk, "choices": [delta]}, {**chunk, "choices": [end]}, {**chunk, "choices": [], "usage": usage}]
    return "".join(f"data: {each}\n\n" for each in (*map(json.dumps, chunks), "[DONE]")).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/v1/models":
            models = sorted({model for model, _ in self.server.replay.answers})
            self._send(200, {"object": "list", "data": [{"id": model, "object": "model"} for model in models]})
        else:
            self._send(404, {"error": {"message": f"no {self.path} here"}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._send(404, {"error": {"message": f"no {self.path} here"}})
            return
        self.server.replay.requests.append(body)
        reply = self.server.replay.reply(body)
        if reply is None:
            self._send(400, {"error": {"message": f"nothing recorded for this prompt of {body['model']}"}})
        elif body.get("stream"):
            self._send_payload(200, "text/event-stream", _events(reply))
        else:
            self._send(200, reply)

    def _send(self, status, content):
        self._send_payload(status, "application/json", json.dumps(content).encode())

    def _send_payload(self, status, kind, payload):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        """Log nothing: the tests read `requests`."""
