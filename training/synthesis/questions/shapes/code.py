"""Disease -> its code in ICD-10-CM."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import ClassVar, Final

from training.synthesis.graph.codes import never_coded_with
from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.question import OPTIONS, Question, Refutation, Refuted
from training.synthesis.questions.shapes.contrast import disjoint_sets
from training.synthesis.questions.shapes.set_shape import SetShape

_CANDIDATES: Final = 16


class Code(SetShape):
    """Names a disease and asks for its code, in sets of five with the same options (see `contrast`).

    The codes of a set stand under one chapter of the list. A distractor is the code of another disease: the answer's
    disease has one code only, and of two codes one is neither above nor below the other. Where the list says that two
    codes are never given together (Excludes1), its note is the proof.
    """

    name: ClassVar[str] = "code"
    share: ClassVar[float] = 0.1
    wordings: ClassVar[tuple[str, ...]] = (
        "Which of these is the ICD-10-CM code of {disease}?",
        "Under which ICD-10-CM code is {disease} classified?",
        "A patient is diagnosed with {disease}. Which ICD-10-CM code applies?",
    )

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases with exactly one code, which no other disease has, and which stands in the list itself."""
        return list(self._codes)

    def ask(self, subject: int, draw: Draw) -> list[list[Question]]:
        """Draw sets out of this disease and others of its chapter."""
        pool = [each for each in self._near[self._chapter(self._codes[subject])] if each not in self.used]
        found = [subject, *(each for each in draw.sample(pool, _CANDIDATES) if each != subject)]
        compatible = [
            sum(1 << place for place, other in enumerate(found) if other != one and self._differ(one, other))
            for one in found
        ]
        sets = []
        for places in disjoint_sets(compatible, OPTIONS):
            members = [found[place] for place in places]
            self.used.update(members)
            sets.append([self._question(each, [other for other in members if other != each], draw) for each in members])
        return sets

    def _differ(self, one: int, other: int) -> bool:
        graph = self.source.graph
        if graph.related(one, other) or graph.related(self._codes[one], self._codes[other]):
            return False
        return not self.source.kin.alike(one, other)

    def _question(self, disease: int, others: list[int], draw: Draw) -> Question:
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(disease=self.source.names.inline(disease)),
            answer=self._codes[disease],
            distractors=tuple(self._refuted(disease, self._codes[other]) for other in others),
            stated=(),
            hidden=tuple(self.source.graph.edges_from(disease, Relation.HAS_CODE).tolist()),
            subject=disease,
            hops=1,
            closeness=0.0,
        )

    def _refuted(self, disease: int, code: int) -> Refuted:
        """Return the Excludes1 note that forbids a code beside the disease's, or else the row of the disease's code."""
        graph, own = self.source.graph, self._codes[disease]
        if code in never_coded_with(graph, own):
            lines = {code, *graph.ancestors(code).tolist()}
            notes = tuple(
                edge
                for holder in (own, *graph.ancestors(own).tolist())
                for edge in graph.edges_from(holder, Relation.EXCLUDES1).tolist()
                if int(graph.identity[graph.edges["object"][edge]]) in lines
            )
            return Refuted(code, Refutation.EXCLUDED, notes)
        rows = tuple(graph.edges_from(disease, Relation.HAS_CODE).tolist())
        return Refuted(code, Refutation.OTHER_VALUE, rows)

    def _chapter(self, code: int) -> int:
        """Return the uppermost ancestor of a code, which may be the code itself."""
        graph = self.source.graph
        return next((up for up in graph.ancestors(code).tolist() if not len(graph.ancestors(up))), code)

    @cached_property
    def _codes(self) -> dict[int, int]:
        graph = self.source.graph
        holders: dict[int, list[int]] = defaultdict(list)
        has_codes = graph.relation_number(Relation.HAS_CODE) >= 0
        for disease in graph.of_type(NodeType.DISEASE).tolist() if has_codes else ():
            codes = graph.objects(disease, Relation.HAS_CODE).tolist()
            if len(codes) == 1 and len(graph.ancestors(codes[0])):
                holders[codes[0]].append(disease)
        return {diseases[0]: code for code, diseases in sorted(holders.items()) if len(diseases) == 1}

    @cached_property
    def _near(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for disease, code in self._codes.items():
            found[self._chapter(code)].append(disease)
        return dict(found)
