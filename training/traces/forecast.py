"""What a call would request: items, requests, tokens, time and cost, stated before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import ResponseRecord, RunFolder
from training.traces.attempts import TraceSettings
from training.traces.meter import Meter, Usage, prompt_bytes
from training.traces.questions import TraceQuestions
from training.traces.teacher_prompts import TeacherPrompts

BYTES_PER_TOKEN: Final = 4
"""Roughly, of a prompt in UTF-8, in English and in Chinese."""
TOKENS_PER_RESPONSE: Final = 1_000
TOKENS_PER_SECOND: Final = 40
"""Assumed of a response as long as none is there to measure."""


class Forecast(NamedTuple):
    """What is expected; `least` and `most` are numbers of requests."""

    questions: int
    rejected: int
    stored: int
    """Responses that are on disk, of which means are taken."""
    least: int
    most: int
    prompt_tokens: float
    """Of a request, on average."""
    response_tokens: float
    seconds: float
    """Of a request, on average."""
    concurrency: int
    meter: Meter

    def lines(self) -> Iterator[str]:
        """Yield the lines that a person reads."""
        measured = f"measured on {self.stored:,} responses" if self.stored else "assumed"
        yield f"questions: {self.questions:,} ({self.rejected:,} rejected by the format filter)"
        yield f"requests: {self.least:,} to {self.most:,}, of which {self.stored:,} have a response"
        yield (
            f"tokens: about {self.prompt_tokens:,.0f} of a prompt, {self.response_tokens:,.0f} of a response "
            f"({measured})"
        )
        low, high = (self._usage(max(count - self.stored, 0)) for count in (self.least, self.most))
        yield f"tokens still to be paid for: {low.tokens:,} to {high.tokens:,}"
        hours = [max(count - self.stored, 0) * self.seconds / self.concurrency / 3600 for count in self[3:5]]
        yield f"time: {hours[0]:,.2f} to {hours[1]:,.2f} hours with {self.concurrency} requests in flight ({measured})"
        if self.meter.tariff is not None:
            costs = [f"{self.meter.tariff.cost(*usage):,.2f}" for usage in (low, high)]
            yield f"cost: {costs[0]} to {costs[1]} {self.meter.tariff.currency}, besides {self.meter.cost:,.2f} spent"
        if self.meter.budget is not None:
            yield f"budget: {self.meter.budget}, responses on disk included"

    def _usage(self, requests: int) -> Usage:
        return Usage(round(requests * self.prompt_tokens), round(requests * self.response_tokens))


def forecast(
    questions: TraceQuestions, spec: RunSpec, settings: TraceSettings, meter: Meter, requests: Path | None
) -> Forecast:
    """Return what a call would request. `requests`: the folder of the journal, where there is one already.

    Of a mode with several tries the least number of requests is one of each question, and the most is all of them, all
    rounds of refinement included. The meter counts the responses that are stored.
    """
    stored = _stored(requests, spec.tasks[0])
    for record in stored:
        meter.spend(record)
    prompts = TeacherPrompts(questions.format, questions.language, settings.mode == "gold")
    sizes = [prompt_bytes(prompts.first(each, 0)) for each in questions.questions]
    count = len(questions.questions)
    response = _mean([each.output_tokens for each in stored], TOKENS_PER_RESPONSE)
    return Forecast(
        questions=count,
        rejected=len(questions.rejected),
        stored=len(stored),
        least=count * (settings.tries if settings.band is not None else 1),
        most=count * (settings.tries + settings.rounds),
        prompt_tokens=_mean([each.input_tokens for each in stored], sum(sizes) / count / BYTES_PER_TOKEN),
        response_tokens=response,
        seconds=_mean([each.latency for each in stored], response / TOKENS_PER_SECOND),
        concurrency=spec.settings.concurrency,
        meter=meter,
    )


def _stored(folder: Path | None, purpose: str) -> list[ResponseRecord]:
    if folder is None or not (folder / "run.json").exists():
        return []
    return list(RunFolder(folder, lost_lines=True).records(purpose))


def _mean(values: Sequence[float | None], otherwise: float) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else otherwise
