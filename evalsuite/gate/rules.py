"""The rules of a policy applied to two paired runs: each ends as pass, fail or undecided, with a message."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evalsuite.analysis.comparability import PairedTask
from evalsuite.gate.policy import MACRO, GatePolicy
from evalsuite.run.summary_schema import ParseMode
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.macro_average import macro
from evalsuite.stats.noninferiority import NoninferiorityVerdict, Outcome, judge, judge_macro
from evalsuite.stats.paired_difference import difference
from evalsuite.stats.power import POWER, SIZE, quantile
from evalsuite.util.format import percent, points, rough_count

Rule = Literal["no loss", "gain", "invalid", "truncated"]


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """One rule of the policy, applied to one task or to the macro average."""

    rule: Rule
    task: str
    outcome: Outcome
    message: str
    """The outcome in words."""
    verdict: NoninferiorityVerdict | None = None
    """Candidate - baseline with its one-sided 95% bounds, for rules about a difference; a gain is a negative margin."""
    share: float | None = None
    """The candidate's share, for rules that limit one."""
    limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The check as plain data."""
        content: dict[str, Any] = {name: getattr(self, name) for name in ("rule", "task", "outcome", "message")}
        if self.verdict is not None:
            verdict = self.verdict
            content |= {"difference": verdict.value, "low": verdict.low, "high": verdict.high}
            content |= {"margin": verdict.margin}
            content |= {"items_needed": verdict.items, "samples_needed": verdict.samples}
        if self.limit is not None:
            content |= {"share": self.share, "limit": self.limit}
        return content


@dataclass(frozen=True, slots=True)
class _DifferenceTest:
    """A rule about a difference, judged alone; Holm's method may still soften a failure."""

    rule: Rule
    task: str
    verdict: NoninferiorityVerdict
    identical: bool
    upper_bound: Callable[[float], float]
    """The upper one-sided bound of the difference at a size of the test."""

    def check(self) -> RuleCheck:
        message = "every answer is the same in both runs." if self.identical else _message(self)
        return RuleCheck(self.rule, self.task, self.verdict.outcome, message, self.verdict)


def difference_checks(pairs: Sequence[PairedTask], policy: GatePolicy) -> list[RuleCheck]:
    """Check that no task and not their average lost more than its margin, and that the required gains are there."""
    parse_mode, averaged = policy.require, len(pairs) > 1 and policy.macro_margin != "none"
    # The automatic margins share the 80% power among the rules that all have to hold; gains are no part of that.
    rules = len(pairs) + averaged
    tests = []
    for pair in pairs:
        tests.append(_task_test("no loss", pair, parse_mode, policy.margin_of(pair.task, len(pair.items), rules)))
        if pair.task in policy.gains:
            tests.append(_task_test("gain", pair, parse_mode, -policy.gains[pair.task]))
    if averaged:
        margin = policy.macro_margin_of([len(pair.items) for pair in pairs], rules)
        tests.append(_macro_test("no loss", pairs, parse_mode, margin))
    if MACRO in policy.gains:
        tests.append(_macro_test("gain", pairs, parse_mode, -policy.gains[MACRO]))
    chance = _losses_by_chance(tests) if policy.multiplicity == "holm" else frozenset()
    return [
        _softened(test.check(), len(tests)) if number in chance else test.check() for number, test in enumerate(tests)
    ]


def limit_checks(pairs: Sequence[PairedTask], policy: GatePolicy) -> list[RuleCheck]:
    """Check the candidate's invalid and truncated responses where the policy limits them."""
    checks = []
    for pair in pairs:
        if policy.limits.invalid != "none":
            checks.append(_limit_check("invalid", pair.task, pair.a.invalid(policy.require), policy.limits.invalid))
        if policy.limits.truncated != "none":
            share = pair.a.share("truncated", policy.require)
            checks.append(_limit_check("truncated", pair.task, share, policy.limits.truncated))
    return checks


def _task_test(rule: Rule, pair: PairedTask, parse_mode: ParseMode, margin: float) -> _DifferenceTest:
    candidate, baseline = pair.scores(parse_mode)
    judged = judge(candidate, baseline, pair.member, margin, pair.answers)
    verdict = _with_items_needed(judged if pair.repeatable else judged._replace(samples=None), len(pair.items))

    def upper_bound(size: float) -> float:
        return difference(candidate, baseline, pair.member, pair.answers, 1 - 2 * size).high

    return _difference_test(rule, pair.task, verdict, pair.identical, upper_bound)


def _macro_test(rule: Rule, pairs: Sequence[PairedTask], parse_mode: ParseMode, margin: float) -> _DifferenceTest:
    def bounds(size: float) -> list[Estimate]:
        return [
            difference(*pair.scores(parse_mode), pair.member, pair.answers, 1 - 2 * size).estimate for pair in pairs
        ]

    judged = judge_macro(bounds(SIZE), margin)
    assert judged is not None, "no task is missing"
    verdict = _with_items_needed(judged, sum(len(pair.items) for pair in pairs))
    identical = all(pair.identical for pair in pairs)
    return _difference_test(rule, MACRO, verdict, identical, lambda size: macro(bounds(size)).high)


def _difference_test(
    rule: Rule, task: str, verdict: NoninferiorityVerdict, identical: bool, upper_bound: Callable[[float], float]
) -> _DifferenceTest:
    # The bounds of two identical runs still have a width, but the same answers are no loss, however small the margin.
    no_loss = identical and rule == "no loss"
    passed = verdict._replace(outcome="pass", items=None, samples=None) if no_loss else verdict
    return _DifferenceTest(rule, task, passed, no_loss, upper_bound)


def _losses_by_chance(tests: Sequence[_DifferenceTest]) -> frozenset[int]:
    """Failures that are not significant among all m tests by Holm's method, as numbers of tests.

    Step down: a failure is rejected at 5% / m, the next ones at 5% / (m - 1), and so on. Here a test is rejected where
    its upper bound at that size is below -margin, which needs no p-value. Whatever is rejected makes the level of the
    others milder, so the loop goes on until a round rejects nothing new.
    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    failed = {number for number, test in enumerate(tests) if test.verdict.outcome == "fail"}
    rejected: set[int] = set()
    while True:
        size = SIZE / max(1, len(tests) - len(rejected))
        new = {
            number for number in failed - rejected if tests[number].upper_bound(size) < -tests[number].verdict.margin
        }
        if not new:
            return frozenset(failed - rejected)
        rejected |= new


def _with_items_needed(verdict: NoninferiorityVerdict, items: int) -> NoninferiorityVerdict:
    """Add the items needed for a decision with 80% power where `judge` has none, as for an average.

    They follow from the width of the bounds, which shrinks with the root of the items; those of several tasks stay in
    the present proportions. None: the difference is on the margin, where no number of items decides.
    """
    distance = abs(verdict.value + verdict.margin)
    if verdict.outcome != "undecided" or verdict.items is not None or distance < 1e-9:
        return verdict
    error = (verdict.high - verdict.low) / 2 / quantile(1 - SIZE)
    factor = (error * (quantile(1 - SIZE) + quantile(POWER)) / distance) ** 2
    # Power of 80% can require fewer items than a bound that just missed has had.
    return verdict._replace(items=max(math.ceil(items * factor), items + 1))


def _softened(check: RuleCheck, tests: int) -> RuleCheck:
    message = f"{check.message} Alone that would fail; among {tests} differences (Holm) it may be chance."
    return replace(check, outcome="undecided", message=message)


def _limit_check(rule: Rule, task: str, share: float, limit: float) -> RuleCheck:
    within = share <= limit
    message = f"{share:.1%} of the responses are {rule}, {'within' if within else 'above'} the limit of {limit:.1%}."
    return RuleCheck(rule, task, "pass" if within else "fail", message, share=share, limit=limit)


def _message(test: _DifferenceTest) -> str:
    verdict = test.verdict
    bounds = f"{points(verdict.value)} points (between {points(verdict.low)} and {points(verdict.high)})"
    if test.rule == "gain":
        gain = f"a gain of more than {percent(-verdict.margin)} points" if verdict.margin else "a gain"
        outcome = {"pass": f"{gain} is shown", "fail": f"{gain} is ruled out", "undecided": f"{gain} is not shown"}
    else:
        margin = f"{percent(verdict.margin)} points"
        outcome = {
            "pass": f"a loss of {margin} is ruled out",
            "fail": f"a loss of more than {margin} is shown",
            "undecided": f"a loss of {margin} is neither shown nor ruled out",
        }
    needed = _needed(test.task, verdict) if verdict.outcome == "undecided" else ""
    return f"{outcome[verdict.outcome]}: {bounds}.{needed}"


def _needed(task: str, verdict: NoninferiorityVerdict) -> str:
    if verdict.items is None:
        return " The difference is on the margin itself, where no number of items decides."
    items = f"about {rough_count(verdict.items)} items"
    if task == MACRO:
        items += " over all tasks, in the present proportions"
    if verdict.samples:
        items += f", or {verdict.samples} samples of each of these"
    return f" A decision with 80% power needs {items}, if nothing else changes."
