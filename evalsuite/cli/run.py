"""`evalsuite run`: evaluates a model on tasks, or resumes a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from evalsuite.api.older_grades import execute_request
from evalsuite.api.request import TINY_TOKENS, run_request
from evalsuite.cli.exit_status import with_options
from evalsuite.cli.task_options import task_arg_option, task_arguments
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models import TINY
from evalsuite.models.backend import Decoding
from evalsuite.models.redaction import Redactor
from evalsuite.run.event_loop import run_to_end
from evalsuite.run.execute import CompletedRun, RunRequest
from evalsuite.run.progress import listener_for
from evalsuite.run.resume import resume_command, resumed
from evalsuite.run_folder import ERRORS
from evalsuite.tasks.registry import resolve
from evalsuite.util.text import visible

DEFAULT_SUITE: Final = "starter"
TINY_SUITE: Final = "tinyworld"
"""What the model of this package was trained for: the default if neither a model nor tasks are named."""
INCOMPLETE: Final = 1
"""Exit code of a run that went to its end while requests have no response; 2 is for a run that can't be made."""
AT_LEAST_ONE: Final = click.IntRange(1)
_RESUMABLE_WITH: Final = frozenset({"base_url", "concurrency", "data_dir", "model_args"})
"""Options of a resumed run: those that can't change a response, and those that its folder alone may not decide."""


@click.command()
@click.option(
    "--model",
    help="backend/model: openai/NAME, vllm/REPO, hf/REPO, inspect/PROVIDER/NAME, trivial/majority, replay/PATH; "
    "or tiny, the small one of this package [default: tiny, and then the suite tinyworld].",
)
@click.option("--tasks", help="Task names, with commas.")
@click.option("--suite", help="A named list of tasks: fleming, reasonmed, all, tinyworld, starter (the default).")
@click.option("--require-all", is_flag=True, help="Refuse a suite unless the data of all its tasks is there.")
@click.option("--limit", type=AT_LEAST_ONE, help="Only the first N items of each task.")
@click.option("--samples", type=AT_LEAST_ONE, default=1, show_default=True, help="Responses per item.")
@click.option("--rotate-options", is_flag=True, help="Send each item once in each cyclic order of its options.")
@click.option("--temperature", type=click.FloatRange(0, 100), default=0.0, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True)
@click.option(
    "--max-tokens",
    type=AT_LEAST_ONE,
    help=f"Token limit of a response, reasoning included [default: {Decoding().max_tokens}; of tiny {TINY_TOKENS}].",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--thinking",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Switch the chat template's reasoning on or off, or keep its default.",
)
@click.option("--thinking-budget", type=click.IntRange(0), help="Token limit of the reasoning.")
@click.option(
    "--scoring",
    type=click.Choice(["generate", "loglikelihood", "cloze"]),
    default="generate",
    show_default=True,
    help="Generate text, or take the likeliest label (loglikelihood) or option text (cloze).",
)
@click.option("--format", "answer_format", help="Answer format of the prompts instead of the tasks' own.")
@click.option("--system", help="System prompt; @FILE reads it from a file.")
@click.option("--chat-template", help="Jinja file instead of the model's template; none: plain text.")
@click.option("--base-url", multiple=True, help="Address of an OpenAI-compatible server; repeated for replicas.")
@click.option(
    "--concurrency", type=AT_LEAST_ONE, default=256, show_default=True, help="Maximum number of requests in flight."
)
@click.option("--revision", help="Revision of the model on the hub.")
@click.option("--adapter", help="LoRA adapter: a folder or a hub name.")
@click.option(
    "--model-arg",
    "model_args",
    multiple=True,
    metavar="KEY=VALUE",
    help="Argument of this backend alone; may be repeated.",
)
@task_arg_option
@click.option("--data-dir", envvar="EVALSUITE_DATA", help="A mirror of the benchmarks' raw files (EVALSUITE_DATA).")
@click.option("--out", type=click.Path(file_okay=False), help="Folder of this run [default: runs/MODEL/STAMP].")
@click.option(
    "--resume", type=click.Path(file_okay=False), metavar="DIR", help="Resume the run in DIR with its own settings."
)
@click.option(
    "--alarm",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Share of invalid responses above which examples are shown.",
)
@click.option("--json", "as_json", is_flag=True, help="Print summary.json instead of the table.")
@click.pass_context
def run(ctx: click.Context, /, resume: str | None, alarm: float, as_json: bool, **options: Any) -> int:
    """Evaluate a model on one or more tasks.

    The same command again, or --resume DIR, sends only the requests that have no response.
    """
    request = _resumed(ctx, Path(resume), options) if resume else _new(options)
    _print_absent(request)
    completed, note = _executed(request)
    from evalsuite.cli.run_table import print_run

    folder, missing = completed.outcome.folder, completed.outcome.missing
    if as_json:
        click.echo(json.dumps(completed.graded.summary.to_json(), indent=2))
    else:
        print_run(completed.graded, folder.path, alarm)
    _print_absent(request)
    if note:
        click.echo(visible(f"note: {note}"), err=True)
    if missing:
        errors = folder.path / ERRORS
        reason = f"why: {errors}" if errors.exists() else "the backend returned nothing for them"
        message = (
            f"{missing} requests have no response and count as wrong ({reason}); "
            f"send them again: {resume_command(folder.path, request.spec)}"
        )
        click.echo(f"evalsuite: {visible(message)} [{ErrorCode.RUN_INCOMPLETE}]", err=True)
        return INCOMPLETE
    return 0


def _executed(request: RunRequest) -> tuple[CompletedRun, str | None]:
    listener = listener_for(progress=True)
    try:
        return run_to_end(lambda: execute_request(request, listener, preload=("evalsuite.cli.run_table",)))
    except KeyboardInterrupt:
        listener.close()
        if listener.folder is not None:
            command = resume_command(listener.folder, request.spec)
            print(f"stopped; every response is on disk. Resume with: {command}", file=sys.stderr)
        raise
    finally:
        listener.close()


def _new(options: dict[str, Any]) -> RunRequest:
    model, suite = options["model"] or TINY, options["suite"]
    if options["tasks"] is None and suite is None:
        suite = DEFAULT_SUITE if options["model"] else TINY_SUITE
    renamed = {
        "base_urls": options["base_url"],
        "model_args": dict(_pair(arg) for arg in options["model_args"]),
        "task_args": task_arguments(options["task_args"]),
        "system": _text(options["system"]),
        "chat_template": _template(options["chat_template"]),
    }
    same = options.keys() - {"model", "tasks", "suite", "base_url", *renamed}
    tasks = [] if options["tasks"] is None else [task.name for task in resolve(options["tasks"], None)]
    return run_request(model, tasks, suite=suite, **{name: options[name] for name in same}, **renamed)


def _print_absent(request: RunRequest) -> None:
    """Name the tasks of a suite that are left out: before a run, when it can be stopped, and below its table."""
    for line in request.absent:
        click.echo(f"not run: {visible(with_options(line))}", err=True)


def _resumed(ctx: click.Context, path: Path, options: dict[str, Any]) -> RunRequest:
    """Take the spec from the folder; only options that can't change a response may be given."""
    given = {name for name in options if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE}
    if given - _RESUMABLE_WITH:
        flags = ", ".join(sorted(each.opts[-1] for each in ctx.command.params if each.name in given - _RESUMABLE_WITH))
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            f"{flags} can't be changed by --resume, which continues {path}",
        )
    return resumed(
        path,
        base_urls=options["base_url"] if "base_url" in given else None,
        concurrency=options["concurrency"] if "concurrency" in given else None,
        data_dir=options["data_dir"] if "data_dir" in given else None,
        model_args=dict(_pair(arg) for arg in options["model_args"]),
    )


def _pair(arg: str) -> tuple[str, str]:
    key, equals, value = arg.partition("=")
    if not equals:
        raise UsageError(
            ErrorCode.INVALID_ARGUMENT, f"--model-arg {Redactor([]).redact_line(arg)!r}: write it as KEY=VALUE"
        )
    return key, value


def _text(value: str | None) -> str | None:
    if value is None or not value.startswith("@"):
        return value
    return _content(Path(value[1:]), f"--system {value}")


def _template(value: str | None) -> str | None:
    if value is None or value == "none":
        return None if value is None else ""
    return _content(Path(value), f"--chat-template {value}")


def _content(path: Path, option: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(ErrorCode.UNREADABLE_ARGUMENT_FILE, f"{option}: can't be read: {error}") from None
