"""`tiny`: the small transformer that comes with the package, so that a first run needs no model of one's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from evalsuite.errors import BackendError, UsageError
from evalsuite.models.backend import BackendInfo, BackendSettings
from evalsuite.models.hf import HF
from evalsuite.models.optional_packages import import_optional
from evalsuite.tasks.item import Dataset

FOLDER: Final = Path(__file__).parent / "tiny_weights"
"""Weights, tokenizer, chat template and model card."""
SUMS: Final = "SHA256SUMS"
"""Lines of a sha256 and a file's name, as `sha256sum` writes them."""
_ARGS: Final = {"batch": "128", "device": "cpu", "dtype": "float32"}
"""A batch of so small a model is cheap, a CPU is fast enough, and the same everywhere."""


class Tiny(HF):
    """`hf/` on the package's own folder, each file of which is first held against its sha256.

    It knows the world of `tinyworld` and nothing else. `--model-arg`: those of `hf/`.
    """

    def __init__(self, settings: BackendSettings, folder: Path = FOLDER) -> None:
        if settings.model:
            raise UsageError(f"--model tiny/{settings.model}: there is one, named tiny")
        super().__init__(replace(settings, model=str(folder), model_args={**_ARGS, **settings.model_args}))
        self._folder = folder

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Check the files, then load them."""
        _check(self._folder)
        try:
            return await super().open(datasets)
        except BackendError as error:
            if isinstance(error.__cause__, ModuleNotFoundError):
                raise BackendError(
                    f"tiny, which answers where --model names no other, needs {error.__cause__.name}: pip install "
                    "'evalsuite[hf]'"
                ) from error
            raise

    def _load(self) -> BackendInfo:
        # Threads only wait for each other over so small a model: with two, on busy cores, seven times the CPU time.
        import_optional("torch", "hf").set_num_threads(1)
        return super()._load()


def _check(folder: Path) -> None:
    """Hold each file against what was shipped."""
    try:
        for line in (folder / SUMS).read_text("utf-8").splitlines():
            digest, name = line.split()
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                raise BackendError(f"{folder / name}: not the file that evalsuite ships; install evalsuite again")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BackendError(f"{folder}: tiny can't be read ({error}); install evalsuite again") from None
