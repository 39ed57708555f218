"""The tries at each question: which prompts are wanted next, and what became of those that have a response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from evalsuite.errors import ErrorCode, UsageError
from training.model_requests import Answers, Key, Prompt
from training.traces.filters import Filters, TeacherTrace
from training.traces.questions import TraceQuestion, TraceQuestions
from training.traces.reply import Reply, read_reply
from training.traces.student import Student
from training.traces.teacher_prompts import BELOW_BAND, STRATEGIES, WRONG, Discard, Mode, Strategy, TeacherPrompts

UNREADABLE: Final = "unreadable_for_student"
ABOVE_BAND: Final = "above_band"
TRIES: Final[Mapping[Mode, int]] = {"question": 1, "resample": 8, "gold": 1}
TEMPERATURES: Final[Mapping[Mode, float]] = {"question": 0.0, "resample": 0.7, "gold": 0.0}
"""What a mode does unless it is stated otherwise."""


class Band(NamedTuple):
    """Pass rates of the questions that are kept, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """How many tries each question gets, and what makes a question worth keeping."""

    mode: Mode = "question"
    tries: int = 1
    band: Band | None = None
    """With a band every question gets all of its tries, and the share of right ones decides."""
    rounds: int = 0
    """Rounds of refinement for questions without a kept trace; with a band for those below it."""
    strategies: tuple[str, ...] = tuple(STRATEGIES)

    def check(self, temperature: float) -> None:
        """Raise a `UsageError` for settings that contradict each other."""
        if self.tries > 1 and temperature == 0:
            message = f"`temperature` 0: the {self.tries} tries (`samples`) would be one text; set it above 0"
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
        if self.band is not None and (self.mode == "gold" or self.tries < 2):
            message = "`band`: a pass rate needs at least 2 `samples`, and questions without their gold label"
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
        for name in self.strategies:
            if name not in STRATEGIES:
                message = f"`strategies`: {name!r} is unknown; known: {', '.join(STRATEGIES)}"
                raise UsageError(ErrorCode.INVALID_ARGUMENT, message)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try with a response: what it says, and why it was not kept."""

    prompt: Prompt
    reply: Reply
    text: str
    """The completion for the student; empty where the response has no answer."""
    verdict: Discard | None
    strategy: str | None = None
    round: int = 0


@dataclass(slots=True)
class TraceOutcome:
    """What became of a question."""

    question: TraceQuestion
    attempts: list[Attempt] = field(default_factory=list)
    pending: list[Prompt] = field(default_factory=list)
    """Prompts without a response, on which the outcome waits."""
    kept: Attempt | None = None
    verdict: Discard | None = None
    """Why the question itself is left out, whatever its tries are worth."""
    rate: tuple[int, int] | None = None
    """How many tries of how many had the right answer, where all were made."""


class Attempts:
    """Follows every question through its tries."""

    def __init__(self, questions: TraceQuestions, settings: TraceSettings, filters: Filters, student: Student) -> None:
        self._questions, self._settings, self._filters, self._student = questions, settings, filters, student
        self._prompts = TeacherPrompts(questions.format, questions.language, settings.mode == "gold")
        self._judged: dict[tuple[str, Key, str | None], Attempt] = {}
        self._over: dict[str, TraceOutcome] = {}

    def wanted(self, answers: Answers) -> Iterator[Prompt]:
        """Yield every prompt that is wanted, given the responses so far."""
        for outcome in self.outcomes(answers):
            yield from (attempt.prompt for attempt in outcome.attempts)
            yield from outcome.pending

    def outcomes(self, answers: Answers) -> Iterator[TraceOutcome]:
        """Yield what became of each question, in their order."""
        for question in self._questions.questions:
            outcome = self._over.get(question.item.id)
            if outcome is None:
                outcome = self._follow(question, answers)
                if not outcome.pending:
                    self._over[question.item.id] = outcome
            yield outcome

    def _follow(self, question: TraceQuestion, answers: Answers) -> TraceOutcome:
        outcome = TraceOutcome(question)
        for sample in range(self._settings.tries):
            attempt = self._attempt(outcome, self._prompts.first(question, sample), answers)
            if self._settings.band is None and (attempt is None or attempt.verdict is None):
                break
        if outcome.pending:
            return outcome
        passing = next((each for each in outcome.attempts if each.verdict is None), None)
        band = self._settings.band
        if band is not None:
            outcome.verdict = self._measure(outcome, band)
        if outcome.verdict is None:
            outcome.kept = passing
        is_hard = band is None if outcome.verdict is None else outcome.verdict.reason == BELOW_BAND
        if outcome.kept is None and is_hard:
            self._refine(outcome, answers)
        return outcome

    @staticmethod
    def _measure(outcome: TraceOutcome, band: Band) -> Discard | None:
        """Measure a question's pass rate; return the verdict on a question outside the band."""
        right = sum(each.reply.label == outcome.question.item.gold for each in outcome.attempts)
        outcome.rate = right, len(outcome.attempts)
        share = right / len(outcome.attempts)
        detail = f"{right} of {len(outcome.attempts)} tries right, the band is {band.low:g} to {band.high:g}"
        if band.low <= share <= band.high:
            return None
        return Discard(ABOVE_BAND if share > band.high else BELOW_BAND, detail)

    def _refine(self, outcome: TraceOutcome, answers: Answers) -> None:
        """Have the last try refined, round after round, until one is kept."""
        names = self._settings.strategies
        for number in range(1, self._settings.rounds + 1):
            strategy = STRATEGIES[names[(number - 1) % len(names)]]
            last = outcome.attempts[-1]
            problem = last.verdict or Discard(BELOW_BAND, "")
            tried = f"{last.reply.reasoning}\n\n{last.reply.final}"
            sent = self._prompts.refining(outcome.question, strategy, tried, problem, number)
            attempt = self._attempt(outcome, sent, answers, strategy, number)
            if attempt is None:
                return
            if attempt.verdict is None:
                outcome.kept, outcome.verdict = attempt, None
                return

    def _attempt(
        self, outcome: TraceOutcome, sent: Prompt, answers: Answers, strategy: Strategy | None = None, number: int = 0
    ) -> Attempt | None:
        """Judge the response to a prompt and add it to the outcome; None and a pending prompt where there is none."""
        record = answers.records.get(sent.key)
        if record is None:
            outcome.pending.append(sent)
            return None
        item = outcome.question.item
        place = (item.id, sent.key, strategy.name if strategy else None)
        attempt = self._judged.get(place)
        if attempt is None:
            reply = read_reply(record, item.labels, self._questions.format)
            text = self._student.text(reply.reasoning, reply.final) if reply.label is not None else ""
            verdict = self._verdict(outcome.question, reply, text, strategy)
            attempt = Attempt(sent, reply, text, verdict, strategy.name if strategy else None, number)
            self._judged[place] = attempt
        outcome.attempts.append(attempt)
        return attempt

    def _verdict(self, question: TraceQuestion, reply: Reply, text: str, strategy: Strategy | None) -> Discard | None:
        item = question.item
        if reply.label is None:
            return Discard(reply.status, (reply.final or reply.reasoning)[-200:])
        if reply.label != item.gold:
            return Discard(WRONG, f"{reply.label}, gold is {item.gold}")
        fault = self._student.fault(text, reply.final, item.labels, item.gold, self._questions.format)
        if fault is not None:
            return Discard(UNREADABLE, fault)
        if strategy is not None and not strategy.follows(reply.reasoning):
            return Discard(strategy.reason, f"no line as the strategy {strategy.name} demands it")
        verdict = self._filters.check(self._trace(question, reply))
        return None if verdict is None else Discard(str(verdict.reason), verdict.detail)

    def _trace(self, question: TraceQuestion, reply: Reply) -> TeacherTrace:
        return TeacherTrace(
            question=question.item.question,
            options=question.options,
            gold=question.item.gold,
            reasoning=reply.reasoning,
            final=reply.final,
            sources=tuple(text for _, text in question.item.context),
            gold_shown=self._settings.mode == "gold",
            language=primary_language(self._questions.language),
        )


def primary_language(tag: str) -> str:
    """Return the language of a tag without its script and region."""
    return tag.partition("-")[0].lower()
