"""The gate after a stage: what it said, on disk, and whether the stage's model is the last good one from now on."""

from __future__ import annotations

import shutil
from typing import Any, NamedTuple

from evalsuite.analysis.compare import compare
from evalsuite.analysis.pairing import pair
from evalsuite.analysis.run_result import RunResult
from evalsuite.gate import GateDecision, gate
from training.recipe import Stage
from training.run_folder import SCHEMA, StageFolder, TrainingFolder
from training.run_spec import now

FILE = "gate.json"


class PromotionVerdict(NamedTuple):
    """How a stage ended."""

    promoted: bool
    said: str
    """Why, in one sentence."""


def judge(candidate: RunResult, baseline: RunResult, stage: Stage) -> GateDecision:
    """Hold what a stage made against the last good model, by the stage's own policy."""
    return gate(candidate, baseline, stage.gate)


def settle(
    run: TrainingFolder, folder: StageFolder, decision: GateDecision | None, cause: str | None
) -> PromotionVerdict:
    """Write gate.json, then the stage's state; a stage with a `cause` is refused, whose checkpoints are kept.

    `decision`: None where the stage was refused before it could be asked anything.
    """
    said = cause if cause is not None else _said(decision)
    verdict = PromotionVerdict(cause is None, said)
    content: dict[str, Any] = {"schema": SCHEMA, **verdict._asdict(), "decision": None, "comparison": None}
    if decision is not None:
        content["decision"] = _placed(run, decision.to_json())
        content["comparison"] = _placed(run, compare(pair(decision.candidate, decision.baseline)).to_json())
    folder.write(FILE, content)
    folder.note(state="promoted" if verdict.promoted else "refused", said=said, settled=now())
    if verdict.promoted:
        clear(folder)
    return verdict


def clear(folder: StageFolder) -> None:
    """Take away the checkpoints, which only the trainer made; a link to another disk is left alone."""
    if not folder.checkpoints.is_symlink():
        shutil.rmtree(folder.checkpoints, ignore_errors=True)


def verdict_of(folder: StageFolder) -> PromotionVerdict:
    """What a stage that has ended was told."""
    facts = folder.read("stage.json")
    return PromotionVerdict(facts.get("state") == "promoted", str(facts.get("said", "")))


def _said(decision: GateDecision | None) -> str:
    assert decision is not None, "what is promoted was judged"
    gains = "; ".join(f"{check.task}: {check.message.rstrip('.')}" for check in decision.checks if check.rule == "gain")
    return f"{decision.headline}{f': {gains}' if gains else ''}."


def _placed(run: TrainingFolder, facts: dict[str, Any]) -> dict[str, Any]:
    """The same facts with run folders named by their place in the run's."""
    for about in facts.values():
        if isinstance(about, dict) and "path" in about:
            about["path"] = about["path"].removeprefix(f"{run.path}/")
    return facts
