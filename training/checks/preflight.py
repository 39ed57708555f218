"""The checks of one stage before it trains: its data, its chat template and its start model."""

from __future__ import annotations

from pathlib import Path

from evalsuite.errors import UsageError
from training import weights
from training.checks.benchmark_overlap import RowOverlap, TextOverlap, gate_benchmarks
from training.checks.chat_template import ChatTemplateCheck
from training.checks.check_result import CheckResult
from training.checks.checked_rows import read_rows, read_texts
from training.checks.end_token import ending
from training.checks.gold_rewards import GoldRewardCheck
from training.checks.rendering import Renderer
from training.checks.reward_variance import reward_variance
from training.checks.row_length import RowLengthCheck
from training.checks.start_model_samples import chosen, sample
from training.checks.trace_answers import TraceAnswerCheck
from training.data.manifest import verify
from training.recipe import Grpo, Pretrain, Recipe, Sft
from training.run_folder import SCHEMA, StageFolder

REPORT = "preflight.json"
Findings = dict[str, CheckResult]


def run_preflight(
    recipe: Recipe, stage: Pretrain | Sft | Grpo, folder: StageFolder, start: str | Path, data: Path
) -> None:
    """Look at a stage's data, at the start model's template, and for grpo at samples of the start model.

    Writes all numbers into the stage's preflight.json, in every case; a reason not to begin is a `UsageError` that says
    the first one, with its numbers and the remedy. `data` is the folder that `stage.data.folder` is in.
    """
    manifest = verify(data / stage.data.folder)
    found = _texts(recipe, stage, start, data) if isinstance(stage, Pretrain) else _rows(recipe, stage, start, data)
    if isinstance(stage, Grpo) and not any(finding.refusals for finding in found.values()):
        found["spread"] = _spread(recipe, stage, start, data)
    refusals = [refusal for finding in found.values() for refusal in finding.refusals]
    checks = {name: finding.facts for name, finding in found.items()}
    facts = {"schema": SCHEMA, "stage": stage.name, "data": manifest.name, "refusals": refusals, "checks": checks}
    folder.write(REPORT, facts)
    if refusals:
        more = f" (and {len(refusals) - 1} more: {folder.path / REPORT})" if len(refusals) > 1 else ""
        raise UsageError(f"{stage.name}: {data / stage.data.folder}: {refusals[0]}{more}")


def _texts(recipe: Recipe, stage: Pretrain, start: str | Path, data: Path) -> Findings:
    overlap, length = TextOverlap(gate_benchmarks(recipe)), RowLengthCheck(stage.batch.length)
    tokenizer = weights.load_tokenizer(recipe, start, data, stage.evaluation.chat_template == "own")
    for passage in read_texts(stage, data):
        overlap.take(passage.text)
        length.take_passage(passage, tokenizer)
    return {"overlap": overlap.finding(), "length": length.finding()}


def _rows(recipe: Recipe, stage: Sft | Grpo, start: str | Path, data: Path) -> Findings:
    """Read the rows twice: first what a gold is, and where that is sound what rests on it."""
    golds = GoldRewardCheck()
    for row in read_rows(stage, data):
        golds.take(row)
    found = {"golds": golds.finding()}
    if found["golds"].refusals:
        return found
    tokenizer = weights.load_tokenizer(recipe, start, data)
    found["ending"] = ending(tokenizer, weights.end_tokens(recipe, start, data))
    render = Renderer(tokenizer, str(start))
    template, overlap, traces = ChatTemplateCheck(), RowOverlap(gate_benchmarks(recipe)), TraceAnswerCheck()
    length = RowLengthCheck(stage.batch.length) if isinstance(stage, Sft) else None
    for row in read_rows(stage, data):
        rendering = render(row)
        template.take(row, rendering)
        overlap.take(row)
        if length is not None:
            traces.take(row, rendering)
            length.take(row, rendering)
    found |= {"template": template.finding(), "overlap": overlap.finding()}
    return found if length is None else {**found, "traces": traces.finding(), "length": length.finding()}


def _spread(recipe: Recipe, stage: Grpo, start: str | Path, data: Path) -> CheckResult:
    rows = [row for row in read_rows(stage, data) if stage.tiers is None or row.tier in stage.tiers]
    if not rows:
        return CheckResult({"items": 0}, (f"no row is of tier {' or '.join(stage.tiers or ())}; make the data again",))
    asked = chosen(rows, recipe.seed)
    return reward_variance(stage, asked, sample(recipe, stage, asked, start, data))
