"""The part of a task card that says how items are drawn by a program instead of being read from a file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from evalsuite.tasks.task_arguments import TaskArgument
from evalsuite.util.validation import StrictModel


class GeneratedItems(StrictModel):
    """How the items of a task without files are drawn, by a generator that an installed package brings."""

    generator: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    """Name of an entry point of the group `evalsuite.item_generators`; a card can't name a module."""
    packages: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")], Annotated[str, Field(pattern=r"^[A-Za-z0-9.!+_-]+$")]
    ] = Field(default_factory=dict)
    """Distributions that the items are drawn from, with the version that is needed."""
    extra: Annotated[str, Field(pattern=r"^[a-z-]*$")] = ""
    """The extra of evalsuite that brings them; empty: they are installed by their own names."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What the generator is told, whatever the arguments are."""
    arguments: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], TaskArgument] = Field(default_factory=dict)
    """What a user may choose, such as the seed. The lock is about the items that the defaults give."""
    attribution: str = ""
    """The sentence that has to stand with the items wherever they are shown."""
