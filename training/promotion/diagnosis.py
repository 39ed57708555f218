"""The likeliest cause of a stage's refusal, found by fixed rules in its metrics, its completions and both evaluations.

It is a likely cause and no proof. The rules are tried in the order of `_RULES`, from causes that make the later ones
meaningless (a loss that diverged says nothing about the data) to those that remain when training went well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from evalsuite.analysis.run_result import RunResult
from evalsuite.gate import GateDecision
from evalsuite.parser import parse
from training import step_log
from training.recipe import Stage
from training.run_folder import StageFolder

LOSS_WINDOW: Final = 0.1
"""Share of the logged steps over which a loss is averaged: single steps are noisy."""
LOSS_ROSE: Final = 1.25
"""Largest over first mean loss above which training diverged; noise alone doesn't raise a window's mean so far."""
LOSS_MOVED: Final = 0.98
"""Last over first mean loss below which something was learnt."""
LOSS_LEARNT: Final = 0.1
"""Last over first mean loss below which the data was learnt; above it the learning rate may be to blame as well."""
NO_VARIANCE: Final = 0.95
"""Mean share of zero-variance groups above which the rewards gave hardly a gradient."""
TRUNCATED: Final = 0.3
"""Share of truncated responses above which that is the cause, if the share rose by `ROSE` too."""
ROSE: Final = 0.1
"""Rise of the share of invalid or truncated responses above which that is the cause."""
INVALID: Final = 0.5
"""Share of invalid answers above which that is the cause, whatever it was before."""


class Cause(StrEnum):
    """Why a stage was refused; gate.json holds the name."""

    DIVERGED = "diverged"
    NEVER_REWARDED = "never_rewarded"
    NO_REWARD_VARIANCE = "no_reward_variance"
    NOTHING_LEARNT = "nothing_learnt"
    TRUNCATED_ANSWERS = "truncated_answers"
    INVALID_ANSWERS = "invalid_answers"
    DATA_TEACHES_OTHERWISE = "data_teaches_otherwise"
    RANDOM_REWARD = "random_reward"
    NOT_FOUND = "not_found"
    NO_VALID_ANSWER = "no_valid_answer"
    STOPPED = "stopped"


class Diagnosis(NamedTuple):
    """One cause, and the sentence that explains it with its numbers."""

    cause: Cause
    reason: str


class _LossTrend(NamedTuple):
    """Means of the loss over windows of a tenth of the steps: the first, the largest, the last."""

    first: float
    largest: float
    last: float

    @property
    def moved(self) -> bool:
        return self.last <= LOSS_MOVED * self.first


class _Evidence(NamedTuple):
    """All that a cause is looked for in."""

    stage: Stage
    steps: Sequence[Mapping[str, Any]]
    completions: Sequence[Mapping[str, Any]]
    decision: GateDecision

    @property
    def loss(self) -> _LossTrend | None:
        """The trend of the loss; None where no step logged one, or where it doesn't measure what was learnt.

        A GRPO loss is near 0 whatever is learnt, because the advantages of a group sum to 0.
        """
        values = [float(step["loss"]) for step in self.steps if step.get("loss") is not None]
        if self.stage.kind == "grpo" or not values:
            return None
        width = max(1, int(LOSS_WINDOW * len(values)))
        means = [math.fsum(values[at : at + width]) / width for at in range(len(values) - width + 1)]
        return _LossTrend(means[0], max(means), means[-1])

    @property
    def learning_rate(self) -> str:
        return f"a learning rate of {self.stage.optimiser.learning_rate:g}"

    @property
    def step_count(self) -> str:
        return f"{max((int(step['step']) for step in self.steps), default=0)} steps"


def diagnose(stage: Stage, folder: StageFolder, decision: GateDecision, control: bool) -> Diagnosis:
    """Return the likeliest cause of a refusal, with the gate's headline and the cause in one sentence."""
    evidence = _Evidence(stage, list(folder.read_metrics()), list(step_log.read(folder.completions)), decision)
    matches = ((cause, rule(evidence)) for cause, rule in _RULES.items())
    cause, detail = next(((cause, detail) for cause, detail in matches if detail), (Cause.NOT_FOUND, ""))
    if not detail and control and stage.kind == "grpo":
        cause, detail = Cause.RANDOM_REWARD, "rewards were random, as requested, and teach nothing"
    if not detail:
        detail = _failed_rules(evidence)
    return Diagnosis(cause, f"{decision.headline}; likely cause: {detail}.")


def without_valid_answer(result: RunResult) -> Diagnosis | None:
    """Return why a model is refused that never gave a valid answer; None for any other model.

    Its gate may have passed all the same: such a model is no worse than a baseline that gave no valid answer either.
    """
    if any(task.status.get("ok") for task in result.tasks.values()):
        return None
    answers = sum(sum(task.status.values()) for task in result.tasks.values())
    reason = f"none of its {answers:,} answers is valid, so that the gate had nothing to compare."
    return Diagnosis(Cause.NO_VALID_ANSWER, reason)


def _diverged(evidence: _Evidence) -> str | None:
    loss = evidence.loss
    # The largest mean, not the last: a loss that rose and came down again has still lost what the start model knew.
    if loss is None or loss.largest <= LOSS_ROSE * loss.first:
        return None
    return (
        f"with {evidence.learning_rate} the loss rose from {loss.first:.3g} to {loss.largest:.3g} (at the end "
        f"{loss.last:.3g}): training diverged; lower the learning rate"
    )


def _never_rewarded(evidence: _Evidence) -> str | None:
    if not evidence.completions or any(row["reward"] for row in evidence.completions):
        return None
    status, count = Counter(_strict_status(row) for row in evidence.completions).most_common(1)[0]
    most = f"{count:,} named a wrong label" if status == "ok" else f"{count:,} have status {status}"
    return f"none of {len(evidence.completions):,} completions was rewarded ({most}), so no step had a gradient"


def _strict_status(row: Mapping[str, Any]) -> str:
    parsed = parse(row["completion"], row["labels"], None, row["format"], "stop", row["opens_reasoning"])
    return parsed.strict.status


def _no_reward_variance(evidence: _Evidence) -> str | None:
    shares = [
        (float(step["groups_all_0"]), float(step["groups_all_1"])) for step in evidence.steps if "groups_all_0" in step
    ]
    if not shares:
        return None
    zero, one = (math.fsum(column) / len(shares) for column in zip(*shares, strict=True))
    if zero + one < NO_VARIANCE:
        return None
    return (
        f"{zero + one:.0%} of the groups had zero variance ({zero:.0%} with all rewards 0, {one:.0%} with all rewards "
        "1), so hardly a step had a gradient; take items that the start model gets right sometimes"
    )


def _nothing_learnt(evidence: _Evidence) -> str | None:
    loss = evidence.loss
    if loss is not None:
        unchanged, change = not loss.moved, f"the loss went from {loss.first:.3g} to {loss.last:.3g}"
    else:
        # Without a loss that counts: the evaluations agree on every task to less than one item.
        results = evidence.decision.tasks
        unchanged = all(abs(each.candidate - each.baseline) * each.n < 1 for each in results)
        change = "no more and no fewer items are right"
    if not unchanged:
        return None
    return (
        f"{evidence.step_count} with {evidence.learning_rate} changed next to nothing ({change}): train longer, or "
        "raise the learning rate"
    )


def _truncated(evidence: _Evidence) -> str | None:
    for task, candidate, baseline in _shares(evidence.decision, "truncated"):
        if candidate > TRUNCATED and candidate - baseline > ROSE:
            return (
                f"{candidate:.0%} of the responses to {task} were truncated at the limit of "
                f"{evidence.stage.evaluation.max_tokens} tokens ({baseline:.0%} before): the model no longer ends "
                "its answers"
            )
    return None


def _invalid(evidence: _Evidence) -> str | None:
    for task, candidate, baseline in _shares(evidence.decision, None):
        if candidate - baseline > ROSE or candidate > INVALID:
            status = _most_frequent_invalid(evidence.decision.candidate, task)
            return (
                f"{candidate:.0%} of the answers to {task} are invalid ({baseline:.0%} before), most often with status "
                f"{status}: the model doesn't write the answer format"
            )
    return None


def _data_teaches_otherwise(evidence: _Evidence) -> str | None:
    """The loss fell, so something was learnt, but accuracy fell too or is no better than chance."""
    loss = evidence.loss
    if loss is None or not loss.moved:
        return None
    for result in evidence.decision.tasks:
        before, after = result.baseline, result.candidate
        chance = evidence.decision.candidate.tasks[result.task].chance
        if after < before:
            accuracy = f"fell from {before:.1%} to {after:.1%}"
        elif after <= chance:
            accuracy = f"is {after:.1%}, no better than chance ({chance:.1%})"
        else:
            continue
        return (
            f"the loss fell from {loss.first:.3g} to {loss.last:.3g}, yet accuracy on {result.task} {accuracy}: the "
            "data teaches something else than the benchmark measures (are its answers right?)"
            f"{_or_learning_rate(evidence, loss)}"
        )
    return None


def _or_learning_rate(evidence: _Evidence, loss: _LossTrend) -> str:
    """Return the second possible cause of a loss that fell only part of the way."""
    if loss.last <= LOSS_LEARNT * loss.first:
        return ""
    return f", or {evidence.learning_rate} learns too little of it: try a lower one, or more steps"


def _failed_rules(evidence: _Evidence) -> str:
    """Return the gate's rules that failed, where training itself shows no cause."""
    failed = [check for check in evidence.decision.checks if check.outcome != "pass"]
    rules = "; ".join(f"{check.rule} on {check.task}: {check.message.rstrip('.')}" for check in failed)
    return f"{evidence.step_count} went as expected, but {rules}"


def _shares(decision: GateDecision, status: str | None) -> Iterator[tuple[str, float, float]]:
    """Yield each task with the share of a status in candidate and baseline; None is every status except ok."""
    for result in decision.tasks:
        task = result.task
        yield task, _share(decision.candidate, task, status), _share(decision.baseline, task, status)


def _share(result: RunResult, task: str, status: str | None) -> float:
    summary = result.tasks[task]
    return summary.share(status) if status else 1 - summary.share("ok")


def _most_frequent_invalid(result: RunResult, task: str) -> str:
    counts = result.tasks[task].status
    return max((status for status in counts if status != "ok"), key=lambda status: counts[status])


_RULES: Final[Mapping[Cause, Callable[[_Evidence], str | None]]] = {
    Cause.DIVERGED: _diverged,
    Cause.NEVER_REWARDED: _never_rewarded,
    Cause.NO_REWARD_VARIANCE: _no_reward_variance,
    Cause.NOTHING_LEARNT: _nothing_learnt,
    Cause.TRUNCATED_ANSWERS: _truncated,
    Cause.INVALID_ANSWERS: _invalid,
    Cause.DATA_TEACHES_OTHERWISE: _data_teaches_otherwise,
}
"""In the order in which they are tried: each returns a sentence, or None where it doesn't apply."""
