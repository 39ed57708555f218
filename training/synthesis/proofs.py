"""Writes the proofs of a benchmark's items, whose questions come from a medical graph: one row of JSON an item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evalsuite.data import canonical
from evalsuite.data.drawn_items import Drawing, drawing_of, load_drawn
from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.tasks.schema import Task
from training.synthesis.item_generator import MedicalGraphItems


def proofs(task: Task, ids: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield what the rows are about, with licence and attribution, and then a row for each item: its proof.

    The items are drawn again, and are those that `evalsuite run` uses, or it is a `DataError`. `ids`: only these items;
    without any, all of them. A task whose items have no proofs is a `UsageError`.
    """
    drawing = drawing_of(task)
    if drawing is None or not isinstance(drawing.generator, MedicalGraphItems):
        message = f"`task` {task.name}: its items are not drawn from a medical graph, so that they have no proofs"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    dataset = load_drawn(drawing)
    known = {item.id: item for item in dataset.items}
    unknown = next((name for name in ids if name not in known), None)
    if unknown is not None:
        message = f"`item` {unknown[:80]!r}: {task.name} has none of this id; its first is {dataset.items[0].id}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    yield {
        "task": task.name,
        "variant": dataset.variant,
        "digest": dataset.digest,
        "licence": task.licence,
        "attribution": drawing.generated.attribution,
    }
    yield from _rows(drawing, drawing.generator, dataset.digest, frozenset(ids or known))


def _rows(
    drawing: Drawing, generator: MedicalGraphItems, digest: str, wanted: frozenset[str]
) -> Iterator[dict[str, Any]]:
    drawn = generator.draw_with_proofs(drawing.generated.settings, drawing.task.arguments)
    if canonical.digest(each.item for each in drawn) != digest:
        message = f"{drawing.task.name}: other items than before: was the generator changed without a new version?"
        raise DataError(ErrorCode.DATA_CHANGED, message)
    for each in drawn:
        if each.item.id in wanted:
            yield {"item": each.item.id, "gold": each.item.gold, "tier": each.tier} | each.proof
