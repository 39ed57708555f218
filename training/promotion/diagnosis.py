"""Why a stage was refused, in one sentence with its numbers: from its metrics, its completions, both evaluations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from evalsuite.analysis.run_result import RunResult
from evalsuite.gate import GateDecision
from evalsuite.parser import parse
from training import step_log
from training.recipe import Stage
from training.run_folder import StageFolder

ENDS: Final = 0.1
"""Share of the logged steps over which a loss is averaged."""
ROSE: Final = 1.25
"""Highest over start of a loss that rose, and not by noise."""
MOVED: Final = 0.98
"""End over start of a loss below which something was learnt."""
LEARNT: Final = 0.1
"""End over start of a loss below which the data was learnt; above it, it may be the learning that failed."""
DEAD: Final = 0.95
"""Mean share of dead groups from which on rewards are said to have no spread."""
CUT: Final = 0.3
"""Share of completions that the token limit cut, above which that is the cause."""
JUMP: Final = 0.1
"""Rise of the share of invalid answers above which that is the cause."""
MOST: Final = 0.5
"""Share of invalid answers above which that is the cause, whatever it was before."""


class _Loss(NamedTuple):
    """Means over a tenth of the steps: the first, the largest, the last."""

    start: float
    highest: float
    end: float

    @property
    def moved(self) -> bool:
        return self.end <= MOVED * self.start


class _Seen(NamedTuple):
    """All that a cause is looked for in."""

    stage: Stage
    steps: Sequence[Mapping[str, Any]]
    completions: Sequence[Mapping[str, Any]]
    decision: GateDecision

    @property
    def loss(self) -> _Loss | None:
        """How the loss went; None where no step has one, or where it says nothing of what was learnt."""
        values = [float(step["loss"]) for step in self.steps if step.get("loss") is not None]
        if self.stage.kind == "grpo" or not values:
            return None
        few = max(1, int(ENDS * len(values)))
        means = [math.fsum(values[at : at + few]) / few for at in range(len(values) - few + 1)]
        return _Loss(means[0], max(means), means[-1])

    @property
    def rate(self) -> str:
        return f"a learning rate of {self.stage.optimiser.learning_rate:g}"


def cause_of(stage: Stage, folder: StageFolder, decision: GateDecision, control: bool) -> str:
    """The likeliest cause of a refusal, behind the gate's own words."""
    seen = _Seen(stage, list(step_log.read(folder.metrics)), list(step_log.read(folder.completions)), decision)
    found = next(filter(None, (look(seen) for look in _LOOKS)), None)
    if found is None and control and stage.kind == "grpo":
        found = "the reward was a coin, as asked, and a coin teaches nothing"
    if found is None:
        found = _left_open(seen)
    return f"{decision.headline}; likely cause: {found}."


def no_valid_answer(result: RunResult) -> str | None:
    """Why a model must not be promoted that never gave a valid answer: being no worse than one like it is no merit."""
    if any(task.status.get("ok") for task in result.tasks.values()):
        return None
    answers = sum(sum(task.status.values()) for task in result.tasks.values())
    return f"none of its {answers:,} answers is valid, so that the gate had nothing to compare."


def _diverged(seen: _Seen) -> str | None:
    loss = seen.loss
    if loss is None or loss.highest <= ROSE * loss.start:
        return None
    return (
        f"with {seen.rate} the loss rose from {loss.start:.3g} to {loss.highest:.3g} (at the end {loss.end:.3g}): "
        "training diverged; lower it"
    )


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
        if candidate - baseline > JUMP or candidate > MOST:
            status = _commonest(seen.decision.candidate, task)
            return (
                f"{candidate:.0%} of the answers to {task} are invalid ({baseline:.0%} before), most of them {status}: "
                "it doesn't write the answer format"
            )
    return None


def _shares(decision: GateDecision, status: str | None) -> Iterator[tuple[str, float, float]]:
    """Each task's share of a status, or of all but ok, in candidate and baseline."""
    for standing in decision.tasks:
        task = standing.task
        yield task, _share(decision.candidate, task, status), _share(decision.baseline, task, status)


def _share(result: RunResult, task: str, status: str | None) -> float:
    summary = result.tasks[task]
    return summary.share(status) if status else 1 - summary.share("ok")


def _commonest(result: RunResult, task: str) -> str:
    counts = result.tasks[task].status
    return max((status for status in counts if status != "ok"), key=lambda status: counts[status])


def _taught_otherwise(seen: _Seen) -> str | None:
    """Something was learnt, and it isn't what the benchmark asks."""
    loss = seen.loss
    if loss is None or not loss.moved:
        return None
    learnt = loss.end <= LEARNT * loss.start
    half = "" if learnt else f", or {seen.rate} learns too little of it: try a lower one, or more steps"
    for standing in seen.decision.tasks:
        before, after = standing.baseline, standing.candidate
        chance = seen.decision.candidate.tasks[standing.task].chance
        if after < before:
            what = f"fell from {before:.1%} to {after:.1%}"
        elif after <= chance:
            what = f"is {after:.1%}, no better than a guess ({chance:.1%})"
        else:
            continue
        return (
            f"the loss fell from {loss.start:.3g} to {loss.end:.3g}, yet accuracy on {standing.task} {what}: the data "
            f"teaches something else than the benchmark counts (are its answers right?){half}"
        )
    return None


def _unchanged(seen: _Seen) -> str | None:
    """Next to nothing was learnt."""
    loss = seen.loss
    if loss is not None:
        still, moved = not loss.moved, f"the loss went from {loss.start:.3g} to {loss.end:.3g}"
    else:
        still = all(abs(each.candidate - each.baseline) * each.n < 1 for each in seen.decision.tasks)
        moved = "not one item more or less is right"
    if not still:
        return None
    return f"{_steps(seen)} with {seen.rate} changed next to nothing ({moved}): train longer, or raise it"


def _left_open(seen: _Seen) -> str:
    """No cause in the training: what the gate missed."""
    told = [check for check in seen.decision.checks if check.outcome != "pass"]
    rules = "; ".join(f"{check.rule} on {check.task}: {check.message.rstrip('.')}" for check in told)
    return f"{_steps(seen)} went as they should, but {rules}"


def _steps(seen: _Seen) -> str:
    return f"{max((int(step['step']) for step in seen.steps), default=0)} steps"


_LOOKS: Final[Sequence[Callable[[_Seen], str | None]]] = (
    _diverged,
    _unpaid,
    _spreadless,
    _unchanged,
    _cut,
    _invalid,
    _taught_otherwise,
)
"""What is looked for, in this order."""
