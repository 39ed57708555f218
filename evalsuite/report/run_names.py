"""The name of a run in a report, and its run.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from evalsuite.analysis.run_result import RunResult
from evalsuite.run_json import read_run_json

_SAYS_NOTHING: Final = re.compile(r"model|start|adapter|checkpoint-\d+")
"""Names of folders that training tools give to every model alike."""


def run_json(result: RunResult) -> Mapping[str, Any]:
    """Return the content of run.json; empty if only the summary and the grades were kept."""
    file = result.path / "run.json"
    return read_run_json(file) if file.exists() else {}


def display_name(result: RunResult) -> str:
    """Return a model's name without its backend.

    A recording has the name of the model that produced it, and an adapter is named beside its base model.
    """
    about = run_json(result)
    recorded_models = about.get("backend", {}).get("models") if result.model.startswith("replay/") else None
    if recorded_models:
        return " + ".join(map(str, recorded_models))
    backend, _, name = result.model.partition("/")
    if backend in ("trivial", "tiny") or not name:
        return result.model
    adapter = about.get("identity", {}).get("adapter")
    base = re.sub(r"\.(jsonl|json)(\.gz)?$", "", _last_part(name))
    return f"{base} + {_last_part(str(adapter))}" if adapter else base


def _last_part(path: str) -> str:
    """Return the last part of a path, with the one before where it alone says nothing."""
    parts = path.rstrip("/").split("/")
    return "/".join(parts[-2 if _SAYS_NOTHING.fullmatch(parts[-1]) else -1 :])


def is_recorded(result: RunResult) -> bool:
    """Return whether the responses of a run were produced elsewhere, and only graded here."""
    return result.model.startswith(("replay/", "imported/"))
