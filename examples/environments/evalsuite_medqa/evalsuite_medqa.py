"""MedQA as a verifiers environment; for another task, copy this file and change the name of the task.

The `vf-eval` of verifiers 0.3 calls `load_environment`. Its `eval`, the `vf-eval` of 0.4, and prime-rl use the taskset,
with the harness for plain chats.
"""

from typing import TYPE_CHECKING, Any

from verifiers.v1.harnesses.null import NullHarness

from evalsuite.interop.verifiers import ItemsTaskset

if TYPE_CHECKING:
    import verifiers as vf

# verifiers v1 finds a package's taskset and harness by `__all__`.
__all__ = ["ItemsTaskset", "NullHarness"]


def load_environment(task: str = "medqa", **settings: Any) -> "vf.Environment":
    """Load the environment; `settings` are those of `evalsuite.interop.verifiers.load_environment`."""
    from evalsuite.interop import verifiers

    return verifiers.load_environment(task, **settings)
