"""Does the tiny recipe do in other worlds what it does in the one that its settings were found on, and does a coin?

    python benchmarks/tiny_worlds.py OUT 1 2 3

Each seed draws a world, its benchmarks, a start model and every sample anew; nothing of the recipe is changed for it.
The control of a world takes over the stages before grpo, which a reward doesn't touch, from the world's own run, and
has the rest paid by a coin. A run that is there is gone on with. Prints every stage of every run, refused ones too, as
a Markdown table; about 20 minutes of one core for a seed, and 6 for its control.
"""

import subprocess
import sys
from pathlib import Path

import yaml

from training.recipe import find
from training.report import stage_table
from training.run_folder import TrainingFolder
from training.run_spec import read_spec


def write_recipe(file: Path, seed: int) -> Path:
    facts = yaml.safe_load(find("tiny").read_text("utf-8"))
    file.write_text(yaml.safe_dump({**facts, "seed": seed, "world": {**facts["world"], "seed": seed}}), "utf-8")
    return file


def trained(recipe: Path, place: Path, *options: str) -> TrainingFolder:
    command = [sys.executable, "-m", "evalsuite", "train", "run", str(recipe), "--out", str(place), *options]
    ended = subprocess.run(command, check=False)
    if ended.returncode not in (0, 1):
        raise SystemExit(ended.returncode)
    return TrainingFolder(place.resolve())


def main() -> None:
    out, seeds = Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]]
    out.mkdir(parents=True, exist_ok=True)
    runs: dict[str, TrainingFolder] = {}
    for seed in seeds:
        recipe = write_recipe(out / f"tiny-{seed}.yaml", seed)
        run = runs[f"world {seed}"] = trained(recipe, out / f"{seed}")
        if any(folder.state == "promoted" for folder in read_spec(run).stages(run)):
            coin = ("--random-reward", "--reuse-from", str(out / f"{seed}"))
            runs[f"world {seed}, coin"] = trained(recipe, out / f"{seed}-coin", *coin)
    for name, run in runs.items():
        print(f"\n{name}\n\n{stage_table.markdown(stage_table.rows(run, read_spec(run)))}")


if __name__ == "__main__":
    main()
