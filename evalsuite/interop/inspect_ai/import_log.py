"""Logs of inspect-ai, read through its own reader: a sample is a reply, an epoch one more to the same question."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import RunError
from evalsuite.interop.importing.log import (
    DECODING,
    HarnessLog,
    LoggedQuestion,
    LoggedReply,
    choose_metric,
    content_digest,
)
from evalsuite.models.backend import Finish
from evalsuite.models.optional_packages import describe_error, import_optional

LARGEST: Final = 4 << 30
"""Bytes of a log's members together, unpacked."""
LARGEST_MEMBER: Final = 512 << 20
_UNREAD: Final = {"events", "store", "attachments", "timelines", "events_data"}
_FINISH: Final[Mapping[str, Finish]] = {"max_tokens": "length", "model_length": "length", "content_filter": "refused"}
_SCORES: Final = {"C": 1.0, "I": 0.0, "N": 0.0}
"""inspect's words for right, wrong and no answer."""
KEY: Final = "evalsuite"
"""Where an export of ours keeps what a log has no field for."""


def is_source(path: Path) -> bool:
    """Whether a path is a log of inspect-ai by its name, or a folder with such logs in it."""
    return any(path.rglob("*.eval")) if path.is_dir() else path.suffix == ".eval"


def read(path: Path, metrics: Sequence[str]) -> list[HarnessLog]:
    """Read the log at `path`, or all logs of a folder."""
    return [_read(file, metrics) for file in (sorted(path.rglob("*.eval")) if path.is_dir() else [path])]


def _read(path: Path, metrics: Sequence[str]) -> HarnessLog:
    _check_size(path)
    library = import_optional("inspect_ai.log", "inspect")
    try:
        log = library.read_eval_log(path, exclude_fields=_UNREAD)
    except Exception as error:  # a reader of others' formats fails in many ways
        raise RunError(f"{path}: inspect-ai can't read it: {describe_error(error)}") from error
    spec, samples = log.eval, log.samples or []
    _check_whole(path, log, samples)
    own = (spec.metadata or {}).get(KEY)
    asked = own if isinstance(own, dict) else None
    if asked is not None and asked.get("rotate_options"):
        raise RunError(
            f"{path}: its options were rotated, and such a log isn't read back: use the run it was made from"
        )
    metric = choose_metric(_known_metrics(samples), metrics, f"{path}: {spec.task}")
    return HarnessLog(
        tool=f"inspect {spec.packages.get('inspect_ai', '(version unknown)')}",
        model=spec.model,
        task=spec.task,
        version=spec.task_version,
        metric=metric,
        questions=_questions(path, samples, metric, asked is not None),
        decoding=_decoding(log),
        begun=str(spec.created),
        files=(path,),
        asked=asked,
    )


def _check_size(path: Path) -> None:
    """Refuse what unpacks to more than a log can be before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as packed:
            sizes = [member.file_size for member in packed.infolist()]
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise RunError(f"{path}: not an .eval log of inspect-ai: {error}") from None
    if sum(sizes) > LARGEST or max(sizes, default=0) > LARGEST_MEMBER:
        raise RunError(f"{path}: unpacks to {sum(sizes):,} bytes, which is more than is read")


def _check_whole(path: Path, log: Any, samples: Sequence[Any]) -> None:
    """A log that was cut short holds the items that happened to be answered: no result can be made from it."""
    planned = log.results.total_samples if log.results else None
    if log.status != "success" or not samples or planned not in (None, len(samples)):
        count = f"{len(samples)} of {planned}" if planned else str(len(samples))
        raise RunError(f"{path}: ended as {log.status!r} with {count} samples: finish it first (inspect eval-retry)")


def _known_metrics(samples: Sequence[Any]) -> list[str]:
    names: dict[str, None] = {}
    for sample in samples:
        names |= dict.fromkeys(sample.scores or {})
    return list(names)


def _questions(path: Path, samples: Sequence[Any], metric: str, ours: bool) -> tuple[LoggedQuestion, ...]:
    found: dict[Any, LoggedQuestion] = {}
    epochs = max(sample.epoch for sample in samples)
    placed: set[tuple[Any, int]] = set()
    for sample in samples:
        if (sample.id, sample.epoch) in placed or sample.epoch < 1:
            raise RunError(f"{path}: sample {sample.id!r} has epoch {sample.epoch} twice, or one below 1")
        placed.add((sample.id, sample.epoch))
        if sample.id not in found:
            found[sample.id] = _question(sample, epochs)
        found[sample.id].replies[sample.epoch - 1] = _reply(sample, metric, ours)
    return tuple(found.values())


def _question(sample: Any, epochs: int) -> LoggedQuestion:
    target = sample.target if isinstance(sample.target, str) else ", ".join(sample.target)
    asked = sample.input if isinstance(sample.input, str) else "\n".join(turn.text for turn in sample.input)
    choices = list(sample.choices or [])
    return LoggedQuestion(
        content=content_digest([asked, choices, target]),
        prompt="\n".join([_sent(sample) or asked, *choices]),
        target=target,
        choices=len(choices),
        replies=[LoggedReply(error="the log holds no such sample")] * epochs,
    )


def _sent(sample: Any) -> str:
    """The turns in front of the answer, as the solvers had made them."""
    return "\n".join(turn.text for turn in sample.messages if turn.role in ("system", "user"))


def _reply(sample: Any, metric: str, ours: bool) -> LoggedReply:
    score = (sample.scores or {}).get(metric)
    value = score.value if score is not None else None
    output = sample.output
    if sample.error is not None or not output.choices:
        why = sample.error.message if sample.error is not None else output.error
        return LoggedReply(error=" ".join(str(why or "no response").split()), score=_number(value))
    choice, usage = output.choices[0], output.usage
    text, reasoning = _parts(choice.message.content)
    own = sample.metadata.get(KEY) if ours else None
    return LoggedReply(
        text=text,
        reasoning=reasoning,
        finish=_FINISH.get(choice.stop_reason, "stop"),
        opens_reasoning=isinstance(own, dict) and own.get("opens_reasoning") is True,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        latency=output.time,
        score=_number(value),
        answer=score.answer if score is not None else None,
        abstained=value == "N",
    )


def _parts(content: Any) -> tuple[str, str]:
    """(text, reasoning) of a message."""
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
    """What was set for the model, and over it for the task."""
    said: dict[str, Any] = {}
    for config in (log.eval.model_generate_config, log.plan.config):
        said |= config.model_dump(exclude_none=True)
    return {name: said.get(name) for name in DECODING}
