"""Makes `import evalsuite` fast: a name of the API is imported when it is first used.

Some functions share their name with a subpackage (`evalsuite.gate(...)` and `from evalsuite.gate import ...`). Python
binds a subpackage to its name in the package as soon as anything imports it, so these subpackages are made callable.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as type checkers know it: importing `typing` would take most of the time of `import evalsuite`
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any
else:
    ModuleType = type(import_module("sys"))

PUBLIC = {
    "Backend": "evalsuite.models.backend",
    "Dataset": "evalsuite.api.dataset:OwnDataset",
    "ErrorCode": "evalsuite.errors",
    "EvalsuiteError": "evalsuite.errors",
    "GatePolicy": "evalsuite.gate.policy",
    "Item": "evalsuite.tasks.item",
    "Run": "evalsuite.api.run",
    "compare": "evalsuite.api.results",
    "evaluate": "evalsuite.api.evaluate",
    "evaluate_async": "evalsuite.api.evaluate",
    "gate": "evalsuite.api.results",
    "grade": "evalsuite.api.scoring",
    "import_log": "evalsuite.api.results",
    "load_items": "evalsuite.api.catalogue",
    "load_task": "evalsuite.api.catalogue",
    "parse": "evalsuite.api.scoring",
    "read_run": "evalsuite.api.run",
    "regrade": "evalsuite.api.results",
    "report": "evalsuite.api.results",
    "reward": "evalsuite.api.scoring",
    "tasks": "evalsuite.api.catalogue",
}
"""The public names, and the modules that define them under the same name or another."""
SUBPACKAGES = frozenset({"gate", "report", "reward", "tasks"})
"""Public functions that share their name with a subpackage."""


class Package(ModuleType):
    """The module type of `evalsuite` itself."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SUBPACKAGES and isinstance(value, ModuleType):
            value.__class__ = CallablePackage
        super().__setattr__(name, value)


class CallablePackage(ModuleType):
    """The module type of a subpackage that shares its name with a public function: calling it calls the function."""

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        function: Callable[..., Any] = public_object(self.__name__.rpartition(".")[2])
        return function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.__wrapped__(*args, **kwargs)


def public_object(name: str) -> Any:
    """Import the module that defines a public name and return what the name stands for."""
    module, _, own_name = PUBLIC[name].partition(":")
    return getattr(import_module(module), own_name or name)


def attribute(name: str) -> Any:
    """Return a public attribute of `evalsuite` that isn't imported yet; another name is an `AttributeError`."""
    if name in SUBPACKAGES:
        return import_module(f"evalsuite.{name}")
    if name in PUBLIC:
        return public_object(name)
    raise AttributeError(f"module 'evalsuite' has no attribute {name!r}")
