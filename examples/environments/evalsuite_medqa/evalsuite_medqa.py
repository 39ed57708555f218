"""MedQA as a verifiers environment. Another task is the same file with another name in it."""

from typing import Any

import verifiers as vf

from evalsuite.bridges import verifiers as bridge


def load_environment(task: str = "medqa", **settings: Any) -> vf.Environment:
    """Load the environment; `settings` are those of `evalsuite.bridges.verifiers.load_environment`."""
    return bridge.load_environment(task, **settings)
