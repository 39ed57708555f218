"""Reads sample logs of lm-evaluation-harness: `samples_<task>_<date>.jsonl` and the results file of the same date.

They are plain JSON, so lm-eval need not be installed. The results file states the model and its scores; a sample file
has one line per document and filter.
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
from evalsuite.interop.importing.harness_log import (
    DECODING_FIELDS,
    HarnessLog,
    LoggedQuestion,
    LoggedResponse,
    choose_metric,
    content_digest,
    decoding_settings,
)
from evalsuite.models.stored_error import stored_error
from evalsuite.util.jsonl import JsonLineError, parse_json, read_jsonl

LARGEST_RESULTS: Final = 256 << 20
"""Bytes. A log is untrusted; without a limit a file would decide how much memory is used."""
_DATE: Final = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
_SAMPLES: Final = re.compile(rf"samples_(?P<task>.+)_(?P<date>{_DATE})\.jsonl")
_RESULTS: Final = re.compile(rf".+_(?P<date>{_DATE})\.json")
_INVALID: Final = "[invalid]"
"""The result of lm-eval's regex filters if nothing matches."""
_NOTE: Final = (
    "lm-eval stores neither finish reasons nor token counts: truncated responses can't be distinguished from complete "
    "ones"
)
_LOGLIKELIHOOD: Final = "answered by log-likelihood scoring: no text was generated"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The files of one lm-eval run."""

    results: Path
    samples: tuple[Path, ...]


def is_source(path: Path) -> bool:
    """Whether a path is a log of lm-eval by its name, or a folder that contains one."""
    if path.is_dir():
        return any(_SAMPLES.fullmatch(file.name) for file in path.rglob("samples_*.jsonl"))
    return bool(_SAMPLES.fullmatch(path.name) or _RESULTS.fullmatch(path.name))


def read(path: Path, metrics: Sequence[str]) -> list[HarnessLog]:
    """Read every task of the run at `path`: a sample file, a results file, or a folder with one run."""
    files = _find_files(path)
    results = _read_results(files.results)
    return [_read_log(results, files.results, samples, metrics) for samples in files.samples]


def _find_files(path: Path) -> LogFiles:
    if path.is_dir():
        return _find_run(path)
    samples = _SAMPLES.fullmatch(path.name)
    if samples is None:
        return LogFiles(path, _samples_of(path))
    results = [file for file in path.parent.glob(f"*_{samples['date']}.json") if _RESULTS.fullmatch(file.name)]
    if len(results) != 1:
        raise RunError(
            ErrorCode.LOG_INCOMPLETE,
            f"{path}: needs the results_{samples['date']}.json that lm-eval wrote to the same folder",
        )
    return LogFiles(results[0], (path,))


def _find_run(folder: Path) -> LogFiles:
    results = sorted(file for file in folder.rglob("*.json") if _RESULTS.fullmatch(file.name))
    runs = [file for file in results if _samples_of(file)]
    if not runs:
        raise RunError(ErrorCode.LOG_INCOMPLETE, f"{folder}: contains no results file that belongs to its samples")
    if len(runs) > 1:
        names = ", ".join(file.name for file in runs[:5])
        raise RunError(ErrorCode.LOGS_NOT_ONE_RUN, f"{folder}: contains {len(runs)} runs ({names}); name one of them")
    return LogFiles(runs[0], _samples_of(runs[0]))


def _samples_of(results: Path) -> tuple[Path, ...]:
    """Return the sample files with the date of a results file, which is how lm-eval connects the two."""
    name = _RESULTS.fullmatch(results.name)
    date = name["date"] if name else ""
    return tuple(
        file
        for file in sorted(results.parent.glob(f"samples_*_{date}.jsonl"))
        if (match := _SAMPLES.fullmatch(file.name)) and match["date"] == date
    )


def _read_results(path: Path) -> Json:
    try:
        if path.stat().st_size > LARGEST_RESULTS:
            raise RunError(
                ErrorCode.LOG_MALFORMED, f"{path}: larger than {LARGEST_RESULTS:,} bytes, so not a results file"
            )
        results = parse_json(path.read_bytes())
    except OSError as error:
        raise RunError(ErrorCode.LOG_UNREADABLE, f"{path}: can't be read: {error.strerror or error}") from None
    except ValueError as error:
        raise RunError(ErrorCode.LOG_MALFORMED, f"{path}: {error}") from None
    if not isinstance(results, dict) or not isinstance(results.get("results"), dict):
        raise RunError(ErrorCode.LOG_MALFORMED, f"{path}: not a results file of lm-eval: it has no key 'results'")
    return results


def _read_log(results: Json, results_file: Path, samples: Path, metrics: Sequence[str]) -> HarnessLog:
    name = _SAMPLES.fullmatch(samples.name)
    task = name["task"] if name else samples.stem
    scores = results["results"].get(task)
    if not isinstance(scores, dict):
        raise RunError(
            ErrorCode.LOGS_NOT_ONE_RUN,
            f"{samples}: {results_file.name} has no results of task {task}: are the files of different runs?",
        )
    rows = list(_rows(samples))
    metric = choose_metric(_available_metrics(scores, rows), metrics, f"{samples}: {task}")
    metric_name, _, filter = metric.partition(",")
    # With several filters lm-eval writes each document once per filter.
    rows = [row for row in rows if row.get("filter", "none") == filter]
    questions = tuple(_question(row, metric_name, samples) for row in rows)
    _check_mean(samples, metric, questions, scores[metric])
    generated, stated = _is_generated(rows[0]), _loader_arguments(results, task)
    arguments = _mapping(stated.get("evalsuite_task_args"))
    return HarnessLog(
        tool=f"lm-eval {results.get('lm_eval_version') or '(version unknown)'}",
        model=_model(results, results_file),
        task=task,
        version=_version(results, task),
        metric=metric,
        questions=questions,
        decoding=_decoding(rows[0]) if generated else dict.fromkeys(DECODING_FIELDS),
        started=_started(results),
        ended=_ended(results),
        files=(samples, results_file),
        not_parsed="" if generated else _LOGLIKELIHOOD,
        notes=(_NOTE,) if generated else (_LOGLIKELIHOOD,),
        # Without arguments the questions' text finds the task, whatever was changed since the export.
        exported_task=str(stated.get("evalsuite_task")) if arguments else None,
        task_args=arguments,
    )


def _loader_arguments(results: Json, task: str) -> Json:
    """Return what a task file of evalsuite passed to its loader, where it was one and the results state it."""
    return _mapping(_mapping(_mapping(results.get("configs")).get(task)).get("dataset_kwargs"))


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _rows(path: Path) -> Iterator[Json]:
    try:
        with path.open("rb") as lines:
            for line in read_jsonl(lines, skip_blank=True):
                yield _row(path, line.number, line.value)
    except JsonLineError as error:
        raise RunError(ErrorCode.LOG_MALFORMED, f"{path}: {error}: is the file complete?") from None
    except OSError as error:
        raise RunError(ErrorCode.LOG_UNREADABLE, f"{path}: can't be read: {error.strerror or error}") from None


def _row(path: Path, number: int, row: Any) -> Json:
    expected = {"doc_id": int, "doc": dict, "target": object, "arguments": dict, "resps": list}
    for key, kind in expected.items():
        if not isinstance(row, dict) or not isinstance(row.get(key), kind):
            raise RunError(
                ErrorCode.LOG_MALFORMED,
                f"{path}: line {number} is not a sample of lm-eval: {key!r} is missing or malformed",
            )
    return dict(row)


def _available_metrics(scores: Json, rows: Sequence[Json]) -> list[str]:
    """Return the scores that the results file averages and every row of their filter has, in the file's order."""
    keys_by_filter: dict[str, set[str]] = {}
    for row in rows:
        keys = set(row)
        filter = row.get("filter", "none")
        keys_by_filter[filter] = keys_by_filter.get(filter, keys) & keys
    # The results file names a score "metric,filter".
    split = {score: score.partition(",") for score in scores}
    return [
        score for score, (metric, comma, filter) in split.items() if comma and metric in keys_by_filter.get(filter, ())
    ]


def _question(row: Json, metric: str, path: Path) -> LoggedQuestion:
    where = f"{path}: document {row['doc_id']}"
    requests = [request for request in row["arguments"].values() if isinstance(request, dict)]
    if not requests or not row["resps"] or not all(isinstance(each, list) and each for each in row["resps"]):
        raise RunError(ErrorCode.LOG_MALFORMED, f"{where}: has no request or no response")
    score = _score(row[metric])
    generated = _is_generated(row)
    if generated:
        texts, prompt = row["resps"][0], _prompt_text(requests[0].get("arg_0"))
    else:
        # One request per option: a document's prompt is all of its contexts and continuations.
        texts = [_likeliest(requests, row["resps"])]
        prompt = "\n".join(f"{_prompt_text(each.get('arg_0'))}{each.get('arg_1')}" for each in requests)
    if not all(isinstance(text, str | None) for text in texts):
        raise RunError(ErrorCode.LOG_MALFORMED, f"{where}: a response is not a text")
    answer = _filtered_text(row.get("filtered_resps")) if generated else texts[0]
    # With repeats lm-eval scores what its filter made of all responses together: a response has a score of its own only
    # where all of them are the same.
    same = len(set(texts)) == 1
    responses = [_response(text, answer if same else None, score if same else None) for text in texts]
    options = 0 if generated else len(requests)
    return LoggedQuestion(content_digest(row["doc"]), prompt, str(row["target"]), options, responses=responses)


def _response(text: str | None, answer: str | None, score: float | None) -> LoggedResponse:
    """Return a response; one that failed has no text, or its error message as the text."""
    error = "the log holds no response" if text is None else stored_error(text)
    if text is None or error is not None:
        return LoggedResponse(score=score, error=error)
    return LoggedResponse(text=text, answer=answer, score=score, no_answer=answer is None)


def _score(value: Any) -> float | None:
    """Return a score as a number. NaN, which metrics give where they fail, is wrong: 0."""
    if not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else 0.0


def _is_generated(row: Json) -> bool:
    """Whether a row's responses are texts: then its request states how to generate one, not a continuation."""
    request = next(iter(row["arguments"].values()), None)
    return isinstance(request, dict) and isinstance(request.get("arg_1"), dict)


def _filtered_text(responses: Any) -> str | None:
    """Return what lm-eval's filter extracted, if it is a text."""
    first = responses[0] if isinstance(responses, list) and responses else None
    return first if isinstance(first, str) and first.strip() not in ("", _INVALID) else None


def _likeliest(requests: Sequence[Json], responses: Sequence[Any]) -> str:
    """Return the continuation with the highest log-likelihood; empty if the numbers cannot be read."""
    try:
        best = max(range(len(requests)), key=lambda number: float(responses[number][0][0]))
    except (LookupError, TypeError, ValueError):
        return ""
    return str(requests[best].get("arg_1", "")).strip()


def _prompt_text(context: Any) -> str:
    """Return the text of a prompt; lm-eval stores chat messages as JSON in a list of length one."""
    if isinstance(context, list) and context:
        context = context[0]
    try:
        messages = json.loads(context)
        return "\n".join(str(message["content"]) for message in messages)
    except (TypeError, ValueError, KeyError, RecursionError):
        return str(context)


def _check_mean(path: Path, metric: str, questions: Sequence[LoggedQuestion], reported: Any) -> None:
    """Refuse samples whose mean is not the reported one: lm-eval appends to a file that another run left there."""
    scores = [question.responses[0].score for question in questions]
    # Scores of corpus-level metrics, and of repeats, are not numbers per response and cannot be checked; nor can a mean
    # that a score without a value has spoilt.
    if not isinstance(reported, int | float) or not math.isfinite(reported) or None in scores:
        return
    mean = sum(score for score in scores if score is not None) / len(scores)
    if not math.isclose(mean, reported, abs_tol=1e-6):
        raise RunError(
            ErrorCode.LOGS_NOT_ONE_RUN,
            f"{path}: its {metric} has the mean {mean:.4f}, the results file reports {reported:.4f}: are they of "
            "different runs?",
        )


def _model(results: Json, path: Path) -> str:
    config = results.get("config")
    model_args = config.get("model_args") if isinstance(config, dict) else None
    args = model_args if isinstance(model_args, dict) else {}
    name = results.get("model_name") or args.get("pretrained") or args.get("model")
    name = name or (config.get("model") if isinstance(config, dict) else None)
    if not isinstance(name, str) or not name:
        raise RunError(ErrorCode.LOG_MALFORMED, f"{path}: does not state which model answered")
    return name


def _version(results: Json, task: str) -> str | int:
    versions = results.get("versions")
    version = versions.get(task) if isinstance(versions, dict) else None
    return version if isinstance(version, int) else str(version)


def _decoding(row: Json) -> Mapping[str, Any]:
    request = next(iter(row["arguments"].values()))
    arguments = request.get("arg_1") if isinstance(request, dict) else None
    arguments = arguments if isinstance(arguments, dict) else {}
    # Without sampling the temperature has no effect, and lm-eval need not state it.
    greedy = 0.0 if arguments.get("do_sample") is False else None
    return decoding_settings(
        {
            "temperature": arguments.get("temperature", greedy),
            "top_p": arguments.get("top_p"),
            "max_tokens": arguments.get("max_gen_toks", arguments.get("max_tokens")),
        }
    )


def _started(results: Json) -> str:
    return _stamp(results.get("date"), 0)


def _ended(results: Json) -> str:
    """Return the start and lm-eval's own duration; its `start_time` and `end_time` are of a clock without an origin."""
    return _stamp(results.get("date"), results.get("total_evaluation_time_seconds"))


def _stamp(date: Any, seconds: Any) -> str:
    try:
        return (
            datetime.fromtimestamp(float(date) + float(seconds), UTC).isoformat(timespec="milliseconds") if date else ""
        )
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
