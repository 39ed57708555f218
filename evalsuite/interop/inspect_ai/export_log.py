"""A run as logs of inspect-ai, one a task: `inspect view` becomes the item browser, and its tools read our grades.

The strict verdict is the score's value (C or I); the lenient one, both statuses and both spans stand in its metadata,
and the explanation says in words what was read where. What a log has no field for is kept under `evalsuite`, so that
`evalsuite import` gives the same grades again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import evalsuite
from evalsuite.analysis.run_result import read_result
from evalsuite.errors import RunError
from evalsuite.interop.inspect_ai.scores import KEY, SCORER, about, plain, sample_id, score, unanswered
from evalsuite.models.optional_packages import describe_error, import_optional
from evalsuite.models.recording import answering_model
from evalsuite.run.prepared import PreparedTask
from evalsuite.run.reload import reload_tasks
from evalsuite.run_folder import ResponseRecord, RunFolder, disk_error
from evalsuite.tasks.item import Item
from evalsuite.tasks.rotation import rotated
from evalsuite.util.atomic_write import atomic_path

FOLDER: Final = "inspect"
"""Where the logs go, inside the run folder, when no other place is named."""
_STOP: Final = {"stop": "stop", "length": "max_tokens", "refused": "content_filter"}


def export_inspect(run: Path, out: Path | None = None, data_dir: Path | None = None) -> list[Path]:
    """Write a log for each task of a finished run to the folder `out` and return them.

    A run that another tool graded is a `RunError`.
    """
    library = import_optional("inspect_ai.log", "inspect")
    folder = RunFolder(run)
    prepared_tasks = reload_tasks(folder, data_dir)
    summary = read_result(run).summary
    home = out or run / FOLDER
    return [_Export(folder, prepared, summary).write(library, home) for prepared in prepared_tasks]


class _Export:
    """One task of a run, on its way into a log."""

    def __init__(self, folder: RunFolder, prepared: PreparedTask, summary: Mapping[str, Any]) -> None:
        self.folder, self.prepared, self.summary = folder, prepared, summary
        self.facts = folder.facts
        self.model = import_optional("inspect_ai.model", "inspect")
        self.name = plain(answering_model(self.facts))

    def write(self, library: Any, home: Path) -> Path:
        """Write the log; its name follows from the run, so that exporting again replaces it."""
        log = self._log(library)
        stamp = re.sub(r"[:+]", "-", str(self.facts["started"]))
        file = home / f"{stamp}_{self.prepared.name.replace('_', '-')}_{log.eval.task_id}.eval"
        try:
            home.mkdir(parents=True, exist_ok=True)
            with atomic_path(file, suffix=".part.eval") as partial:
                library.write_eval_log(log, partial, format="eval")
        except OSError as error:
            raise disk_error(file, error) from None
        except Exception as error:  # a writer of others' formats fails in many ways
            raise RunError(f"{file}: inspect-ai can't write it: {describe_error(error)}") from error
        return file

    def _log(self, library: Any) -> Any:
        samples = list(self._samples(library))
        answered = sum(sample.error is None for sample in samples)
        task, samples_each = self.summary["tasks"][self.prepared.name], self.facts["identity"]["samples"]
        ended = self.facts.get("ended") or {}
        return library.EvalLog(
            status="success",
            eval=self._spec(library, samples_each),
            plan=library.EvalPlan(steps=[], config=self._config()),
            results=library.EvalResults(
                total_samples=len(samples), completed_samples=answered, scores=[self._results(library, task)]
            ),
            stats=library.EvalStats(started_at=self.facts["started"], completed_at=ended.get("at", "")),
            samples=samples,
        )

    def _spec(self, library: Any, samples: int) -> Any:
        name = self.prepared.name
        run_id = hashlib.sha256(f"{self.facts['identity_digest']} {self.facts['begun']}".encode()).hexdigest()[:22]
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
            packages={"inspect_ai": importlib.metadata.version("inspect_ai"), "evalsuite": evalsuite.__version__},
            metadata={KEY: self._asked()},
        )

    def _asked(self) -> dict[str, Any]:
        """What `evalsuite import` needs to give the same grades again."""
        asked = self.prepared.to_json()
        kept = {name: asked[name] for name in ("format", "labels", "stop", "prompt_digest")}
        sent = self.prepared.prompt.digest == asked["prompt_digest"]
        return {
            "task": self.prepared.name,
            **kept,
            "rotate_options": self.prepared.rotate_options,
            "notes": list(self.prepared.prompt_setup.notes),
            "shown": "the prompt that was sent" if sent else "our own prompt; it was asked with another",
            "run": self.summary["run"],
            "parser": self.summary["parser"],
            "data_digest": self.prepared.dataset.digest,
        }

    def _config(self) -> Any:
        said = self.facts["identity"]["decoding"]
        known = {name: said.get(name) for name in ("temperature", "top_p", "max_tokens", "seed")}
        return self.model.GenerateConfig(**known, reasoning_tokens=said.get("thinking_budget"))

    def _results(self, library: Any, task: Mapping[str, Any]) -> Any:
        values = {
            "accuracy": task["accuracy"]["value"],
            "low": task["accuracy"]["low"],
            "high": task["accuracy"]["high"],
            "accuracy_lenient": task["accuracy_lenient"]["value"],
        }
        metrics = {name: library.EvalMetric(name=name, value=value) for name, value in values.items()}
        return library.EvalScore(name=SCORER, scorer=SCORER, metrics=metrics)

    def _samples(self, library: Any) -> Iterator[Any]:
        found = {(each.item, each.rotation, each.sample): each for each in self.folder.records(self.prepared.name)}
        for item in self.prepared.items:
            for rotation in self.prepared.rotations(item):
                turns = self._turns(item, rotation)
                for sample in range(self.facts["identity"]["samples"]):
                    record = found.get((item.id, rotation, sample))
                    yield self._sample(library, item, rotation, sample, record, turns)

    def _sample(
        self, library: Any, item: Item, rotation: int, sample: int, record: ResponseRecord | None, turns: list[Any]
    ) -> Any:
        grade = None if record is None else self.prepared.grade(item, record)
        output = self._output(record) if record else self.model.ModelOutput(model=self.name, choices=[])
        answer = [output.choices[0].message] if record else []
        return library.EvalSample(
            id=sample_id(item.id, rotation),
            epoch=sample + 1,
            input=turns,
            choices=[plain(option) for option in rotated(item, rotation).options],
            target=item.gold,
            messages=[*turns, *answer],
            output=output,
            scores={SCORER: score(grade, record.text) if grade and record else unanswered()},
            metadata={
                **item.meta,
                KEY: {**about(item, rotation), "opens_reasoning": record.opens_reasoning if record else False},
            },
            error=None if record else library.EvalError(**_NOTHING),
            total_time=record.latency if record else None,
        )

    def _turns(self, item: Item, rotation: int) -> list[Any]:
        """What was sent; of a recording, the item as our own prompt shows it."""
        kinds = {"system": self.model.ChatMessageSystem, "user": self.model.ChatMessageUser}
        name, turns = sample_id(item.id, rotation), self.prepared.prompt.messages(rotated(item, rotation))
        return [kinds[turn["role"]](id=f"{name}-{turn['role']}", content=plain(turn["content"])) for turn in turns]

    def _output(self, record: ResponseRecord) -> Any:
        # As parts, never as one string: inspect-ai takes <think> out of a string, and our spans would point elsewhere.
        parts: list[Any] = [self.model.ContentText(text=plain(record.text))]
        if record.reasoning:
            parts.insert(0, self.model.ContentReasoning(reasoning=plain(record.reasoning)))
        message = self.model.ChatMessageAssistant(
            id=f"{sample_id(record.item, record.rotation)}-{record.sample}",
            content=parts,
            model=self.name,
            source="generate",
        )
        choice = self.model.ChatCompletionChoice(message=message, stop_reason=_STOP[record.finish])
        return self.model.ModelOutput(model=self.name, choices=[choice], usage=self._usage(record), time=record.latency)

    def _usage(self, record: ResponseRecord) -> Any:
        if record.input_tokens is None and record.output_tokens is None:
            return None
        sent, made = record.input_tokens or 0, record.output_tokens or 0
        return self.model.ModelUsage(input_tokens=sent, output_tokens=made, total_tokens=sent + made)


_NOTHING: Final = {"message": "no response came back", "traceback": "", "traceback_ansi": ""}
