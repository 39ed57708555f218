"""A training run's files: what was asked, and a folder a stage.

run.json                       what was asked, resolved, with versions, seeds and host
data/                          what a recipe's world was made into, where it has one
evaluations/<digest>/          run folders of evalsuite, one a (model, evaluation)
stages/<number>-<name>/
  stage.json                   state, settings, versions, times
  manifest.json                the data it was trained on, frozen
  preflight.json               what was seen before it began
  metrics.jsonl                a line a logged step
  completions.jsonl            every completion that was paid, with its reward (grpo)
  mining.jsonl                 what the pool answered at each mining, and what is set aside (grpo)
  checkpoints/                 of the trainer; gone once the stage is promoted
  model/                       what it made: an adapter or whole weights
  gate.json                    the verdict
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from evalsuite.errors import RunError
from evalsuite.util.atomic_write import write_atomically

SCHEMA = 1
State = Literal["new", "training", "trained", "promoted", "refused"]


class Folder:
    """A folder whose JSON files are replaced as a whole, so that a kill never leaves half of one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> dict[str, Any]:
        """Return a JSON file's content, empty where there is no file; a damaged one is a `RunError`."""
        file = self.path / name
        try:
            facts = json.loads(file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RunError(f"{file}: can't be read: {error}") from None
        if not isinstance(facts, dict):
            raise RunError(f"{file}: not an object; was it edited?")
        return facts

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace a JSON file; no room for it is a `RunError`."""
        file = self.path / name
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(file, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise RunError(f"{file}: can't be written: {error.strerror or error}") from None


class StageFolder(Folder):
    """One stage's files."""

    @property
    def state(self) -> State:
        """How far it has come."""
        state: State = self.read("stage.json").get("state", "new")
        return state

    def note(self, **facts: Any) -> None:
        """Add to stage.json."""
        self.write("stage.json", {"schema": SCHEMA, **self.read("stage.json"), **facts})

    @property
    def checkpoints(self) -> Path:
        """Where the trainer keeps its checkpoints."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """What the stage made: an adapter where the recipe has LoRA, else whole weights; there only when whole."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """A JSON object a line, each with `step`."""
        return self.path / "metrics.jsonl"

    @property
    def completions(self) -> Path:
        """A JSON object a line, each a completion and what it was paid."""
        return self.path / "completions.jsonl"

    def logged(self) -> Iterator[dict[str, Any]]:
        """Read metrics.jsonl; a line that was torn by a kill is left out."""
        if not self.metrics.exists():
            return
        for line in self.metrics.read_text("utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


class TrainingFolder(Folder):
    """A training run."""

    @property
    def data(self) -> Path:
        """What the recipe's world was made into."""
        return self.path / "data"

    @property
    def tasks(self) -> Path | None:
        """Benchmarks that the run's own world brings; None where those that come with the package are asked."""
        own = self.data / "tasks"
        return own if own.is_dir() else None

    @property
    def evaluations(self) -> Path:
        """Run folders of evalsuite."""
        return self.path / "evaluations"

    def stage(self, number: int, name: str) -> StageFolder:
        """The folder of the stage with a number, from 1, in the recipe's order."""
        return StageFolder(self.path / "stages" / f"{number}-{name}")
