"""`evalsuite run`."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from evalsuite.errors import UsageError
from evalsuite.models import TINY
from evalsuite.models.backend import BackendSettings, Decoding, Scoring
from evalsuite.run.loop import Identity, RunOutcome, new_folder, same_folder
from evalsuite.run.loop import run as run_plan
from evalsuite.run.spec import RunSpec
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.registry import resolve

DEFAULT_SUITE = "starter"
TINY_SUITE = "tinyworld"
"""What the model of the package knows: asked where neither a model nor tasks are named."""
TINY_TOKENS = 128
"""Several times its longest answer: one that never ends would hold up those that are written beside it."""
AT_LEAST_ONE = click.IntRange(1)
_HEAD_START = 0.05
"""Seconds in which the first requests go out undisturbed."""


@click.command()
@click.option(
    "--model",
    help="backend/model: openai/NAME, vllm/REPO, hf/REPO, inspect/PROVIDER/NAME, trivial/majority, replay/PATH; "
    "or tiny, the small one of this package [default: tiny, and then the suite tinyworld].",
)
@click.option("--tasks", help="Task names, with commas.")
@click.option("--suite", help="A named list of tasks: fleming, reasonmed, all, tinyworld, starter (the default).")
@click.option("--limit", type=AT_LEAST_ONE, help="Only the first N items of each task.")
@click.option("--samples", type=AT_LEAST_ONE, default=1, show_default=True, help="Responses an item.")
@click.option("--rotate-options", is_flag=True, help="Ask each item in each cyclic order of its options.")
@click.option("--temperature", type=click.FloatRange(0, 100), default=0.0, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True)
@click.option(
    "--max-tokens",
    type=AT_LEAST_ONE,
    help=f"Most tokens a response, reasoning included [default: {Decoding().max_tokens}; of tiny {TINY_TOKENS}].",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--thinking",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Ask the chat template for reasoning, against it, or leave it to the model.",
)
@click.option("--thinking-budget", type=click.IntRange(0), help="Most tokens of reasoning.")
@click.option(
    "--scoring",
    type=click.Choice(["generate", "loglikelihood", "cloze"]),
    default="generate",
    show_default=True,
    help="Let the model write, or take the likeliest label (loglikelihood) or option text (cloze).",
)
@click.option("--format", "answer_format", help="Answer format to ask for instead of the tasks' own.")
@click.option("--system", help="System prompt; @FILE reads it from a file.")
@click.option("--chat-template", help="Jinja file instead of the model's template; none: plain text.")
@click.option("--base-url", multiple=True, help="Address of an OpenAI-compatible server; again for each replica.")
@click.option("--concurrency", type=AT_LEAST_ONE, default=256, show_default=True, help="Most requests in flight.")
@click.option("--revision", help="Revision of the model on the hub.")
@click.option("--adapter", help="LoRA adapter: a folder or a hub name.")
@click.option("--model-arg", "model_args", multiple=True, metavar="KEY=VALUE", help="What only this backend knows.")
@click.option("--data-dir", envvar="EVALSUITE_DATA", help="A mirror of the benchmarks' raw files (EVALSUITE_DATA).")
@click.option("--out", type=click.Path(file_okay=False), help="Folder of this run [default: runs/MODEL/STAMP].")
@click.option(
    "--resume", type=click.Path(file_okay=False), metavar="DIR", help="Go on with the run in DIR, as it was asked for."
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
    """Ask a model the items of one or more tasks and grade what comes back.

    The same command again, or --resume DIR, asks only for what is missing.
    """
    plan, choose = _resumed(ctx, Path(resume), options) if resume else _fresh(options)
    outcome = _go(plan, choose)
    from evalsuite.cli.run_table import print_run
    from evalsuite.run.summary import summarise

    folder = outcome.folder
    graded = summarise(folder, outcome.prepared_tasks)
    if as_json:
        click.echo(json.dumps(graded.summary.to_json(), indent=2))
    else:
        print_run(graded, folder.path, alarm)
    if outcome.missing:
        raise UsageError(
            f"{outcome.missing} requests have no response and count as wrong (why: {folder.path / 'errors.jsonl'}); "
            f"ask for them again: {_resume_command(folder.path)}"
        )
    return 0


def _go(plan: RunSpec, choose: Callable[[Identity], RunFolder]) -> RunOutcome:
    from evalsuite.run.progress import watch

    chosen: list[RunFolder] = []

    def remember(who: Identity) -> RunFolder:
        chosen.append(choose(who))
        _warm_up()
        return chosen[0]

    watcher = watch()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(run_plan(plan, remember, watcher))
    except KeyboardInterrupt:
        watcher.close()
        if chosen:
            print(f"stopped; every response is on disk. Go on: {_resume_command(chosen[0].path)}", file=sys.stderr)
        raise
    finally:
        watcher.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop where there is one; None: Python's own (Windows has no other)."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def _warm_up() -> None:
    """Load what the end of a run needs while the first answers are awaited: a third of a second that costs nothing."""

    def load() -> None:
        for module in ("evalsuite.cli.run_table", "scipy.special"):
            import_module(module)

    timer = threading.Timer(_HEAD_START, load)
    timer.daemon = True
    timer.start()


def _fresh(options: dict[str, Any]) -> tuple[RunSpec, Callable[[Identity], RunFolder]]:
    model, suite = options["model"] or TINY, options["suite"]
    if options["tasks"] is None and suite is None:
        suite = DEFAULT_SUITE if options["model"] else TINY_SUITE
    plan = RunSpec(
        model=model,
        tasks=tuple(task.name for task in resolve(options["tasks"], suite)),
        settings=_settings(model, options),
        samples=options["samples"],
        limit=options["limit"],
        format=options["answer_format"],
        system=_text(options["system"]),
        data_dir=options["data_dir"] and str(Path(options["data_dir"]).resolve()),
        rotate_options=options["rotate_options"],
    )
    if options["out"]:
        return plan, partial(same_folder, Path(options["out"]))
    return plan, partial(new_folder, Path("runs"), plan.model)


def _resumed(
    ctx: click.Context, path: Path, options: dict[str, Any]
) -> tuple[RunSpec, Callable[[Identity], RunFolder]]:
    """Take the plan from the folder; only what can't change a response may be given anew."""
    from dataclasses import replace

    given = {name for name in options if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE}
    fixed = given - {"base_url", "concurrency", "data_dir"}
    if fixed:
        flags = ", ".join("--" + name.replace("_", "-") for name in sorted(fixed))
        raise UsageError(f"--resume takes everything from {path}; leave out {flags}")
    facts = RunFolder(path).facts
    if "imported" in facts:
        raise UsageError(f"--resume {path}: this run was imported, and nobody can be asked; import it again")
    plan = RunSpec.from_json(facts["spec"])
    settings = plan.settings
    if "base_url" in given:
        settings = replace(settings, base_urls=options["base_url"])
    if "concurrency" in given:
        settings = replace(settings, concurrency=options["concurrency"])
    data_dir = options["data_dir"] if "data_dir" in given else plan.data_dir
    return replace(plan, settings=settings, data_dir=data_dir), partial(same_folder, path)


def _settings(model: str, options: dict[str, Any]) -> BackendSettings:
    _, _, name = model.partition("/")
    return BackendSettings(
        model=name,
        decoding=Decoding(
            temperature=options["temperature"],
            top_p=options["top_p"],
            max_tokens=options["max_tokens"] or _most_tokens(model, options["scoring"]),
            seed=options["seed"],
            thinking=options["thinking"],
            thinking_budget=options["thinking_budget"],
        ),
        base_urls=options["base_url"],
        revision=options["revision"],
        adapter=options["adapter"],
        chat_template=_template(options["chat_template"]),
        concurrency=options["concurrency"],
        model_args=dict(_pair(arg) for arg in options["model_args"]),
        scoring=options["scoring"],
    )


def _most_tokens(model: str, scoring: Scoring) -> int:
    return TINY_TOKENS if model == TINY and scoring == "generate" else Decoding().max_tokens


def _pair(arg: str) -> tuple[str, str]:
    key, equals, value = arg.partition("=")
    if not equals:
        raise UsageError(f"--model-arg {arg!r}: write it as KEY=VALUE")
    return key, value


def _text(value: str | None) -> str | None:
    if value is None or not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--system {value}: can't be read: {error}") from None


def _template(value: str | None) -> str | None:
    if value is None or value == "none":
        return None if value is None else ""
    try:
        return Path(value).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--chat-template {value}: can't be read: {error}") from None


def _resume_command(path: Path) -> str:
    return shlex.join(["evalsuite", "run", "--resume", str(path)])
