"""What a stage looks at again before it trains: its data may have been made anew since preflight saw it."""

from __future__ import annotations

from typing import Any

from evalsuite.errors import DataError
from training.checks.finding import CheckResult
from training.checks.gold_rewards import GoldRewardCheck
from training.checks.rendering import Renderer
from training.checks.row_length import RowLengthCheck
from training.checks.row_source import read_rows, read_texts
from training.checks.trace_answers import TraceAnswerCheck
from training.recipe import Pretrain, Sft
from training.stages.job import StageJob


def refuse_wrong_traces(job: StageJob, stage: Sft, tokenizer: Any) -> None:
    """Raise a `DataError` where a trace doesn't end in its item's gold label, or has more tokens than a sequence."""
    golds = GoldRewardCheck()
    for row in read_rows(stage, job.data):
        golds.take(row)
    _refuse(job, golds.finding())
    render, traces, length = Renderer(tokenizer, str(job.start)), TraceAnswerCheck(), RowLengthCheck(stage.batch.length)
    for row in read_rows(stage, job.data):
        rendering = render(row)
        traces.take(row, rendering)
        length.take(row, rendering)
    _refuse(job, traces.finding())
    _refuse(job, length.finding())


def refuse_long_pairs(job: StageJob, stage: Pretrain, tokenizer: Any) -> None:
    """Raise a `DataError` where a prompt and its completion have more tokens than a sequence."""
    length = RowLengthCheck(stage.batch.length)
    for passage in read_texts(stage, job.data):
        length.take_passage(passage, tokenizer)
    _refuse(job, length.finding())


def _refuse(job: StageJob, finding: CheckResult) -> None:
    if finding.refusals:
        raise DataError(f"{job.rows}: {finding.refusals[0]}")
