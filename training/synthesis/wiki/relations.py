"""Which relations are read from articles, and between which types of nodes each can hold."""

from __future__ import annotations

from typing import Final, NamedTuple

from training.synthesis.graph.kinds import NodeType, Predicate, Relation, predicate

T = NodeType


class Ends(NamedTuple):
    """The types that a relation's subject and object can have; the first is that of an end without a type."""

    subject: tuple[NodeType, ...]
    object: tuple[NodeType, ...]


READABLE: Final = {
    Relation.HAS_SIGN: Ends((T.DISEASE,), (T.SIGN,)),
    Relation.CAUSED_BY: Ends((T.DISEASE, T.SIGN), (T.CAUSE, T.DISEASE, T.GENE, T.DRUG, T.PROCESS)),
    Relation.RESULTS_IN: Ends((T.DISEASE, T.SIGN), (T.PROCESS, T.DISEASE, T.SIGN)),
    Relation.LOCATED_IN: Ends((T.DISEASE, T.SIGN), (T.ANATOMY,)),
    Relation.TRANSMITTED_BY: Ends((T.DISEASE,), (T.TRANSMISSION, T.CAUSE)),
    Relation.DIAGNOSED_BY: Ends((T.DISEASE, T.SIGN), (T.TEST,)),
    Relation.TREATS: Ends((T.DRUG,), (T.DISEASE, T.SIGN)),
    Relation.CONTRAINDICATED_IN: Ends((T.DRUG,), (T.DISEASE, T.SIGN)),
    Relation.HAS_GENE: Ends((T.DISEASE,), (T.GENE,)),
}
"""The relations that a model may state; in what an infobox states there are two more (`infobox.FIELDS`)."""


def readable(name: str) -> Predicate | None:
    """Return what a stated relation means; None if it is none of those that are read."""
    found = predicate(name) if name.strip() else None
    return found if found is not None and found.relation in READABLE else None


def fits(relation: str, subject: NodeType, target: NodeType) -> bool:
    """Whether a relation can hold between two types; one that isn't listed holds between any."""
    ends = READABLE.get(relation)  # type: ignore[call-overload]
    if ends is None:
        return relation != Relation.IS_A or subject == target
    return subject in ends.subject and target in ends.object
