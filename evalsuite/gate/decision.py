"""May this candidate replace that baseline? Pass, fail or undecided; everything else is an error.

Passing takes every rule, so it needs no correction for their number: the chance that a candidate that is worse by the
margin anywhere slips through is at most 5% (an intersection-union test: R. L. Berger, Technometrics 24, 1982). Failing
takes one broken rule; with `multiplicity: holm` a loss has to stand out among all differences that are judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from evalsuite.analysis.pairing import PairedTask, Pairing, is_trivial, pair
from evalsuite.analysis.run_result import ParseMode, RunResult
from evalsuite.errors import RunError
from evalsuite.gate.policy import GatePolicy
from evalsuite.gate.rules import RuleCheck, difference_checks, limit_checks
from evalsuite.stats.noninferiority import Outcome

Json = dict[str, Any]
EXIT: dict[Outcome, int] = {"pass": 0, "fail": 1, "undecided": 3}


@dataclass(frozen=True, slots=True)
class TaskStanding:
    """A task in both runs, as fractions."""

    task: str
    n: int
    items: int
    """Items of the whole task."""
    samples: int
    baseline: float
    candidate: float


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What the gate says, and all that it rests on."""

    candidate: RunResult
    baseline: RunResult
    policy: GatePolicy
    standings: tuple[TaskStanding, ...]
    checks: tuple[RuleCheck, ...]
    notes: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """fail if a rule is broken, else undecided if one is open, else pass."""
        found = {check.outcome for check in self.checks}
        return "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"

    @property
    def exit_code(self) -> int:
        """0, 1 or 3; what an undecided gate exits with is the policy's to say."""
        ended: Outcome = self.policy.undecided if self.outcome == "undecided" else self.outcome
        return EXIT[ended]

    @property
    def headline(self) -> str:
        """Why the outcome is what it is, in one sentence."""
        if self.outcome == "pass":
            return "every rule holds"
        count = sum(check.outcome == self.outcome for check in self.checks)
        rules = f"{count} of {len(self.checks)} rules"
        if self.outcome == "fail":
            return f"{rules} broken"
        taken = {"undecided": "", "fail": "; the policy takes that for a failure", "pass": "; the policy lets it pass"}
        return f"{rules} can't be told from these data{taken[self.policy.undecided]}"

    def to_json(self) -> Json:
        """The decision as plain data, fractions and not percent."""
        return {
            "schema": 1,
            "outcome": self.outcome,
            "exit": self.exit_code,
            "headline": self.headline,
            "candidate": _about(self.candidate),
            "baseline": _about(self.baseline),
            "policy": self.policy.model_dump(),
            "tasks": [asdict(standing) for standing in self.standings],
            "checks": [check.to_json() for check in self.checks],
            "notes": list(self.notes),
        }


def gate(candidate: RunResult, baseline: RunResult, policy: GatePolicy) -> GateDecision:
    """Judge a candidate by a policy; input that can't be trusted to the last number is an error, never a verdict."""
    tasks = () if policy.tasks == "all" else tuple(policy.tasks)
    for result, role in ((candidate, "candidate"), (baseline, "baseline")):
        for task in tasks or result.tasks:
            if task in result.tasks and result.unanswered(task):
                raise RunError(
                    f"{role} {result.path}: the run was cut short: {result.unanswered(task)} samples of {task} have no "
                    f"response; finish it with evalsuite run --resume"
                )
    pairing = pair(candidate, baseline, tasks)
    policy.check_tasks([each.task for each in pairing.pairs])
    return decide(pairing, policy)


def decide(pairing: Pairing, policy: GatePolicy) -> GateDecision:
    """Judge two runs that are paired: the candidate first, then the baseline."""
    return GateDecision(
        candidate=pairing.a,
        baseline=pairing.b,
        policy=policy,
        standings=tuple(_standing(each, pairing, policy.require) for each in pairing.pairs),
        checks=(*difference_checks(pairing.pairs, policy), *limit_checks(pairing.pairs, policy)),
        notes=tuple(_notes(pairing)),
    )


def _standing(each: PairedTask, pairing: Pairing, parse_mode: ParseMode) -> TaskStanding:
    candidate, baseline = each.scores(parse_mode)
    return TaskStanding(
        task=each.task,
        n=len(each.items),
        items=int(pairing.a.tasks[each.task]["items"]),
        samples=each.samples,
        baseline=float(baseline.mean()),
        candidate=float(candidate.mean()),
    )


def _notes(pairing: Pairing) -> Iterator[str]:
    if pairing.identical:
        yield "Candidate and baseline gave the same answers; are they meant to be the same run?"
    for result, role in ((pairing.a, "candidate"), (pairing.b, "baseline")):
        if is_trivial(result):
            yield f"The {role} is a floor: no model was asked."
    for each in pairing.pairs:
        facts = pairing.a.tasks[each.task]
        if facts["n"] < facts["items"]:
            yield f"{each.task}: both runs answered {facts['n']} of its {facts['items']} items."
        if pairing.a.is_rotated(each.task):
            yield f"{each.task}: each item was asked in each cyclic order of its options."


def _about(result: RunResult) -> Json:
    return {"model": result.model, "run": result.summary["run"], "path": str(result.path)}
