"""What the exported task files call inside lm-eval: our data, our prompt, our parser.

Loaded by lm-eval, never by the rest of the package. The documents are made by our loader each time, so that the lock
holds there too, and one that has changed since the export stops the run instead of giving other numbers under its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import datasets
from lm_eval.api.task import ConfigurableTask

from evalsuite.data.load import load, load_train
from evalsuite.errors import DataError
from evalsuite.grading.grade import Grade, grade
from evalsuite.models.backend import PromptSetup
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.continuation import Form, continuations, digest
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

Doc = dict[str, Any]
Split = dict[str, datasets.Dataset]


def generated(
    evalsuite_task: str,
    evalsuite_format: str,
    evalsuite_data: str,
    evalsuite_prompt: str,
    evalsuite_folder: str | None = None,
    data_dir: str | None = None,
    prompt_opens_reasoning: bool = False,
    **_: Any,
) -> Split:
    """Make the documents of a generated task; `--metadata` may name `data_dir` and `prompt_opens_reasoning`."""
    dataset = _load(evalsuite_task, evalsuite_data, data_dir or evalsuite_folder)
    prompt = TaskPrompt(dataset.task, evalsuite_format)
    _check_prompt(evalsuite_task, prompt.digest, evalsuite_prompt)

    def document(item: Item) -> Doc:
        return {
            "id": item.id,
            "prompt": prompt.messages(item)[-1]["content"],
            "target": write(evalsuite_format, item.gold),
            "gold": item.gold,
            "labels": list(item.labels),
            "options": list(item.options),
            "format": evalsuite_format,
            "opens_reasoning": prompt_opens_reasoning,
        }

    return _splits(dataset, document)


def scored(
    evalsuite_task: str,
    evalsuite_form: Form,
    evalsuite_data: str,
    evalsuite_prompt: str,
    evalsuite_folder: str | None = None,
    data_dir: str | None = None,
    **_: Any,
) -> Split:
    """Make the documents of a log-likelihood task; `--metadata` may name `data_dir`."""
    dataset = _load(evalsuite_task, evalsuite_data, data_dir or evalsuite_folder)
    _check_prompt(evalsuite_task, digest(dataset.items, evalsuite_form, dataset.task.language), evalsuite_prompt)

    def document(item: Item) -> Doc:
        shown = continuations(item, evalsuite_form, dataset.task.language)
        place = item.labels.index(item.gold)
        return {"id": item.id, "context": shown.context, "choices": list(shown.choices), "place": place}

    return _splits(dataset, document)


def _load(task: str, digest: str, folder: str | None) -> Dataset:
    dataset = load(load_task(task), Path(folder) if folder else None)
    if dataset.digest != digest:
        raise DataError(
            f"{task}: the data in {dataset.root} has digest {dataset.digest[:12]}, this task file was exported for "
            f"{digest[:12]}: name that data with EVALSUITE_DATA, or export it again"
        )
    return dataset


def _check_prompt(task: str, found: str, exported: str) -> None:
    if found != exported:
        raise DataError(f"{task}: its prompt has changed since this task file was exported: export it again")


def _splits(dataset: Dataset, document: Callable[[Item], Doc]) -> Split:
    """The items, and train items for few-shot prompts where the card knows some; without their files they are none."""
    splits = {"test": dataset.items}
    if dataset.task.train:
        splits["train"] = _train(dataset)
    return {name: datasets.Dataset.from_list([document(item) for item in items]) for name, items in splits.items()}


def _train(dataset: Dataset) -> tuple[Item, ...]:
    try:
        return load_train(dataset)
    except DataError:
        return ()


class GeneratedTask(ConfigurableTask):  # type: ignore[misc]
    """lm-eval's own task but for one thing: a document knows whether its prompt ended inside an open `<think>`.

    Chat templates of reasoning models end so, and a thought that was cut off must not be read as the answer.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config={key: value for key, value in config.items() if key != "class"})

    def construct_requests(self, doc: Doc, ctx: Any, **kwargs: Any) -> Any:
        """Make the request of a document."""
        opens = isinstance(ctx, str) and ctx.rstrip().endswith("<think>")
        return super().construct_requests({**doc, "opens_reasoning": opens or doc["opens_reasoning"]}, ctx, **kwargs)


def read(responses: Iterable[Sequence[str | None]], docs: Iterable[Doc]) -> list[list[str]]:
    """lm-eval's filter: read every response of every document, strictly and leniently; as JSON, for its sample log."""
    return [[_said(_grade(doc, text)) for text in texts] for texts, doc in zip(responses, docs, strict=True)]


def _grade(doc: Doc, text: str | None) -> Grade:
    item = Item(doc["id"], "", tuple(doc["options"]), tuple(doc["labels"]), doc["gold"])
    # lm-eval keeps no finish reason: where the limit cut a response off can't be known.
    record = ResponseRecord(item.id, 0, text or "", "", "stop", doc["opens_reasoning"], None, None, None, "")
    return grade(item, record, PromptSetup(items=(item,), format=doc["format"]))


def _said(found: Grade) -> str:
    return json.dumps({"strict": found.strict._asdict(), "lenient": {**found.lenient._asdict(), "form": found.form}})


def score(doc: Doc, results: Sequence[Sequence[str]]) -> dict[str, float]:
    """lm-eval's `process_results`: the share of right responses of a document in both readings."""
    readings = [json.loads(said) for said in results[0]]
    return {name: fmean(each[name]["correct"] for each in readings) for name in ("strict", "lenient")}
