"""Sample logs of lm-evaluation-harness: `samples_<task>_<date>.jsonl` with the results file of that date beside.

Read as plain JSON: lm-eval itself isn't needed. The results file says which model answered and which scores there are;
a sample file holds a line for each document and filter.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import ErrorCode, RunError
from evalsuite.interop.importing.log import (
    DECODING,
    HarnessLog,
    LoggedQuestion,
    LoggedReply,
    choose_metric,
    content_digest,
)
from evalsuite.util.jsonl import JsonLineError, parse_json, read_jsonl

LARGEST_RESULTS: Final = 256 << 20
"""Bytes; more is no such file, and reading it whole would let a file choose how much memory we take."""
_DATE: Final = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
_SAMPLES: Final = re.compile(rf"samples_(?P<task>.+)_(?P<date>{_DATE})\.jsonl")
_RESULTS: Final = re.compile(rf".+_(?P<date>{_DATE})\.json")
_INVALID: Final = "[invalid]"
"""What lm-eval's regex filters put where they find nothing."""
_NOTE: Final = (
    "lm-eval keeps neither finish reasons nor token counts: truncated responses can't be told from whole ones"
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The files of one run of lm-eval."""

    results: Path
    samples: tuple[Path, ...]


def is_source(path: Path) -> bool:
    """Whether a path is a log of lm-eval by its name, or a folder with such files in it."""
    if path.is_dir():
        return any(_SAMPLES.fullmatch(file.name) for file in path.rglob("samples_*.jsonl"))
    return bool(_SAMPLES.fullmatch(path.name) or _RESULTS.fullmatch(path.name))


def read(path: Path, metrics: Sequence[str]) -> list[HarnessLog]:
    """Read every task of the run at `path`: a sample file, a results file, or a folder that holds one run."""
    files = _find(path)
    results = _read_results(files.results)
    return [_log(results, files.results, sample, metrics) for sample in files.samples]


def _find(path: Path) -> LogFiles:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*.json") if _RESULTS.fullmatch(file.name))
        runs = [file for file in found if _samples_of(file)]
        if len(runs) != 1:
            names = ", ".join(file.name for file in runs[:5]) or "none with samples beside it"
            raise RunError(
                f"{path}: expected the results file of one run, found {len(runs)}: {names}; name one of them"
            )
        return LogFiles(runs[0], _samples_of(runs[0]))
    samples = _SAMPLES.fullmatch(path.name)
    if samples is None:
        return LogFiles(path, _samples_of(path))
    beside = [file for file in path.parent.glob(f"*_{samples['date']}.json") if _RESULTS.fullmatch(file.name)]
    if len(beside) != 1:
        raise RunError(f"{path}: needs the results_{samples['date']}.json that lm-eval wrote beside it")
    return LogFiles(beside[0], (path,))


def _samples_of(results: Path) -> tuple[Path, ...]:
    named = _RESULTS.fullmatch(results.name)
    date = named["date"] if named else ""
    return tuple(
        file
        for file in sorted(results.parent.glob(f"samples_*_{date}.jsonl"))
        if (match := _SAMPLES.fullmatch(file.name)) and match["date"] == date
    )


def _read_results(path: Path) -> Json:
    try:
        if path.stat().st_size > LARGEST_RESULTS:
            raise RunError(f"{path}: larger than {LARGEST_RESULTS:,} bytes: not a results file")
        results = parse_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path}: can't be read: {error.strerror or error}") from None
    except ValueError:
        raise RunError(f"{path}: not JSON") from None
    if not isinstance(results, dict) or not isinstance(results.get("results"), dict):
        raise RunError(f"{path}: not a results file of lm-eval: it has no 'results'")
    return results


def _log(results: Json, where: Path, samples: Path, metrics: Sequence[str]) -> HarnessLog:
    named = _SAMPLES.fullmatch(samples.name)
    task = named["task"] if named else samples.stem
    scores = results["results"].get(task)
    if not isinstance(scores, dict):
        raise RunError(f"{samples}: {where.name} beside it says nothing of task {task}: files of different runs?")
    rows = list(_rows(samples))
    metric = choose_metric(_known_metrics(scores, rows), metrics, f"{samples}: {task}")
    name, _, filter = metric.partition(",")
    kept = [row for row in rows if row.get("filter", "none") == filter]
    questions = tuple(_question(row, name, samples) for row in kept)
    _check_mean(samples, metric, questions, scores[metric])
    generated = _generated(kept[0])
    return HarnessLog(
        tool=f"lm-eval {results.get('lm_eval_version') or '(version unknown)'}",
        model=_model(results, where),
        task=task,
        version=_version(results, task),
        metric=metric,
        questions=questions,
        decoding=_decoding(kept[0]) if generated else dict.fromkeys(DECODING),
        begun=_begun(results),
        files=(samples, where),
        generated=generated,
        notes=(_NOTE,) if generated else ("answered by log-likelihood: nothing was generated",),
    )


def _rows(path: Path) -> Iterator[Json]:
    try:
        with path.open("rb") as lines:
            for line in read_jsonl(lines, skip_blank=True):
                yield _row(path, line.number, line.value)
    except JsonLineError as error:
        raise RunError(ErrorCode.LOG_MALFORMED, f"{path}: {error}; was the file cut off?") from None
    except OSError as error:
        raise RunError(f"{path}: can't be read: {error.strerror or error}") from None


def _row(path: Path, number: int, row: Any) -> Json:
    wanted = {"doc_id": int, "doc": dict, "target": object, "arguments": dict, "resps": list}
    for key, kind in wanted.items():
        if not isinstance(row, dict) or not isinstance(row.get(key), kind):
            raise RunError(f"{path}: line {number} is no sample of lm-eval: {key!r} is missing or malformed")
    return dict(row)


def _known_metrics(scores: Json, rows: Sequence[Json]) -> list[str]:
    """Scores that the results file averages and every row of that filter carries, in its order."""
    filters: dict[str, set[str]] = {}
    for row in rows:
        keys = set(row)
        filters[row.get("filter", "none")] = filters.get(row.get("filter", "none"), keys) & keys
    return [key for key in scores if "," in key and key.partition(",")[0] in filters.get(key.partition(",")[2], ())]


def _question(row: Json, metric: str, path: Path) -> LoggedQuestion:
    where = f"{path}: document {row['doc_id']}"
    asked = [call for call in row["arguments"].values() if isinstance(call, dict)]
    if not asked or not row["resps"] or not all(isinstance(each, list) and each for each in row["resps"]):
        raise RunError(f"{where}: it holds no request or no response")
    score = row[metric]
    score = float(score) if isinstance(score, int | float) else None
    if not _generated(row):
        texts, prompt = (
            [_chosen(asked, row["resps"])],
            "\n".join(f"{_text(c.get('arg_0'))}{c.get('arg_1')}" for c in asked),
        )
    else:
        texts, prompt = row["resps"][0], _text(asked[0].get("arg_0"))
    if not all(isinstance(text, str) for text in texts):
        raise RunError(f"{where}: a response is not a text")
    read = texts[0] if not _generated(row) else _first_text(row.get("filtered_resps"))
    # With repeats lm-eval scores what its filter made of all of them: that is no sample's own score.
    replies = (
        [LoggedReply(text=text, answer=read, score=score) for text in texts]
        if len(texts) == 1
        else list(map(LoggedReply, texts))
    )
    choices = 0 if _generated(row) else len(asked)
    return LoggedQuestion(content_digest(row["doc"]), prompt, str(row["target"]), choices, replies)


def _generated(row: Json) -> bool:
    return isinstance(row["resps"][0], list) and bool(row["resps"][0]) and isinstance(row["resps"][0][0], str)


def _first_text(responses: Any) -> str | None:
    """What a filter read, where it is a text."""
    first = responses[0] if isinstance(responses, list) and responses else None
    return first if isinstance(first, str) and first != _INVALID else None


def _chosen(asked: Sequence[Json], responses: Sequence[Any]) -> str:
    """The continuation with the highest log-likelihood."""
    try:
        best = max(range(len(asked)), key=lambda place: float(responses[place][0][0]))
    except (LookupError, TypeError, ValueError):
        return ""
    return str(asked[best].get("arg_1", "")).strip()


def _text(context: Any) -> str:
    """The text of a prompt; chat turns are stored as JSON in a list of one."""
    if isinstance(context, list) and context:
        context = context[0]
    try:
        turns = json.loads(context)
        return "\n".join(str(turn["content"]) for turn in turns)
    except (TypeError, ValueError, KeyError, RecursionError):
        return str(context)


def _check_mean(path: Path, metric: str, questions: Sequence[LoggedQuestion], said: Any) -> None:
    """Refuse samples that don't add up to the results: a file of another run, or one that was appended to."""
    scores = [reply.score for question in questions for reply in question.replies]
    if not isinstance(said, int | float) or None in scores:
        return
    found = sum(score for score in scores if score is not None) / len(scores)
    if not math.isclose(found, said, abs_tol=1e-6):
        raise RunError(
            f"{path}: its {metric} averages {found:.4f}, the results file says {said:.4f}: of different runs?"
        )


def _model(results: Json, where: Path) -> str:
    config = results.get("config")
    args = config.get("model_args") if isinstance(config, dict) else None
    named = args if isinstance(args, dict) else {}
    name = results.get("model_name") or named.get("pretrained") or named.get("model")
    name = name or (config.get("model") if isinstance(config, dict) else None)
    if not isinstance(name, str) or not name:
        raise RunError(f"{where}: doesn't say which model answered")
    return name


def _version(results: Json, task: str) -> str | int:
    versions = results.get("versions")
    version = versions.get(task) if isinstance(versions, dict) else None
    return version if isinstance(version, int) else str(version)


def _decoding(row: Json) -> Mapping[str, Any]:
    call = next(iter(row["arguments"].values()))
    said = call.get("arg_1") if isinstance(call, dict) else None
    said = said if isinstance(said, dict) else {}
    greedy = 0.0 if said.get("do_sample") is False else None
    found = {
        "temperature": said.get("temperature", greedy),
        "top_p": said.get("top_p"),
        "max_tokens": said.get("max_gen_toks", said.get("max_tokens")),
    }
    return {name: found.get(name) for name in DECODING}


def _begun(results: Json) -> str:
    date = results.get("date")
    try:
        return datetime.fromtimestamp(float(date), UTC).isoformat(timespec="seconds") if date else ""
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
