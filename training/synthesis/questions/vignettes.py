"""A model turns what a question tells into a vignette; what it writes is checked, and only what passes is taken.

Every stated finding must be in the text and no other one, no disease and no gene, no denial, number, age or sex that
the graph doesn't state, and no word that gives an option away. Where a text fails, or the model gives none, the
question keeps its template, and the reason is counted: nothing is dropped, and no proof changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.run.spec import RunSpec
from training.model_requests import Prompt, ask, prompt
from training.synthesis.graph.kinds import NodeType
from training.synthesis.graph.linking import Linker
from training.synthesis.questions.items import SyntheticItem
from training.synthesis.questions.names import roots
from training.synthesis.questions.shapes.all import SHAPES
from training.synthesis.questions.source import QuestionSource

PROMPT_VERSION: Final = 1
"""Raised whenever a prompt changes, so that a folder of other responses is not continued."""
_PROMPT: Final = (
    "Write a short clinical vignette of a patient with exactly these findings: {signs}.\n"
    "Name each finding in these words. State no other finding, and not the absence of any. Give no age, sex, number, "
    "test result, diagnosis, gene or question. Answer with the vignette alone, in one to four sentences."
)
_LONGEST: Final = 1200
_DENIAL: Final = re.compile(
    r"\b(?:no|not|never|without|denies|denied|absence|negative for|rules? out)\b", re.IGNORECASE
)
_PERSON: Final = re.compile(
    r"\d|\b(?:he|she|his|her|him|hers|man|woman|boy|girl|male|female|mother|father|son|daughter|brother|sister|infant|"
    r"newborn|toddler|child|adolescent|teenager|adult|elderly|year|month|week|day)s?\b",
    re.IGNORECASE,
)


class Fault(StrEnum):
    """Why a text is not taken."""

    NO_RESPONSE = "no_response"
    TOO_LONG = "too_long"
    FINDING_LOST = "finding_lost"
    FINDING_ADDED = "finding_added"
    DISEASE_OR_GENE = "disease_or_gene"
    DENIAL = "denial"
    PERSON_OR_NUMBER = "person_or_number"
    OPTION_NAMED = "option_named"


class Written(NamedTuple):
    """All items, those with a vignette rewritten; `counts`: how many were, and how many were not for which reason."""

    items: list[SyntheticItem]
    counts: dict[str, int]


def write_vignettes(
    source: QuestionSource,
    items: Sequence[SyntheticItem],
    spec: RunSpec,
    folder: Path,
    tell: Callable[[str], None] = lambda line: None,
) -> Written:
    """Have a model write the vignettes of all items that tell the findings of a patient.

    `spec`: the model (`training.model_requests.model_spec`); `folder` keeps its responses, so that a call that was cut
    short goes on where it was.
    """
    writer = _Vignettes(source)
    prompts = {each.item.id: writer.prompt(each) for each in items if writer.is_told(each)}
    answers = ask(spec, prompts.values(), folder, {"prompt": PROMPT_VERSION, "graph": source.graph.digest}, tell)
    counts = Counter[str]()
    written: list[SyntheticItem] = []
    for each in items:
        if each.item.id in prompts:
            record = answers.records.get(prompts[each.item.id].key)
            text = " ".join((record.text if record else "").split())
            fault = writer.fault(each, text)
            counts[fault or "written"] += 1
            if fault is None:
                query = SHAPES[each.item.meta["shape"]].query
                each = each._replace(item=replace(each.item, question=f"{text} {query}"))
        written.append(each)
    return Written(written, dict(counts))


class _Vignettes:
    """Asks for vignettes and checks them."""

    def __init__(self, source: QuestionSource) -> None:
        self._source = source

    @cached_property
    def _linker(self) -> Linker:
        return Linker(self._source.graph, (NodeType.SIGN, NodeType.DISEASE, NodeType.GENE))

    def is_told(self, item: SyntheticItem) -> bool:
        """Return whether an item tells the findings of a patient."""
        return bool(SHAPES[item.item.meta["shape"]].query)

    def prompt(self, item: SyntheticItem) -> Prompt:
        """Return the request for a vignette."""
        signs = "; ".join(map(self._source.names.inline, self._signs(item.proof)))
        return prompt({"role": "user", "content": _PROMPT.format(signs=signs)})

    def fault(self, item: SyntheticItem, text: str) -> Fault | None:
        """Return the first reason against a text."""
        return next(self._faults(item, text), None)

    def _faults(self, item: SyntheticItem, text: str) -> Iterator[Fault]:
        if not text:
            yield Fault.NO_RESPONSE
        if len(text) > _LONGEST:
            yield Fault.TOO_LONG
        graph, stated = self._source.graph, self._signs(item.proof)
        nodes = [graph.find(option["id"]) for option in item.proof["options"].values()]
        if any(roots(text).meet(self._source.names.roots(node)) for node in nodes if node is not None):
            yield Fault.OPTION_NAMED
        mentions = [mention.nodes for mention in self._linker.mentions(text)]
        implied = {each for sign in stated for each in self._source.signs.upper(sign)}
        for meant in mentions:
            kinds = {graph.type(node) for node in meant}
            if NodeType.SIGN not in kinds:
                yield Fault.DISEASE_OR_GENE
            elif implied.isdisjoint(meant):
                yield Fault.FINDING_ADDED
        if not {node for meant in mentions for node in meant}.issuperset(stated):
            yield Fault.FINDING_LOST
        rest = self._without_names(text, stated)
        if _DENIAL.search(rest):
            yield Fault.DENIAL
        if _PERSON.search(rest):
            yield Fault.PERSON_OR_NUMBER

    def _without_names(self, text: str, stated: Sequence[int]) -> str:
        """Return a text without the names of what is stated, in which a number or a denial says nothing else."""
        names = sorted((each.text for sign in stated for each in self._source.graph.names(sign)), key=len, reverse=True)
        return re.sub("|".join(map(re.escape, names)), " ", text, flags=re.IGNORECASE)

    def _signs(self, proof: dict[str, Any]) -> list[int]:
        found = (self._source.graph.find(row[2]) for row in proof["stated"])
        return list(dict.fromkeys(sign for sign in found if sign is not None))
