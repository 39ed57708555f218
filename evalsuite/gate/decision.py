"""May this candidate replace that baseline? Pass, fail or undecided; everything else is an error.

Passing requires every rule, so it needs no correction for their number: a candidate that is worse by the margin
anywhere passes with a probability of at most 5% (an intersection-union test: R. L. Berger, Technometrics 24, 1982). One
broken rule is enough to fail; with `multiplicity: holm` a loss has to be significant among all differences that are
judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from evalsuite.analysis.comparability import PairedTask, Pairing, is_trivial, pair
from evalsuite.analysis.compare import Comparison, compare
from evalsuite.analysis.run_result import RunResult
from evalsuite.analysis.training_overlap import Overlaps
from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.gate.policy import GatePolicy
from evalsuite.gate.rules import RuleCheck, difference_checks, limit_checks
from evalsuite.run.summary_schema import ParseMode
from evalsuite.stats.noninferiority import Outcome

Json = dict[str, Any]
EXIT: dict[Outcome, int] = {"pass": 0, "fail": 1, "undecided": 3}


@dataclass(frozen=True, slots=True)
class GatedTask:
    """The accuracies of candidate and baseline on one task, as fractions."""

    task: str
    n: int
    items: int
    """Items of the whole task."""
    samples: int
    baseline: float
    candidate: float


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The gate's outcome with everything that it is based on."""

    candidate: RunResult
    baseline: RunResult
    policy: GatePolicy
    tasks: tuple[GatedTask, ...]
    comparison: Comparison
    """Candidate (A) - baseline (B) with two-sided intervals and tests, as `evalsuite compare` prints them. The rules
    don't use it: they have one-sided bounds of their own."""
    checks: tuple[RuleCheck, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        models = f"candidate {self.candidate.full_model!r}, baseline {self.baseline.full_model!r}"
        return f"GateDecision({self.outcome}: {self.headline}; {models})"

    @property
    def outcome(self) -> Outcome:
        """fail if a rule is broken, else undecided if one is undecided, else pass."""
        outcomes = {check.outcome for check in self.checks}
        return "fail" if "fail" in outcomes else "undecided" if "undecided" in outcomes else "pass"

    @property
    def exit_code(self) -> int:
        """0, 1 or 3; the policy chooses how an undecided gate exits."""
        exits_as: Outcome = self.policy.undecided if self.outcome == "undecided" else self.outcome
        return EXIT[exits_as]

    @property
    def headline(self) -> str:
        """The reason for the outcome in one sentence."""
        if self.outcome == "pass":
            return "every rule holds"
        count = sum(check.outcome == self.outcome for check in self.checks)
        rules = f"{count} of {len(self.checks)} rules"
        if self.outcome == "fail":
            return f"{rules} broken"
        treated = {"undecided": "", "fail": "; the policy counts that as failure", "pass": "; the policy lets it pass"}
        return f"{rules} undecided on these data{treated[self.policy.undecided]}"

    def to_json(self) -> Json:
        """The decision as plain data, fractions and not percent."""
        return {
            "schema": 1,
            "outcome": self.outcome,
            "exit": self.exit_code,
            "headline": self.headline,
            "candidate": _run_json(self.candidate),
            "baseline": _run_json(self.baseline),
            "policy": self.policy.model_dump(),
            "tasks": [asdict(task) for task in self.tasks],
            **self.comparison.overlap_json(),
            "comparison": self.comparison.contrasts_json(),
            "checks": [check.to_json() for check in self.checks],
            "notes": list(self.notes),
        }


def gate(
    candidate: RunResult, baseline: RunResult, policy: GatePolicy, overlaps: Overlaps | None = None
) -> GateDecision:
    """Judge a candidate by a policy; input that isn't complete and consistent is an error, never an outcome.

    `overlaps`: what is known of the models' training data; a policy with `clean` requires the candidate's.
    """
    overlaps = overlaps or {}
    if policy.clean and candidate.path.resolve() not in overlaps:
        message = f"the policy requires clean items: name `training_overlap` of the candidate {candidate.path}"
        raise UsageError(ErrorCode.MISSING_ARGUMENT, message)
    tasks = () if policy.tasks == "all" else tuple(policy.tasks)
    for result, role in ((candidate, "candidate"), (baseline, "baseline")):
        for task in tasks or result.tasks:
            missing = result.tasks[task].unanswered if task in result.tasks else 0
            if missing:
                raise RunError(
                    ErrorCode.RUN_INCOMPLETE,
                    f"{role} {result.path}: the run was cut short: {missing} samples of {task} have no response; "
                    "finish it with evalsuite run --resume",
                )
    pairing = pair(candidate, baseline, tasks)
    policy.check_tasks([each.task for each in pairing.pairs])
    decision = decide(pairing, policy, overlaps)
    unchecked = [
        f"{role}, not checked: {reason}."
        for result, role in ((candidate, "Candidate"), (baseline, "Baseline"))
        for reason in result.check_responses()
    ]
    return replace(decision, notes=(*decision.notes, *unchecked))


def decide(pairing: Pairing, policy: GatePolicy, overlaps: Overlaps | None = None) -> GateDecision:
    """Judge two paired runs: A is the candidate, B the baseline."""
    comparison = compare(pairing, policy.require, overlaps, policy.clean)
    pairing = comparison.pairing  # on the clean items, if the policy wants that
    return GateDecision(
        candidate=pairing.a,
        baseline=pairing.b,
        policy=policy,
        tasks=tuple(_gated_task(each, pairing, policy.require) for each in pairing.pairs),
        comparison=comparison,
        checks=(*difference_checks(pairing.pairs, policy), *limit_checks(pairing.pairs, policy)),
        notes=(*comparison.overlap_notes, *_notes(pairing)),
    )


def _gated_task(each: PairedTask, pairing: Pairing, parse_mode: ParseMode) -> GatedTask:
    candidate, baseline = each.scores(parse_mode)
    return GatedTask(
        task=each.task,
        n=len(each.items),
        items=pairing.a.tasks[each.task].items,
        samples=each.samples,
        baseline=float(baseline.mean()),
        candidate=float(candidate.mean()),
    )


def _notes(pairing: Pairing) -> Iterator[str]:
    if pairing.identical:
        yield "Candidate and baseline gave the same answers; are they meant to be the same run?"
    for result, role in ((pairing.a, "candidate"), (pairing.b, "baseline")):
        if is_trivial(result):
            yield f"The {role} is a trivial baseline, which is no model."
    for each in pairing.pairs:
        task = pairing.a.tasks[each.task]
        if task.partial:
            yield f"{each.task}: both runs answered {task.n} of its {task.items} items."
        if task.rotate_options:
            yield f"{each.task}: each item was requested in each cyclic order of its options."


def _run_json(result: RunResult) -> Json:
    return {"model": result.model, "run": result.summary.run, "path": str(result.path)}
