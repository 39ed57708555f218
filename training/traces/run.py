"""From questions to a folder of traces: the teacher's requests, the verdicts, and the files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evalsuite import parser
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import RunFolder
from evalsuite.version import __version__
from training.data.manifest import Manifest
from training.model_requests import Answers, ask_in_rounds
from training.traces.attempts import Attempts, TraceOutcome, TraceSettings, primary_language
from training.traces.filters import Filters, TraceFilters
from training.traces.meter import Meter
from training.traces.questions import TraceQuestions
from training.traces.student import Student
from training.traces.teacher_prompts import prompt_digests
from training.traces.trace_folder import REQUESTS, claim, write_traces

PURPOSE: Final = "traces"
_LANGUAGES: Final = ("en", "zh", "ja")
"""Languages that the filter of languages can tell apart."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What a call made."""

    outcomes: list[TraceOutcome]
    answers: Answers
    meter: Meter
    manifest: Manifest | None
    """None: no trace was kept, so there is nothing to train on."""

    @property
    def kept(self) -> int:
        """The number of traces that were kept."""
        return sum(each.kept is not None for each in self.outcomes)

    @property
    def pending(self) -> int:
        """The number of questions on which a response is missing."""
        return sum(bool(each.pending) for each in self.outcomes)


def make_traces(
    questions: TraceQuestions,
    spec: RunSpec,
    settings: TraceSettings,
    filters: TraceFilters,
    student: Student,
    folder: Path,
    tell: Callable[[str], None] = lambda line: None,
    meter: Meter | None = None,
) -> Traces:
    """Have a teacher write traces, and write those that pass, those that don't with their reasons, and a manifest.

    The folder keeps every response: the same call again requests only what has none, also with other filters, another
    student, more tries or a higher budget. A folder that holds something else is a `DataError`, one of other requests a
    `RunError`. `meter` counts what the responses took, and ends the requests at its budget.
    """
    settings.check(spec.settings.decoding.temperature)
    claim(folder)
    applied = applied_filters(filters, questions)
    attempts = Attempts(questions, settings, Filters(applied), student)
    about = {
        "questions": questions.digest,
        "prompt": questions.prompt_digest,
        "mode": "gold" if settings.mode == "gold" else "question",
        "prompts": prompt_digests(),
    }
    meter = meter or Meter(spec.settings.decoding.max_tokens)
    answers = ask_in_rounds(spec, attempts.wanted, folder / REQUESTS, about, tell, meter)
    outcomes = list(attempts.outcomes(answers))
    facts = _made_by(questions, spec, settings, applied, student, folder)
    facts |= {"usage": meter.to_json(), "complete": not any(each.pending for each in outcomes)}
    return Traces(outcomes, answers, meter, write_traces(folder, questions, outcomes, answers, student, facts))


def applied_filters(filters: TraceFilters, questions: TraceQuestions) -> TraceFilters:
    """Return the settings of the filters for these questions: their answer format, and no guess at their language."""
    skip = list(filters.skip)
    if primary_language(questions.language) not in _LANGUAGES and "language" not in skip:
        skip.append("language")
    return filters.model_copy(update={"answer_format": questions.format, "skip": skip})


def _made_by(
    questions: TraceQuestions,
    spec: RunSpec,
    settings: TraceSettings,
    filters: TraceFilters,
    student: Student,
    folder: Path,
) -> dict[str, Any]:
    # No address of a server: the same teacher gives the same folder wherever it runs.
    facts = RunFolder(folder / REQUESTS, lost_lines=True).facts
    return {
        "program": "evalsuite train traces",
        "teacher": {
            "model": spec.model,
            "revision": facts["identity"]["revision"],
            "decoding": facts["decoding"],
            "requests": facts["identity_digest"],
        },
        "mode": settings.mode,
        "tries": settings.tries,
        "band": None if settings.band is None else list(settings.band),
        "refinement": {"rounds": settings.rounds, "strategies": list(settings.strategies) if settings.rounds else []},
        "questions": {
            "source": questions.source,
            "task": questions.task,
            "count": len(questions.questions),
            "rejected": len(questions.rejected),
            "sha256": questions.digest,
            "prompt": questions.prompt_digest,
            "test_items_of": dict(questions.test_items_of),
        },
        "prompts": prompt_digests(),
        "filters": filters.model_dump(mode="json"),
        "student": {"name": student.name, "format": questions.format, "opens_reasoning": student.opens_reasoning},
        "versions": {"evalsuite": __version__, "parser": parser.VERSION},
    }
