"""The command `evalsuite tasks`: list tasks, show a card, check every item without a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from evalsuite.cli.exit_status import with_options
from evalsuite.cli.task_options import task_arg_option, task_arguments
from evalsuite.errors import DataError, ErrorCode
from evalsuite.tasks.registry import all_tasks, load_suites, load_task, resolve
from evalsuite.tasks.schema import Task
from evalsuite.tasks.task_arguments import with_task_args
from evalsuite.util.text import visible


class NameOrCommand(click.Group):
    """A group in which `tasks NAME` shows a card; a subcommand of the same name takes precedence."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Treat an unknown word as the name of a task."""
        if args and args[0] not in self.commands:
            return "show", self.commands["show"], args
        return super().resolve_command(ctx, args)


@click.group(cls=NameOrCommand, invoke_without_command=True, subcommand_metavar="[NAME | check]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def tasks(ctx: click.Context, /, as_json: bool) -> None:
    """List the tasks, show one's card, or check them all without a model."""
    if ctx.invoked_subcommand is None:
        cards = all_tasks()
        if as_json:
            click.echo(json.dumps([_brief(card) for card in cards], indent=2))
        else:
            _print_list(cards)


@tasks.command(hidden=True)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True)
def show(name: str, as_json: bool) -> None:
    """Show a task's card."""
    card = load_task(name).model_dump(mode="json", exclude={"folder"})
    if as_json:
        click.echo(json.dumps(card, indent=2, ensure_ascii=False))
        return
    import yaml

    click.echo(yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=110).rstrip())


@tasks.command()
@click.argument("listed", metavar="[NAME]...", nargs=-1)
@click.option("--tasks", "names", help="Task names, with commas.")
@click.option("--suite", help="A suite [default: every task whose data exists].")
@task_arg_option
@click.option("--data-dir", envvar="EVALSUITE_DATA", type=click.Path(file_okay=False, path_type=Path))
def check(
    listed: tuple[str, ...], names: str | None, suite: str | None, task_args: tuple[str, ...], data_dir: Path | None
) -> None:
    """Check without a model that every item can be presented and is graded correctly."""
    from evalsuite.data.load import load
    from evalsuite.grading.selftest import check as problems_of

    if listed:  # `tasks NAME` shows a task, so people type `tasks check NAME`
        names = ",".join([*listed, *([names] if names else [])])
    named = names is not None or suite is not None
    chosen = with_task_args(resolve(names, suite) if named else all_tasks(), task_arguments(task_args))
    faults = absent = 0
    for task in chosen:
        if task.generated is not None and not named:
            absent += 1
            click.echo(f"not checked: {task.name}: its items are drawn, which takes a while; name it")
            continue
        try:
            dataset = load(task, data_dir)
        except DataError as error:
            if named:
                raise
            absent += 1
            click.echo(f"not checked: {visible(with_options(str(error)))}")
            continue
        problems = list(problems_of(dataset))
        faults += len(problems)
        click.echo(f"{task.name:22} {len(dataset.items):6,} items  {len(problems) or 'no'} problems")
        for problem in problems[:20]:
            click.echo(f"  {visible(problem)}")
    if faults:
        message = f"{faults} problems in {len(chosen) - absent} tasks; the items above can't be graded correctly"
        raise DataError(ErrorCode.DATA_MALFORMED, message)
    if absent == len(chosen):
        message = "no task's data was found: evalsuite data pull fetches it, --data-dir names a mirror"
        raise DataError(ErrorCode.DATA_NOT_FOUND, message)


def _brief(card: Task) -> dict[str, Any]:
    return card.model_dump(mode="json", include={"name", "version", "title", "language", "format", "items", "chance"})


def _print_list(cards: list[Task]) -> None:
    width = max(len(card.name) for card in cards)
    for card in cards:
        click.echo(f"{card.name:{width}}  {card.items:6,} items  chance {card.chance:5.1%}  {visible(card.title)}")
    click.echo("")
    for suite in load_suites().values():
        click.echo(visible(f"--suite {suite.name}: {', '.join(suite.tasks)}"))
