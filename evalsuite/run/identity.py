"""What identifies a run and each of its requests: digests that decide whether two runs may share a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from evalsuite.models import backend_class, split_name
from evalsuite.models.backend import BackendInfo, Request
from evalsuite.run.prepared import PreparedTask
from evalsuite.run.spec import RunSpec


def run_identity(plan: RunSpec, prepared_tasks: Sequence[PreparedTask], facts: BackendInfo) -> dict[str, Any]:
    """Everything that shapes the responses of a run, and nothing else: no address, no key, no concurrency."""
    settings = plan.settings
    backend = backend_class(split_name(plan.model)[0])
    decoding = asdict(settings.decoding)
    return {
        "model": plan.model,
        "revision": facts.get("revision", settings.revision),
        "adapter": settings.adapter,
        "chat_template": settings.chat_template and digest(settings.chat_template),
        "args": {key: value for key, value in settings.model_args.items() if key not in backend.operational_args},
        "decoding": decoding if backend.applies_decoding else dict.fromkeys(decoding),
        "samples": plan.samples,
        "limit": plan.limit,
        "tasks": {prepared.name: prepared.identity for prepared in prepared_tasks},
    }


def digest(content: Any) -> str:
    """sha256 over canonical JSON."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def request_seed(plan: RunSpec, task: str, item: str, rotation: int, sample: int) -> int:
    """A request's own seed, in [0, 2^31): it depends on nothing but the run's seed and the request's place."""
    place = f"{plan.settings.decoding.seed}\0{task}\0{item}\0{sample}" + (f"\0{rotation}" if rotation else "")
    return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=4).digest()) >> 1


def request_digest(request: Request, run_identity: str) -> str:
    """What was sent, in 16 hexadecimal digits."""
    sent = orjson.dumps([run_identity, request.messages, request.seed])
    return hashlib.blake2b(sent, digest_size=8).hexdigest()
