"""The Python functions that exported task files call inside lm-eval: evalsuite's data, prompt and parser.

lm-eval loads this module; the rest of the package does not. The documents are made by evalsuite's loader each time, so
that the item lock applies here too: data or a prompt that changed since the export stops the run instead of giving
other numbers under the same name.
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
from evalsuite.errors import DataError, ErrorCode
from evalsuite.interop.grade_response import grade_response, grade_to_json
from evalsuite.parser import prompt_opens_reasoning
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.continuation import Form, continuations, digest
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import Task

Doc = dict[str, Any]
Splits = dict[str, datasets.Dataset]


def generation_docs(
    evalsuite_task: str,
    evalsuite_format: str,
    evalsuite_data: str,
    evalsuite_prompt: str,
    evalsuite_folder: str | None = None,
    evalsuite_task_args: Mapping[str, object] | None = None,
    data_dir: str | None = None,
    prompt_opens_reasoning: bool = False,
    **_: Any,
) -> Splits:
    """Return the documents of a task whose answers are generated.

    `evalsuite_data` and `evalsuite_prompt` are the digests at the time of the export. lm-eval's `--metadata` may set
    `data_dir` and `prompt_opens_reasoning`.
    """
    task = load_task(evalsuite_task).with_arguments(evalsuite_task_args or {})
    dataset = _load(task, evalsuite_data, data_dir or evalsuite_folder)
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


def loglikelihood_docs(
    evalsuite_task: str,
    evalsuite_form: Form,
    evalsuite_data: str,
    evalsuite_prompt: str,
    evalsuite_folder: str | None = None,
    evalsuite_task_args: Mapping[str, object] | None = None,
    data_dir: str | None = None,
    **_: Any,
) -> Splits:
    """Return the documents of a task that is scored by log-likelihood; `--metadata` may set `data_dir`."""
    task = load_task(evalsuite_task).with_arguments(evalsuite_task_args or {})
    dataset = _load(task, evalsuite_data, data_dir or evalsuite_folder)
    _check_prompt(evalsuite_task, digest(dataset.items, evalsuite_form, dataset.task.language), evalsuite_prompt)

    def document(item: Item) -> Doc:
        shown = continuations(item, evalsuite_form, dataset.task.language)
        place = item.labels.index(item.gold)
        return {"id": item.id, "context": shown.context, "choices": list(shown.choices), "place": place}

    return _splits(dataset, document)


def _load(task: Task, digest: str, folder: str | None) -> Dataset:
    dataset = load(task, Path(folder) if folder else None)
    if dataset.digest != digest:
        raise DataError(
            ErrorCode.DATA_CHANGED,
            f"{task.name}: the data in {dataset.root} has digest {dataset.digest[:12]}, this task file was exported "
            f"for {digest[:12]}: set EVALSUITE_DATA to that data, or export the task again",
        )
    return dataset


def _check_prompt(task: str, current: str, exported: str) -> None:
    if current != exported:
        raise DataError(
            ErrorCode.DATA_CHANGED,
            f"{task}: its prompt has digest {current[:12]}, this task file was exported for {exported[:12]}: export "
            "the task again",
        )


def _splits(dataset: Dataset, document: Callable[[Item], Doc]) -> Splits:
    """Return the test items as documents, and the train items for few-shot examples if the task card names some."""
    splits = {"test": dataset.items}
    if dataset.task.train:
        splits["train"] = _train_items(dataset)
    return {name: datasets.Dataset.from_list([document(item) for item in items]) for name, items in splits.items()}


def _train_items(dataset: Dataset) -> tuple[Item, ...]:
    # Few-shot examples are optional: without the train files the split is empty, and only --num_fewshot fails.
    try:
        return load_train(dataset)
    except DataError:
        return ()


class GenerationTask(ConfigurableTask):  # type: ignore[misc]
    """One lm-eval task whose documents also record whether their rendered prompt ended inside an open `<think>`.

    Chat templates of reasoning models end so, and reasoning that was cut off must not be parsed as the answer. The
    rendered prompt is known only when lm-eval constructs the request.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        # lm-eval passes the key that named this class, which its own constructor does not accept.
        super().__init__(config={key: value for key, value in config.items() if key != "class"})

    def construct_requests(self, doc: Doc, ctx: Any, **kwargs: Any) -> Any:
        """Construct the request of a document."""
        opens = isinstance(ctx, str) and prompt_opens_reasoning(ctx)
        return super().construct_requests({**doc, "opens_reasoning": opens or doc["opens_reasoning"]}, ctx, **kwargs)


def parse_responses(responses: Iterable[Sequence[str | None]], docs: Iterable[Doc]) -> list[list[str]]:
    """lm-eval's filter: return both parses of every response of every document.

    They are JSON texts, because that is what lm-eval's sample log can store.
    """
    return [[_parse(doc, text or "") for text in texts] for texts, doc in zip(responses, docs, strict=True)]


def _parse(doc: Doc, text: str) -> str:
    item = Item(doc["id"], "", tuple(doc["options"]), tuple(doc["labels"]), doc["gold"])
    # lm-eval keeps no finish reason, so a response that the token limit cut off counts as one that stopped.
    return json.dumps(grade_to_json(grade_response(item, doc["format"], text, opens_reasoning=doc["opens_reasoning"])))


def score_doc(doc: Doc, results: Sequence[Sequence[str]]) -> dict[str, float]:
    """lm-eval's `process_results`: the share of a document's responses that are right, by either parse."""
    parses = [json.loads(parsed) for parsed in results[0]]
    return {name: fmean(parse[name]["correct"] for parse in parses) for name in ("strict", "lenient")}
