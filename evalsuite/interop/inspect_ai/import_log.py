"""Reads logs of inspect-ai with its own reader: a sample is a response, an epoch one more response to its question."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import ErrorCode, RunError
from evalsuite.interop.importing.harness_log import (
    DECODING_FIELDS,
    HarnessLog,
    LoggedQuestion,
    LoggedResponse,
    choose_metric,
    content_digest,
)
from evalsuite.interop.inspect_ai.scores import METADATA_KEY
from evalsuite.models.finish_reason import finish_of
from evalsuite.models.optional_packages import describe_error, import_optional

LARGEST: Final = 4 << 30
LARGEST_MEMBER: Final = 512 << 20
"""Bytes of all members of a log together, and of one, when unpacked."""
_SKIPPED_FIELDS: Final = {"events", "store", "attachments", "timelines", "events_data"}
"""Fields of a sample that are large and not needed."""
_SCORES: Final = {"C": 1.0, "I": 0.0, "N": 0.0}
"""inspect-ai's values for correct, incorrect and no answer."""


def is_source(path: Path) -> bool:
    """Whether a path is a log of inspect-ai by its name, or a folder that contains one."""
    return any(path.rglob("*.eval")) if path.is_dir() else path.suffix == ".eval"


def read(path: Path, metrics: Sequence[str]) -> list[HarnessLog]:
    """Read the log at `path`, or all logs of a folder."""
    return [_read_log(file, metrics) for file in (sorted(path.rglob("*.eval")) if path.is_dir() else [path])]


def _read_log(path: Path, metrics: Sequence[str]) -> HarnessLog:
    _check_size(path)
    library = import_optional("inspect_ai.log", "inspect")
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
    metric = choose_metric(_available_metrics(samples), metrics, f"{path}: {spec.task}")
    return HarnessLog(
        tool=f"inspect {spec.packages.get('inspect_ai', '(version unknown)')}",
        model=spec.model,
        task=spec.task,
        version=spec.task_version,
        metric=metric,
        questions=_questions(path, samples, metric, exported is not None),
        decoding=_decoding(log),
        started=str(spec.created),
        files=(path,),
        exported_setup=exported,
    )


def _check_size(path: Path) -> None:
    """Refuse a log whose members are too large, by its table of contents, before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [member.file_size for member in archive.infolist()]
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise RunError(ErrorCode.LOG_UNREADABLE, f"{path}: not an .eval log of inspect-ai: {error}") from None
    if sum(sizes) > LARGEST or max(sizes, default=0) > LARGEST_MEMBER:
        raise RunError(
            ErrorCode.LOG_MALFORMED, f"{path}: unpacks to {sum(sizes):,} bytes, which is more than a log may have"
        )


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


def _questions(path: Path, samples: Sequence[Any], metric: str, exported: bool) -> tuple[LoggedQuestion, ...]:
    questions: dict[Any, LoggedQuestion] = {}
    epochs = max(sample.epoch for sample in samples)
    seen: set[tuple[Any, int]] = set()
    for sample in samples:
        if (sample.id, sample.epoch) in seen or sample.epoch < 1:
            raise RunError(
                ErrorCode.LOG_MALFORMED, f"{path}: sample {sample.id!r} has epoch {sample.epoch} twice, or one below 1"
            )
        seen.add((sample.id, sample.epoch))
        if sample.id not in questions:
            questions[sample.id] = _question(sample, epochs)
        questions[sample.id].responses[sample.epoch - 1] = _response(sample, metric, exported)
    return tuple(questions.values())


def _question(sample: Any, epochs: int) -> LoggedQuestion:
    target = sample.target if isinstance(sample.target, str) else ", ".join(sample.target)
    question = sample.input if isinstance(sample.input, str) else "\n".join(turn.text for turn in sample.input)
    options = list(sample.choices or [])
    # The same immutable placeholder for every epoch; those that are in the log replace it.
    return LoggedQuestion(
        digest=content_digest([question, options, target]),
        prompt="\n".join([_sent_text(sample) or question, *options]),
        target=target,
        options=len(options),
        responses=[LoggedResponse(error="the log has no such sample")] * epochs,
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
    metadata = sample.metadata.get(METADATA_KEY) if exported else None
    return LoggedResponse(
        text=text,
        reasoning=reasoning,
        finish=finish_of(choice.stop_reason),
        opens_reasoning=isinstance(metadata, dict) and metadata.get("opens_reasoning") is True,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        latency=output.time,
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


def _decoding(log: Any) -> Mapping[str, Any]:
    """Return the model's settings, overridden by the task's."""
    settings: dict[str, Any] = {}
    for config in (log.eval.model_generate_config, log.plan.config):
        settings |= config.model_dump(exclude_none=True)
    return {name: settings.get(name) for name in DECODING_FIELDS}
