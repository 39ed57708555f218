"""The schema of a recipe: a base model and its stages, each with data, settings, an evaluation and a gate."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.gate import GatePolicy
from evalsuite.models.backend import BackendSettings, Scoring
from evalsuite.models.model_args import guarded_code
from evalsuite.tasks.schema import Inside
from evalsuite.util.validation import StrictModel, first_problem
from evalsuite.util.yaml_file import read_yaml

MAX_BYTES: Final = 1 << 16
"""Size of the largest recipe that is read."""
RECIPES: Final = Path(__file__).parent / "recipes"
PROJECTIONS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of a block of Qwen2 and Qwen3."""

# A stage's name is part of its folder's name, and the id of a section of the report.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Tier = Literal["easy", "moderate", "difficult"]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]  # numpy's global generator takes no larger one


class RecipeSection(StrictModel):
    """One section of a recipe."""


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


Stage = Annotated[Pretrain | Sft | Grpo, Field(discriminator="kind")]


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

    def stage(self, name: str) -> Pretrain | Sft | Grpo:
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
    return first_problem(error, "recipe", hidden=("pretrain", "sft", "grpo")) + hint
