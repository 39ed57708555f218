"""MedQA as a verifiers environment. Another task is the same file with another name in it.

`load_environment` is what `vf-eval` calls; verifiers' newer `eval` and prime-rl take the taskset, asked by a bare chat.
"""

from typing import TYPE_CHECKING, Any

from verifiers.v1.harnesses.null import NullHarness

from evalsuite.interop.verifiers.taskset import ItemsTaskset

if TYPE_CHECKING:
    import verifiers as vf

__all__ = ["ItemsTaskset", "NullHarness"]


def load_environment(task: str = "medqa", **settings: Any) -> "vf.Environment":
    """Load the environment; `settings` are those of `evalsuite.interop.verifiers.environment.load_environment`."""
    from evalsuite.interop.verifiers import environment as bridge

    return bridge.load_environment(task, **settings)
