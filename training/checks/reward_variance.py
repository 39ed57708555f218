"""Whether the reward has anything to tell apart: groups of responses of the start model, paid as in training."""

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

CLIPPED: Final = 0.3
"""Largest share of completions that may end at the token limit."""
INVALID: Final = 0.5
"""Largest share of completions without a strictly valid answer."""
LIVE: Final = 0.1
"""Least share of groups whose rewards differ; the others have no gradient."""

Groups = NDArray[np.float64]
"""A number for each response; shape (items, samples an item)."""


def reward_variance(stage: Grpo, rows: Sequence[CheckedRow], responses: Sequence[Response]) -> CheckResult:
    """Pay `responses`, as many for each row, and say how many groups would teach anything.

    Shares of responses have intervals over items, since those of one item are alike; shares of groups Wilson's.
    """
    failed = next((each.error for each in responses if each.error is not None), None)
    if failed is not None:
        return CheckResult({"error": failed}, (f"the start model can't be sampled: {failed}",))
    each = len(responses) // len(rows)
    asked = [row for row in rows for _ in range(each)]
    paid = _grouped([_paid(*pair) for pair in zip(asked, responses, strict=True)], each)
    clipped = _grouped([float(response.finish == "length") for response in responses], each)
    statuses = Counter(_status(*pair) for pair in zip(asked, responses, strict=True))
    live = int((paid.min(axis=1) != paid.max(axis=1)).sum())
    facts = {
        "items": len(rows),
        "samples_an_item": each,
        "reward": _share(paid),
        "clipped": _share(clipped),
        "dead_zero": wilson(int((paid.max(axis=1) == 0).sum()), len(rows))._asdict(),
        "dead_one": wilson(int((paid.min(axis=1) == 1).sum()), len(rows))._asdict(),
        "live": wilson(live, len(rows))._asdict(),
        "live_groups_a_step": round(stage.prompts * live / len(rows), 2),
        "statuses": dict(statuses.most_common()),
        "longest_tokens": max(response.output_tokens or 0 for response in responses),
    }
    return CheckResult(facts, tuple(_refusals(stage, facts, clipped, statuses, live)))


def _paid(row: CheckedRow, response: Response) -> float:
    reward = StrictReward(prompt_opens_reasoning=response.opens_reasoning)
    return reward.score(response.text, row.gold, row.labels, format=row.format)


def _status(row: CheckedRow, response: Response) -> str:
    reading = parse(response.text, row.labels, None, row.format, response.finish, response.opens_reasoning)
    return reading.strict.status


def _grouped(numbers: list[float], each: int) -> Groups:
    return np.array(numbers).reshape(-1, each)


def _share(groups: Groups) -> dict[str, float]:
    return mean(groups.mean(axis=1), np.arange(len(groups)), groups.shape[1])._asdict()


def _refusals(stage: Grpo, facts: dict[str, Any], clipped: Groups, statuses: Counter[str], live: int) -> list[str]:
    """The causes first: what is clipped can't be valid, and what isn't valid is paid nothing."""
    n, groups, found = clipped.size, len(clipped), []
    if clipped.mean() > CLIPPED:
        found.append(
            f"{int(clipped.sum())} of {n} completions ({_said(facts['clipped'])}) reach rollout.max_tokens "
            f"{stage.rollout.max_tokens}; raise it, or start from a model that ends its responses"
        )
    status, many = max(((s, k) for s, k in statuses.items() if s != "ok"), key=lambda pair: pair[1], default=("", 0))
    if n - statuses["ok"] > INVALID * n:
        found.append(
            f"{n - statuses['ok']} of {n} completions give no valid answer, {many} of them {status}; "
            "teach the answer format first (sft)"
        )
    if live < LIVE * groups:
        found.append(
            f"only {live} of {groups} groups of {clipped.shape[1]} have rewards that differ ({_said(facts['live'])}; "
            f"mean reward {facts['reward']['value']:.3f}, all 0 in {facts['dead_zero']['value']:.0%} and all 1 in "
            f"{facts['dead_one']['value']:.0%}); take other tiers, or raise rollout.generations or temperature"
        )
    return found


def _said(share: dict[str, float]) -> str:
    value, low, high = Estimate(**share)
    return f"{value:.0%}, 95% interval {low:.0%} to {high:.0%}"
