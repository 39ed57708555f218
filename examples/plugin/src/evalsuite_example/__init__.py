"""A benchmark (`dose_arithmetic`) and a backend (`callable/module:function`) for evalsuite, found by entry points."""

from pathlib import Path

TASKS = Path(__file__).parent / "tasks"
"""What the entry point of the group `evalsuite.tasks` names: a folder of task folders."""
