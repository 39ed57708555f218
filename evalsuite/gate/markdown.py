"""A decision as Markdown, fit for a pull request and for a job's summary."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.gate.decision import GateDecision
from evalsuite.gate.policy import MACRO
from evalsuite.gate.rules import RuleCheck
from evalsuite.stats.noninferiority import Outcome
from evalsuite.util.format import percent, points, points_interval
from evalsuite.util.markdown import code, plain, table

_SIGN: dict[Outcome, str] = {"pass": "✅ pass", "fail": "❌ fail", "undecided": "⚠️ undecided"}


def markdown(decision: GateDecision) -> str:
    """The decision as Markdown."""
    unmet = [check for check in decision.checks if check.outcome != "pass"]
    parts = [
        f"## Gate: {_SIGN[decision.outcome]}\n",
        f"**{decision.headline[0].upper()}{decision.headline[1:]}.** Candidate {code(decision.candidate.full_model)} "
        f"against baseline {code(decision.baseline.full_model)}, {decision.policy.require} parse.\n",
        "".join(f"- {_task(check)}, {check.rule}: {plain(check.message)}\n" for check in unmet),
        _differences(decision),
        _limits(decision.checks),
        "".join(f"- {code(note)}\n" for note in decision.notes),
        "<sub>In percent and points. The bounds are one-sided, 95% each, paired on the same items: a rule passes if "
        "the lower bound is above the limit in “must be”, fails if the upper bound is below it, and is undecided in "
        "between.</sub>\n",
    ]
    return "\n".join(part for part in parts if part)


def markdown_error(message: str) -> str:
    """Unusable input as Markdown."""
    return f"## Gate: ❌ unusable input\n\n{code(message)}\n"


def _differences(decision: GateDecision) -> str:
    rows = [_row(check, decision) for check in decision.checks if check.verdict is not None]
    head = ("task", "items", "baseline", "candidate", "difference [bounds]", "must be", "outcome")
    return table(head, rows, left=1)


def _row(check: RuleCheck, decision: GateDecision) -> Sequence[str]:
    assert check.verdict is not None, "a row is about a difference"
    verdict = check.verdict
    task = next((each for each in decision.tasks if each.task == check.task), None)
    numbers = ("", "", "")
    if task is not None:
        times = f" × {task.samples}" if task.samples > 1 else ""
        numbers = (f"{task.n}{times}", percent(task.baseline), percent(task.candidate))
    difference = points_interval(verdict.value, verdict.low, verdict.high)
    # `0 - margin`, so that a required gain above 0 is +0.0 and not −0.0.
    return _task(check), *numbers, difference, f"\\> {points(0 - verdict.margin)}", _SIGN[check.outcome]


def _limits(checks: Sequence[RuleCheck]) -> str:
    rows = [
        (_task(check), check.rule, percent(check.share), percent(check.limit), _SIGN[check.outcome])
        for check in checks
        if check.share is not None and check.limit is not None
    ]
    return table(("task", "limit on", "share", "at most", "outcome"), rows, left=2) if rows else ""


def _task(check: RuleCheck) -> str:
    return "macro average" if check.task == MACRO else code(check.task)
