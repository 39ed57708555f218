"""What a recipe may say: a base model, its stages in order, and what each has to show before the next begins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.gate import GatePolicy
from evalsuite.models.backend import Scoring
from evalsuite.util.validation import StrictModel, first_problem
from evalsuite.util.yaml_file import read_yaml

LARGEST: Final = 1 << 16
"""Bytes of the largest recipe that is read."""
RECIPES: Final = Path(__file__).parent / "recipes"
PROJECTIONS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every linear layer of a block of Qwen2 and Qwen3."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Tier = Literal["easy", "moderate", "difficult"]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]


class RecipeSection(StrictModel):
    """One section of a recipe."""


class Base(RecipeSection):
    """The model that training starts from: change `model` and the recipe is another model's."""

    model: str
    """A hub name, a folder, or `./NAME`: a folder among the recipe's data."""
    revision: str | None = None
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    quantise: Literal["none", "nf4"] = "none"
    """`nf4`: the frozen weights in 4 bits (QLoRA, Dettmers et al. 2023); asks for `lora`."""
    eos: str | None = None
    """Token that ends a turn, where the base model's tokenizer says another."""


class Lora(RecipeSection):
    """Adapters on the named projections (Hu et al. 2022); W + alpha / r * B A."""

    r: Count = 64
    alpha: Count = 128
    dropout: Share = 0.05
    targets: Annotated[list[str], Field(min_length=1, default_factory=lambda: list(PROJECTIONS))]


class Hardware(RecipeSection):
    """What the plan reckons with."""

    gpu: Literal["H100", "H200", "A100"] = "H100"
    gpus: Count = 4
    utilisation: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Share of the GPU's peak dense bf16 FLOP/s that training reaches, what is computed again counted (HFU)."""
    launch: Literal["one", "fsdp", "deepspeed"] = "one"
    """`one`: a process on one device; else `accelerate launch` with the config of that name."""

    @property
    def devices(self) -> int:
        """GPUs that a stage trains on."""
        return 1 if self.launch == "one" else self.gpus


class WorldSettings(RecipeSection):
    """A synthetic world whose text, traces and questions are made before the first stage."""

    generator: Literal["tinyworld"]
    seed: Seed


class Optimiser(RecipeSection):
    """AdamW."""

    learning_rate: Positive
    schedule: Literal["cosine", "constant", "constant_with_warmup"]
    warmup: Annotated[float, Field(ge=0)] = 0
    """Below 1 a share of all steps, from 1 a number of steps."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    clip: Positive = 1.0
    """Largest norm of the gradient."""

    @model_validator(mode="after")
    def _warms_up(self) -> Optimiser:
        if self.schedule == "constant" and self.warmup:
            raise ValueError("a constant rate has no warm-up: say schedule: constant_with_warmup")
        return self


class Batch(RecipeSection):
    """What goes into one optimizer step: sequences x accumulation on each device."""

    sequences: Count
    accumulation: Count = 1
    length: Count
    """Most tokens a sequence."""


class Need(RecipeSection):
    """A source that the stage's data is made from."""

    name: str
    tokens: Count | None = None
    items: Count | None = None


class Data(RecipeSection):
    """A folder with a manifest, and what it takes to fill it."""

    folder: str
    """Below the folder that the run is given as its data."""
    needs: list[Need] = Field(default_factory=list)


class Expectation(RecipeSection):
    """What the plan reckons with where only the finished data can tell: the mean numbers of tokens of a row."""

    rows: Count | None = None
    """Rows of train.jsonl, those that are held out among them; in a stage that mines, those of its tiers alone."""
    prompt: Count
    """Tokens of a prompt."""
    completion: Count
    """Tokens of a trace with its answer, or of a response that is sampled."""


class Evaluation(RecipeSection):
    """How a model is asked before its gate: the options of `evalsuite run`."""

    tasks: Annotated[list[str], Field(min_length=1)]
    scoring: Scoring = "generate"
    chat_template: Literal["own", "none"] = "own"
    """`none`: plain text, for models that have never seen a chat; for pretrain stages alone."""
    max_tokens: Count = 4096
    samples: Count = 1
    temperature: Annotated[float, Field(ge=0)] = 0.0
    limit: Count | None = None
    backend: Literal["hf", "vllm"] = "hf"
    args: dict[str, str] = Field(default_factory=dict)
    """What the backend is told by `--model-arg`, such as vllm's `tensor_parallel_size`."""


class _Stage(RecipeSection):
    """What every stage says."""

    name: Name
    data: Data
    optimiser: Optimiser
    evaluation: Evaluation
    gate: GatePolicy
    checkpoint_every: Count = 100
    """Optimizer steps between checkpoints."""
    claimed_gpu_hours: Positive | None = None
    """What the recipe's source says that the stage took."""


class Pretrain(_Stage):
    """Continued pretraining on packed text; the loss is on every token, or on completions where rows have them."""

    kind: Literal["pretrain"]
    batch: Batch
    tokens: Count | None = None
    """Tokens to train on; steps follow from the batch."""
    steps: Count | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Pretrain:
        if (self.tokens is None) == (self.steps is None):
            raise ValueError("say tokens or steps, one of them")
        return self


class _Conversing(_Stage):
    """A stage whose rows are rendered with the chat template."""

    @model_validator(mode="after")
    def _asked_as_trained(self) -> Self:
        if self.evaluation.chat_template == "none":
            raise ValueError("evaluation.chat_template: none is for pretrain stages; this one is trained with it")
        return self


class Sft(_Conversing):
    """Supervised fine-tuning on reasoning traces; the loss is on trace and answer only."""

    kind: Literal["sft"]
    batch: Batch
    epochs: Count
    patience: Count | None = None
    """Evaluations on the held-out rows without a lower loss after which it stops; None: it doesn't stop early."""
    hold_out: Count | None = None
    """Rows that are held out where the data has no dev rows of its own."""
    expects: Expectation | None = None

    @model_validator(mode="after")
    def _stops(self) -> Sft:
        if self.hold_out is not None and self.patience is None:
            raise ValueError("hold_out: rows are held out to stop early by; give patience, or leave it out")
        return self


class Plateau(RecipeSection):
    """When a phase has given what it can: see `training.curriculum.plateau`."""

    window: Count
    """Steps of each window whose mean reward is compared; in a stage that mines, a mining is a window."""
    gain: Annotated[float, Field(ge=0)]
    """Least gain in mean reward from one window to the next that counts as getting better."""
    patience: Count = 1
    """Windows in a row without it."""


class Mining(RecipeSection):
    """Weights on what keeps failing: see `training.curriculum.mining`."""

    every: Count
    """Optimizer steps between evaluations of the whole pool."""
    samples: Count
    """Responses an item in each."""


class Rollout(RecipeSection):
    """How completions are sampled."""

    engine: Literal["transformers", "vllm_colocate", "vllm_server"] = "transformers"
    generations: Annotated[int, Field(ge=2)]
    """G, completions a prompt."""
    temperature: Positive = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Count


class Grpo(_Conversing):
    """Group relative policy optimisation (Shao et al. 2024) paid by the benchmark's strict parse alone."""

    kind: Literal["grpo"]
    prompts: Count
    """Prompts an optimizer step, over all devices."""
    micro_batch: Count | None = None
    """Completions a forward pass on each device; None: all of a step at once."""
    rollout: Rollout
    steps: Count
    """Most optimizer steps."""
    beta: Annotated[float, Field(ge=0)] = 0.01
    """Weight of the KL divergence from the reference, which is the model that the stage starts from."""
    loss: Literal["grpo", "dr_grpo", "dapo"] = "grpo"
    scale: Literal["group", "batch", "none"] = "group"
    """Whether advantages are divided by a standard deviation; `none`: reward - group mean."""
    tiers: list[Tier] | None = None
    """Tiers of difficulty to take from the data; None: all rows."""
    plateau: Plateau | None = None
    """Ends the stage before `steps`; None: it doesn't."""
    mining: Mining | None = None
    expects: Expectation | None = None


Stage = Annotated[Pretrain | Sft | Grpo, Field(discriminator="kind")]


class Recipe(RecipeSection):
    """A base model and the stages that it goes through."""

    name: Name
    about: str
    source: str
    """The document that the settings are from; what it doesn't say is said in `about`."""
    seed: Seed = 0
    base: Base
    lora: Lora | None
    """None: all weights are trained."""
    hardware: Hardware = Hardware()
    world: WorldSettings | None = None
    threads: Count | None = None
    """CPU threads of torch; a number makes a run on a CPU repeatable bit for bit."""
    stages: Annotated[list[Stage], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have one name")
        if self.base.quantise != "none" and self.lora is None:
            raise ValueError("base.quantise: weights in 4 bits can't be trained; give lora")
        if self.base.quantise != "none" and self.hardware.launch != "one":
            raise ValueError("base.quantise: weights in 4 bits are not sharded here; say hardware.launch: one")
        return self

    def stage(self, name: str) -> Pretrain | Sft | Grpo:
        """The stage of a name; a `UsageError` where there is none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise UsageError(f"recipe {self.name}: no stage {name}; it has {', '.join(each.name for each in self.stages)}")

    def to_json(self) -> dict[str, Any]:
        """Every setting, resolved."""
        return self.model_dump(mode="json")


def read_recipe(recipe: str | Path) -> Recipe:
    """Read a recipe from a file, or one of `training/recipes` by its name.

    Anything in it that isn't understood to the last key is a `UsageError` that names the key.
    """
    path = find(recipe)
    facts = read_yaml(path, LARGEST, UsageError, ErrorCode.INVALID_RECIPE)
    if not isinstance(facts, dict):
        raise UsageError(f"{path}: not a recipe: see {RECIPES / 'tiny.yaml'}")
    try:
        return Recipe.model_validate(facts)
    except ValidationError as error:
        raise UsageError(f"{path}: {_describe(error)}") from None


def find(recipe: str | Path) -> Path:
    """The file of a recipe; a `UsageError` that lists the known ones where there is none."""
    if Path(recipe).is_file():
        return Path(recipe)
    known = {file.stem: file for file in sorted(RECIPES.glob("*.yaml"))}
    if str(recipe) in known:
        return known[str(recipe)]
    raise UsageError(f"{recipe}: no such recipe; give a file or one of {', '.join(known)}")


def _describe(error: ValidationError) -> str:
    """Return the first problem in one line; YAML's numbers without a point need an explanation."""
    first, hint = error.errors()[0], ""
    if first["type"] == "float_type" and re.fullmatch(r"\d+e-?\d+", str(first["input"])):
        hint = f"; {first['input']} is text to YAML, {str(first['input']).replace('e', '.0e')} is a number"
    # pydantic puts the kind of a stage into the place of its keys.
    return first_problem(error, "recipe", hidden=("pretrain", "sft", "grpo")) + hint
