"""The sections of a recipe's stages: data, optimiser, batch, sampling and evaluation; and the types of values."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from evalsuite.models.backend import BackendSettings, Scoring
from evalsuite.models.model_args import guarded_code
from evalsuite.tasks.schema import Inside
from evalsuite.util.validation import StrictModel

# A stage's name is part of its folder's name, and the id of a section of the report.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Tier = Literal["easy", "moderate", "difficult"]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]  # numpy's global generator takes no larger one


class RecipeSection(StrictModel):
    """One section of a recipe."""


class Optimiser(RecipeSection):
    """The settings of AdamW."""

    learning_rate: Positive
    schedule: Literal["cosine", "constant", "constant_with_warmup"]
    warmup: Annotated[float, Field(ge=0)] = 0
    """Below 1 a share of all steps; from 1 on a number of steps."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    clip: Positive = 1.0
    """Largest norm of the gradient; larger ones are scaled down to it."""

    @model_validator(mode="after")
    def _has_schedule_for_warmup(self) -> Optimiser:
        if self.schedule == "constant" and self.warmup:
            raise ValueError("a constant rate has no warm-up; use schedule: constant_with_warmup")
        return self


class Batch(RecipeSection):
    """The sequences of one optimizer step: `sequences` x `accumulation` on each device."""

    sequences: Count
    accumulation: Count = 1
    length: Count
    """Largest number of tokens per sequence."""


class Need(RecipeSection):
    """One source that the stage's data is made from, for the plan."""

    name: str
    tokens: Count | None = None
    items: Count | None = None


class Data(RecipeSection):
    """The stage's data folder, and the sources that it is made from."""

    folder: Inside
    """Name of the folder, below the run's `--data`."""
    needs: list[Need] = Field(default_factory=list)


class Expectation(RecipeSection):
    """What the plan assumes until the data exists: the number of rows, and mean numbers of tokens per row."""

    rows: Count | None = None
    """Rows of train.jsonl, including those that are held out; in a stage with mining, only those of its tiers."""
    prompt: Count
    """Tokens of a prompt."""
    completion: Count
    """Tokens of a trace with its answer, or of a sampled response."""


class Evaluation(RecipeSection):
    """The evaluation before a gate: options of `evalsuite run`."""

    tasks: Annotated[list[str], Field(min_length=1)]
    scoring: Scoring = "generate"
    chat_template: Literal["own", "none"] = "own"
    """`none`: plain text, for models that have never seen a chat; only in pretrain stages."""
    max_tokens: Count = 4096
    samples: Count = 1
    temperature: Annotated[float, Field(ge=0)] = 0.0
    limit: Count | None = None
    backend: Literal["hf", "vllm"] = "hf"
    args: dict[str, str] = Field(default_factory=dict)
    """Model arguments of the backend (`--model-arg`), such as vllm's `tensor_parallel_size`."""

    @field_validator("args")
    @classmethod
    def _loads_no_code(cls, args: dict[str, str]) -> dict[str, str]:
        if guarded_code(BackendSettings("", model_args=args)):
            raise ValueError("trust_remote_code: a recipe can't allow that a model's code is run")
        return args


class Plateau(RecipeSection):
    """When the mean reward has stopped rising: see `training.curriculum.plateau`."""

    window: Count
    """Steps per window of mean reward; in a stage with mining, each mining is a window."""
    gain: Annotated[float, Field(ge=0)]
    """Smallest rise of the mean reward from one window to the next that counts as an improvement."""
    patience: Count = 1
    """Consecutive windows without an improvement after which the stage ends."""


class Mining(RecipeSection):
    """Hard-sample mining: see `training.curriculum.mining`."""

    every: Count
    """Optimizer steps between evaluations of all prompts."""
    samples: Count
    """Responses per item in each evaluation."""


class StudentRollout(RecipeSection):
    """The sampling of a student's completions, one for each prompt, from its whole distribution."""

    engine: Literal["transformers", "vllm_colocate", "vllm_server"] = "transformers"
    temperature: Positive = 1.0
    max_tokens: Count

    @property
    def generations(self) -> int:
        """Completions per prompt."""
        return 1


class Rollout(RecipeSection):
    """The sampling of completions."""

    engine: Literal["transformers", "vllm_colocate", "vllm_server"] = "transformers"
    generations: Annotated[int, Field(ge=2)]
    """Completions per prompt, G."""
    temperature: Positive = 1.0
    top_p: float = 1.0
    max_tokens: Count

    @model_validator(mode="after")
    def _samples_the_policy(self) -> Rollout:
        if self.top_p != 1:
            raise ValueError(
                "top_p: only 1 (or leave it out): completions of a cut distribution are not those of the trained policy"
            )
        return self
