"""The report of a training run, finished or not: report.html and report.md in its folder."""

from __future__ import annotations

from pathlib import Path

from evalsuite.errors import ErrorCode, RunError
from evalsuite.util.atomic_write import write_atomically
from training.report.html_page import html_page
from training.report.markdown import markdown
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec


def write_report(run: TrainingFolder, spec: TrainingSpec) -> tuple[Path, Path]:
    """Write both files and return their paths; a `RunError` if they can't be written."""
    files = run.path / "report.html", run.path / "report.md"
    try:
        write_atomically(files[0], html_page(run, spec))
        write_atomically(files[1], markdown(run, spec).encode("utf-8", "replace"))
    except OSError as error:
        message = f"{run.path}: the report can't be written: {error.strerror or error}"
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, message) from None
    return files
