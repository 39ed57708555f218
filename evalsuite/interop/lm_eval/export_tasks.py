"""Our tasks as a folder that stock lm-eval runs: `lm_eval --include_path DIR --tasks evalsuite_medqa`.

Each task comes three times: generated (our prompt, our parser as a filter, `strict` and `lenient`), and by
log-likelihood, of letters (`_ll`) and of option texts (`_cloze`). Those report `acc` and `acc_norm`, under a tag and in
groups of their own, so that no table ever puts them into one column with generated answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from evalsuite import parser
from evalsuite.data.load import load
from evalsuite.errors import DataError, RunError, UsageError
from evalsuite.models.backend import Decoding
from evalsuite.run_folder import disk_error
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.continuation import DELIMITER, Form, digest
from evalsuite.tasks.item import Dataset
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_suites, load_task, task_names
from evalsuite.tasks.schema import Suite

PREFIX: Final = "evalsuite_"
FILTER: Final = "evalsuite"
GENERATED: Final = "evalsuite_generated"
LIKELIHOOD: Final = "evalsuite_loglikelihood"
"""Tags: all tasks of a kind."""
_SUFFIXES: Final[Mapping[Form, str]] = {"letters": "_ll", "cloze": "_cloze"}
_NOTE: Final = "# Written by `evalsuite export lm-eval`, which needs evalsuite installed beside lm-eval to run.\n"
_READINGS: Final = ("strict", "lenient")

Config = dict[str, Any]


class YamlFunction(str):
    """Where a Python function is, as lm-eval's task files name it."""


def export_lm_eval(
    out: Path,
    tasks: Sequence[str] = (),
    suites: Sequence[str] = (),
    format: str | None = None,
    data_dir: Path | None = None,
) -> tuple[list[Path], list[str]]:
    """Write task files for these tasks, and a group for each suite that is whole; return them and why tasks lack.

    Without names, for every task whose data is there. The data is read, so that its digest can be written down.
    """
    if format is not None and format not in FORMATS:
        raise UsageError(f"--format {format}: unknown; there are {', '.join(FORMATS)}")
    named = list(dict.fromkeys([*tasks, *(task for suite in suites for task in _suite(suite).tasks)]))
    found, lacking = _find(named, data_dir)
    folder = str(data_dir.resolve()) if data_dir else None
    configs = [config for dataset in found for config in _tasks(dataset, format, folder)]
    configs += _groups([dataset.task.name for dataset in found])
    return [_write(out, config) for config in configs], lacking


def _suite(name: str) -> Suite:
    suites = load_suites()
    if name not in suites:
        raise UsageError(f"unknown suite {name!r}; there are: {', '.join(suites)}")
    return suites[name]


def _find(named: Iterable[str], data_dir: Path | None) -> tuple[list[Dataset], list[str]]:
    """The data of tasks: of all that are named, or else of all that have some."""
    wanted = list(named)
    if wanted:
        return [load(load_task(name), data_dir) for name in wanted], []
    found, lacking = [], []
    for name in task_names():
        try:
            found.append(load(load_task(name), data_dir))
        except DataError as error:
            lacking.append(str(error))
    return found, lacking


def _tasks(dataset: Dataset, format: str | None, folder: str | None) -> Iterator[Config]:
    yield _generated(dataset, format or dataset.task.format, folder)
    for form in _SUFFIXES:
        yield _likelihood(dataset, form, folder)


def _generated(dataset: Dataset, format: str, folder: str | None) -> Config:
    ours = Decoding()
    named = {"evalsuite_format": format, "evalsuite_prompt": TaskPrompt(dataset.task, format).digest}
    return {
        "task": f"{PREFIX}{dataset.task.name}",
        "tag": [GENERATED],
        "class": _function("Generated"),
        **_data(dataset, "generated", named, folder),
        "output_type": "generate_until",
        "doc_to_text": "prompt",
        "doc_to_target": "target",
        "target_delimiter": "\n\n",
        "generation_kwargs": {
            "until": [],
            "max_gen_toks": ours.max_tokens,
            "do_sample": False,
            "temperature": ours.temperature,
        },
        "filter_list": [{"name": FILTER, "filter": [{"function": "custom", "filter_fn": _function("read")}]}],
        "process_results": _function("score"),
        "metric_list": [_mean(reading) for reading in _READINGS],
        "metadata": {"version": dataset.task.version, "parser": parser.VERSION},
    }


def _likelihood(dataset: Dataset, form: Form, folder: str | None) -> Config:
    metrics = ["acc", "acc_norm"] if form == "cloze" else ["acc"]
    named = {"evalsuite_form": form, "evalsuite_prompt": digest(dataset.items, form, dataset.task.language)}
    return {
        "task": f"{PREFIX}{dataset.task.name}{_SUFFIXES[form]}",
        "tag": [LIKELIHOOD],
        **_data(dataset, "scored", named, folder),
        "output_type": "multiple_choice",
        "doc_to_text": "context",
        "doc_to_choice": "choices",
        "doc_to_target": "place",
        "target_delimiter": DELIMITER,
        "metric_list": [_mean(metric) for metric in metrics],
        "metadata": {"version": dataset.task.version},
    }


def _data(dataset: Dataset, function: str, named: Config, folder: str | None) -> Config:
    identity = {"evalsuite_task": dataset.task.name, **named, "evalsuite_data": dataset.digest}
    return {
        "custom_dataset": _function(function),
        "dataset_kwargs": {**identity, **({"evalsuite_folder": folder} if folder else {})},
        "test_split": "test",
        # From the items themselves lm-eval leaves the asked one out; from train items there is none to leave out.
        "fewshot_split": "train" if dataset.task.train else "test",
    }


def _groups(tasks: Sequence[str]) -> Iterator[Config]:
    """Groups of each suite whose tasks are all there, averaged as our macro average is: each task weighs the same."""
    for suite in load_suites().values():
        if not {*suite.tasks} <= {*tasks}:
            continue
        yield _group(suite, "", dict.fromkeys(_READINGS, FILTER))
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
    """Writes YAML without anchors, and functions under lm-eval's tag."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(YamlFunction, lambda dumper, name: dumper.represent_scalar("!function", str(name)))


def _write(out: Path, config: Config) -> Path:
    file = out / f"{config.get('task') if 'group' not in config else config['group']}.yaml"
    text = _NOTE + yaml.dump(config, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: not a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise disk_error(file, error) from None
    return file
