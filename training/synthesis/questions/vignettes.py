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

from evalsuite.data import canonical
from evalsuite.parser import final_segment
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import ResponseRecord
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
PURPOSE: Final = "vignettes"
"""Names the journal of the responses."""
_LONGEST: Final = 1200
_QUOTED: Final = 300
"""Characters of a refused text that are kept."""
_REFUSAL: Final = re.compile(
    r"\bI(?:['’]m| am) (?:sorry|unable|not able|afraid)\b|\bI (?:can(?:no|['’])t|cannot|won['’]t|could not)\b|"
    r"\bas an? (?:AI|language model)\b|^\W*(?:sorry|unfortunately)\b",
    re.IGNORECASE,
)
_NOT_PROSE: Final = re.compile(r"[<>{}\[\]|`#*_=\\]|\?")
"""Marks of JSON, of markup and of a question, outside of the names of findings."""
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
    EMPTY_REPLY = "empty_reply"
    REFUSAL = "refusal"
    CUT_SHORT = "cut_short"
    NOT_PROSE = "not_prose"
    SAME_TEXT = "same_text"
    TOO_LONG = "too_long"
    FINDING_LOST = "finding_lost"
    FINDING_ADDED = "finding_added"
    DISEASE_OR_GENE = "disease_or_gene"
    DENIAL = "denial"
    PERSON_OR_NUMBER = "person_or_number"
    OPTION_NAMED = "option_named"


class Writer(NamedTuple):
    """A model (`training.model_requests.model_spec`) that writes vignettes; `tell` is given lines about it."""

    spec: RunSpec
    tell: Callable[[str], None] = lambda line: None


class RefusedText(NamedTuple):
    """What was not taken for an item, and why."""

    item: str
    reason: Fault
    text: str


class Written(NamedTuple):
    """All items, those with a vignette rewritten, and the texts that were not taken."""

    items: list[SyntheticItem]
    written: int
    refused: list[RefusedText]

    @property
    def counts(self) -> dict[str, int]:
        """How many texts were not taken, by the reason."""
        return dict(sorted(Counter(each.reason.value for each in self.refused).items()))


def write_vignettes(source: QuestionSource, items: Sequence[SyntheticItem], writer: Writer, folder: Path) -> Written:
    """Have a model write the vignettes of all items that state the findings of a patient.

    `folder` keeps its responses, so that a call that was cut short goes on where it was; one with the responses to
    other items is a `RunError`.
    """
    check = _Vignettes(source)
    prompts = {each.item.id: check.prompt(each) for each in items if check.states_findings(each)}
    about = {
        "prompt": PROMPT_VERSION,
        "graph": source.graph.digest,
        "items": canonical.digest(each.item for each in items),
    }
    answers = ask(writer.spec, prompts.values(), folder, about, writer.tell)
    if answers.failed:
        reason = next(iter(answers.failed.values()))
        writer.tell(f"{len(answers.failed):,} requests failed, one with: {reason}; the same command sends them again")
    texts = {each.item.question for each in items}
    rewritten, refused = list[SyntheticItem](), list[RefusedText]()
    for each in items:
        if each.item.id in prompts:
            record = answers.records.get(prompts[each.item.id].key)
            text, fault = check.reply(each, record)
            question = f"{text} {SHAPES[each.item.meta['shape']].query}"
            if fault is None and question in texts:
                fault = Fault.SAME_TEXT
            if fault is None:
                texts.add(question)
                each = each._replace(item=replace(each.item, question=question))
            else:
                refused.append(RefusedText(each.item.id, fault, text[:_QUOTED]))
        rewritten.append(each)
    return Written(rewritten, len(prompts) - len(refused), refused)


class _Vignettes:
    """Requests vignettes and checks them."""

    def __init__(self, source: QuestionSource) -> None:
        self._source = source

    @cached_property
    def _linker(self) -> Linker:
        return Linker(self._source.graph, (NodeType.SIGN, NodeType.DISEASE, NodeType.GENE))

    def states_findings(self, item: SyntheticItem) -> bool:
        """Return whether an item states the findings of a patient."""
        return bool(SHAPES[item.item.meta["shape"]].query)

    def prompt(self, item: SyntheticItem) -> Prompt:
        """Return the request for a vignette."""
        signs = "; ".join(map(self._source.names.inline, self._signs(item.proof)))
        return prompt({"role": "user", "content": _PROMPT.format(signs=signs)})

    def reply(self, item: SyntheticItem, record: ResponseRecord | None) -> tuple[str, Fault | None]:
        """Return the text of a response, in one line, and the first reason against it; reasoning is left out."""
        if record is None:
            return "", Fault.NO_RESPONSE
        start = final_segment(record.text, record.opens_reasoning)
        text = "" if start is None else " ".join(record.text[start:].split())
        if record.finish == "refused":
            return text, Fault.REFUSAL
        if record.finish == "length":
            return text, Fault.CUT_SHORT
        return text, self.fault(item, text)

    def fault(self, item: SyntheticItem, text: str) -> Fault | None:
        """Return the first reason against a text."""
        return next(self._faults(item, text), None)

    def _faults(self, item: SyntheticItem, text: str) -> Iterator[Fault]:
        if not text:
            yield Fault.EMPTY_REPLY
        if _REFUSAL.search(text):
            yield Fault.REFUSAL
        graph, stated = self._source.graph, self._signs(item.proof)
        rest = self._without_names(text, stated)
        if not text.isprintable() or _NOT_PROSE.search(rest):
            yield Fault.NOT_PROSE
        if len(text) > _LONGEST:
            yield Fault.TOO_LONG
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
