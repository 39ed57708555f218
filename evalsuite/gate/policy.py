"""The policy of a gate: its rules, and the file that states them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.run.summary_schema import ParseMode
from evalsuite.stats.noninferiority import default_margin
from evalsuite.stats.power import PLANNED_DISCORDANCE, POWER
from evalsuite.util.validation import StrictModel, first_problem
from evalsuite.util.yaml_file import read_yaml

LARGEST = 1 << 16
"""Bytes of the largest policy that is read."""
MACRO = "macro"
"""Key of the macro average among the gains."""

Margin = Annotated[float, Field(gt=0, le=0.3, allow_inf_nan=False)]
"""A tolerated loss, as a fraction: 0.02 is 2 points. More than 0.3 is refused, since it is probably meant in points."""
Gain = Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]
Limit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Limits(StrictModel):
    """The largest shares of the candidate's responses on each task."""

    invalid: Limit | Literal["none"] = "none"
    truncated: Limit | Literal["none"] = "none"


class GatePolicy(StrictModel):
    """The rules that a candidate must meet to replace a baseline. Fractions, not percent."""

    tasks: Annotated[list[str], Field(min_length=1)] | Literal["all"] = "all"
    margin: Margin | Literal["auto"] = "auto"
    """For tasks that `margins` doesn't name; `auto` follows from the number of items and `discordance`."""
    margins: dict[str, Margin] = Field(default_factory=dict)
    macro_margin: Margin | Literal["auto", "none"] = "auto"
    """For the macro average, where there are several tasks."""
    gains: dict[str, Gain] = Field(default_factory=dict)
    """Tasks (or `macro`) on which the candidate must be better by more than this."""
    limits: Limits = Limits()
    multiplicity: Literal["none", "holm"] = "none"
    """Whether a loss must be significant among all differences (Holm) to fail the gate."""
    undecided: Literal["undecided", "fail", "pass"] = "undecided"
    """How an undecided gate exits: with 3, 1 or 0."""
    require: ParseMode = "strict"
    """The parse mode that is judged."""
    clean: bool = False
    """Whether only items count that no known training data have; the candidate's must be known."""
    discordance: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = PLANNED_DISCORDANCE
    """Share of items on which candidate and baseline are expected to disagree: what `auto` plans with."""

    @field_validator("tasks")
    @classmethod
    def _once(cls, tasks: list[str] | str) -> list[str] | str:
        if isinstance(tasks, list) and len(set(tasks)) < len(tasks):
            raise ValueError("a task is named twice")
        return tasks

    def margin_of(self, task: str, items: int, rules: int) -> float:
        """Return the margin of a task: its own, the policy's, or the one that follows from its items and `rules`."""
        # The automatic margins share the power of 80% among all rules, so they depend on the number of rules.
        stated = self.margins.get(task, self.margin)
        return default_margin(items, self.discordance, power(rules)) if stated == "auto" else stated

    def macro_margin_of(self, items: list[int], rules: int) -> float:
        """Return the margin of the macro average: the policy's, or the one that follows from the items of each task."""
        if not isinstance(self.macro_margin, str):
            return self.macro_margin
        return math.hypot(*(default_margin(n, self.discordance, power(rules)) for n in items)) / len(items)

    def check_tasks(self, tasks: Mapping[str, Any] | list[str]) -> None:
        """Refuse rules for tasks that the gate doesn't judge."""
        if MACRO in tasks:
            raise UsageError(
                ErrorCode.INVALID_POLICY,
                f"a task named {MACRO} can't be distinguished from the macro average: list other tasks in the policy",
            )
        for field, named in (("margins", self.margins), ("gains", self.gains)):
            unknown = [name for name in named if name not in tasks and (field, name) != ("gains", MACRO)]
            if unknown:
                raise UsageError(
                    ErrorCode.INVALID_POLICY,
                    f"policy: {field}.{unknown[0]}: not a task of this gate, which are {', '.join(tasks)}",
                )
        if MACRO in self.gains and len(tasks) < 2:
            raise UsageError(ErrorCode.INVALID_POLICY, "policy: gains.macro: there is no average of one task")


def power(rules: int) -> float:
    """Power that each rule needs so that a candidate as good as the baseline passes all of them with 80%.

    0.8^(1 / rules), as if the rules were independent; where they aren't, it passes more often.
    """
    return float(POWER ** (1 / rules))


def read_policy(path: Path) -> GatePolicy:
    """Read a policy file; an unknown key or an invalid value is a `UsageError`."""
    content = read_yaml(path, LARGEST, UsageError, ErrorCode.INVALID_POLICY)
    if not isinstance(content, dict) or not content:
        raise UsageError(
            ErrorCode.INVALID_POLICY, f"{path}: not a policy: write one rule per line, as in examples/gate.yaml"
        )
    return policy_of(content, str(path))


def policy_of(content: Mapping[str, Any], source: str = "policy") -> GatePolicy:
    """Return the policy with this content; `source` names it in errors. An unknown key is a `UsageError`."""
    try:
        return GatePolicy.model_validate(dict(content))
    except ValidationError as error:
        raise UsageError(ErrorCode.INVALID_POLICY, f"{source}: {_describe(error)}") from None


def _describe(error: ValidationError) -> str:
    nested = error.errors()[0]["loc"][0] in ("margins", "gains", "limits")
    return f"{first_problem(error, 'policy', depth=2 if nested else 1)} (fractions, not percent: 0.02 is 2 points)"
