"""The name of a run in a report, and its run.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalsuite.analysis.run_result import RunResult
from evalsuite.run_json import read_run_json


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
    base = re.sub(r"\.(jsonl|json)(\.gz)?$", "", name.rstrip("/").rpartition("/")[2])
    return f"{base} + {str(adapter).rstrip('/').rpartition('/')[2]}" if adapter else base


def is_recorded(result: RunResult) -> bool:
    """Return whether the responses of a run were produced elsewhere, and only graded here."""
    return result.model.startswith(("replay/", "imported/"))
