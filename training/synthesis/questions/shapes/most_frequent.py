"""Disease -> the sign that is more frequent than others of it; its name, its signs or its gene is given."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, NamedTuple

from training.synthesis.graph.findings import Finding
from training.synthesis.graph.kinds import Polarity, Relation
from training.synthesis.questions.draw import Draw
from training.synthesis.questions.names import Roots, joined
from training.synthesis.questions.presentation import draw_presentation
from training.synthesis.questions.question import Question, Refutation, Refuted
from training.synthesis.questions.shapes.findings import apart
from training.synthesis.questions.shapes.pool import Ask, PoolShape
from training.synthesis.questions.source import QuestionSource


class _Known(NamedTuple):
    """The findings of a disease whose frequency is stated, by sign, and those that are above at least four others."""

    all: dict[int, Finding]
    answers: tuple[Ask, ...]


class _Stem(NamedTuple):
    """A question's text, what it states, and what its options are not to be: stated signs and their words."""

    text: str
    stated: tuple[int, ...]
    signs: tuple[int, ...]
    roots: Roots


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
        """Return the signs that are less frequent."""
        disease = self.target(subject)
        findings, named = self.known(disease).all, self.source.names.roots(disease)
        if named.meet(self.source.names.roots(ask.answer)):
            return []
        least = findings[ask.answer].frequency.low
        rarer = (sign for sign, each in findings.items() if each.frequency.high < least)
        return apart(self.source, ask.answer, rarer, named)

    def stem(self, subject: int, ask: Ask, draw: Draw) -> _Stem | None:
        """Return the text of a question, or None if there is none."""
        text = draw.choice(self.wordings).format(disease=self.source.names.inline(subject))
        return _Stem(text, (), (), self.source.names.roots(subject))

    def path(self, subject: int) -> tuple[int, ...]:
        """Return the edges from what is stated to the disease whose sign is the answer."""
        return ()

    def written(self, subject: int, ask: Ask, pool: list[int], draw: Draw) -> Question | None:
        """Return the question; no option is stated, or named by a word of what is."""
        stem = self.stem(subject, ask, draw)
        if stem is None or stem.roots.meet(self.source.names.roots(ask.answer)):
            return None
        stated = {each for sign in stem.signs for each in self.source.signs.upper(sign)}
        if stated:
            pool = [sign for sign in apart(self.source, ask.answer, pool, stem.roots) if sign not in stated]
        chosen = self.chosen(ask.answer, pool, draw)
        if chosen is None:
            return None
        findings = self.known(self.target(subject)).all
        answer = findings[ask.answer]
        return Question(
            shape=self.name,
            stem=stem.text,
            answer=ask.answer,
            distractors=tuple(Refuted(sign, Refutation.LESS_FREQUENT, findings[sign].edges) for sign in chosen),
            stated=stem.stated,
            hidden=(*self.path(subject), *answer.edges),
            subject=subject,
            hops=self.hops,
            closeness=max(findings[sign].frequency.high for sign in chosen) / answer.frequency.low,
        )

    def known(self, disease: int) -> _Known:
        """Return the findings of a disease whose frequency is stated."""
        found = self._known.get(disease)
        if found is None:
            found = self._known[disease] = self._find(disease)
        return found

    def _find(self, disease: int) -> _Known:
        table = self.source.signs
        known = {
            sign: each
            for sign, each in table.own(disease).items()
            if each.polarity == Polarity.PRESENT and each.frequency.known and not table.is_vague(sign)
        }
        ends = sorted(each.frequency.high for each in known.values())
        above = (sign for sign, each in known.items() if len(ends) >= 5 and ends[3] < each.frequency.low)
        return _Known(known, tuple(Ask(sign, disease) for sign in above))


class NextFeature(MostFrequent):
    """Names a disease and a sign, and asks for a further one."""

    name: ClassVar[str] = "next_feature"
    share: ClassVar[float] = 0.1
    wordings: ClassVar[tuple[str, ...]] = (
        "A patient with {disease} has {sign}. Which further finding is most frequent in this disorder?",
        "Besides {sign}, which of these findings is most common in patients with {disease}?",
        "In a patient with {disease}, {sign} was found. Which other finding is most common in this disorder?",
    )

    def stem(self, subject: int, ask: Ask, draw: Draw) -> _Stem | None:
        """Name the disease and one of its signs that is neither the answer nor akin to it."""
        often = [each.sign for each in self.source.tellable.of(subject).often]
        names = self.source.names
        apt = apart(self.source, ask.answer, often, names.roots(ask.answer))
        if not apt:
            return None
        sign = draw.choice(apt)
        text = draw.choice(self.wordings).format(disease=names.inline(subject), sign=names.inline(sign))
        edges = self.source.signs.own(subject)[sign].edges
        return _Stem(text, edges, (sign,), joined((names.roots(subject), names.roots(sign))))


class NextFinding(MostFrequent):
    """Tells the signs of a patient and asks for the most frequent further one of the disease, which is not named."""

    name: ClassVar[str] = "next_finding"
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

    def stem(self, subject: int, ask: Ask, draw: Draw) -> _Stem | None:
        """Tell the signs of a patient, none of which is the answer or akin to it."""
        presentation = draw_presentation(self.source, subject, draw)
        if presentation is None:
            return None
        fitting = apart(self.source, ask.answer, presentation.signs, self.source.names.roots(ask.answer))
        if len(fitting) < len(presentation.signs):
            return None
        text = draw.choice(self.wordings).format(signs=self.listed(presentation.signs))
        return _Stem(text, presentation.edges, presentation.signs, presentation.roots)


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
