"""The content of summary.json as typed objects, written by `run.summary` and read by `analysis.run_result`.

This is the one definition of that file. Every value is checked when an object is made: a share is between 0 and 1, a
count is a non-negative integer, nothing is NaN, so that a file that was edited or cut is an error and not a result.
Unknown keys are preserved.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, core_schema

from evalsuite.models.backend import Scoring
from evalsuite.stats.intervals import Estimate
from evalsuite.tasks.schema import is_task_name

UNANSWERED = "unanswered"
"""Status of a sample that has no response; it counts as wrong, like every status but `ok`."""

ParseMode = Literal["strict", "lenient"]
Json = dict[str, Any]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class _Part(BaseModel):
    """Immutable, strictly typed, with room for keys of later versions."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class _Interval(_Part):
    value: Share
    low: Share
    high: Share


class _FiniteInterval(_Part):
    value: Finite
    low: Finite
    high: Finite


def _as_estimate(form: type[_Part]) -> GetPydanticSchema:
    """Have pydantic check `{"value", "low", "high"}` by `form`, give it as an `Estimate`, and write it back."""

    def schema(_: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        checked = core_schema.no_info_after_validator_function(
            lambda interval: Estimate(interval.value, interval.low, interval.high), handler(form)
        )
        return core_schema.no_info_before_validator_function(
            lambda given: given._asdict() if isinstance(given, Estimate) else given,
            checked,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda estimate: estimate._asdict()),
        )

    return GetPydanticSchema(schema)


ShareInterval = Annotated[Estimate, _as_estimate(_Interval)]
"""A share with its 95% interval."""
FiniteInterval = Annotated[Estimate, _as_estimate(_FiniteInterval)]
"""A number of any size with its 95% interval."""


class RotationSummary(_Part):
    """The accuracy under one option rotation, and its deviation from that of the same items under all of them."""

    n: Count
    accuracy: ShareInterval
    deviation: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class RobustnessSummary(_Part):
    """What option rotation shows about a task besides its accuracy; see `stats.option_rotation`."""

    n: Count
    not_rotated: Count
    rotations: Annotated[list[RotationSummary], Field(min_length=2)]
    worst: Count
    """Index of the worst rotation."""
    same_text: ShareInterval
    all_right: ShareInterval
    p: Share

    @field_validator("worst")
    @classmethod
    def _is_a_rotation(cls, worst: int, info: ValidationInfo) -> int:
        if worst >= len(info.data.get("rotations", ())):
            raise ValueError("there is no such rotation")
        return worst


class CalibrationBinSummary(_Part):
    """One bin of a reliability plot."""

    items: Count
    confidence: Share
    accuracy: ShareInterval


class CalibrationSummary(_Part):
    """How well label probabilities match the share of correct answers; see `stats.calibration`."""

    n: Count
    ece: ShareInterval
    ece_if_calibrated: Share
    brier: FiniteInterval
    bins: list[CalibrationBinSummary]


class RepeatedSamplesSummary(_Part):
    """What several samples per item show besides the accuracy, in one parse mode; see `stats.repeated_samples`."""

    pass_at: dict[str, ShareInterval]
    """pass@j for each j from 1 to the number of samples."""
    maj_at_k: ShareInterval
    """Accuracy of the most frequent label of an item's samples."""
    rerun: ShareInterval | None
    """The accuracy with the interval for new samples of the same items; None with rotated options or one item."""
    variance_from_items: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    """Variance of the accuracy that comes from the choice of items."""
    variance_from_samples: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    """Variance of the accuracy that comes from the randomness of samples; more samples per item reduce it."""


class TaskSummary(_Part):
    """One task's entry in summary.json: its prompt setup, its scores, and how its responses were parsed.

    The order of the fields is that of the keys in the file.
    """

    rotate_options: bool = False
    format_known: bool = True
    """Whether the prompts are known to have requested `format`; else the strict accuracy means nothing."""
    task_args: dict[str, int | str] = Field(default_factory=dict)
    """The arguments with which the task's items were drawn."""
    version: int | str
    data_digest: str
    variant: str = ""
    prompt_digest: str
    format: str
    scoring: Scoring = "generate"
    n: Annotated[int, Field(gt=0, le=1_000_000_000)]
    """Items of this run."""
    graded_by: str | None = None
    """The other harness that graded the task, where one did."""
    items: Count
    """Items of the whole task."""
    samples: Annotated[int, Field(gt=0, le=1_000_000)]
    accuracy: ShareInterval
    accuracy_lenient: ShareInterval
    calibration: CalibrationSummary | None = None
    accuracy_per_character: ShareInterval | None = None
    accuracy_per_byte: ShareInterval | None = None
    robustness: RobustnessSummary | None = None
    repeated_samples: RepeatedSamplesSummary | None = None
    """Of the strict parse; None where each item has one sample."""
    repeated_samples_lenient: RepeatedSamplesSummary | None = None
    status: dict[str, Count]
    status_lenient: dict[str, Count]
    trivial_baselines: dict[str, Share] = Field(default_factory=dict)
    chance: Share = 0.0
    tokens: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)

    @field_validator("items")
    @classmethod
    def _at_least_n(cls, items: int, info: ValidationInfo) -> int:
        if items < info.data.get("n", 0):
            raise ValueError("the task has fewer items than were answered")
        return items

    @property
    def partial(self) -> bool:
        """Whether the run answered only a part of the task's items."""
        return self.n < self.items

    @property
    def responses(self) -> int:
        """Responses that the entry counts; with rotated options items differ in their number."""
        return sum(self.status.values()) if self.rotate_options else self.n * self.samples

    @property
    def unanswered(self) -> int:
        """Responses that are missing: more than 0 where the run was cut short."""
        return self.status.get(UNANSWERED, 0)

    def accuracy_of(self, parse_mode: ParseMode) -> Estimate:
        """The accuracy in one of the two parse modes."""
        return self.accuracy if parse_mode == "strict" else self.accuracy_lenient

    def repeated_samples_of(self, parse_mode: ParseMode) -> RepeatedSamplesSummary | None:
        """What several samples per item show in one of the two parse modes."""
        return self.repeated_samples if parse_mode == "strict" else self.repeated_samples_lenient

    def share(self, status: str) -> float:
        """Share of the responses whose strict parse has this status."""
        return self.status.get(status, 0) / sum(self.status.values())

    @property
    def invalid(self) -> float:
        """Share of the responses without a valid answer by the strict parse."""
        total = sum(self.status.values())
        return (total - self.status.get("ok", 0)) / total


class SummaryDigests(_Part):
    """SHA-256 of the files that a summary was made from, in hexadecimal digits."""

    grades: str
    """Of grades.parquet."""
    responses: dict[str, str]
    """Of each task's journal; a task without one has no response."""


class RunSummary(_Part):
    """The content of summary.json."""

    schema_: Annotated[Literal[3], Field(alias="schema")]
    model: str
    adapter: str | None = None
    """The LoRA adapter that was applied to the model; not set for a run without one."""
    run: str
    """Name of the run folder."""
    parser: Annotated[str, Field(max_length=200)]
    """Names copies of files, hence the limit."""
    decoding: Json
    tasks: Annotated[dict[str, TaskSummary], Field(min_length=1)]
    macro: FiniteInterval | None = None
    digests: SummaryDigests | None = None
    """None in summaries of schema version 2 and 1."""
    checksum: str = ""
    """See `util.checksum`."""

    @field_validator("tasks")
    @classmethod
    def _have_names(cls, tasks: dict[str, TaskSummary]) -> dict[str, TaskSummary]:
        unfit = next((name for name in tasks if not is_task_name(name)), None)
        if unfit is not None:
            raise ValueError(f"{unfit[:80]!r} is no name of a task")
        return tasks

    def to_json(self) -> Json:
        """The content as plain data, without the keys that were not set."""
        return self.model_dump(by_alias=True, exclude_unset=True)
