"""Questions from a medical graph as a generator of items: what the benchmark `rare_disease` is drawn by.

evalsuite finds `GENERATOR` by the entry point in pyproject.toml, and loads it when a card names it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from evalsuite.errors import ErrorCode, TaskError
from evalsuite.tasks.item import Item
from training.synthesis.graph.load import read_graph
from training.synthesis.questions.generate import GENERATOR_VERSION, generate
from training.synthesis.questions.source import QuestionSource

if TYPE_CHECKING:
    from training.synthesis.questions.items import SyntheticItem

_GRAPHS: Final = ("hpo", "icd10cm")
"""Graphs that a card may name: those of installed packages, never a path."""
_MOST: Final = 100_000
"""The most items that a card may request."""
_SETTINGS: Final = frozenset({"graph", "items", "shapes"})


class MedicalGraphItems:
    """Draws a benchmark's items from a graph that an installed package brings.

    Settings of the card: `graph`, `items` (their number) and `shapes` (the share of each shape). The argument `seed`
    draws other items by the same rules. They are never those that `evalsuite train synthesize` draws with that seed.
    """

    version = GENERATOR_VERSION

    def draw(self, settings: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[Item]:
        """Return the items, in the order in which they were drawn, so that the first ones hold all shapes."""
        return [each.item for each in self.draw_with_proofs(settings, arguments)]

    def draw_with_proofs(self, settings: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[SyntheticItem]:
        """Return the same items, each with its tier and its proof."""
        from training.synthesis.questions.items import make_items  # slow to import, and not needed for drawn items

        graph, count, shares = _checked(settings)
        source, seed = _source(graph), arguments.get("seed", 1)
        drawn = make_items(source, generate(source, count, _stream(seed), shares), _stream(seed))
        width = len(str(count))
        return [
            each._replace(item=replace(each.item, id=f"seed{seed}-{number:0{width}}"))
            for number, each in enumerate(drawn, 1)
        ]


def _stream(seed: object) -> int:
    """Return the seed of a benchmark's questions: none that a training corpus is drawn with, by its number."""
    return int.from_bytes(hashlib.sha256(f"benchmark:{seed}".encode()).digest()[:7])


@cache
def _source(graph: str) -> QuestionSource:
    return QuestionSource(read_graph([graph]))


def _checked(settings: Mapping[str, Any]) -> tuple[str, int, dict[str, float]]:
    """Return a card's settings, which are untrusted; anything else than it may say is a `TaskError`."""
    graph, count, shapes = settings.get("graph"), settings.get("items"), settings.get("shapes")
    unknown = [str(key)[:40] for key in settings if key not in _SETTINGS]
    if unknown:
        raise _malformed(f"has no setting {unknown[0]!r}; known: {', '.join(sorted(_SETTINGS))}")
    if graph not in _GRAPHS:
        raise _malformed(f"`graph` is one of {', '.join(_GRAPHS)}")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST:
        raise _malformed(f"`items` is a whole number from 1 to {_MOST:,}")
    if not isinstance(shapes, Mapping) or not shapes or not all(_is_share(value) for value in shapes.values()):
        raise _malformed("`shapes` has a positive number for each shape")
    return graph, count, {str(shape): float(share) for shape, share in shapes.items()}


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _malformed(reason: str) -> TaskError:
    return TaskError(ErrorCode.INVALID_TASK_CARD, f"generated.settings: medical_graph {reason}")


GENERATOR: Final = MedicalGraphItems()
