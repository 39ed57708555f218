"""Streamed chat completions: server-sent events, assembled into the reply that the server would have sent at once.

The events are those of the WHATWG's HTML standard (9.2.6): fields end with LF, CR or CRLF, a blank line ends an event,
several `data` lines are one text, lines that begin with a colon are comments that keep the connection open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from evalsuite.util.jsonl import dump_json_line, parse_tolerantly

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_DONE: Final = b"[DONE]"
_TEXT_FIELDS: Final = ("content", "reasoning_content", "reasoning", "refusal")
"""Fields of a message that arrive in pieces; those with another value are kept as they came last."""
_SHOWN: Final = 200


class BrokenStream(Exception):
    """A stream that ended before its response was complete, or that has something else than chunks."""

    def __init__(self, problem: str, *, whole: bool) -> None:
        super().__init__(problem)
        self.whole = whole
        """Whether the stream's last event arrived, so that the server itself sends it like this."""


@dataclass(slots=True)
class _Choice:
    """The first choice of a streamed completion, as far as it has arrived."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    parts: list[Any] = field(default_factory=list)
    """Pieces of content that is in typed parts."""
    others: dict[str, Any] = field(default_factory=dict)
    logprobs: list[Any] = field(default_factory=list)
    outside: dict[str, Any] = field(default_factory=dict)
    """The choice's own fields besides the message, such as `finish_reason` and `error`."""

    def add(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        delta = choice.get("message") if delta is None else delta
        for name, value in delta.items() if isinstance(delta, dict) else ():
            if name in _TEXT_FIELDS and isinstance(value, str):
                self.texts.setdefault(name, []).append(value)
            elif name == "content" and isinstance(value, list):
                self.parts += value
            elif value is not None:
                self.others[name] = value
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            self.logprobs += logprobs["content"]
        ignored = ("delta", "message", "logprobs", "index")
        self.outside |= {name: value for name, value in choice.items() if name not in ignored and value is not None}

    @property
    def finished(self) -> bool:
        """Whether the server sent a finish reason."""
        return bool(self.outside.get("finish_reason") or self.outside.get("error"))

    @property
    def has_text(self) -> bool:
        """Whether any of the answer's text arrived, besides reasoning."""
        return bool(self.parts) or any(self.texts.get("content", ()))

    def as_json(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": None, **self.others}
        message |= {name: "".join(pieces) for name, pieces in self.texts.items()}
        if self.parts:
            text = "".join(self.texts.get("content", ()))
            message["content"] = [*self.parts, *([{"type": "text", "text": text}] if text else [])]
        logprobs = {"logprobs": {"content": self.logprobs}} if self.logprobs else {}
        return {"index": 0, "message": message, "finish_reason": None, **logprobs, **self.outside}


def is_event_stream(content_type: str, body: bytes) -> bool:
    """Return whether a body is server-sent events, which some servers announce as another type or not at all."""
    if body[:1] in (b"{", b"["):  # a reply that was sent at once, whatever its type says
        return False
    return content_type.partition(";")[0].strip().lower() == "text/event-stream" or body.startswith(b"data:")


def assemble(body: bytes) -> bytes:
    """Return the body of a chat completion that streamed in these events, with its usage and finish reason.

    An error that stands in the stream is the whole reply, whatever came before it. As in a reply that is sent at once,
    a text without a finish reason ended by itself, if the stream's last event arrived. Raise `BrokenStream` for a
    stream that ends before, or without a text, or has a chunk that isn't JSON.
    """
    choice, usage, seen = _Choice(), None, False
    whole = body.rstrip().endswith(_DONE)
    for name, data in _events(body):
        if data == _DONE:
            break
        chunk = _chunk(data)
        if name == b"error" and not isinstance(chunk, dict):
            return dump_json_line({"error": data.decode(errors="replace")})
        if not isinstance(chunk, dict):
            shown = data[:_SHOWN].decode(errors="replace")
            raise BrokenStream(f"an event of the stream is no chunk: {shown}", whole=whole)
        error = chunk.get("error") or (chunk if name == b"error" else None)
        if error:
            return dump_json_line({"error": error})
        usage = chunk.get("usage") or usage
        choices = chunk.get("choices")
        for each in choices if isinstance(choices, list) else ():
            if isinstance(each, dict) and each.get("index", 0) in (0, None):
                seen = True
                choice.add(each)
    if not seen or not (choice.finished or (whole and choice.has_text)):
        raise BrokenStream("the stream of events ended without a finish reason", whole=whole)
    return dump_json_line({"object": "chat.completion", "choices": [choice.as_json()], "usage": usage})


def _events(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of each event; the last one counts also without the blank line behind it."""
    name = b""
    data: list[bytes] = []
    for line in [*_LINE_END.split(body.removeprefix(b"\xef\xbb\xbf")), b""]:
        field_name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                yield name, b"\n".join(data).strip()
            name, data = b"", []
        elif field_name == b"data":
            data.append(value)
        elif field_name == b"event":
            name = value.strip()


def _chunk(data: bytes) -> Any:
    try:
        return parse_tolerantly(data)
    except ValueError:
        return None
