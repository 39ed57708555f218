"""Exports a run as logs of inspect-ai, one per task, for `inspect view` and inspect-ai's other tools.

A score's value is the strict grade (C or I). Its metadata holds both parses with their statuses and spans, and its
explanation describes them in words. What a log has no field for is stored under the key `evalsuite`, so that
`evalsuite import` of the log gives the same grades again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from evalsuite.analysis.run_result import read_result
from evalsuite.errors import ErrorCode, EvalsuiteError, RunError
from evalsuite.interop.inspect_ai.scores import (
    METADATA_KEY,
    SCORER,
    sample_id,
    sample_metadata,
    score,
    unanswered,
    without_surrogates,
)
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.models.recording import answering_model
from evalsuite.run.prepared_task import PreparedTask
from evalsuite.run.reload import reload_tasks, without_loglikelihoods
from evalsuite.run.summary_schema import RunSummary, TaskSummary
from evalsuite.run_folder import ResponseRecord, RunFolder, disk_error, refuse_links_to
from evalsuite.tasks.item import Item
from evalsuite.tasks.rotation import rotated
from evalsuite.util.atomic_write import atomic_path
from evalsuite.version import __version__

FOLDER: Final = "inspect"
"""Default folder of the logs, inside the run folder."""
_STOP_REASONS: Final = {"stop": "stop", "length": "max_tokens", "refused": "content_filter"}
_NO_RESPONSE: Final = {"message": "there is no response", "traceback": "", "traceback_ansi": ""}


def export_inspect(run: Path, out: Path | None = None, data_dir: Path | None = None) -> list[Path]:
    """Write one log per task of a finished run to the folder `out` and return the files.

    A run that another tool graded is a `RunError`.
    """
    library = import_optional("inspect_ai.log", "inspect")
    refuse_links_to(out or run / FOLDER)
    folder = RunFolder(run)
    prepared_tasks = without_loglikelihoods(reload_tasks(folder, data_dir))
    summary = read_result(run).summary
    return [_TaskExport(folder, prepared, summary).write(library, out or run / FOLDER) for prepared in prepared_tasks]


class _TaskExport:
    """One task of a run that is converted to a log."""

    def __init__(self, folder: RunFolder, prepared: PreparedTask, summary: RunSummary) -> None:
        self.folder, self.prepared, self.summary = folder, prepared, summary
        self.facts = folder.facts
        self.model = import_optional("inspect_ai.model", "inspect")
        self.name = without_surrogates(answering_model(self.facts))

    def write(self, library: Any, folder: Path) -> Path:
        """Write the log; its name follows from the run, so that another export replaces it."""
        try:
            log = self._log(library)
        except EvalsuiteError:
            raise
        except Exception as error:  # inspect-ai's models refuse what an edited run.json may hold, in many types
            message = f"{self.folder.path}: run.json holds what no log can: {describe_error(error)}; was it edited?"
            raise RunError(ErrorCode.RUN_UNREADABLE, message) from error
        stamp = re.sub(r"[^\w.-]+", "-", str(self.facts["started"]))
        file = folder / f"{stamp}_{self.prepared.name.replace('_', '-')}_{log.eval.task_id}.eval"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # inspect-ai chooses the format by the suffix, so the partial file has it too.
            with atomic_path(file, suffix=".part.eval") as partial:
                library.write_eval_log(log, partial, format="eval")
        except OSError as error:
            raise disk_error(file, error) from None
        except Exception as error:  # inspect-ai's writer raises many types
            raise RunError(
                ErrorCode.OUTPUT_NOT_WRITABLE, f"{file}: inspect-ai can't write it: {describe_error(error)}"
            ) from error
        return file

    def _log(self, library: Any) -> Any:
        samples = list(self._samples(library))
        completed = sum(sample.error is None for sample in samples)
        task, samples_each = self.summary.tasks[self.prepared.name], self.facts["identity"]["samples"]
        ended = self.facts.get("ended") or {}
        return library.EvalLog(
            status="success",
            eval=self._spec(library, samples_each),
            plan=library.EvalPlan(steps=[], config=self._config()),
            results=library.EvalResults(
                total_samples=len(samples), completed_samples=completed, scores=[self._results(library, task)]
            ),
            stats=library.EvalStats(started_at=self.facts["started"], completed_at=ended.get("at", "")),
            samples=samples,
        )

    def _spec(self, library: Any, samples: int) -> Any:
        name = self.prepared.name
        # Ids follow from the run, so that exporting a run again gives the same log.
        run_id = hashlib.sha256(f"{self.facts['identity_digest']} {self.facts['started']}".encode()).hexdigest()[:22]
        task_id = hashlib.sha256(f"{run_id} {name}".encode()).hexdigest()[:22]
        return library.EvalSpec(
            created=self.facts["started"],
            run_id=run_id,
            eval_id=task_id,
            task_id=task_id,
            task=name,
            task_version=self.prepared.identity["version"],
            dataset=library.EvalDataset(
                name=name,
                samples=len(self.prepared.items),
                sample_ids=[
                    sample_id(item.id, rotation)
                    for item in self.prepared.items
                    for rotation in self.prepared.rotations(item)
                ],
            ),
            model=self.name,
            model_generate_config=self._config(),
            config=library.EvalConfig(epochs=samples),
            packages={"inspect_ai": importlib.metadata.version("inspect_ai"), "evalsuite": __version__},
            metadata={METADATA_KEY: self._metadata()},
        )

    def _metadata(self) -> dict[str, Any]:
        """Return what `evalsuite import` needs to give the same grades again."""
        setup = self.prepared.to_json()
        shows_sent_prompt = self.prepared.prompt.digest == setup["prompt_digest"]
        return {
            "task": self.prepared.name,
            **{name: setup[name] for name in ("format", "labels", "stop", "prompt_digest")},
            "task_args": self.prepared.dataset.task.given_arguments,
            "rotate_options": self.prepared.rotate_options,
            "notes": list(self.prepared.prompt_setup.notes),
            "shown": "the prompt that was sent" if shows_sent_prompt else "evalsuite's prompt; another one was sent",
            "run": self.summary.run,
            "parser": self.summary.parser,
            "data_digest": self.prepared.dataset.digest,
        }

    def _config(self) -> Any:
        decoding = self.summary.decoding
        settings = {name: decoding.get(name) for name in ("temperature", "top_p", "max_tokens", "seed")}
        return self.model.GenerateConfig(**settings, reasoning_tokens=decoding.get("thinking_budget"))

    def _results(self, library: Any, task: TaskSummary) -> Any:
        values = {
            "accuracy": task.accuracy.value,
            "low": task.accuracy.low,
            "high": task.accuracy.high,
            "accuracy_lenient": task.accuracy_lenient.value,
        }
        metrics = {name: library.EvalMetric(name=name, value=value) for name, value in values.items()}
        return library.EvalScore(name=SCORER, scorer=SCORER, metrics=metrics)

    def _samples(self, library: Any) -> Iterator[Any]:
        records = {(each.item, each.rotation, each.sample): each for each in self.folder.records(self.prepared.name)}
        # Planned samples, not recorded ones: a request that failed is a sample with an error.
        for item in self.prepared.items:
            for rotation in self.prepared.rotations(item):
                messages = self._messages(item, rotation)
                for sample in range(self.facts["identity"]["samples"]):
                    record = records.get((item.id, rotation, sample))
                    yield self._sample(library, item, rotation, sample, record, messages)

    def _sample(
        self, library: Any, item: Item, rotation: int, sample: int, record: ResponseRecord | None, messages: list[Any]
    ) -> Any:
        grade = None if record is None else self.prepared.grade(item, record)
        output = self._output(record) if record else self.model.ModelOutput(model=self.name, choices=[])
        response = [output.choices[0].message] if record else []
        opens_reasoning = record.opens_reasoning if record else False
        return library.EvalSample(
            id=sample_id(item.id, rotation),
            epoch=sample + 1,
            input=messages,
            choices=[without_surrogates(option) for option in rotated(item, rotation).options],
            target=item.gold,
            messages=[*messages, *response],
            output=output,
            scores={SCORER: score(grade, record.text) if grade and record else unanswered()},
            metadata={
                **item.meta,
                METADATA_KEY: {**sample_metadata(item, rotation), "opens_reasoning": opens_reasoning},
            },
            error=None if record else library.EvalError(**_NO_RESPONSE),
            total_time=record.latency if record else None,
        )

    def _messages(self, item: Item, rotation: int) -> list[Any]:
        """Return the prompt that was sent or, for a recording, evalsuite's own prompt of the item."""
        kinds = {"system": self.model.ChatMessageSystem, "user": self.model.ChatMessageUser}
        id, messages = sample_id(item.id, rotation), self.prepared.prompt.messages(rotated(item, rotation))
        return [
            kinds[message["role"]](id=f"{id}-{message['role']}", content=without_surrogates(message["content"]))
            for message in messages
        ]

    def _output(self, record: ResponseRecord) -> Any:
        # A list of parts, not a string: inspect-ai removes <think> from a string, and the spans would be wrong.
        parts: list[Any] = [self.model.ContentText(text=without_surrogates(record.text))]
        if record.reasoning:
            parts.insert(0, self.model.ContentReasoning(reasoning=without_surrogates(record.reasoning)))
        message = self.model.ChatMessageAssistant(
            id=f"{sample_id(record.item, record.rotation)}-{record.sample}",
            content=parts,
            model=self.name,
            source="generate",
        )
        choice = self.model.ChatCompletionChoice(
            message=message, stop_reason=_STOP_REASONS.get(record.finish, "unknown")
        )
        return self.model.ModelOutput(model=self.name, choices=[choice], usage=self._usage(record), time=record.latency)

    def _usage(self, record: ResponseRecord) -> Any:
        if record.input_tokens is None and record.output_tokens is None:
            return None
        input, output = record.input_tokens or 0, record.output_tokens or 0
        return self.model.ModelUsage(input_tokens=input, output_tokens=output, total_tokens=input + output)
