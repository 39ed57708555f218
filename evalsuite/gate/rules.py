"""One rule of a policy held against two runs, with the outcome in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evalsuite.analysis.compare import rough
from evalsuite.analysis.pairing import PairedTask
from evalsuite.analysis.run_result import ParseMode
from evalsuite.gate.policy import MACRO, GatePolicy
from evalsuite.stats.averages import macro
from evalsuite.stats.intervals import Estimate
from evalsuite.stats.noninferiority import NoninferiorityVerdict, Outcome, judge, judge_macro
from evalsuite.stats.paired_difference import difference
from evalsuite.stats.power import POWER, SIZE, quantile

Rule = Literal["no loss", "gain", "invalid", "truncated"]


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """One rule of the policy, held against one task or the macro average."""

    rule: Rule
    task: str
    outcome: Outcome
    said: str
    """The outcome in words."""
    verdict: NoninferiorityVerdict | None = None
    """Candidate - baseline with its one-sided 95% bounds, where the rule is about that; a gain is a margin below 0."""
    share: float | None = None
    """The candidate's share, where the rule is a limit."""
    limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The check as plain data."""
        found: dict[str, Any] = {name: getattr(self, name) for name in ("rule", "task", "outcome", "said")}
        if self.verdict is not None:
            seen = self.verdict
            found |= {"difference": seen.value, "low": seen.low, "high": seen.high, "margin": seen.margin}
            found |= {"items_to_decide": seen.items, "samples_to_decide": seen.samples}
        if self.limit is not None:
            found |= {"share": self.share, "limit": self.limit}
        return found


@dataclass(frozen=True, slots=True)
class _Trial:
    """A check of a difference, before it is known how many others there are."""

    rule: Rule
    task: str
    verdict: NoninferiorityVerdict
    identical: bool
    high: Callable[[float], float]
    """The upper one-sided bound at a size of the test."""

    def check(self) -> RuleCheck:
        said = "every answer is the same in both runs." if self.identical else _said(self.rule, self.task, self.verdict)
        return RuleCheck(self.rule, self.task, self.verdict.outcome, said, self.verdict)


def difference_checks(pairs: Sequence[PairedTask], policy: GatePolicy) -> list[RuleCheck]:
    """No loss on any task, none on average, and the required gains."""
    parse_mode, averaged = policy.require, len(pairs) > 1 and policy.macro_margin != "none"
    rules = len(pairs) + averaged
    trials = []
    for each in pairs:
        trials.append(_of_task("no loss", each, parse_mode, policy.margin_of(each.task, len(each.items), rules)))
        if each.task in policy.gains:
            trials.append(_of_task("gain", each, parse_mode, -policy.gains[each.task]))
    if averaged:
        margin = policy.macro_margin_of([len(each.items) for each in pairs], rules)
        trials.append(_of_macro("no loss", pairs, parse_mode, margin))
    if MACRO in policy.gains:
        trials.append(_of_macro("gain", pairs, parse_mode, -policy.gains[MACRO]))
    chance = _by_chance(trials) if policy.multiplicity == "holm" else frozenset()
    return [
        _softened(trial.check(), len(trials)) if place in chance else trial.check()
        for place, trial in enumerate(trials)
    ]


def limit_checks(pairs: Sequence[PairedTask], policy: GatePolicy) -> list[RuleCheck]:
    """The candidate's invalid and truncated responses, where the policy limits them."""
    found = []
    for each in pairs:
        if policy.limits.invalid != "none":
            found.append(_limit("invalid", each.task, each.a.invalid(policy.require), policy.limits.invalid))
        if policy.limits.truncated != "none":
            share = each.a.share("truncated", policy.require)
            found.append(_limit("truncated", each.task, share, policy.limits.truncated))
    return found


def _of_task(rule: Rule, each: PairedTask, parse_mode: ParseMode, margin: float) -> _Trial:
    candidate, baseline = each.scores(parse_mode)
    judged = judge(candidate, baseline, each.member, margin, each.answers)
    verdict = _told(judged if each.more else judged._replace(samples=None), len(each.items))

    def high(size: float) -> float:
        return difference(candidate, baseline, each.member, each.answers, 1 - 2 * size).high

    return _trial(rule, each.task, verdict, each.identical, high)


def _of_macro(rule: Rule, pairs: Sequence[PairedTask], parse_mode: ParseMode, margin: float) -> _Trial:
    def bounds(size: float) -> list[Estimate]:
        return [
            difference(*each.scores(parse_mode), each.member, each.answers, 1 - 2 * size).estimate for each in pairs
        ]

    seen = judge_macro(bounds(SIZE), margin)
    assert seen is not None, "every task is there"
    verdict = _told(seen, sum(len(each.items) for each in pairs))
    identical = all(each.identical for each in pairs)
    return _trial(rule, MACRO, verdict, identical, lambda size: macro(bounds(size)).high)


def _trial(
    rule: Rule, task: str, verdict: NoninferiorityVerdict, identical: bool, high: Callable[[float], float]
) -> _Trial:
    """The same answers are no loss, however small the margin is."""
    same = identical and rule == "no loss"
    held = verdict._replace(outcome="pass", items=None, samples=None) if same else verdict
    return _Trial(rule, task, held, same, high)


def _by_chance(trials: Sequence[_Trial]) -> frozenset[int]:
    """Losses that don't stand out among all m trials, by Holm: the first at 5% / m, the next at 5% / (m - 1), ..."""
    lost = {place for place, trial in enumerate(trials) if trial.verdict.outcome == "fail"}
    real: set[int] = set()
    while True:
        size = SIZE / max(1, len(trials) - len(real))
        more = {place for place in lost - real if trials[place].high(size) < -trials[place].verdict.margin}
        if not more:
            return frozenset(lost - real)
        real |= more


def _told(verdict: NoninferiorityVerdict, items: int) -> NoninferiorityVerdict:
    """Say how many items would decide with 80% power where that isn't known from single answers, as of an average.

    From the width of the bounds; of several tasks the items stay spread as they are. None: no number would.
    """
    away = abs(verdict.value + verdict.margin)
    if verdict.outcome != "undecided" or verdict.items is not None or away < 1e-9:
        return verdict
    error = (verdict.high - verdict.low) / 2 / quantile(1 - SIZE)
    times = (error * (quantile(1 - SIZE) + quantile(POWER)) / away) ** 2
    return verdict._replace(items=max(math.ceil(items * times), items + 1))


def _softened(check: RuleCheck, tests: int) -> RuleCheck:
    said = f"{check.said} Alone that would fail; among {tests} differences (Holm) it may be chance."
    return replace(check, outcome="undecided", said=said)


def _limit(rule: Rule, task: str, share: float, limit: float) -> RuleCheck:
    held = share <= limit
    said = f"{share:.1%} of the responses are {rule}, {'within' if held else 'above'} the limit of {limit:.1%}."
    return RuleCheck(rule, task, "pass" if held else "fail", said, share=share, limit=limit)


def _said(rule: Rule, task: str, verdict: NoninferiorityVerdict) -> str:
    seen = f"{100 * verdict.value:+.1f} points (between {100 * verdict.low:+.1f} and {100 * verdict.high:+.1f})"
    if rule == "gain":
        wanted = f"a gain of more than {-100 * verdict.margin:.1f} points" if verdict.margin else "a gain"
        told = {"pass": f"{wanted} is shown", "fail": f"{wanted} is ruled out", "undecided": f"{wanted} is not shown"}
    else:
        margin = f"{100 * verdict.margin:.1f} points"
        told = {
            "pass": f"a loss of {margin} is ruled out",
            "fail": f"a loss of more than {margin} is shown",
            "undecided": f"a loss of {margin} is neither shown nor ruled out",
        }
    return f"{told[verdict.outcome]}: {seen}.{_deciding(task, verdict) if verdict.outcome == 'undecided' else ''}"


def _deciding(task: str, verdict: NoninferiorityVerdict) -> str:
    """What would decide with 80% power if everything stayed as seen."""
    if verdict.items is not None:
        spread = " over all tasks, spread as now," if task == MACRO else ""
        more = f", or {verdict.samples} samples of each of these," if verdict.samples else spread
        return f" Some {rough(verdict.items)} items{more} would decide."
    return " It lies on the line, where no number of items decides."
