"""The files of a training run: run.json for the whole run, and one folder per stage.

run.json                       the run spec, with every setting; versions, seeds and host
data/                          the data of the recipe's world, where it has one
evaluations/<digest>/          run folders of evalsuite, one per model and evaluation
stages/<number>-<name>/
  stage.json                   state, settings, versions, times
  manifest.json                the manifest of the data that the stage is trained on
  preflight.json               results of the preflight checks
  metrics.jsonl                one line per logged step
  completions.jsonl            every completion with its reward (grpo)
  mining.jsonl                 the pool's results at each mining, and what is set aside (grpo)
  checkpoints/                 of the trainer; deleted once the stage is promoted
  model/                       the trained model: an adapter or full weights
  gate.json                    the verdict
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

from evalsuite.errors import ErrorCode, RunError
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.jsonl import parse_json
from evalsuite.util.regular_file import links_in
from training import step_log
from training.run_folder_v1 import upgrade_file, upgrade_metrics

SCHEMA: Final = 2
State = Literal["new", "training", "trained", "promoted", "refused"]
Metrics = dict[str, Any]
"""One line of metrics.jsonl: `step`, `time` in seconds, and the numbers that the trainer logged."""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


_FACTS: Final[Mapping[str, Mapping[str, Callable[[object], bool]]]] = {
    "stage.json": {
        "state": lambda value: value in get_args(State),
        "steps": step_log.is_count,
        "max_steps": step_log.is_count,
        "seconds": lambda value: step_log.is_count(value) or (isinstance(value, float) and 0 <= value < step_log.MOST),
        "reason": _is_text,
        "refusal": _is_text,
        "versions": _is_object,
    },
    "gate.json": {"promoted": lambda value: isinstance(value, bool), "reason": _is_text, "comparison": _is_object},
}
"""What the values that are read must be; a key may be absent, or its value null."""


class Folder:
    """One folder whose JSON files are replaced atomically, so that a kill never leaves half of one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> dict[str, Any]:
        """Return the content of a JSON file, empty where there is no file; a damaged one is a `RunError`."""
        file = self.path / name
        try:
            content = parse_json(file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: can't be read: {error}") from None
        if not isinstance(content, dict):
            raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: not an object; was it edited?")
        content = upgrade_file(name, content)
        for key, fits in _FACTS.get(name, {}).items():
            if content.get(key) is not None and not fits(content[key]):
                raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: {key} has a value of another kind; was it edited?")
        return content

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace a JSON file; a `RunError` if it can't be written."""
        file = self.path / name
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(file, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            message = f"{file}: can't be written: {error.strerror or error}"
            raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None


class StageFolder(Folder):
    """One stage's files."""

    @property
    def state(self) -> State:
        """How far the stage has come."""
        state: State = self.read("stage.json").get("state", "new")
        return state

    def note(self, **facts: Any) -> None:
        """Add facts to stage.json."""
        # The pipeline and the stage's process both write, but never at once: the pipeline waits for the process.
        self.write("stage.json", {"schema": SCHEMA, **self.read("stage.json"), **facts})

    @property
    def checkpoints(self) -> Path:
        """Folder of the trainer's checkpoints."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """Folder of the trained model, an adapter where the recipe has LoRA, else full weights; there once complete."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """File of `Metrics`, one line per logged step."""
        return self.path / "metrics.jsonl"

    @property
    def completions(self) -> Path:
        """File with one line per completion: the row, the text and the reward."""
        return self.path / "completions.jsonl"

    def read_metrics(self) -> Iterator[Metrics]:
        """Yield the logged steps in order; a last line that is still being written is left out."""
        return map(upgrade_metrics, step_log.read(self.metrics))

    def recent_metrics(self) -> list[Metrics]:
        """Return the last logged steps, some hundred of them, while the stage may be writing more."""
        return [upgrade_metrics(line) for line in step_log.read_tail(self.metrics) if "time" in line]


class TrainingFolder(Folder):
    """One training run."""

    def refuse_links(self) -> None:
        """Raise a `RunError` for a link in the folder, which may be somebody else's: it may lead anywhere."""
        link = next(links_in(self.path), None)
        if link is not None:
            message = (
                f"{link}: a link in a training run, which is not followed; replace it by the file or folder itself"
            )
            raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message)

    @property
    def data(self) -> Path:
        """Folder of the data of the recipe's world."""
        return self.path / "data"

    @property
    def tasks(self) -> Path | None:
        """Folder of the benchmarks of the run's world; None where the package's own benchmarks are used."""
        folder = self.data / "tasks"
        return folder if folder.is_dir() else None

    @property
    def evaluations(self) -> Path:
        """Folder of evalsuite's run folders."""
        return self.path / "evaluations"

    def stage(self, number: int, name: str) -> StageFolder:
        """Return the folder of a stage by its number, from 1 in the recipe's order, and its name."""
        return StageFolder(self.path / "stages" / f"{number}-{name}")
