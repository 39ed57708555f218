"""Small policies and items for tests of GRPO: some completions are right and some wrong, so that rewards differ."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import tiny

from evalsuite.reward.ground_truth import GroundTruth
from evalsuite.tasks.answer_format import write
from evalsuite.util.file_digest import sha256_of
from training import step_log
from training.data.manifest import freeze
from training.recipe import Recipe
from training.run_folder import StageFolder

TIERS = ("easy", "moderate", "difficult")
LABELS = ("A", "B")


def make_policy(folder: Path, prompts=None, answers=None, steps: int = 60) -> Path:
    """A tiny model that gives one of some answers to any prompt; by default A, B, or one in a wrong format."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    prompts = prompts or [messages(row) for row in range(8)]
    answers = answers or [*(write("answer_tag", label) for label in LABELS), "so A"]
    tiny.make_model(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(folder)
    texts = [tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True) for prompt in prompts]
    batch = tokenizer(
        [f"{text}{answer}<|im_end|>" for text in texts for answer in answers], return_tensors="pt", padding=True
    )
    lengths = [len(tokenizer(answer)["input_ids"]) + 1 for _ in texts for answer in answers]
    labels = batch["input_ids"].clone()
    for row, (length, answer_length) in enumerate(zip(batch["attention_mask"].sum(1), lengths, strict=True)):
        labels[row, : length - answer_length] = -100
        labels[row, length:] = -100
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.generation_config.eos_token_id = 2
    model.save_pretrained(folder)
    return folder


def never_stop(folder: Path) -> Path:
    """Change a policy's files to those of a base model: <|endoftext|> ends a response, but not in its chat template."""
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        facts = json.loads((folder / name).read_text())
        key, end = ("eos_token", "<|endoftext|>") if name.startswith("tokenizer") else ("eos_token_id", 0)
        (folder / name).write_text(json.dumps({**facts, key: end}))
    return folder


def messages(row: int) -> list[dict[str, str]]:
    """The messages of an item."""
    return [{"role": "user", "content": f"Which is it, {row}? A. yes B. no"}]


def make_items(folder: Path, count: int = 12) -> Path:
    """Save a data folder of items, tier after tier, with alternating gold labels."""
    rows = []
    for row in range(count):
        truth = GroundTruth(LABELS[row % 2], LABELS, "answer_tag")
        rows.append(
            {
                "prompt": messages(row),
                **truth._asdict(),
                "item": f"item-{row}",
                "task": "toy",
                "tier": TIERS[row * len(TIERS) // count],
            }
        )
    return save_items(folder, rows)


def save_items(folder: Path, rows: list[dict]) -> Path:
    """Save rows as a data folder with its manifest."""
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    freeze(folder, "Toy items.", "CC0-1.0")
    return folder


def recipe(base: Path, *stages: dict, lora: dict | None = None) -> Recipe:
    """A recipe of grpo stages; each argument holds what differs from a small stage."""
    plain = {
        "name": "rl",
        "kind": "grpo",
        "data": {"folder": "items"},
        "optimiser": {"learning_rate": 3e-4, "schedule": "constant"},
        "evaluation": {"tasks": ["starter_vignette"]},
        "gate": {},
        "checkpoint_every": 2,
        "prompts": 3,
        "rollout": {"generations": 4, "max_tokens": 16},
        "steps": 6,
    }
    return Recipe.model_validate(
        {
            "name": "toy",
            "about": "Toy.",
            "source": "none",
            "seed": 3,
            "base": {"model": str(base), "dtype": "float32"},
            "lora": lora,
            "threads": 1,
            "stages": [{**plain, **stage} for stage in stages],
        }
    )


def train(recipe: Recipe, out: Path, start: Path, data: Path, number: int = 0, control: bool = False) -> StageFolder:
    """Train a stage of a recipe in this process."""
    from training.stages import train

    folder = StageFolder(out)
    train(recipe, recipe.stages[number], folder, start, data, control)
    return folder


def weights_of(folder: StageFolder) -> str:
    """sha256 of a stage's weights."""
    (file,) = folder.model.glob("*.safetensors")
    return sha256_of(file)


def journal(folder: StageFolder, name: str) -> list[dict]:
    """Lines of one of a stage's journals."""
    return list(step_log.read(folder.path / name))


DYING = """
import importlib, os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import policies
from training.recipe import Recipe
owner = importlib.import_module({module!r})
for part in {path!r}[:-1]:
    owner = getattr(owner, part)
real, calls = getattr(owner, {path!r}[-1]), 0
def dying(*args, **kwargs):
    global calls
    calls += 1
    if calls == {call}:
        if {after}:
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)
setattr(owner, {path!r}[-1], dying)
policies.train(Recipe.model_validate_json({recipe!r}), Path({out!r}), Path({start!r}), Path({data!r}))
"""
"""Source of a process that trains and kills itself before or after a call of a function."""


def die(recipe: Recipe, out: Path, start: Path, data: Path, where: str, call: int, after: bool = False) -> None:
    """Train in another process, which SIGKILL ends at the given call of the function `where` (`module:name.name`)."""
    module, _, names = where.partition(":")
    script = DYING.format(
        tests=str(Path(__file__).parent),
        module=module,
        path=names.split("."),
        call=call,
        after=after,
        recipe=recipe.model_dump_json(),
        out=str(out),
        start=str(start),
        data=str(data),
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=1800)
    assert done.returncode == -signal.SIGKILL, done.stderr
