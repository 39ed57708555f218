"""The schema of a recipe: a base model and its stages, each with data, settings, an evaluation and a gate."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.gate import GatePolicy
from evalsuite.util.validation import first_problem
from evalsuite.util.yaml_file import read_yaml
from training.recipe_sections import (
    Batch,
    Count,
    Data,
    Evaluation,
    Expectation,
    Mining,
    Name,
    Optimiser,
    Plateau,
    Positive,
    RecipeSection,
    Rollout,
    Seed,
    Share,
    StudentRollout,
    Tier,
)

MAX_BYTES: Final = 1 << 16
"""Size of the largest recipe that is read."""
RECIPES: Final = Path(__file__).parent / "recipes"
PROJECTIONS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of a block of Qwen2 and Qwen3."""


class Base(RecipeSection):
    """The base model; with another `model` the recipe is one for that model."""

    model: str
    """A hub name, the absolute path of a folder, or `./NAME`: a folder among the recipe's data."""
    revision: str | None = None
    """A commit of the hub's repository."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    quantise: Literal["none", "nf4"] = "none"
    """`nf4`: the frozen weights in 4 bits (QLoRA, Dettmers et al. 2023); needs `lora`."""
    eos: str | None = None
    """Token that ends a turn, where the base model's tokenizer names another."""

    @field_validator("model")
    @classmethod
    def _stays_among_the_data(cls, model: str) -> str:
        if ".." in PurePosixPath(model).parts or "\\" in model:
            raise ValueError("no ..: give a hub name, an absolute path, or ./NAME for a folder among the data")
        return model


class Lora(RecipeSection):
    """LoRA adapters on the named projections: W + alpha / r * B A (Hu et al. 2022)."""

    r: Count = 64
    alpha: Count = 128
    dropout: Share = 0.05
    targets: Annotated[list[str], Field(min_length=1, default_factory=lambda: list(PROJECTIONS))]


class Hardware(RecipeSection):
    """The hardware that the plan assumes and that the launcher uses."""

    gpu: Literal["H100", "H200", "A100"] = "H100"
    gpus: Count = 4
    utilisation: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Share of the GPU's peak dense bf16 FLOP/s that training reaches, recomputation included (HFU)."""
    launch: Literal["one", "fsdp", "deepspeed"] = "one"
    """`one`: one process on one device; else `accelerate launch` with the config of that name."""

    @property
    def devices(self) -> int:
        """Number of GPUs that a stage trains on."""
        return 1 if self.launch == "one" else self.gpus


class WorldSettings(RecipeSection):
    """A synthetic world: its text, traces and questions are generated before the first stage."""

    generator: Literal["tinyworld"]
    seed: Seed


class _Stage(RecipeSection):
    """The keys that every stage has."""

    name: Name
    data: Data
    optimiser: Optimiser
    evaluation: Evaluation
    gate: GatePolicy
    checkpoint_every: Count = 100
    """Optimizer steps between checkpoints."""
    claimed_gpu_hours: Positive | None = None
    """GPU-hours that the recipe's source reports for the stage."""


class Pretrain(_Stage):
    """Continued pretraining on packed text; the loss is on every token, or on the completion where rows have one."""

    kind: Literal["pretrain"]
    batch: Batch
    tokens: Count | None = None
    """Tokens to train on; the number of steps follows from the batch."""
    steps: Count | None = None

    @model_validator(mode="after")
    def _has_one_length(self) -> Pretrain:
        if (self.tokens is None) == (self.steps is None):
            raise ValueError("give either tokens or steps")
        return self


class _ChatStage(_Stage):
    """A stage whose rows are rendered with the chat template."""

    @model_validator(mode="after")
    def _is_evaluated_as_trained(self) -> Self:
        if self.evaluation.chat_template == "none":
            raise ValueError(
                "evaluation.chat_template: none is for pretrain stages; this stage trains with the template"
            )
        return self


class Sft(_ChatStage):
    """Supervised fine-tuning on traces; the loss is on trace and answer only."""

    kind: Literal["sft"]
    batch: Batch
    epochs: Count
    patience: Count | None = None
    """Evaluations on the held-out rows without a lower loss after which training stops; None: no early stopping."""
    hold_out: Count | None = None
    """Number of training rows to hold out where the data has no dev.jsonl."""
    expects: Expectation | None = None

    @model_validator(mode="after")
    def _holds_out_for_early_stopping(self) -> Sft:
        if self.hold_out is not None and self.patience is None:
            raise ValueError("hold_out: held-out rows serve early stopping only; give patience, or leave it out")
        return self


class Grpo(_ChatStage):
    """Group relative policy optimisation (Shao et al. 2024); the reward is the strict parse and nothing else."""

    kind: Literal["grpo"]
    prompts: Count
    """Prompts per optimizer step, over all devices."""
    micro_batch: Count | None = None
    """Completions per forward pass on each device; None: all of a step at once."""
    rollout: Rollout
    steps: Count
    """Largest number of optimizer steps."""
    beta: Annotated[float, Field(ge=0)] = 0.01
    """Weight of the KL divergence from the reference, which is the model that the stage starts from."""
    loss: Literal["grpo", "dr_grpo", "dapo"] = "grpo"
    scale: Literal["group", "batch", "none"] = "group"
    """The standard deviation that the advantage, reward - group mean, is divided by."""
    tiers: list[Tier] | None = None
    """Tiers of difficulty to train on; None: all rows."""
    plateau: Plateau | None = None
    """When the stage ends before `steps`; None: never."""
    mining: Mining | None = None
    expects: Expectation | None = None


class Distill(_ChatStage):
    """On-policy distillation (Agarwal et al. 2024): the student samples, a teacher scores each of its tokens."""

    kind: Literal["distill"]
    teacher: Base
    """A model with the student's vocabulary."""
    prompts: Count
    """Prompts per optimizer step, over all devices; each gets one completion."""
    micro_batch: Count | None = None
    """Completions per forward pass on each device; None: all of a step at once."""
    rollout: StudentRollout
    steps: Count
    divergence: Share = 1.0
    """Between student and teacher: 1 the reverse KL divergence, 0 the forward one, between them Jensen-Shannon."""
    expects: Expectation | None = None

    @model_validator(mode="after")
    def _has_a_whole_teacher(self) -> Distill:
        if self.teacher.quantise != "none" or self.teacher.eos is not None:
            raise ValueError("teacher: only model, revision and dtype; it scores the student's tokens as they are")
        return self


Stage = Annotated[Pretrain | Sft | Grpo | Distill, Field(discriminator="kind")]
ChatStage = Sft | Grpo | Distill
"""The stages whose rows are rendered with the chat template."""


class Recipe(RecipeSection):
    """One recipe: a base model and its stages."""

    name: Name
    about: str
    source: str
    """The document that the settings are from; `about` names those that it leaves open."""
    seed: Seed = 0
    base: Base
    lora: Lora | None
    """None: all weights are trained."""
    hardware: Hardware = Hardware()
    world: WorldSettings | None = None
    threads: Count | None = None
    """CPU threads of torch; a fixed number makes training on a CPU deterministic, bit for bit."""
    stages: Annotated[list[Stage], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_consistent(self) -> Recipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        if self.base.quantise != "none" and self.lora is None:
            raise ValueError("base.quantise: weights in 4 bits can't be trained; give lora")
        if self.base.quantise != "none" and self.hardware.launch != "one":
            raise ValueError("base.quantise: weights in 4 bits are not sharded here; use hardware.launch: one")
        return self

    def stage(self, name: str) -> Stage:
        """Return the stage of a name; a `UsageError` if there is none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = ", ".join(each.name for each in self.stages)
        raise UsageError(ErrorCode.UNKNOWN_STAGE, f"recipe {self.name}: no stage {name}; it has {names}")

    def to_json(self) -> dict[str, Any]:
        """Return every setting, with the defaults filled in."""
        return self.model_dump(mode="json")


def read_recipe(recipe: str | Path) -> Recipe:
    """Read a recipe from a file, or one of `training/recipes` by its name.

    An unknown key or a wrong value is a `UsageError` that names the key.
    """
    path = find_recipe(recipe)
    content = read_yaml(path, MAX_BYTES, UsageError, ErrorCode.INVALID_RECIPE)
    if not isinstance(content, dict):
        raise UsageError(ErrorCode.INVALID_RECIPE, f"{path}: not a recipe: see {RECIPES / 'tiny.yaml'}")
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise UsageError(ErrorCode.INVALID_RECIPE, f"{path}: {_describe(error)}") from None


def find_recipe(recipe: str | Path) -> Path:
    """Return the file of a recipe; a `UsageError` that lists the shipped recipes if there is none."""
    if Path(recipe).is_file():
        return Path(recipe)
    known = {file.stem: file for file in sorted(RECIPES.glob("*.yaml"))}
    if str(recipe) in known:
        return known[str(recipe)]
    message = f"{recipe}: no such recipe; give a file or one of {', '.join(known)}"
    raise UsageError(ErrorCode.UNKNOWN_RECIPE, message)


def _describe(error: ValidationError) -> str:
    """Return the first problem in one line, with a hint for numbers that YAML reads as text."""
    first, hint = error.errors()[0], ""
    if first["type"] == "float_type" and re.fullmatch(r"\d+e-?\d+", str(first["input"])):
        hint = f"; {first['input']} is text to YAML, {str(first['input']).replace('e', '.0e')} is a number"
    # pydantic puts the kind of a stage into the place of its keys, where no file has it.
    return first_problem(error, "recipe", hidden=("pretrain", "sft", "grpo", "distill")) + hint
