"""Why a stage was refused, in one sentence with its numbers: from its metrics, its completions, both evaluations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from evalsuite.answer import parse
from evalsuite.gate import Decision
from evalsuite.result import Result
from training import lines
from training.folder import StageFolder
from training.recipe import Stage

ENDS: Final = 0.1
"""Share of the logged steps that is taken for the start, and for the end, of training."""
ROSE: Final = 1.05
"""End over start of a loss that rose, and not by noise."""
MOVED: Final = 0.98
"""End over start of a loss below which something was learnt."""
DEAD: Final = 0.95
"""Mean share of dead groups from which on rewards are said to have no spread."""
CUT: Final = 0.3
"""Share of completions that the token limit cut, above which that is the cause."""
JUMP: Final = 0.1
"""Rise of the share of invalid answers above which that is the cause."""


class _Seen(NamedTuple):
    """All that a cause is looked for in."""

    stage: Stage
    steps: Sequence[Mapping[str, Any]]
    completions: Sequence[Mapping[str, Any]]
    decision: Decision

    def ends(self, key: str) -> tuple[float, float] | None:
        """Means of a figure over the first and the last steps that have it."""
        values = [float(step[key]) for step in self.steps if step.get(key) is not None]
        if not values:
            return None
        few = max(1, int(ENDS * len(values)))
        return math.fsum(values[:few]) / few, math.fsum(values[-few:]) / few

    @property
    def rate(self) -> str:
        return f"a learning rate of {self.stage.optimiser.learning_rate:g}"


def cause_of(stage: Stage, folder: StageFolder, decision: Decision, control: bool) -> str:
    """The likeliest cause of a refusal, behind the gate's own words."""
    seen = _Seen(stage, list(lines.read(folder.metrics)), list(lines.read(folder.completions)), decision)
    looks: tuple[Callable[[_Seen], str | None], ...] = (_diverged, _unpaid, _spreadless, _cut, _invalid)
    found = next(filter(None, (look(seen) for look in looks)), None)
    if found is None and control and stage.kind == "grpo":
        found = "the reward was a coin, as asked, and a coin teaches nothing"
    if found is None:
        found = next(filter(None, (look(seen) for look in (_taught_otherwise, _unchanged))), _left_open(seen))
    return f"{decision.headline}: {found}."


def _diverged(seen: _Seen) -> str | None:
    loss = seen.ends("loss")
    if seen.stage.kind == "grpo" or loss is None or loss[1] <= ROSE * loss[0]:
        return None
    return f"the loss rose from {loss[0]:.3g} to {loss[1]:.3g} with {seen.rate}: training diverged; lower it"


def _unpaid(seen: _Seen) -> str | None:
    if not seen.completions or any(row["reward"] for row in seen.completions):
        return None
    count = len(seen.completions)
    status, often = Counter(_status(row) for row in seen.completions).most_common(1)[0]
    why = f"{often:,} named another label than the gold" if status == "ok" else f"{often:,} were read as {status}"
    return f"none of {count:,} completions was paid ({why}), so no step had anything to learn from"


def _status(row: Mapping[str, Any]) -> str:
    reading = parse(row["completion"], row["labels"], None, row["format"], "stop", row["opens_reasoning"])
    return reading.strict.status


def _spreadless(seen: _Seen) -> str | None:
    dead = [(float(step["dead_zero"]), float(step["dead_one"])) for step in seen.steps if "dead_zero" in step]
    if not dead:
        return None
    zero, one = (math.fsum(column) / len(dead) for column in zip(*dead, strict=True))
    if zero + one < DEAD:
        return None
    return (
        f"in {zero + one:.0%} of the groups all rewards were equal ({zero:.0%} all wrong, {one:.0%} all right): hardly "
        "a step had anything to learn from; take items that the start model gets right sometimes"
    )


def _cut(seen: _Seen) -> str | None:
    for task, candidate, baseline in _shares(seen.decision, "truncated"):
        if candidate > CUT and candidate - baseline > JUMP:
            return (
                f"{candidate:.0%} of the responses to {task} were cut by the token limit of "
                f"{seen.stage.evaluation.max_tokens} ({baseline:.0%} before): the model no longer ends its answers"
            )
    return None


def _invalid(seen: _Seen) -> str | None:
    for task, candidate, baseline in _shares(seen.decision, None):
        if candidate - baseline > JUMP:
            status = _commonest(seen.decision.candidate, task)
            return (
                f"invalid answers to {task} rose from {baseline:.0%} to {candidate:.0%}, most of them {status}: it has "
                "unlearnt the answer format"
            )
    return None


def _shares(decision: Decision, status: str | None) -> Iterator[tuple[str, float, float]]:
    """Each task's share of a status, or of all but ok, in candidate and baseline."""
    for standing in decision.standings:
        task = standing.task
        yield task, _share(decision.candidate, task, status), _share(decision.baseline, task, status)


def _share(result: Result, task: str, status: str | None) -> float:
    counts: Mapping[str, int] = result.tasks[task]["status"]
    total = sum(counts.values())
    return counts.get(status, 0) / total if status else 1 - counts.get("ok", 0) / total


def _commonest(result: Result, task: str) -> str:
    counts: Mapping[str, int] = result.tasks[task]["status"]
    return max((status for status in counts if status != "ok"), key=lambda status: counts[status])


def _taught_otherwise(seen: _Seen) -> str | None:
    """The data was learnt, and it isn't what the benchmark asks."""
    loss = seen.ends("loss")
    if seen.stage.kind == "grpo" or loss is None or loss[1] > MOVED * loss[0]:
        return None
    learnt = f"the loss fell from {loss[0]:.3g} to {loss[1]:.3g}, yet accuracy"
    for standing in seen.decision.standings:
        before, after = standing.baseline, standing.candidate
        chance = float(seen.decision.candidate.tasks[standing.task].get("chance", 0.0))
        if after < before:
            what = f"on {standing.task} fell from {before:.1%} to {after:.1%}"
        elif after <= chance:
            what = f"on {standing.task} is {after:.1%}, no better than a guess ({chance:.1%})"
        else:
            continue
        return f"{learnt} {what}: the data teaches something else than the benchmark counts; are its answers right?"
    return None


def _unchanged(seen: _Seen) -> str | None:
    """Next to nothing was learnt."""
    same = all(abs(each.candidate - each.baseline) * each.n < 1 for each in seen.decision.standings)
    loss = seen.ends("loss")
    still = seen.stage.kind != "grpo" and loss is not None and loss[1] > MOVED * loss[0]
    if not same and not still:
        return None
    moved = f"; the loss went from {loss[0]:.3g} to {loss[1]:.3g}" if loss and seen.stage.kind != "grpo" else ""
    return f"{_steps(seen)} with {seen.rate} changed next to nothing{moved}: train longer or raise the learning rate"


def _left_open(seen: _Seen) -> str:
    """No cause in the training: what the gate missed."""
    told = [check for check in seen.decision.checks if check.outcome != "pass"]
    rules = "; ".join(f"{check.rule} on {check.task}: {check.said.rstrip('.')}" for check in told)
    return f"{_steps(seen)} went as they should, but {rules}"


def _steps(seen: _Seen) -> str:
    return f"{max((int(step['step']) for step in seen.steps), default=0)} steps"
