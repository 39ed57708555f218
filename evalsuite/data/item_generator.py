"""Find the program that draws a task's items: an entry point of an installed distribution, never a module by its name.

A card, which may be a stranger's, chooses among what the user has installed, as a model's name does among backends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.item import Item
from evalsuite.tasks.schema import Task
from evalsuite.tasks.task_arguments import Value
from evalsuite.util.installation import install_command
from evalsuite.util.text import with_article

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from evalsuite.tasks.generated_items import GeneratedItems

ENTRY_POINTS: Final = "evalsuite.item_generators"
"""Entry-point group: each entry names an `ItemGenerator`."""


@runtime_checkable
class ItemGenerator(Protocol):
    """What an entry point of this group is: the same settings, arguments and version always give the same items."""

    version: int
    """Raised whenever it gives other items."""

    def draw(self, settings: Mapping[str, Any], arguments: Mapping[str, Value]) -> Iterable[Item | Mapping[str, Any]]:
        """Return the items, as `evalsuite.Dataset` takes them. Settings come from a card and are untrusted."""
        ...


def why_absent(task: Task, generated: GeneratedItems) -> str:
    """Return one line on what has to be installed before a task's items can be drawn; empty: nothing."""
    packages = " ".join(f"{name}=={version}" for name, version in generated.packages.items())
    command = install_command(generated.extra) if generated.extra else f"pip install {packages}"
    install = f": {command}" if generated.extra or packages else ""
    for package, needed in generated.packages.items():
        found = _installed(package)
        if found != needed:
            state = f"{package} {found} is installed" if found else f"{package} is not installed"
            return f"{task.name}: its items are drawn from {package} {needed}, and {state}{install}"
    if not _entry_points(generated.generator):
        return f"{task.name}: no installed package has the generator {generated.generator!r} of its items{install}"
    return ""


def find_generator(task: Task, generated: GeneratedItems) -> ItemGenerator:
    """Return the generator that a card names; one that is missing, broken or not unique is a `DataError`."""
    if absent := why_absent(task, generated):
        raise DataError(ErrorCode.DATA_NOT_FOUND, absent)
    where = f"{task.name}: generator {generated.generator!r}"
    points = _entry_points(generated.generator)
    if len(points) > 1:
        places = " and ".join(sorted(point.value for point in points))
        raise DataError(ErrorCode.GENERATOR_FAILED, f"{where}: {places} have this name; uninstall one of them")
    try:
        generator = points[0].load()
    except (Exception, SystemExit) as error:  # whatever is wrong with another package stops nothing but its own tasks
        raise DataError(ErrorCode.GENERATOR_FAILED, f"{where}: {points[0].value} {described(error)}") from error
    if not isinstance(generator, ItemGenerator) or isinstance(generator, type) or not _is_version(generator.version):
        kind = with_article(type(generator).__name__)
        message = f"{where}: {points[0].value} is {kind} without a whole number as `version` and a method `draw`"
        raise DataError(ErrorCode.GENERATOR_FAILED, message)
    return generator


def described(error: BaseException) -> str:
    """Return an exception of a generator in one line."""
    text = " ".join(str(error).split())
    return f"failed with {type(error).__name__}" + (f": {text[:300]}" if text else "")


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except (PackageNotFoundError, ValueError):
        return ""


@cache
def _entry_points(name: str) -> tuple[EntryPoint, ...]:
    """Return the generators of this name, each place once: a package may be found twice, in a checkout for example."""
    from importlib.metadata import entry_points

    return tuple({point.value: point for point in entry_points(group=ENTRY_POINTS, name=name)}.values())


def _is_version(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
