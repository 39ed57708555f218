"""Exports tasks as task files for stock lm-eval: `lm_eval --include_path DIR --tasks evalsuite_medqa`.

Each task is exported three times: with generated answers (evalsuite's prompt, its parser as a filter, the metrics
`strict` and `lenient`), and by log-likelihood of the letters (`_ll`) and of the option texts (`_cloze`). The latter two
report `acc` and `acc_norm` and have a tag and groups of their own, so that no table mixes them with generated answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from evalsuite import parser
from evalsuite.data.load import load
from evalsuite.errors import DataError, ErrorCode, RunError, TaskError, UsageError
from evalsuite.models.backend import Decoding
from evalsuite.run_folder import disk_error
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.continuation import DELIMITER, Form, digest
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import all_tasks, load_suites, load_task
from evalsuite.tasks.schema import Suite, Task
from evalsuite.tasks.task_arguments import with_task_args
from evalsuite.util.atomic_write import write_atomically

PREFIX: Final = "evalsuite_"
FILTER: Final = "evalsuite"
GENERATED: Final = "evalsuite_generated"
LOGLIKELIHOOD: Final = "evalsuite_loglikelihood"
"""Tags of lm-eval, by which all tasks of one kind can be run."""
_SUFFIXES: Final[Mapping[Form, str]] = {"letters": "_ll", "cloze": "_cloze"}
_HEADER: Final = "# Written by `evalsuite export lm-eval`; evalsuite must be installed where lm-eval runs.\n"
_PARSES: Final = ("strict", "lenient")

Config = dict[str, Any]


class YamlFunction(str):
    """One name of a Python function, written with the YAML tag that lm-eval imports functions by."""


def export_lm_eval(
    out: Path,
    tasks: Sequence[str] = (),
    suites: Sequence[str] = (),
    format: str | None = None,
    data_dir: Path | None = None,
    task_args: Mapping[str, object] | None = None,
) -> tuple[list[Path], list[str]]:
    """Write task files for these tasks, and groups for each suite all of whose tasks are exported.

    Without names every task whose data is present is exported. Returns (files, reasons why tasks were left out). The
    data is read, because each file states its digest.
    """
    if format is not None and format not in FORMATS:
        raise UsageError(ErrorCode.UNKNOWN_ANSWER_FORMAT, f"`format` {format} is unknown; known: {', '.join(FORMATS)}")
    names = list(dict.fromkeys([*tasks, *(task for suite in suites for task in _suite(suite).tasks)]))
    folder = str(data_dir.resolve()) if data_dir else None
    left_out: list[str] = []
    exported: dict[str, list[Config]] = {}
    cards = [load_task(name) for name in names] or all_tasks()
    for task in with_task_args(cards, task_args or {}):
        try:
            exported[_label(task)] = [*_tasks(load(task, data_dir), format, folder)]
        except (DataError, TaskError) as error:  # no data, or a prompt template that can't be used
            if names:
                raise
            left_out.append(str(error))
    configs = [*(config for each in exported.values() for config in each), *_groups([*exported])]
    return [_write(out, config) for config in configs], left_out


def _suite(name: str) -> Suite:
    suites = load_suites()
    if name not in suites:
        raise UsageError(ErrorCode.UNKNOWN_SUITE, f"suite {name!r} is unknown; known: {', '.join(suites)}")
    return suites[name]


def _label(task: Task) -> str:
    """Return what names a task's items: with arguments they are others than those of the task's name."""
    words = [task.name, *(str(word) for pair in task.given_arguments.items() for word in pair)]
    return "_".join(re.sub(r"\W", "_", word) for word in words)


def _tasks(dataset: Dataset, format: str | None, folder: str | None) -> Iterator[Config]:
    yield _generation(dataset, format or dataset.task.format, folder)
    for form in _SUFFIXES:
        yield _loglikelihood(dataset, form, folder)


def _generation(dataset: Dataset, format: str, folder: str | None) -> Config:
    decoding = Decoding()
    arguments = {"evalsuite_format": format, "evalsuite_prompt": TaskPrompt(dataset.task, format).digest}
    return {
        "task": f"{PREFIX}{_label(dataset.task)}",
        "tag": [GENERATED],
        "class": _function("GenerationTask"),
        **_data(dataset, "generation_docs", arguments, folder),
        "output_type": "generate_until",
        "doc_to_text": "prompt",
        "doc_to_target": "target",
        # Between a few-shot prompt and its answer, where no chat template separates them.
        "target_delimiter": "\n\n",
        "generation_kwargs": {
            # No stop string: a response ends by itself, like in `evalsuite run`.
            "until": [],
            "max_gen_toks": decoding.max_tokens,
            "do_sample": False,
            "temperature": decoding.temperature,
        },
        "filter_list": [
            {"name": FILTER, "filter": [{"function": "custom", "filter_fn": _function("parse_responses")}]}
        ],
        "process_results": _function("score_doc"),
        "metric_list": [_mean(parse) for parse in _PARSES],
        "metadata": {"version": dataset.task.version, "parser": parser.VERSION},
    }


def _loglikelihood(dataset: Dataset, form: Form, folder: str | None) -> Config:
    metrics = ["acc", "acc_norm"] if form == "cloze" else ["acc"]
    arguments = {"evalsuite_form": form, "evalsuite_prompt": digest(dataset.items, form, dataset.task.language)}
    return {
        "task": f"{PREFIX}{_label(dataset.task)}{_SUFFIXES[form]}",
        "tag": [LOGLIKELIHOOD],
        **_data(dataset, "loglikelihood_docs", arguments, folder),
        "output_type": "multiple_choice",
        "doc_to_text": "context",
        "doc_to_choice": "choices",
        "doc_to_target": "place",
        "target_delimiter": DELIMITER,
        "metric_list": [_mean(metric) for metric in metrics],
        "metadata": {"version": dataset.task.version},
    }


def _data(dataset: Dataset, function: str, arguments: Config, folder: str | None) -> Config:
    identity = {"evalsuite_task": dataset.task.name, **arguments, "evalsuite_data": dataset.digest}
    if dataset.task.arguments:
        identity["evalsuite_task_args"] = dataset.task.arguments
    return {
        "custom_dataset": _function(function),
        "dataset_kwargs": {**identity, **({"evalsuite_folder": folder} if folder else {})},
        "test_split": "test",
        # If the few-shot split is the test split, lm-eval excludes the document itself from its own examples.
        "fewshot_split": "train" if dataset.task.train else "test",
    }


def _groups(tasks: Sequence[str]) -> Iterator[Config]:
    """Yield the groups of each suite whose tasks are all exported; they average like the macro average: unweighted."""
    for suite in load_suites().values():
        if not {*suite.tasks} <= {*tasks}:
            continue
        yield _group(suite, "", dict.fromkeys(_PARSES, FILTER))
        yield _group(suite, _SUFFIXES["letters"], {"acc": "none"})
        yield _group(suite, _SUFFIXES["cloze"], {"acc": "none", "acc_norm": "none"})


def _group(suite: Suite, suffix: str, metrics: Mapping[str, str]) -> Config:
    return {
        "group": f"{PREFIX}{suite.name}{suffix}",
        "task": [f"{PREFIX}{task}{suffix}" for task in suite.tasks],
        "aggregate_metric_list": [
            {"metric": metric, "filter_list": [filter], "weight_by_size": False} for metric, filter in metrics.items()
        ],
        "metadata": {"version": 1},
    }


def _mean(metric: str) -> Config:
    return {"metric": metric, "aggregation": "mean", "higher_is_better": True}


def _function(name: str) -> YamlFunction:
    return YamlFunction(f"evalsuite.interop.lm_eval.task_functions.{name}")


class _Dumper(yaml.SafeDumper):
    """One YAML writer that uses no anchors and writes functions with lm-eval's tag."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(YamlFunction, lambda dumper, name: dumper.represent_scalar("!function", str(name)))


def _write(out: Path, config: Config) -> Path:
    file = out / f"{config.get('task') if 'group' not in config else config['group']}.yaml"
    text = _HEADER + yaml.dump(config, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    if out.exists() and not out.is_dir():
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{out}: is not a folder; choose another one")
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text.encode())
    except OSError as error:
        raise disk_error(file, error) from None
    return file
