"""Reads logs of inspect-ai with its own reader: a sample is a response, an epoch one more response to its question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import ErrorCode, RunError
from evalsuite.interop.importing.harness_log import (
    HarnessLog,
    LoggedQuestion,
    LoggedResponse,
    choose_metric,
    content_digest,
    decoding_settings,
)
from evalsuite.interop.inspect_ai.log_file import check_size, is_json_log
from evalsuite.interop.inspect_ai.scores import METADATA_KEY
from evalsuite.models.finish_reason import finish_of
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.models.stored_error import stored_error
from evalsuite.models.token_count import token_count

_SKIPPED_FIELDS: Final = {"events", "store", "attachments", "timelines", "events_data"}
"""Fields of a sample that are large and not needed."""
_REASONS_SHOWN: Final = 3
_LONGEST_REPLY: Final = 7 * 86400
"""Seconds; no reply takes longer."""
_SHUFFLED: Final = "Choices were shuffled"
"""How the explanation of inspect-ai's `choice` scorer begins where the solver shuffled the options."""
_REPLACED: Final = (
    "multiple_choice(shuffle=True) of inspect-ai wrote the letter that it read over each reply, so the log does not "
    "hold what the model wrote"
)
_SCORES: Final = {"C": 1.0, "I": 0.0, "N": 0.0}
"""inspect-ai's values for correct, incorrect and no answer."""


def is_source(path: Path) -> bool:
    """Whether a path is a log of inspect-ai (`.eval`, or `.json` by its beginning), or a folder that contains one."""
    return bool(_files(path))


def read(path: Path, metrics: Sequence[str]) -> list[HarnessLog]:
    """Read the log at `path`, or all logs of a folder."""
    return [_read_log(file, metrics) for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.suffix == ".eval" or is_json_log(path) else []
    return sorted([*path.rglob("*.eval"), *filter(is_json_log, path.rglob("*.json"))])


def _read_log(path: Path, metrics: Sequence[str]) -> HarnessLog:
    library = import_optional("inspect_ai.log", "inspect")
    check_size(path)
    try:
        log = library.read_eval_log(path, exclude_fields=_SKIPPED_FIELDS)
    except Exception as error:  # inspect-ai's reader raises many types on a damaged log
        raise RunError(
            ErrorCode.LOG_UNREADABLE, f"{path}: inspect-ai can't read it: {describe_error(error)}"
        ) from error
    spec, samples = log.eval, log.samples or []
    _check_complete(path, log, samples)
    metadata = (spec.metadata or {}).get(METADATA_KEY)
    exported = metadata if isinstance(metadata, dict) else None
    if exported is not None and exported.get("rotate_options"):
        # Its samples are rotations of items, and the log's reader has one question per sample id.
        raise RunError(
            ErrorCode.LOG_NOT_IMPORTABLE,
            f"{path}: its options were rotated, and such logs can't be imported: use the run it was exported from",
        )
    valid, notes = _without_invalidated(path, samples)
    metric = choose_metric(_available_metrics(valid), metrics, f"{path}: {spec.task}")
    replaced = _REPLACED if _replies_were_replaced(log.plan, valid) else ""
    return HarnessLog(
        tool=f"inspect {spec.packages.get('inspect_ai', '(version unknown)')}",
        model=spec.model,
        task=spec.task,
        version=spec.task_version,
        metric=metric,
        questions=_questions(path, valid, metric, exported is not None),
        decoding=_decoding(log),
        started=str(log.stats.started_at or spec.created),
        ended=str(log.stats.completed_at),
        files=(path,),
        not_parsed=replaced,
        notes=(*notes, *((replaced,) if replaced else ())),
        exported_setup=exported,
        exported_task=None if exported is None or "task" not in exported else str(exported["task"]),
        task_args=_mapping((exported or {}).get("task_args")),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _check_complete(path: Path, log: Any, samples: Sequence[Any]) -> None:
    """Refuse a log that was cut short: which items it contains depends on how fast they were answered."""
    planned = log.results.total_samples if log.results else None
    if log.status != "success" or not samples or planned not in (None, len(samples)):
        count = f"{len(samples)} of {planned}" if planned else str(len(samples))
        raise RunError(
            ErrorCode.LOG_INCOMPLETE,
            f"{path}: ended with status {log.status!r} and {count} samples: complete it first (inspect eval-retry)",
        )


def _available_metrics(samples: Sequence[Any]) -> list[str]:
    names: dict[str, None] = {}
    for sample in samples:
        names |= dict.fromkeys(sample.scores or {})
    return list(names)


def _without_invalidated(path: Path, samples: Sequence[Any]) -> tuple[list[Any], tuple[str, ...]]:
    """Leave out the items that have an invalidated sample, so that all items keep one number of samples; say so."""
    invalidated = [sample for sample in samples if sample.invalidation is not None]
    if not invalidated:
        return list(samples), ()
    left_out = {sample.id for sample in invalidated}
    valid = [sample for sample in samples if sample.id not in left_out]
    if not valid:
        raise RunError(ErrorCode.LOG_NOT_IMPORTABLE, f"{path}: every item has a sample that was invalidated")
    reasons = sorted({" ".join(str(sample.invalidation.reason or "no reason").split()) for sample in invalidated})
    return valid, (
        f"{len(invalidated):,} samples were invalidated in inspect-ai ({', '.join(reasons[:_REASONS_SHOWN])}): their "
        f"{len(left_out):,} items are left out",
    )


def _replies_were_replaced(plan: Any, samples: Sequence[Any]) -> bool:
    """Whether the solver wrote the letter that it read, in the unshuffled order, over every reply and prompt."""
    steps = any(step.solver.endswith("multiple_choice") and step.params.get("shuffle") for step in plan.steps)
    return steps or any(
        (score.explanation or "").startswith(_SHUFFLED)
        for sample in samples
        for score in (sample.scores or {}).values()
    )


def _questions(path: Path, samples: Sequence[Any], metric: str, exported: bool) -> tuple[LoggedQuestion, ...]:
    by_id: dict[Any, dict[int, Any]] = {}
    for sample in samples:
        epochs_of_item = by_id.setdefault(sample.id, {})
        if sample.epoch in epochs_of_item or sample.epoch < 1:
            raise RunError(
                ErrorCode.LOG_MALFORMED, f"{path}: sample {sample.id!r} has epoch {sample.epoch} twice, or one below 1"
            )
        epochs_of_item[sample.epoch] = sample
    epochs = max(sample.epoch for sample in samples)
    # A file may state any epoch; the placeholders of missing samples must not outgrow what is there.
    if epochs * len(by_id) > 2 * len(samples):
        raise RunError(
            ErrorCode.LOG_INCOMPLETE,
            f"{path}: has {len(samples):,} samples of {len(by_id):,} items up to epoch {epochs:,}: most are missing",
        )
    return tuple(_question(each, epochs, metric, exported) for each in by_id.values())


def _question(by_epoch: Mapping[int, Any], epochs: int, metric: str, exported: bool) -> LoggedQuestion:
    # A sample that failed may have failed before its prompt was made; another epoch may have it.
    sample = next((each for each in by_epoch.values() if each.output.choices), next(iter(by_epoch.values())))
    sent = bool(sample.output.choices)
    target = sample.target if isinstance(sample.target, str) else ", ".join(sample.target)
    question = sample.input if isinstance(sample.input, str) else "\n".join(turn.text for turn in sample.input)
    options = list(sample.choices or [])
    missing = LoggedResponse(error="the log has no such sample")
    return LoggedQuestion(
        digest=content_digest([question, options, target]),
        prompt="\n".join([(sent and _sent_text(sample)) or question, *options]),
        target=target,
        options=len(options),
        sent=sent,
        responses=[
            _response(by_epoch[epoch], metric, exported) if epoch in by_epoch else missing
            for epoch in range(1, epochs + 1)
        ],
    )


def _sent_text(sample: Any) -> str:
    """Return the system and user messages of a sample as the solvers composed them."""
    return "\n".join(turn.text for turn in sample.messages if turn.role in ("system", "user"))


def _response(sample: Any, metric: str, exported: bool) -> LoggedResponse:
    score = (sample.scores or {}).get(metric)
    value = score.value if score is not None else None
    output = sample.output
    # A sample that failed has a default output without choices, or an error of its provider.
    if sample.error is not None or not output.choices:
        reason = sample.error.message if sample.error is not None else output.error
        return LoggedResponse(error=" ".join(str(reason or "no response").split()), score=_number(value))
    choice, usage = output.choices[0], output.usage
    text, reasoning = _text_and_reasoning(choice.message.content)
    failed = stored_error(text) if not exported else None
    if failed is not None:
        return LoggedResponse(error=failed, score=_number(value))
    metadata = sample.metadata.get(METADATA_KEY) if exported else None
    return LoggedResponse(
        text=text,
        reasoning=reasoning,
        finish=finish_of(choice.stop_reason),
        opens_reasoning=isinstance(metadata, dict) and metadata.get("opens_reasoning") is True,
        input_tokens=token_count(usage.input_tokens) if usage else None,
        output_tokens=token_count(usage.output_tokens) if usage else None,
        latency=_seconds(output.time),
        score=_number(value),
        answer=score.answer if score is not None else None,
        no_answer=value == "N",
    )


def _text_and_reasoning(content: Any) -> tuple[str, str]:
    if isinstance(content, str):
        return content, ""
    texts = [part.text for part in content if part.type == "text"]
    return "".join(texts), "\n".join(part.reasoning for part in content if part.type == "reasoning")


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return _SCORES.get(value)
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _seconds(value: Any) -> float | None:
    """Return a latency; None for one that can't be right."""
    return float(value) if isinstance(value, int | float) and 0 <= value < _LONGEST_REPLY else None


def _decoding(log: Any) -> Mapping[str, Any]:
    """Return the model's settings, overridden by the task's."""
    settings: dict[str, Any] = {}
    for config in (log.eval.model_generate_config, log.plan.config):
        settings |= config.model_dump(exclude_none=True)
    return decoding_settings(settings)
