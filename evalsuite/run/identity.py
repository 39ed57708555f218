"""What identifies a run and each of its requests: digests that decide whether two runs may share a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from evalsuite.models.backend import Backend, BackendInfo, Request
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.run.spec import RunSpec

Identity = dict[str, Any]


def run_identity(
    spec: RunSpec, backend: Backend, prepared_tasks: Sequence[PreparedTask], info: BackendInfo
) -> Identity:
    """Return everything that shapes the responses of a run, and nothing else: no address, no key, no concurrency."""
    settings = spec.settings
    decoding = asdict(settings.decoding)
    return {
        "model": spec.model,
        "revision": info.get("revision", settings.revision),
        "adapter": settings.adapter,
        "chat_template": settings.chat_template and digest(settings.chat_template),
        "args": {key: value for key, value in settings.model_args.items() if key not in backend.operational_args},
        "decoding": decoding if backend.applies_decoding else dict.fromkeys(decoding),
        "samples": spec.samples,
        "limit": spec.limit,
        "tasks": {prepared.name: prepared.identity for prepared in prepared_tasks},
    }


def digest(content: Any) -> str:
    """Return the SHA-256 over canonical JSON."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def request_seed(run_seed: int, task: str, item: str, rotation: int, sample: int) -> int:
    """Return a request's own seed, in [0, 2^31): a function of the run's seed, task, item, rotation and sample."""
    # Rotation 0 is left out, so that a run with rotations has the seeds of one without them.
    key = f"{run_seed}\0{task}\0{item}\0{sample}" + (f"\0{rotation}" if rotation else "")
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) >> 1


def request_digest(request: Request, run_identity: str) -> str:
    """Return the digest of what was sent, in 16 hexadecimal digits."""
    sent = orjson.dumps([run_identity, request.messages, request.seed])
    return hashlib.blake2b(sent, digest_size=8).hexdigest()
