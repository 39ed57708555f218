"""`evalsuite doctor`: what this installation can do."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import click

from evalsuite import parser
from evalsuite.cli.exit_status import with_options
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.registry import all_tasks
from evalsuite.util import other_distribution
from evalsuite.util.installation import install_command
from evalsuite.util.package_version import package_version
from evalsuite.util.text import visible
from evalsuite.version import __version__

_EXTRAS = {
    "hf": ("torch", "transformers"),
    "hf with adapters": ("peft",),
    "vllm": ("vllm",),
    "inspect": ("inspect_ai",),
}


@click.command()
@click.option(
    "--data-dir",
    envvar="EVALSUITE_DATA",
    type=click.Path(file_okay=False, path_type=Path),
    help="A mirror of the raw files [default: EVALSUITE_DATA, else where pull puts them].",
)
def doctor(data_dir: Path | None) -> None:
    """Show what this installation can do: backends, accelerators, API keys, and which tasks have their data."""
    system = (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    click.echo(f"evalsuite {__version__}, answer parser {parser.VERSION}, {system}")
    if other := other_distribution.message():
        click.echo(f"conflict  {visible(other)}")
    click.echo("backends  openai, replay, trivial: ready")
    for name, modules in _EXTRAS.items():
        click.echo(f"          {name}: {_state(name.split()[0], modules)}")
    if importlib.util.find_spec("torch"):
        import torch

        devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        click.echo(f"devices   {', '.join(devices) or 'CPU only'}")
    for key in ("EVALSUITE_API_KEY", "OPENAI_API_KEY"):
        click.echo(f"key       {key}: {'set' if os.environ.get(key) else 'not set'}")
    for line in _data_lines(data_dir):
        click.echo(f"data      {line}")


def _data_lines(data_dir: Path | None) -> Iterator[str]:
    """Yield the data folder, then one line per task."""
    from evalsuite.data.item_generator import why_absent
    from evalsuite.data.load import existing_folder, load

    try:
        yield f"folder: {visible(str(existing_folder(data_dir)))}"
    except DataError as error:
        yield visible(str(error))
        return
    for task in all_tasks():
        name = task.name
        if task.generated is not None:
            absent = why_absent(task, task.generated)
            yield visible(absent or f"{name}: {task.items:,} items, which are drawn when they are needed")
            continue
        try:
            dataset = load(task, data_dir)
            yield f"{name}: {len(dataset.items):,} items, variant {dataset.variant}, digest as locked"
        except DataError as error:
            if error.code is ErrorCode.DATA_NOT_FOUND:
                pull = task.hub and task.hub.layout
                yield f"{name}: no data" + (f"; evalsuite data pull --tasks {name} fetches it" if pull else "")
            else:
                yield visible(with_options(str(error)))


def _state(extra: str, modules: tuple[str, ...]) -> str:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        return f"needs {install_command(extra)} ({', '.join(missing)} not found)"
    return "ready (" + ", ".join(f"{m} {package_version(m) or 'of unknown version'}" for m in modules) + ")"
