"""`evalsuite doctor`: what this installation can do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

import click

from evalsuite import parser
from evalsuite.errors import DataError
from evalsuite.tasks.registry import load_task, task_names
from evalsuite.util.text import visible
from evalsuite.version import __version__

_EXTRAS = {
    "hf": ("torch", "transformers"),
    "hf with adapters": ("peft",),
    "vllm": ("vllm",),
    "inspect": ("inspect_ai",),
}


@click.command()
@click.option("--data-dir", envvar="EVALSUITE_DATA", type=click.Path(file_okay=False, path_type=Path))
def doctor(data_dir: Path | None) -> None:
    """Show what this installation can do: backends, accelerators, API keys, and which tasks have their data."""
    from evalsuite.data.load import load

    system = (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    click.echo(f"evalsuite {__version__}, answer parser {parser.VERSION}, {system}")
    click.echo("backends  openai, replay, trivial: ready")
    for name, modules in _EXTRAS.items():
        click.echo(f"          {name}: {_state(name.split()[0], modules)}")
    if importlib.util.find_spec("torch"):
        import torch

        devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        click.echo(f"devices   {', '.join(devices) or 'CPU only'}")
    for key in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        click.echo(f"key       {key}: {'set' if os.environ.get(key) else 'not set'}")
    for name in task_names():
        try:
            dataset = load(load_task(name), data_dir)
            click.echo(f"data      {name}: {len(dataset.items):,} items, variant {dataset.variant}, digest as locked")
        except DataError as error:
            click.echo(f"data      {visible(str(error))}")


def _state(extra: str, modules: tuple[str, ...]) -> str:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        return f"needs pip install 'evalsuite[{extra}]' ({', '.join(missing)} not found)"
    return "ready (" + ", ".join(f"{m} {importlib.metadata.version(m.replace('_', '-'))}" for m in modules) + ")"
