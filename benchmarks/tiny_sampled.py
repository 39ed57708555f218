"""What do the reward and random rewards do to a model that is sampled, as in training, and not decoded greedily?

    python benchmarks/tiny_worlds.py OUT 1 2 3
    python benchmarks/tiny_sampled.py OUT 1 2 3

Evaluates each world's model before its first grpo stage, after it, and after the control's, at temperature 1. Prints
the paired differences as a Markdown table, p of the sign-flip test adjusted by Holm over all rows. Takes about a minute
per model.
"""

import os
import subprocess
import sys
from pathlib import Path

from evalsuite.analysis.comparability import pair
from evalsuite.analysis.compare import compare
from evalsuite.analysis.run_result import RunResult, read_result
from evalsuite.stats.multiple_testing import holm
from evalsuite.util.format import p_value, percent, points_interval
from evalsuite.util.markdown import table

START, GRPO = "stages/3-sft", "stages/4-grpo-1"
HEAD = ("world", "reward", "task", "items", "before", "after", "difference [95%]", "p (Holm)")


def sampled(out: Path, world: str, run: str, stage: str) -> RunResult:
    """Evaluate a stage's model in the folder of all runs, so that it is named by its path there."""
    run_folder = out / "sampled" / f"{run}-{Path(stage).name}"
    command = [sys.executable, "-m", "evalsuite", "run", "--model", f"hf/{run}/{stage}/model", "--out", str(run_folder)]
    command += ["--tasks", "tinyworld,tinyworld_hard", "--max-tokens", "64", "--temperature", "1"]
    tasks = out / world / "data" / "tasks"
    variables = {**os.environ, **({"EVALSUITE_TASKS": str(tasks)} if tasks.is_dir() else {})}
    subprocess.run([*command, "--model-arg", "batch=128"], cwd=out, env=variables, check=True, stdout=2)
    return read_result(run_folder)


def main() -> None:
    out, worlds = Path(sys.argv[1]).resolve(), sys.argv[2:]
    rows, p_values = [], []
    for world in worlds:
        before = sampled(out, world, world, START)
        for by, run in (("strict", world), ("random", f"{world}-random")):
            contrasts = compare(pair(sampled(out, world, run, GRPO), before)).to_json()["tasks"]
            for task, facts in contrasts.items():
                difference = points_interval(*(facts["difference"][key] for key in ("value", "low", "high")))
                shares = (percent(facts[key]) for key in ("b", "a"))
                rows.append((world, by, f"`{task}`", f"{facts['n']:,}", *shares, difference))
                p_values.append(facts["p"])
    adjusted = holm(p_values, f"{len(p_values)} differences").p
    print(
        table(
            HEAD,
            [(*row, p_value(p)) for row, p in zip(rows, adjusted, strict=True)],
            left=3,
        )
    )


if __name__ == "__main__":
    main()
