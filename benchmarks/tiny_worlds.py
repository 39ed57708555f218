"""Does the tiny recipe work in other worlds than the one that its settings were chosen on, and do random rewards?

    python benchmarks/tiny_worlds.py OUT 1 2 3

Each seed draws another world, with its benchmarks, start model and samples; nothing else of the recipe is changed. The
control of a world reuses the stages before grpo, which have no reward, from the world's run, and trains the rest with
random rewards. An unfinished run is resumed. Prints every stage of every run, refused ones too, as a Markdown table;
takes about 20 minutes of one core per seed, and 6 for its control.
"""

import subprocess
import sys
from pathlib import Path

import yaml

from training.recipe import find_recipe
from training.report import stage_table
from training.run_folder import TrainingFolder
from training.run_spec import read_spec


def write_recipe(file: Path, seed: int) -> Path:
    facts = yaml.safe_load(find_recipe("tiny").read_text("utf-8"))
    file.write_text(yaml.safe_dump({**facts, "seed": seed, "world": {**facts["world"], "seed": seed}}), "utf-8")
    return file


def trained(recipe: Path, out: Path, *options: str) -> TrainingFolder:
    command = [sys.executable, "-m", "evalsuite", "train", "run", str(recipe), "--out", str(out), *options]
    ended = subprocess.run(command, check=False)
    if ended.returncode not in (0, 1):
        raise SystemExit(ended.returncode)
    return TrainingFolder(out.resolve())


def main() -> None:
    out, seeds = Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]]
    out.mkdir(parents=True, exist_ok=True)
    runs: dict[str, TrainingFolder] = {}
    for seed in seeds:
        recipe = write_recipe(out / f"tiny-{seed}.yaml", seed)
        run = runs[f"world {seed}"] = trained(recipe, out / f"{seed}")
        if any(folder.state == "promoted" for folder in read_spec(run).stages(run)):
            control = ("--random-reward", "--reuse-from", str(out / f"{seed}"))
            runs[f"world {seed}, random reward"] = trained(recipe, out / f"{seed}-random", *control)
    for name, run in runs.items():
        print(f"\n{name}\n\n{stage_table.markdown_table(stage_table.stage_rows(run, read_spec(run)))}")


if __name__ == "__main__":
    main()
