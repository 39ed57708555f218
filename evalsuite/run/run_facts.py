"""What run.json records about a run: identity, spec, prompt setups, backend, versions and host."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from evalsuite import parser
from evalsuite.errors import ErrorCode, RunError
from evalsuite.models.backend import BackendInfo
from evalsuite.run.identity import Identity, digest
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import RunWriter
from evalsuite.run_json import SCHEMA
from evalsuite.util.package_version import package_version
from evalsuite.version import __version__

_RECORDED_PACKAGES = ("httptools", "inspect-ai", "numpy", "torch", "transformers", "vllm")


def run_facts(
    spec: RunSpec, identity: Identity, info: BackendInfo, writer: RunWriter, prepared_tasks: Sequence[PreparedTask]
) -> dict[str, Any]:
    """Return the content of run.json, but for how the run ended; a resumed run keeps the time of its first start."""
    folder = writer.folder
    earlier = folder.facts if (folder.path / "run.json").exists() else {}
    return {
        "schema": SCHEMA,
        "began_as": earlier.get("began_as", SCHEMA),
        "evalsuite": __version__,
        "parser": parser.VERSION,
        "identity": identity,
        "identity_digest": digest(identity),
        "decoding": _decoding(identity, earlier),
        "spec": spec.to_json(),
        "prompt_setups": {prepared.name: prepared.to_json() for prepared in prepared_tasks},
        "backend": info,
        "backend_notes": earlier.get("backend_notes", {}),
        "notes": {prepared.name: list(prepared.notes) for prepared in prepared_tasks if prepared.notes},
        "host": {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()},
        "packages": {name: version for name in _RECORDED_PACKAGES if (version := _version(name))},
        "started": earlier.get("started", now()),
        "journal_id": writer.journal_id,
        "journals": earlier.get("journals", {}),
        "regraded": earlier.get("regraded", []),
    }


def _decoding(identity: Identity, earlier: dict[str, Any]) -> dict[str, Any]:
    """Return the decoding settings, null for those that requests of an earlier process went without."""
    sent = earlier["decoding"] if "decoding" in earlier else identity["decoding"]
    return {name: None if sent.get(name) is None else value for name, value in identity["decoding"].items()}


def now() -> str:
    """Return the present time in UTC, to the second, in ISO format."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def day_of(facts: dict[str, Any]) -> date:
    """Return the day on which a run was started first."""
    try:
        return datetime.fromisoformat(facts["started"]).date()
    except (TypeError, ValueError):
        raise RunError(
            ErrorCode.RUN_UNREADABLE, f"run.json: `started` is no time: {str(facts['started'])[:40]!r}; was it edited?"
        ) from None


def _version(package: str) -> str | None:
    """Return the version of an imported package: one that wasn't imported can't have shaped the run."""
    return package_version(package) if package.replace("-", "_") in sys.modules else None
