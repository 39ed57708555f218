"""verifiers: every task as an environment for reinforcement learning, and as a taskset of its v1 interface.

from evalsuite.interop.verifiers import load_environment
environment = load_environment("medqa")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalsuite.interop.verifiers.environment import load_environment
    from evalsuite.interop.verifiers.taskset import ItemsTaskset

__all__ = ["ItemsTaskset", "load_environment"]


def __getattr__(name: str) -> Any:
    """Import the two interfaces of verifiers on first use: each takes seconds, and a user needs one of them."""
    if name == "load_environment":
        from evalsuite.interop.verifiers.environment import load_environment

        return load_environment
    if name == "ItemsTaskset":
        from evalsuite.interop.verifiers.taskset import ItemsTaskset

        return ItemsTaskset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
