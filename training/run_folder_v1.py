"""Files of a training run of schema version 1, read as version 2: the same facts, under the names of version 2.

Version 1 was written until November 2026. Only keys have changed. Nothing is rewritten on disk, but for a file that
changes anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "run.json": {"begun": "started", "from": "reused_from"},
    "stage.json": {"begun": "started", "said": "reason", "settled": "decided"},
    "gate.json": {"said": "reason"},
}
_METRICS: Final = {"dead_zero": "groups_all_0", "dead_one": "groups_all_1"}


def upgrade_file(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a run's JSON file with the keys of version 2; any other content as it is."""
    if content.get("schema") != 1 or name not in _KEYS:
        return content
    return {_KEYS[name].get(key, key): value for key, value in content.items()} | {"schema": 2}


def upgrade_metrics(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of metrics.jsonl with the keys of version 2; its lines name no version."""
    return {_METRICS.get(key, key): value for key, value in line.items()}
