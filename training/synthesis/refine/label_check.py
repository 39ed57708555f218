"""The label check: a validator model answers each item several times, as a run of evalsuite like any other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.api.dataset import OwnDataset
from evalsuite.api.older_grades import execute_request
from evalsuite.api.request import run_request
from evalsuite.api.run import Run, read_run
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models import backend_class, split_name
from evalsuite.run.event_loop import run_to_end
from evalsuite.run.progress import listener_for
from evalsuite.run.summary_schema import UNANSWERED
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.item import Item
from training.synthesis.refine.measured_tier import PassRate
from training.synthesis.refine.question_rows import DEFAULT_NAME

TRIALS: Final = 5
"""As in Fleming-R1, section 3.1."""
TEMPERATURE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Validator:
    """The model of a label check, with the settings of its run."""

    model: str
    trials: int = TRIALS
    temperature: float = TEMPERATURE
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `evalsuite.evaluate`: `base_urls`, `model_args`, `max_tokens`, `seed`, ..."""

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest states of the validator; addresses and arguments stand in the run's own run.json."""
        return {"model": self.model, "trials": self.trials, "temperature": self.temperature}


class Trial(NamedTuple):
    """One trial of an item: the label that it chose, what its response is worth, and the response."""

    label: str | None
    status: str
    text: str
    reasoning: str


@dataclass(frozen=True, slots=True)
class LabelCheck:
    """The result of a label check."""

    rates: Mapping[str, PassRate]
    """By item id."""
    never_right: Mapping[str, tuple[Trial, ...]]
    """The answered trials of each item that no trial answered right."""
    missing: int
    """Trials that have no response; the same check again requests them."""


def check_labels(
    items: Sequence[Item], validator: Validator, folder: Path, language: str = "en", progress: bool = False
) -> LabelCheck:
    """Let a validator answer each item in independent trials, and count the right ones.

    The run is kept in `folder`; the same call again requests only what has no response. A trial is right if its lenient
    parse is the gold label: the check is of the label, and not of the model's obedience to a format.
    """
    dataset = OwnDataset(items, name=DEFAULT_NAME, language=language)
    settings = dict(validator.settings) | {"samples": validator.trials, "temperature": validator.temperature}
    request = run_request(validator.model, [dataset], out=folder, **settings)
    listener = listener_for(progress)
    try:
        run_to_end(lambda: execute_request(request, listener))
    finally:
        listener.close()
    return _result(items, validator.trials, read_run(folder))


def check_validator(validator: Validator) -> None:
    """Raise a `UsageError` for a model that no backend has, and where all trials of an item would be the same text."""
    try:
        backend = backend_class(prefix := split_name(validator.model)[0])
    except UsageError as error:  # which knows it as the `model` of a run
        raise UsageError(error.code, str(error).replace("`model`", "`validator`")) from None
    if validator.temperature == 0 and validator.trials > 1 and backend.applies_decoding and prefix != "trivial":
        message = f"`temperature` 0: the {validator.trials} trials of an item would be one text; set it above 0"
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)


def _result(items: Sequence[Item], trials: int, run: Run) -> LabelCheck:
    right: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    grades: dict[tuple[str, int], tuple[str | None, str]] = {}
    for row in _grades(run):
        if row["status"] == UNANSWERED:
            continue
        answered[row["item"]] += 1
        right[row["item"]] += row["correct_lenient"]
        grades[row["item"], row["sample"]] = row["label_lenient"], row["status_lenient"]
    failed = {item.id for item in items if not right[item.id]}
    texts: dict[str, dict[int, Trial]] = defaultdict(dict)
    for record in RunFolder(run.path).records(DEFAULT_NAME):
        if record.item in failed:
            grade = grades[record.item, record.sample]
            texts[record.item][record.sample] = Trial(*grade, record.text, record.reasoning)
    rates = {item.id: PassRate(right[item.id], answered[item.id]) for item in items}
    never = {item.id: tuple(texts[item.id][k] for k in sorted(texts[item.id])) for item in items if item.id in failed}
    return LabelCheck(rates, never, trials * len(items) - answered.total())


def _grades(run: Run) -> Iterator[dict[str, Any]]:
    columns = ["item", "sample", "status", "correct_lenient", "label_lenient", "status_lenient"]
    for batch in run.result.scores(DEFAULT_NAME).table.select(columns).to_batches():
        yield from batch.to_pylist()
