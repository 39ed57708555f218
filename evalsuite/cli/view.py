"""`evalsuite view`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), help="A mirror of the data [default: the run's own].")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=7575, show_default=True)
def view(run: Path, data_dir: Path | None, host: str, port: int) -> None:
    """Open a run item by item: write it as logs of inspect-ai (RUN/inspect) and start `inspect view` on them."""
    from evalsuite.interop.inspect_ai.export_log import export_inspect

    logs = export_inspect(run, None, data_dir)
    command = [sys.executable, "-m", "inspect_ai", "view", "start", "--log-dir", str(logs[0].parent)]
    # In place of this process: whoever stops the one stops the other.
    os.execv(sys.executable, [*command, "--host", host, "--port", str(port)])
