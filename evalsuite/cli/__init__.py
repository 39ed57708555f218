"""The command line: each command is one call into the library and is imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from evalsuite.cli.exit_status import ended
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.util.text import with_article
from evalsuite.version import __version__

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS: Final = "evalsuite.commands"
"""Entry-point group: each names a `click.Command` of another package, which becomes a command of `evalsuite`."""
_COMMANDS = {
    "run": ("evalsuite.cli.run:run", "Evaluate a model on one or more tasks."),
    "report": ("evalsuite.cli.report:report", "Write a leaderboard and an HTML report of finished runs."),
    "compare": ("evalsuite.cli.compare:compare", "Compare two runs on the same items."),
    "gate": ("evalsuite.cli.gate:gate", "Decide whether a candidate may replace a baseline: for CI."),
    "tasks": ("evalsuite.cli.tasks:tasks", "List the tasks, show a task card, or check all tasks without a model."),
    "data": ("evalsuite.cli.data:data", "Fetch, verify and audit benchmark data."),
    "baselines": ("evalsuite.cli.baselines:baselines", "List published scores, or check them for errors."),
    "runs": ("evalsuite.cli.runs:runs", "Check a run folder, or finish it without its model."),
    "regrade": ("evalsuite.cli.regrade:regrade", "Grade a run's responses again with the current parser."),
    "import": ("evalsuite.cli.import_logs:import_", "Turn logs of lm-eval or inspect-ai into a run folder."),
    "export": ("evalsuite.cli.export:export", "Export a run, or the tasks, for another tool."),
    "view": ("evalsuite.cli.view:view", "Open a run in inspect's viewer, item by item."),
    "doctor": ("evalsuite.cli.doctor:doctor", "Show what this installation can do."),
}


class LazyGroup(click.Group):
    """Imports a command only when it is called, so that `--help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the table, then those of other packages."""
        return [*_COMMANDS, *_extensions()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; while help is printed, its summary line is all that is needed."""
        if cmd_name not in _COMMANDS:
            extension = _extensions().get(cmd_name)
            return None if extension is None else _load(extension)
        place, summary = _COMMANDS[cmd_name]
        if ctx.resilient_parsing:
            return click.Command(cmd_name, short_help=summary)
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; only those of other packages are imported."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    *((name, summary) for name, (_, summary) in _COMMANDS.items()),
                    *((name, _summary(point)) for name, point in _extensions().items()),
                ]
            )


def _extensions() -> dict[str, EntryPoint]:
    """Return the commands of other packages by name; none of them can replace a command of the table."""
    from importlib.metadata import entry_points  # reads every installed package's metadata: not for each command

    return {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name not in _COMMANDS}


def _load(extension: EntryPoint) -> click.Command:
    """Import another package's command; whatever is wrong with it stops this command alone."""
    try:
        command = extension.load()
    except Exception as error:
        message = f"{extension.name}: {extension.value} can't be imported: {type(error).__name__}: {error}"
        raise UsageError(ErrorCode.COMMAND_NOT_LOADABLE, message) from error
    if not isinstance(command, click.Command):
        message = (
            f"{extension.name}: {extension.value} is not a click command, but {with_article(type(command).__name__)}"
        )
        raise UsageError(ErrorCode.COMMAND_NOT_LOADABLE, message)
    return command


def _summary(extension: EntryPoint) -> str:
    try:
        return _load(extension).get_short_help_str(limit=100)
    except UsageError as error:
        return f"({error})"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="evalsuite")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Evaluate medical question answering: pinned data, one strict answer parser, numbers with intervals."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 2 for an error, which is printed in one line."""
    return ended(cli, "evalsuite", arguments)
