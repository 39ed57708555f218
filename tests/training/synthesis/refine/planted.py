"""Questions to refine, and a validator that answers as planted, on a real server."""

import json
import re
from pathlib import Path

from aiohttp import web

from tests.models.fault_server import Behaviour, completion, reply_with

NAMES = ("tetany", "chorea", "ataxia", "palsy")


def row(number: int, **changes: object) -> dict[str, object]:
    """A question in the native layout, unlike every other; its gold label is B."""
    options = {label: f"{name} of kind {number}" for label, name in zip("ABCD", NAMES, strict=True)}
    plain = {"id": f"q{number:03}", "question": f"Question {number}: which is it?", "options": options, "answer": "B"}
    return {**plain, **changes}


def write_rows(path: Path, rows: list[object]) -> Path:
    """Write rows, or lines as they are, to a file of JSON lines."""
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def read_rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def number_of(prompt: str) -> int:
    """The number of the question that a prompt asks."""
    found = re.search(r"Question (\d+):", prompt)
    assert found is not None
    return int(found[1])


def says(*texts: str) -> Behaviour:
    """Answer a request with the text that its seed selects, so that a trial has the same answer whenever it is sent."""

    async def behave(received, request):
        return web.json_response(completion(texts[received.body["seed"] % len(texts)]))

    behave.answers = True  # type: ignore[attr-defined]
    return behave


def in_turn(*texts: str) -> Behaviour:
    """Answer the first trial that arrives with the first text, and so on; for one question."""
    known: dict[int, str] = {}

    async def behave(received, request):
        return web.json_response(completion(known.setdefault(received.body["seed"], texts[len(known) % len(texts)])))

    return behave


def refuses() -> Behaviour:
    return reply_with(completion(None, "stop", refusal="I can't help with that."))
