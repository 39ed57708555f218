"""Disease -> the sign that is more frequent than others of it; its name, its signs or its gene is given."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar, NamedTuple

from training.synthesis.graph.findings import Finding
from training.synthesis.graph.kinds import Polarity, Relation
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.even_draw import Case
from training.synthesis.questions.names import joined
from training.synthesis.questions.presentation import draw_presentation
from training.synthesis.questions.question import Question, Refutation, Refuted
from training.synthesis.questions.shapes.pool import Ask, PoolShape
from training.synthesis.questions.source import QuestionSource
from training.synthesis.questions.tellable import StatableSigns


class _Known(NamedTuple):
    """The findings of a disease that can be options, by sign: their frequency is stated, and their names share no root
    with the disease's own. Besides, those that are above at least four others.
    """

    all: dict[int, Finding]
    answers: tuple[Ask, ...]


class _Stem(NamedTuple):
    """A question's text, and the edges that it states."""

    text: str
    stated: tuple[int, ...]


class MostFrequent(PoolShape):
    """Names a disease and asks for its most frequent sign: the intervals of all distractors end below the answer's."""

    name: ClassVar[str] = "most_frequent"
    share: ClassVar[float] = 0.15
    hops: ClassVar[int] = 1
    wordings: ClassVar[tuple[str, ...]] = (
        "Which of the following findings is most frequent in patients with {disease}?",
        "Of these findings, which one do patients with {disease} have most often?",
        "In {disease}, which of these findings is the most common?",
    )

    def __init__(self, source: QuestionSource) -> None:
        super().__init__(source)
        self._known: dict[int, _Known] = {}

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases with a sign that is more frequent than at least four others."""
        return [disease for disease in self.source.signs.diseases.tolist() if self.known(disease).answers]

    def target(self, subject: int) -> int:
        """Return the disease whose sign is the answer."""
        return subject

    def asks(self, subject: int) -> tuple[Ask, ...]:
        """Return the signs that are more frequent than at least four others."""
        return self.known(self.target(subject)).answers

    def wrong(self, subject: int, ask: Ask) -> list[int]:
        """Return the signs that are less frequent, none of which is a kind or an ancestor of the answer."""
        findings, upper = self.known(self.target(subject)).all, self.source.signs.upper
        least, above = findings[ask.answer].frequency.low, upper(ask.answer)
        return [
            sign
            for sign, each in findings.items()
            if each.frequency.high < least and sign not in above and ask.answer not in upper(sign)
        ]

    def stem(self, case: Case, chosen: list[int], draw: Draw) -> _Stem | None:
        """Return the text of a question with these distractors; None if there is none."""
        return _Stem(draw.choice(self.wordings).format(disease=self.source.names.inline(case.subject)), ())

    def path(self, subject: int) -> tuple[int, ...]:
        """Return the edges from what is stated to the disease whose sign is the answer."""
        return ()

    def written(self, case: Case, chosen: list[int], draw: Draw) -> Question | None:
        """Return the question."""
        stem = self.stem(case, chosen, draw)
        if stem is None:
            return None
        findings = self.known(self.target(case.subject)).all
        answer = findings[case.answer]
        return Question(
            shape=self.name,
            stem=stem.text,
            answer=case.answer,
            distractors=tuple(Refuted(sign, Refutation.LESS_FREQUENT, findings[sign].edges) for sign in chosen),
            stated=stem.stated,
            hidden=(*self.path(case.subject), *answer.edges),
            subject=case.subject,
            hops=self.hops,
            closeness=max(findings[sign].frequency.high for sign in chosen) / answer.frequency.low,
        )

    def statable(self, case: Case, chosen: list[int], findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings that can be stated beside these options: none is akin to the answer, a kind of a
        distractor, or has a word of an option.
        """
        names, upper = self.source.names, self.source.signs.upper
        above, options = upper(case.answer), (case.answer, *chosen)
        named = joined(map(names.roots, options))
        return tuple(
            each
            for each in findings
            if each.sign not in above
            and upper(each.sign).isdisjoint(options)
            and not named.meet(names.roots(each.sign))
        )

    def known(self, disease: int) -> _Known:
        """Return the findings of a disease that can be options."""
        found = self._known.get(disease)
        if found is None:
            found = self._known[disease] = self._find(disease)
        return found

    def _find(self, disease: int) -> _Known:
        table, names = self.source.signs, self.source.names
        named = names.roots(disease)
        known = {
            sign: each
            for sign, each in table.own(disease).items()
            if each.polarity == Polarity.PRESENT and each.frequency.known and not table.is_vague(sign)
            if not named.meet(names.roots(sign))
        }
        ends = sorted(each.frequency.high for each in known.values())
        above = (sign for sign, each in known.items() if len(ends) >= 5 and ends[3] < each.frequency.low)
        return _Known(known, tuple(Ask(sign, disease) for sign in above))


class NextFeature(MostFrequent):
    """Names a disease and a sign, and asks for a further one."""

    name: ClassVar[str] = "next_feature"
    cases_of: ClassVar[str] = MostFrequent.name
    share: ClassVar[float] = 0.1
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient with {disease} has {sign}. Which further finding is most frequent in this disorder?",
        "Besides {sign}, which of these findings is most common in patients with {disease}?",
        "In a patient with {disease}, {sign} was found. Which other finding is most common in this disorder?",
    )

    def stem(self, case: Case, chosen: list[int], draw: Draw) -> _Stem | None:
        """Name the disease and one of its signs."""
        apt = self.statable(case, chosen, self.source.tellable.of(case.subject).often)
        if not apt:
            return None
        finding, names = draw.choice(apt), self.source.names
        text = draw.choice(self.wordings).format(disease=names.inline(case.subject), sign=names.inline(finding.sign))
        return _Stem(text, finding.edges)


class NextFinding(MostFrequent):
    """Tells the signs of a patient and asks for the most frequent further one of the disease, which is not named."""

    name: ClassVar[str] = "next_finding"
    cases_of: ClassVar[str] = ""
    share: ClassVar[float] = 0.1
    hops: ClassVar[int] = 2
    query: ClassVar[str] = "Which further finding is most frequent in the disorder that explains these?"
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient has the following findings: {signs}. Which further finding is most frequent in the disorder that "
        "explains them?",
        "The findings in a patient are: {signs}. Which of these is most common in the underlying disorder?",
        "One disorder accounts for all of these findings: {signs}. Which of these do its patients have most often?",
    )

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases that can be presented, with a sign that is more frequent than at least four others."""
        return [disease for disease in self.source.tellable.subjects if self.asks(disease)]

    def stem(self, case: Case, chosen: list[int], draw: Draw) -> _Stem | None:
        """Tell the signs of a patient."""
        statable = self.source.tellable.of(case.subject)
        often, others = (self.statable(case, chosen, findings) for findings in statable)
        presentation = draw_presentation(self.source, case.subject, draw, StatableSigns(often, others))
        if presentation is None:
            return None
        return _Stem(draw.choice(self.wordings).format(signs=self.listed(presentation.signs)), presentation.edges)


class OtherDisorder(NextFinding):
    """Tells the signs of a patient and asks for the most frequent finding of the one other disease of the same gene."""

    name: ClassVar[str] = "other_disorder"
    share: ClassVar[float] = 0.02
    hops: ClassVar[int] = 4
    query: ClassVar[str] = (
        "Variants in the gene behind this disorder cause one other known disorder, too. Which of these findings is "
        "most frequent in that other disorder?"
    )
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient has the following findings: {signs}. Variants in the gene behind this disorder cause one other "
        "known disorder, too. Which of these findings is most frequent in that other disorder?",
        "The findings in a patient are: {signs}. Another disorder is due to variants in the same gene. Which of the "
        "following do patients with that other disorder have most often?",
    )

    @cached_property
    def subjects(self) -> list[int]:
        """Diseases of one gene that has exactly one other disease."""
        return [disease for disease in self.source.tellable.subjects if disease in self._others and self.asks(disease)]

    def target(self, subject: int) -> int:
        """Return the other disease of the gene."""
        return self._others[subject]

    def path(self, subject: int) -> tuple[int, ...]:
        """Return the edges of the two diseases to their gene."""
        graph = self.source.graph
        return tuple(
            edge
            for disease in (subject, self._others[subject])
            for edge in graph.edges_from(disease, Relation.HAS_GENE).tolist()
        )

    @cached_property
    def _others(self) -> dict[int, int]:
        genes = self.source.single_genes
        return {
            disease: other
            for diseases in genes.values()
            if len(diseases) == 2 and self.source.are_two(*diseases)
            for disease, other in (diseases, reversed(diseases))
        }
