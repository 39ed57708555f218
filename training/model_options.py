"""The options of commands that send prompts to a model, and how such a command ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from evalsuite.util.text import visible

if TYPE_CHECKING:
    from evalsuite.run.spec import RunSpec

INCOMPLETE: Final = 1
"""Exit code where some requests have no response; 2 is for what can't be done at all."""
_OPTIONS: Final = (
    click.option("--base-url", multiple=True, help="Address of an OpenAI-compatible server; repeated for replicas."),
    click.option("--model-arg", "model_args", multiple=True, metavar="KEY=VALUE", help="Argument of the backend."),
    click.option("--temperature", type=click.FloatRange(0, 100), default=0.0, show_default=True),
    click.option("--max-tokens", type=click.IntRange(1), default=4096, show_default=True, help="Of a reply."),
    click.option("--concurrency", type=click.IntRange(1), default=64, show_default=True, help="Requests in flight."),
)


class ModelOptions(NamedTuple):
    """The values of these options, by the names of a command's parameters."""

    base_url: Sequence[str]
    model_args: Sequence[str]
    temperature: float
    max_tokens: int
    concurrency: int

    def spec(self, model: str, seed: int, purpose: str) -> RunSpec:
        """Return what is requested of a model (`backend/name`). Raises `UsageError`."""
        from evalsuite.models.backend import BackendSettings, Decoding
        from training.model_requests import model_spec

        settings = BackendSettings(
            model="",
            decoding=Decoding(self.temperature, max_tokens=self.max_tokens, seed=seed),
            base_urls=tuple(self.base_url),
            concurrency=self.concurrency,
            model_args=parse_model_args(self.model_args),
        )
        return model_spec(model, settings, purpose)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options in `ModelOptions`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def parse_model_args(args: Sequence[str]) -> dict[str, str]:
    """Return the arguments of a backend by their names; one that isn't KEY=VALUE is a `UsageError`."""
    from evalsuite.errors import ErrorCode, UsageError

    pairs = [arg.partition("=") for arg in args]
    if wrong := [key for key, equals, _ in pairs if not equals]:
        raise UsageError(ErrorCode.INVALID_ARGUMENT, f"`model_args` {wrong[0]!r}: write it as KEY=VALUE")
    return {key: value for key, _, value in pairs}


def tell(line: str) -> None:
    """Show a line about the progress of the requests."""
    click.echo(visible(line), err=True)
