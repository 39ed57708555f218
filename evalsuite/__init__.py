"""Medical question answering, evaluated: pinned data, one strict answer parser, numbers with intervals.

    import evalsuite as es
    run = es.evaluate("openai/Qwen3-8B", ["medqa", "pubmedqa"], base_urls=["http://127.0.0.1:8000/v1"])
    run.accuracy["medqa"].value, run.accuracy["medqa"].low, run.accuracy["medqa"].high

docs/python.md documents every name in `__all__`; all other names may change without notice.
"""

from __future__ import annotations

import sys

from evalsuite.util import lazy_api, other_distribution
from evalsuite.version import __version__ as __version__

TYPE_CHECKING = False  # as type checkers know it: importing `typing` would take most of the time of this import
if TYPE_CHECKING:
    from typing import Any

    from evalsuite.api.catalogue import load_items as load_items
    from evalsuite.api.catalogue import load_task as load_task
    from evalsuite.api.catalogue import tasks as tasks
    from evalsuite.api.dataset import OwnDataset as Dataset
    from evalsuite.api.evaluate import evaluate as evaluate
    from evalsuite.api.evaluate import evaluate_async as evaluate_async
    from evalsuite.api.results import compare as compare
    from evalsuite.api.results import gate as gate
    from evalsuite.api.results import import_log as import_log
    from evalsuite.api.results import regrade as regrade
    from evalsuite.api.results import report as report
    from evalsuite.api.run import Run as Run
    from evalsuite.api.run import read_run as read_run
    from evalsuite.api.scoring import grade as grade
    from evalsuite.api.scoring import parse as parse
    from evalsuite.api.scoring import reward as reward
    from evalsuite.errors import ErrorCode as ErrorCode
    from evalsuite.errors import EvalsuiteError as EvalsuiteError
    from evalsuite.gate.policy import GatePolicy as GatePolicy
    from evalsuite.models.backend import Backend as Backend
    from evalsuite.tasks.item import Item as Item

__all__ = [
    "Backend",
    "Dataset",
    "ErrorCode",
    "EvalsuiteError",
    "GatePolicy",
    "Item",
    "Run",
    "compare",
    "evaluate",
    "evaluate_async",
    "gate",
    "grade",
    "import_log",
    "load_items",
    "load_task",
    "parse",
    "read_run",
    "regrade",
    "report",
    "reward",
    "tasks",
]

sys.modules[__name__].__class__ = lazy_api.Package
other_distribution.warn()


def __getattr__(name: str) -> Any:
    return lazy_api.attribute(name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
