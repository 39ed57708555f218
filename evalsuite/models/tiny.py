"""`tiny`: the small transformer that is part of this package, so that a first run needs no other model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models.backend import BackendInfo, BackendSettings
from evalsuite.models.hf import HF
from evalsuite.models.optional_packages import import_optional
from evalsuite.tasks.item import Dataset
from evalsuite.util.installation import install_command

FOLDER: Final = Path(__file__).parent / "tiny_weights"
"""Weights, tokenizer, chat template and model card."""
SUMS: Final = "SHA256SUMS"
"""File with one line per shipped file: its SHA-256 and its name, in the format of `sha256sum`."""
_DEFAULT_ARGS: Final = {"batch": "128", "device": "cpu", "dtype": "float32"}
"""A large batch is cheap for so small a model; a CPU is fast enough and gives the same results everywhere."""


class Tiny(HF):
    """`hf/` on the package's own folder, after the SHA-256 of each file in it has been checked.

    It was trained on the world of the `tinyworld` tasks and knows nothing else. Model arguments: those of `hf/`.
    """

    def __init__(self, settings: BackendSettings, folder: Path = FOLDER) -> None:
        if settings.model:
            raise UsageError(ErrorCode.UNKNOWN_MODEL, f"`model` tiny/{settings.model}: there is only one, named tiny")
        model_args = {**_DEFAULT_ARGS, **settings.model_args}
        super().__init__(replace(settings, model=str(folder), model_args=model_args))
        self._folder = folder

    async def open(self, datasets: Sequence[Dataset]) -> BackendInfo:
        """Check the files, then load them."""
        _check_files(self._folder)
        try:
            return await super().open(datasets)
        except BackendError as error:
            if isinstance(error.__cause__, ModuleNotFoundError):
                raise BackendError(
                    ErrorCode.MISSING_PACKAGE,
                    f"tiny, the model of a run without `model`, needs {error.__cause__.name}: {install_command('hf')}",
                ) from error
            raise

    def _load(self) -> BackendInfo:
        # So small a model gives threads nothing to do but wait for each other: two of them on busy cores took seven
        # times the CPU time of one.
        import_optional("torch", "hf").set_num_threads(1)
        return super()._load()


def _check_files(folder: Path) -> None:
    """Raise a `BackendError` unless each file has the SHA-256 with which it was shipped."""
    try:
        for line in (folder / SUMS).read_text("utf-8").splitlines():
            digest, name = line.split()
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                raise BackendError(
                    ErrorCode.MODEL_NOT_LOADABLE,
                    f"{folder / name}: not the file that evalsuite ships; install evalsuite again",
                )
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BackendError(
            ErrorCode.MODEL_NOT_LOADABLE, f"{folder}: tiny can't be read ({error}); install evalsuite again"
        ) from None
