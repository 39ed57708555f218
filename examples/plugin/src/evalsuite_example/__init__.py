"""A benchmark (`dose_arithmetic`) and a backend (`callable/module:function`) for evalsuite, found by entry points."""

from pathlib import Path

TASKS = Path(__file__).parent / "tasks"
"""The folder of task folders that the entry point in the group `evalsuite.tasks` names."""
