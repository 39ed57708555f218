"""The checks that a stage repeats when it begins to train: its data may have been replaced since preflight read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalsuite.errors import DataError, ErrorCode
from training.checks.check_result import CheckResult
from training.checks.checked_rows import read_rows, read_texts
from training.checks.gold_rewards import GoldRewardCheck
from training.checks.rendering import Renderer
from training.checks.row_length import RowLengthCheck
from training.checks.trace_answers import TraceAnswerCheck
from training.recipe import Pretrain, Sft


def refuse_wrong_traces(stage: Sft, start: str | Path, data: Path, tokenizer: Any) -> None:
    """Raise a `DataError` where a trace doesn't end in its item's gold label, or has more tokens than a sequence."""
    golds = GoldRewardCheck()
    for row in read_rows(stage, data):
        golds.take(row)
    _refuse(stage, data, golds.finding())
    render, traces, length = Renderer(tokenizer, str(start)), TraceAnswerCheck(), RowLengthCheck(stage.batch.length)
    for row in read_rows(stage, data):
        rendering = render(row)
        traces.take(row, rendering)
        length.take(row, rendering)
    _refuse(stage, data, traces.finding())
    _refuse(stage, data, length.finding())


def refuse_long_pairs(stage: Pretrain, data: Path, tokenizer: Any) -> None:
    """Raise a `DataError` where a prompt and its completion have more tokens than a sequence."""
    length = RowLengthCheck(stage.batch.length)
    for passage in read_texts(stage, data):
        length.take_passage(passage, tokenizer)
    _refuse(stage, data, length.finding())


def _refuse(stage: Pretrain | Sft, data: Path, result: CheckResult) -> None:
    if result.refusals:
        raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, f"{data / stage.data.folder}: {result.refusals[0]}")
