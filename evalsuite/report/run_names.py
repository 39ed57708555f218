"""What a run is called in a report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from evalsuite.analysis.run_result import RunResult


def facts(result: RunResult) -> Mapping[str, Any]:
    """Everything that run.json says; empty where only a summary and its grades were kept."""
    try:
        found = orjson.loads((result.path / "run.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def shown_name(result: RunResult) -> str:
    """A model's name without its backend; a recording goes by the model that made it, an adapter by its own name."""
    about = facts(result)
    made = about.get("backend", {}).get("models") if result.model.startswith("replay/") else None
    if made:
        return " + ".join(map(str, made))
    backend, _, name = result.model.partition("/")
    if backend in ("trivial", "tiny") or not name:
        return result.model
    adapter = about.get("identity", {}).get("adapter")
    base = re.sub(r"\.(jsonl|json)(\.gz)?$", "", name.rstrip("/").rpartition("/")[2])
    return f"{base} + {str(adapter).rstrip('/').rpartition('/')[2]}" if adapter else base


def recorded(result: RunResult) -> bool:
    """Whether its responses were made elsewhere."""
    return result.model.startswith(("replay/", "imported/"))
