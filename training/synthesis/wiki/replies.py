"""Reads what a model replied, strictly: a relation counts only with a sentence of the passage that holds both names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any, Final, NamedTuple

from evalsuite.parser import final_segment
from evalsuite.run_folder import ResponseRecord
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.kinds import Predicate
from training.synthesis.graph.linking import Linker, Mention
from training.synthesis.wiki.negation import denies, denies_between, is_supposed
from training.synthesis.wiki.passages import Passage
from training.synthesis.wiki.relations import fits, readable
from training.synthesis.wiki.statements import Refused, Triple, WikiNode, references

_FENCE: Final = re.compile(r"```(?:json|JSON)?[ \t]*\n(.*?)```", re.DOTALL)
_REFUSAL: Final = re.compile(
    r"\b(?:I(?:['’]m| am) (?:sorry|unable|not able)|I (?:can(?:no|['’])t|cannot|won['’]t)|sorry|as an AI|unable to)\b",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(r"[\s,]*(?:(?:and|or|as well as)\s+|[&/]\s*)?(?:(?:an?|the)\s+)?", re.IGNORECASE)
_TEXTS: Final = ("subject", "relation", "object", "evidence")
_QUOTED: Final = 300
"""Characters of a refused reply that are kept."""


class Stated(NamedTuple):
    """One relation as a reply states it."""

    subject: str
    relation: str
    object: str
    negated: bool
    evidence: str


class ReplyError(ValueError):
    """A reply, or an entry of it, that can't be used; its text is the name of the reason."""


class ReplyReader:
    """Turns replies into triples between nodes of one graph."""

    def __init__(self, graph: Graph, linker: Linker, model: str) -> None:
        self._graph, self._linker, self._model = graph, linker, model

    def read(self, passage: Passage, record: ResponseRecord) -> Iterator[Triple | Refused]:
        """Yield each relation of a reply as a triple, or as what was refused and why."""
        try:
            entries = entries_of(record)
        except ReplyError as error:
            yield self._refused(str(error), passage, record.text)
            return
        for entry in entries:
            try:
                yield self._triple(passage, stated(entry))
            except ReplyError as error:
                yield self._refused(str(error), passage, json.dumps(entry, ensure_ascii=False))

    def missing(self, passage: Passage, reason: str) -> Refused:
        """Return the row of a passage to which the model gave no response."""
        return self._refused("no_response", passage, reason)

    @staticmethod
    def _refused(reason: str, passage: Passage, content: str) -> Refused:
        page = passage.article.page
        place = f"section: {passage.section.name}"
        return Refused(reason, page.title, page.revision, place, " ".join(content.split())[:_QUOTED])

    def _triple(self, passage: Passage, given: Stated) -> Triple:
        relation = readable(given.relation)
        if relation is None:
            raise ReplyError("unknown_relation")
        sentence, start = _sentence_of(given.evidence, passage)
        subjects, objects = self._entities(given.subject), self._entities(given.object)
        end = start + len(" ".join(given.evidence.split()))
        mentions = [each for each in self._linker.mentions(sentence) if each.start >= start and each.end <= end]
        if not _naming(subjects, mentions):
            raise ReplyError("evidence_lacks_subject")
        if not _naming(objects, mentions):
            raise ReplyError("evidence_lacks_object")
        subject, target = self._ends(relation, subjects, objects)
        first, second = (target, subject) if relation.flipped else (subject, target)
        if self._is_nearer(relation.relation, (subject, target), mentions, sentence):
            raise ReplyError("another_subject_between")
        negated = given.negated or relation.excluded
        if is_supposed(sentence):
            raise ReplyError("only_supposed")
        if not negated and denies(relation.relation, sentence):
            raise ReplyError("negated_sentence")
        if negated and not _is_denied(sentence, _naming((first,), mentions), _naming((second,), mentions)):
            raise ReplyError("denial_not_stated")
        place = references(passage.article, f"section: {passage.section.name}", f"model {self._model}")
        return Triple(self._node(subject), relation.relation, self._node(target), negated, sentence, place)

    def _entities(self, name: str) -> tuple[int, ...]:
        found = self._linker.link(name)
        if not found:
            raise ReplyError("unknown_entity")
        return found

    def _ends(self, relation: Predicate, subjects: tuple[int, ...], objects: tuple[int, ...]) -> tuple[int, int]:
        """Return the one pair of nodes that the relation can hold between, in the order of the graph."""
        pairs = [(b, a) if relation.flipped else (a, b) for a, b in product(subjects, objects) if a != b]
        if not pairs:
            raise ReplyError("same_entity")
        fitting = [pair for pair in pairs if fits(relation.relation, *map(self._graph.type, pair))]
        if len(fitting) != 1:
            raise ReplyError("ambiguous_entity" if fitting else "wrong_type")
        return fitting[0]

    def _is_nearer(self, relation: str, ends: tuple[int, int], mentions: list[Mention], sentence: str) -> bool:
        """Whether everywhere another entity stands between the two names, of which the relation may be stated instead.

        Members of one list (`X and Y cause Z`) don't stand between.
        """
        lists = _lists(mentions, sentence)
        places = {end: [k for k, each in enumerate(mentions) if end in each.nodes] for end in ends}
        for one, other in product(places[ends[0]], places[ends[1]]):
            between = range(min(one, other) + 1, max(one, other))
            others = [mentions[k] for k in between if lists[k] not in (lists[one], lists[other])]
            kinds = {self._graph.type(node) for each in others for node in each.nodes}
            if not any(fits(relation, kind, self._graph.type(ends[1])) for kind in kinds):
                return False
        return True

    def _node(self, number: int) -> WikiNode:
        node = self._graph.node(number)
        return WikiNode(node.id, self._graph.type(number), self._graph.name(number))


def entries_of(record: ResponseRecord) -> list[Any]:
    """Return the entries of a reply. Raises `ReplyError`."""
    start = final_segment(record.text, record.opens_reasoning)
    text = "" if start is None else record.text[start:].strip()
    if record.finish == "refused":
        raise ReplyError("refusal")
    if not text:
        raise ReplyError("empty_reply")
    fences = _FENCE.findall(text)
    body = fences[0] if len(fences) == 1 else text
    if "{" not in body:
        raise ReplyError("refusal" if _REFUSAL.search(text) else "no_json")
    try:
        content = json.loads(body, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ReplyError("half_json" if record.finish == "length" or _is_cut(body) else "malformed_json") from None
    if not isinstance(content, dict) or not isinstance(content.get("relations"), list):
        raise ReplyError("unexpected_json")
    return list(content["relations"])


def stated(entry: Any) -> Stated:
    """Return an entry of a reply with its types checked. Raises `ReplyError`."""
    if not isinstance(entry, dict):
        raise ReplyError("malformed_entry")
    if not str(entry.get("evidence") or "").strip():
        raise ReplyError("no_evidence")
    negated = entry.get("negated", False)
    if not isinstance(negated, bool) or not all(isinstance(entry.get(name), str) for name in _TEXTS):
        raise ReplyError("malformed_entry")
    return Stated(entry["subject"], entry["relation"], entry["object"], negated, entry["evidence"])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key that is there twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _is_cut(text: str) -> bool:
    """Whether JSON ends inside of what it opened."""
    open_brackets, in_text = 0, False
    for char in re.sub(r"\\.", "", text):
        if char == '"':
            in_text = not in_text
        elif not in_text:
            open_brackets += {"{": 1, "[": 1, "}": -1, "]": -1}.get(char, 0)
    return in_text or open_brackets > 0


def _sentence_of(evidence: str, passage: Passage) -> tuple[str, int]:
    """Return the sentence of the passage that holds the evidence as it is written, and where it begins there."""
    quoted = " ".join(evidence.split())
    for sentence in passage.sentences:
        start = sentence.find(quoted)
        if start >= 0:
            return sentence, start
    raise ReplyError("evidence_of_several_sentences" if quoted in passage.text else "evidence_not_in_passage")


def _lists(mentions: list[Mention], sentence: str) -> list[int]:
    """Return for each mention the number of the list of names that it stands in."""
    numbers: list[int] = []
    for place, mention in enumerate(mentions):
        joined = place > 0 and _JOINED.fullmatch(sentence, mentions[place - 1].end, mention.start)
        numbers.append(numbers[-1] if joined else place)
    return numbers


def _naming(nodes: tuple[int, ...], mentions: list[Mention]) -> list[Mention]:
    return [mention for mention in mentions if set(nodes) & set(mention.nodes)]


def _is_denied(sentence: str, subjects: list[Mention], objects: list[Mention]) -> bool:
    ordered = [sorted((one, other)) for one, other in product(subjects, objects) if one.start != other.start]
    return any(denies_between(sentence, first.end, second.start) for first, second in ordered)
