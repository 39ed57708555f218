"""Questions in sets of five with the same options, each of which is the answer of one question of the set.

Whatever can be said of an option without reading the question, its length, its words, how much is known of it, how
often it is an answer, is then as true of the wrong options as of the right ones, so that no such rule scores above
chance. A set is drawn whole or not at all: each member must be presented so that it refutes all the others.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from itertools import accumulate
from typing import ClassVar, Final, NamedTuple

from training.synthesis.questions.draw import Draw
from training.synthesis.questions.presentation import Presentation, closeness, draw_presentation, refuted, refutes
from training.synthesis.questions.question import OPTIONS, Question, Refuted
from training.synthesis.questions.shapes.set_shape import SetShape

_CORES: Final = 3
"""Signs of a subject that are tried for one set."""
_CANDIDATES: Final = 16
"""Diseases of which sets are made; the more, the more sets can be made of them."""


class Case(NamedTuple):
    """A disease that can be presented, the option that is then right, and every disease that the option stands for."""

    disease: int
    option: int
    stands_for: tuple[int, ...]


class Member(NamedTuple):
    """A case of a set, its presentation, and the option with its ancestors."""

    case: Case
    presentation: Presentation
    upper: frozenset[int]


class ContrastShape(SetShape):
    """States the signs of a patient; all diseases of a set have one sign, the core, in common: it is always stated."""

    hops: ClassVar[int]

    @cached_property
    @abstractmethod
    def cases(self) -> dict[int, Case]:
        """The case of each disease that a question can be about."""

    @cached_property
    def subjects(self) -> list[int]:
        """The diseases that a question can be about."""
        return list(self.cases)

    def ask(self, subject: int, draw: Draw) -> list[list[Question]]:
        """Draw sets out of this subject and others, none of which another set of this round holds."""
        statable = self.source.tellable.of(subject)
        findings = draw.sample((*statable.often, *statable.others), _CORES)
        for core in (each.sign for each in findings if len(self._pool(each.sign)[0]) >= OPTIONS):
            members = self._members(subject, core, draw)
            sets = disjoint_sets(self._compatible(members), OPTIONS) if members else []
            if sets:
                chosen = [[members[place] for place in each] for each in sets]
                self.used.update(each.case.disease for one in chosen for each in one)
                return [[self._question(one, each, draw) for each in one] for one in chosen]
        return []

    def _members(self, subject: int, core: int, draw: Draw) -> list[Member]:
        """Return cases with a core, each with a presentation, the subject first; none if the subject has none."""
        members: list[Member] = []
        for disease in self._candidates(subject, core, draw):
            presentation = draw_presentation(self.source, disease, draw, self.source.tellable.of(disease), core)
            case = self.cases[disease]
            if presentation is not None and not presentation.roots.meet(self.source.names.roots(case.option)):
                members.append(Member(case, presentation, self.source.graph.ancestor_set(case.option) | {case.option}))
            elif not members:
                break
        return members

    def _candidates(self, subject: int, core: int, draw: Draw) -> list[int]:
        """Return the subject, then other diseases with the core, rare ones more often."""
        pool, sums = self._pool(core)
        found = [subject]
        for _ in range(2 * _CANDIDATES):
            disease = pool[draw.among(sums)]
            if disease not in found and disease not in self.used:
                found.append(disease)
                if len(found) == _CANDIDATES:
                    break
        return found

    def _compatible(self, members: list[Member]) -> list[int]:
        """Return for each member the members with which it can be in one set, as bits by their places."""
        found = [0] * len(members)
        for at, one in enumerate(members):
            for place, other in enumerate(members[:at]):
                if self._differ(one, other):
                    found[at] |= 1 << place
                    found[place] |= 1 << at
        return found

    def _differ(self, one: Member, other: Member) -> bool:
        """Return whether each of two options is wrong where the other one is right."""
        return (
            one.case.option not in other.upper
            and other.case.option not in one.upper
            and self._refutes(one.presentation, other.case)
            and self._refutes(other.presentation, one.case)
        )

    def _refutes(self, presentation: Presentation, case: Case) -> bool:
        """Return whether a presentation refutes an option, and does not name it."""
        if presentation.roots.meet(self.source.names.roots(case.option)):
            return False
        return all(refutes(self.source, presentation, disease) for disease in case.stands_for)

    def _question(self, members: list[Member], member: Member, draw: Draw) -> Question:
        others = [each.case for each in members if each is not member]
        return Question(
            shape=self.name,
            stem=draw.choice(self.wordings).format(signs=self.listed(member.presentation.signs)),
            answer=member.case.option,
            distractors=tuple(self._refuted(member, each) for each in others),
            stated=member.presentation.edges,
            hidden=self.hidden(member.case),
            subject=member.case.disease,
            hops=self.hops,
            closeness=closeness(self.source, member.presentation, [each.disease for each in others]),
        )

    def hidden(self, case: Case) -> tuple[int, ...]:
        """Return the edges that lead from the disease to the option."""
        return ()

    def _refuted(self, member: Member, case: Case) -> Refuted:
        """Return the refutations of all that an option stands for; the kind is that of the first."""
        each = [refuted(self.source, member.presentation, disease, case.option) for disease in case.stands_for]
        return Refuted(case.option, each[0].kind, tuple(dict.fromkeys(edge for one in each for edge in one.edges)))

    def _pool(self, core: int) -> tuple[list[int], list[float]]:
        """Return the diseases of which a sign can be stated, and the running sums of their weights."""
        found = self._pools.get(core)
        if found is None:
            diseases = [each for each in self.source.tellable.by_sign.get(core, ()) if each in self.cases]
            found = self._pools[core] = diseases, list(accumulate(map(self.source.weight, diseases)))
        return found

    @cached_property
    def _pools(self) -> dict[int, tuple[list[int], list[float]]]:
        return {}


def disjoint_sets(compatible: list[int], size: int) -> list[list[int]]:
    """Return sets of places, each of `size` places that are all compatible; no place is in two of them.

    `compatible`: for each place the others that are compatible with it, as bits. Sets are sought from the first place
    on, so that it is in one if it can be.
    """
    found: list[list[int]] = []
    free = (1 << len(compatible)) - 1
    for place in range(len(compatible)):
        if free >> place & 1:
            chosen = _completed([place], compatible[place] & free, compatible, size)
            if chosen:
                found.append(chosen)
                for each in chosen:
                    free &= ~(1 << each)
            else:
                free &= ~(1 << place)
    return found


def _completed(chosen: list[int], ahead: int, compatible: list[int], size: int) -> list[int] | None:
    """Return `chosen` with as many more of the places in `ahead` as make a set; None if there is no such set."""
    if len(chosen) == size:
        return chosen
    while ahead.bit_count() >= size - len(chosen):
        place = (ahead & -ahead).bit_length() - 1
        ahead &= ahead - 1
        found = _completed([*chosen, place], ahead & compatible[place], compatible, size)
        if found:
            return found
    return None
