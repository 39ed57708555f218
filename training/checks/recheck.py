"""The checks that a stage repeats when it begins to train: its data may have been replaced since preflight read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalsuite.errors import DataError, ErrorCode
from training.checks.check_result import CheckResult
from training.checks.checked_rows import Splits, checked_rows, checked_texts
from training.checks.gold_rewards import GoldRewardCheck
from training.checks.rendering import Renderer
from training.checks.row_length import RowLengthCheck
from training.checks.trace_answers import TraceAnswerCheck
from training.recipe import Pretrain, Sft


def refuse_wrong_traces(stage: Sft, splits: Splits, folder: Path, start: str | Path, tokenizer: Any) -> None:
    """Raise a `DataError` where a trace doesn't end in its item's gold label, or has more tokens than a sequence.

    `splits` are the datasets that were loaded from `folder`.
    """
    golds = GoldRewardCheck()
    for row in checked_rows(splits):
        golds.add(row)
    _refuse(folder, golds.result())
    render, traces, length = Renderer(tokenizer, str(start)), TraceAnswerCheck(), RowLengthCheck(stage.batch.length)
    for row in checked_rows(splits):
        rendering = render(row)
        traces.add(row, rendering)
        length.add(row, rendering)
    _refuse(folder, traces.result())
    _refuse(folder, length.result())


def refuse_long_pairs(stage: Pretrain, splits: Splits, folder: Path, tokenizer: Any) -> None:
    """Raise a `DataError` where a prompt and its completion have more tokens than a sequence."""
    length = RowLengthCheck(stage.batch.length)
    for text in checked_texts(splits):
        length.add_text(text, tokenizer)
    _refuse(folder, length.result())


def _refuse(folder: Path, result: CheckResult) -> None:
    if result.refusals:
        raise DataError(ErrorCode.TRAINING_DATA_MALFORMED, f"{folder}: {result.refusals[0]}")
