"""Files of schema version 1, read as version 2: the same facts, under the names that version 2 gives them.

Version 1 was written until November 2026. Only keys and the prefix of the trivial baselines' names have changed, so
no number can differ. Nothing is rewritten on disk.
"""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

_RUN_KEYS: Final = {"plan": "spec", "asked": "prompt_setups", "begun": "started"}
_SETTINGS_KEYS: Final = {"args": "model_args"}
_TASK_KEYS: Final = {"shift_options": "rotate_options", "floor": "trivial_baselines"}
_ROBUSTNESS_KEYS: Final = {"in_place": "not_rotated", "shifts": "rotations"}


def upgrade_run(run: Json) -> Json:
    """Return the content of a run.json of version 1 with the keys of version 2."""
    renamed = _renamed(run, _RUN_KEYS)
    identity = renamed.get("identity")
    if isinstance(identity, dict):
        renamed["identity"] = _with_model(identity) | {"tasks": _each(identity.get("tasks"), _TASK_KEYS)}
    if isinstance(renamed.get("spec"), dict):
        spec = _with_model(_renamed(renamed["spec"], _TASK_KEYS))
        if isinstance(spec.get("settings"), dict):
            spec["settings"] = _renamed(spec["settings"], _SETTINGS_KEYS)
        renamed["spec"] = spec
    return renamed | {"schema": 2}


def upgrade_summary(summary: Json) -> Json:
    """Return the content of a summary.json of version 1 with the keys of version 2."""
    tasks = _each(summary.get("tasks"), _TASK_KEYS)
    for task in tasks.values() if isinstance(tasks, dict) else ():
        if isinstance(task, dict) and isinstance(task.get("robustness"), dict):
            task["robustness"] = _upgrade_robustness(task["robustness"])
    return _with_model(summary) | {"tasks": tasks, "schema": 2}


def upgrade_record(record: Json) -> Json:
    """Return a journal line of version 1 with the keys of version 2."""
    return _renamed(record, {"shift": "rotation"})


def _upgrade_robustness(robustness: Json) -> Json:
    renamed = _renamed(robustness, _ROBUSTNESS_KEYS)
    if isinstance(renamed.get("rotations"), list):
        renamed["rotations"] = [
            _renamed(each, {"away": "deviation"}) if isinstance(each, dict) else each for each in renamed["rotations"]
        ]
    return renamed


def _with_model(facts: Json) -> Json:
    model = facts.get("model")
    if isinstance(model, str) and model.startswith("floor/"):
        return facts | {"model": "trivial/" + model.removeprefix("floor/")}
    return dict(facts)


def _each(tasks: Any, keys: dict[str, str]) -> Any:
    if not isinstance(tasks, dict):
        return tasks
    return {name: _renamed(task, keys) if isinstance(task, dict) else task for name, task in tasks.items()}


def _renamed(facts: Json, keys: dict[str, str]) -> Json:
    return {keys.get(key, key): value for key, value in facts.items()}
