"""Does the tiny recipe do in other worlds what it does in the one that its settings were found on, and does a coin?

    python benchmarks/tiny_worlds.py OUT 1 2 3

Each seed draws a world, its benchmarks, a start model and every sample anew; nothing of the recipe is changed for it.
The control of a world takes over the stages before grpo, which a reward doesn't touch, from the world's own run, and
has the rest paid by a coin. A run that is there is gone on with. Prints every stage of every run, refused ones too, as
a Markdown table; about 20 minutes of one core for a seed, and 6 for its control.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from training import table
from training.asked import ask, read_asked, write_asked
from training.folder import TrainingFolder
from training.recipe import Recipe, read_recipe


def recipe_of(seed: int) -> Recipe:
    facts = read_recipe("tiny").to_json()
    return Recipe.model_validate({**facts, "seed": seed, "world": {**facts["world"], "seed": seed}})


def trained(place: Path, recipe: Recipe) -> TrainingFolder:
    run = TrainingFolder(place.resolve())
    if not run.path.exists():
        write_asked(run, ask(recipe, None, False))
    return resumed(run)


def control(place: Path, run: TrainingFolder) -> TrainingFolder:
    """The same recipe paid by a coin, from the last stage before the first that is paid."""
    coin, recipe = TrainingFolder(place.resolve()), read_asked(run).recipe
    if not coin.path.exists():
        shutil.copytree(run.data, coin.data)
        shutil.copytree(run.evaluations, coin.evaluations)
        for number, stage in enumerate(recipe.stages, 1):
            if stage.kind == "grpo":
                break
            shutil.copytree(run.stage(number, stage.name).path, coin.stage(number, stage.name).path)
        write_asked(coin, ask(recipe, None, True))
    return resumed(coin)


def resumed(run: TrainingFolder) -> TrainingFolder:
    ended = subprocess.run([sys.executable, "-m", "training", "resume", str(run.path)], check=False)
    if ended.returncode not in (0, 1):
        raise SystemExit(ended.returncode)
    return run


def main() -> None:
    out, seeds = Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]]
    runs: dict[str, TrainingFolder] = {}
    for seed in seeds:
        runs[f"world {seed}"] = trained(out / f"{seed}", recipe_of(seed))
        runs[f"world {seed}, coin"] = control(out / f"{seed}-coin", runs[f"world {seed}"])
    for name, run in runs.items():
        print(f"\n{name}\n\n{table.markdown(table.rows(run, read_asked(run)))}")


if __name__ == "__main__":
    main()
