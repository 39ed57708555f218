"""Check that rewards differ within groups of the start model's responses; without that GRPO has no gradient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evalsuite.models.backend import Response
from evalsuite.parser import parse
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.stats.intervals import Estimate, mean, wilson
from training.checks.check_result import CheckResult
from training.checks.checked_rows import CheckedRow
from training.recipe import Grpo

MAX_CLIPPED: Final = 0.3
"""Largest share of completions that may be cut off by the token limit."""
MAX_INVALID: Final = 0.5
"""Largest share of completions without a valid answer by the strict parse."""
MIN_MIXED: Final = 0.1
"""Smallest share of groups whose rewards differ; the other groups have zero variance and give no gradient."""

Groups = NDArray[np.float64]
"""One number per response, shape (items, samples per item)."""


def check_reward_variance(stage: Grpo, rows: Sequence[CheckedRow], responses: Sequence[Response]) -> CheckResult:
    """Score responses, equally many per row and in the order of the rows, and count groups by their rewards.

    Shares of responses have intervals over items, since the responses to one item depend on each other; shares of
    groups have Wilson's interval.
    """
    error = next((response.error for response in responses if response.error is not None), None)
    if error is not None:
        return CheckResult({"error": error}, (f"the start model can't be sampled: {error}",))
    samples = len(responses) // len(rows)
    pairs = list(zip((row for row in rows for _ in range(samples)), responses, strict=True))
    rewards = _grouped([_reward(*pair) for pair in pairs], samples)
    clipped = _grouped([float(response.finish == "length") for response in responses], samples)
    statuses = Counter(_status(*pair) for pair in pairs)
    mixed = int((rewards.min(axis=1) != rewards.max(axis=1)).sum())
    facts = {
        "items": len(rows),
        "samples_per_item": samples,
        "reward": _share(rewards),
        "clipped": _share(clipped),
        "groups_all_0": wilson(int((rewards.max(axis=1) == 0).sum()), len(rows))._asdict(),
        "groups_all_1": wilson(int((rewards.min(axis=1) == 1).sum()), len(rows))._asdict(),
        "groups_mixed": wilson(mixed, len(rows))._asdict(),
        "mixed_groups_per_step": round(stage.prompts * mixed / len(rows), 2),
        "statuses": dict(statuses.most_common()),
        "longest_tokens": max(response.output_tokens or 0 for response in responses),
    }
    return CheckResult(facts, tuple(_refusals(stage, facts, clipped, statuses, mixed)))


def _reward(row: CheckedRow, response: Response) -> float:
    reward = StrictReward(prompt_opens_reasoning=response.opens_reasoning)
    return reward.score(response.text, row.gold, row.labels, format=row.format)


def _status(row: CheckedRow, response: Response) -> str:
    parsed = parse(response.text, row.labels, None, row.format, response.finish, response.opens_reasoning)
    return parsed.strict.status


def _grouped(numbers: list[float], samples: int) -> Groups:
    return np.array(numbers).reshape(-1, samples)


def _share(groups: Groups) -> dict[str, float]:
    return mean(groups.mean(axis=1), np.arange(len(groups)), groups.shape[1])._asdict()


def _refusals(stage: Grpo, facts: dict[str, Any], clipped: Groups, statuses: Counter[str], mixed: int) -> list[str]:
    """List the reasons to refuse, causes first: a clipped response has no valid answer, an invalid one no reward."""
    total, groups, refusals = clipped.size, len(clipped), []
    if clipped.mean() > MAX_CLIPPED:
        refusals.append(
            f"{int(clipped.sum())} of {total} completions ({_format(facts['clipped'])}) reach rollout.max_tokens "
            f"{stage.rollout.max_tokens}; raise it, or start from a model that ends its responses"
        )
    status, count = max(((s, k) for s, k in statuses.items() if s != "ok"), key=lambda pair: pair[1], default=("", 0))
    if total - statuses["ok"] > MAX_INVALID * total:
        refusals.append(
            f"{total - statuses['ok']} of {total} completions have no valid answer, {count} of them {status}; "
            "teach the answer format first (sft)"
        )
    if mixed < MIN_MIXED * groups:
        refusals.append(
            f"only {mixed} of {groups} groups of {clipped.shape[1]} have rewards that differ "
            f"({_format(facts['groups_mixed'])}; mean reward {facts['reward']['value']:.3f}, all 0 in "
            f"{facts['groups_all_0']['value']:.0%} and all 1 in {facts['groups_all_1']['value']:.0%}); select "
            "other tiers, or raise rollout.generations or rollout.temperature"
        )
    return refusals


def _format(share: dict[str, float]) -> str:
    value, low, high = Estimate(**share)
    return f"{value:.0%}, 95% interval {low:.0%} to {high:.0%}"
