"""`evalsuite view`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), help="Data folder [default: that of the run].")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=7575, show_default=True)
def view(run: Path, data_dir: Path | None, host: str, port: int) -> None:
    """Browse a run item by item: write it as logs of inspect-ai (RUN/inspect) and start `inspect view` on them."""
    from evalsuite.interop.inspect_ai.export_log import export_inspect

    logs = export_inspect(run, None, data_dir)
    command = [sys.executable, "-m", "inspect_ai", "view", "start", "--log-dir", str(logs[0].parent)]
    # The viewer replaces this process, so that Ctrl-C or a signal to it stops the viewer.
    os.execv(sys.executable, [*command, "--host", host, "--port", str(port)])
