"""The checks of one stage before it trains: its data, its chat template and its start model."""

from __future__ import annotations

import shutil
from pathlib import Path

from evalsuite.errors import ErrorCode, UsageError
from training import weights
from training.checks.benchmark_overlap import RowOverlap, TextOverlap, gate_benchmarks
from training.checks.chat_template import ChatTemplateCheck
from training.checks.check_result import REPORT, CheckResult
from training.checks.checked_rows import Splits, checked_rows, checked_texts, load_splits
from training.checks.end_token import check_end_token
from training.checks.gold_rewards import GoldRewardCheck
from training.checks.rendering import Renderer
from training.checks.reward_variance import check_reward_variance
from training.checks.row_length import RowLengthCheck
from training.checks.start_model_samples import draw_rows, sample
from training.checks.trace_answers import TraceAnswerCheck
from training.data.manifest import verify
from training.data.rows import CACHE
from training.recipe import ChatStage, Grpo, Pretrain, Recipe, Sft, Stage
from training.run_folder import SCHEMA, StageFolder

Results = dict[str, CheckResult]
"""The outcome of each check by the name of its module."""


def run_preflight(recipe: Recipe, stage: Stage, folder: StageFolder, start: str | Path, data: Path) -> None:
    """Check a stage's data, its start model's template, and for grpo the rewards of the start model's responses.

    All numbers are written to the stage's preflight.json, whether it passes or not. A reason not to begin is a
    `UsageError` with the first reason, its numbers and the remedy. `data` is the folder that contains
    `stage.data.folder`. The parsed rows of a stage that passes stay in its cache, from where training maps them.
    """
    data_folder = data / stage.data.folder
    manifest = verify(data_folder)
    splits = load_splits(stage, data_folder, folder.path / CACHE, manifest)
    if isinstance(stage, Pretrain):
        results = _check_texts(recipe, stage, splits, start, data)
    else:
        results = _check_rows(recipe, stage, splits, start, data)
    # Sampling needs the model and takes minutes, so it comes last and only for data that are sound.
    if isinstance(stage, Grpo) and not any(result.refusals for result in results.values()):
        results["reward_variance"] = _check_samples(recipe, stage, splits, start, data)
    refusals = [refusal for result in results.values() for refusal in result.refusals]
    checks = {name: result.facts for name, result in results.items()}
    facts = {"schema": SCHEMA, "stage": stage.name, "data": manifest.name, "refusals": refusals, "checks": checks}
    folder.write(REPORT, facts)
    if refusals:
        shutil.rmtree(folder.path / CACHE, ignore_errors=True)  # the data will be corrected, and then parsed again
        more = f" (and {len(refusals) - 1} more: {folder.path / REPORT})" if len(refusals) > 1 else ""
        raise UsageError(ErrorCode.TRAINING_NOT_POSSIBLE, f"{stage.name}: {data_folder}: {refusals[0]}{more}")


def _check_texts(recipe: Recipe, stage: Pretrain, splits: Splits, start: str | Path, data: Path) -> Results:
    overlap, length = TextOverlap(gate_benchmarks(recipe)), RowLengthCheck(stage.batch.length)
    tokenizer = weights.load_tokenizer(recipe, start, data, stage.evaluation.chat_template == "own")
    for text in checked_texts(splits):
        overlap.add(text.text)
        length.add_text(text, tokenizer)
    return {"benchmark_overlap": overlap.result(), "row_length": length.result()}


def _check_rows(recipe: Recipe, stage: ChatStage, splits: Splits, start: str | Path, data: Path) -> Results:
    """Go through the rows twice: the other checks presuppose that each gold label can be rewarded."""
    golds = GoldRewardCheck()
    for row in checked_rows(splits):
        golds.add(row)
    results = {"gold_rewards": golds.result()}
    if results["gold_rewards"].refusals:
        return results
    tokenizer = weights.load_tokenizer(recipe, start, data)
    results["end_token"] = check_end_token(tokenizer, weights.end_tokens(recipe, start, data))
    render = Renderer(tokenizer, str(start))
    template, overlap, traces = ChatTemplateCheck(), RowOverlap(gate_benchmarks(recipe)), TraceAnswerCheck()
    length = RowLengthCheck(stage.batch.length) if isinstance(stage, Sft) else None
    for row in checked_rows(splits):
        rendering = render(row)
        template.add(row, rendering)
        overlap.add(row)
        if length is not None:
            traces.add(row, rendering)
            length.add(row, rendering)
    results |= {"chat_template": template.result(), "benchmark_overlap": overlap.result()}
    return results if length is None else {**results, "trace_answers": traces.result(), "row_length": length.result()}


def _check_samples(recipe: Recipe, stage: Grpo, splits: Splits, start: str | Path, data: Path) -> CheckResult:
    rows = [row for row in checked_rows(splits) if stage.tiers is None or row.tier in stage.tiers]
    if not rows:
        tiers = " or ".join(stage.tiers or ())
        return CheckResult({"items": 0}, (f"no row is of tier {tiers}; make the data again",))
    sampled = draw_rows(rows, recipe.seed)
    return check_reward_variance(stage, sampled, sample(recipe, stage, sampled, start, data))
