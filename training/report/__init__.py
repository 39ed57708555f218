"""A training run as something to read: report.html and report.md in its folder, as far as it has come."""

from __future__ import annotations

from pathlib import Path

from evalsuite.errors import RunError
from training.report.html_page import page
from training.report.markdown import markdown
from training.run_folder import TrainingFolder
from training.run_spec import TrainingSpec


def write_report(run: TrainingFolder, spec: TrainingSpec) -> tuple[Path, Path]:
    """Write both files and return them; no room for them is a `RunError`."""
    files = run.path / "report.html", run.path / "report.md"
    try:
        files[0].write_bytes(page(run, spec))
        files[1].write_text(markdown(run, spec), "utf-8")
    except OSError as error:
        raise RunError(f"{run.path}: the report can't be written: {error.strerror or error}") from None
    return files
