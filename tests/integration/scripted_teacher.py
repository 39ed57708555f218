"""A teacher on loopback that answers by the name of the case in a question: well, or with a planted fault."""

import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REASONING = (
    "The fever and the stiff neck of case {name} point to an inflammation of the meninges, while the clear lungs speak "
    "against pneumonia. A normal urine test makes an infection of the kidneys unlikely. I assume that the history is "
    "complete, and it remains uncertain which organism is the cause."
)
"""46 words without a fault."""


def answer(label):
    return f"<answer>{label}</answer>"


def plain(name, gold="B", reasoning=REASONING, final=None):
    return {"content": f"{reasoning.format(name=name)}\n{answer(gold) if final is None else final}"}


class Teacher:
    """A server. `script` maps a case's name to a function from (name, number of the try) to a message.

    A message may have `finish`, and instead of a message it may be `429`, `500`, `"half"` or `"hang"`. `hanging` holds
    names that get no reply. With `by_body` a function gets the request instead of a number, which a kill changes.
    """

    def __init__(self, script, pattern=r"case (\w+)", by_body=False):
        self.script, self.requested, self.answered = script, Counter(), Counter()
        self.prompts, self.hung, self.released = [], threading.Event(), threading.Event()
        self.hanging, self._pattern, self._by_body = set(), re.compile(pattern), by_body
        self._lock = threading.Lock()

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"teacher": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def arguments(self):
        return ["--teacher", "openai/scripted", "--base-url", f"http://127.0.0.1:{self._server.server_port}/v1"]

    def reply(self, body):
        messages = body["messages"]
        found = self._pattern.search(messages[0]["content"])
        if found is None:
            return {"content": "ok"}
        with self._lock:
            name, number = found[1], self.requested[found[1]]
            self.requested[name] += 1
            self.prompts.append(messages)
        if name in self.hanging:
            return "hang"
        self.answered[name] += 1
        return self.script[name](name, body if self._by_body else number)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._send({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.teacher.reply(body)
        if reply == "hang":
            self.teacher.hung.set()
            self.teacher.released.wait(60)
            self.close_connection = True
        elif isinstance(reply, int):
            self._send({"error": {"message": "planted"}}, reply)
        else:
            half = reply == "half"
            self._complete({"content": "half of it"} if half else reply, half)

    def _complete(self, reply, half):
        finish = reply.pop("finish", "stop")
        choice = {"index": 0, "message": {"role": "assistant", **reply}, "finish_reason": finish}
        usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
        facts = {"id": "x", "object": "chat.completion", "created": 0, "model": "scripted"}
        self._send(facts | {"choices": [choice], "usage": usage}, half=half)

    def _send(self, content, status=200, half=False):
        payload = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if half else payload)
        self.close_connection = half

    def log_message(self, *_):
        pass
