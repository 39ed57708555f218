"""How this client proves to a server who it is: an API key, a user in the address, headers of one's own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.models.http.concurrency import Replica
from evalsuite.models.http.origin import Origin
from evalsuite.models.http.own_headers import advice_on_mode, carries_key, read_headers, secrets_in_headers
from evalsuite.models.redaction import (
    KEY_VARIABLES,
    Redactor,
    read_api_key,
    redact_url,
    secrets_in_url,
    secrets_of_proxies,
)


@dataclass(frozen=True, slots=True)
class Access:
    """The servers as this client may use them, and what no message may show."""

    replicas: list[Replica]
    redactor: Redactor
    notes: dict[str, str] = field(default_factory=dict)
    """As in `Backend.notes`."""


def gain_access(urls: Sequence[str], args: Mapping[str, str]) -> Access:
    """Read key and headers as the model arguments say; contradictions and secrets that would be stored are errors.

    Headers that carry a key of their own take the place of the API key, unless `api_key_env` asks for it too.
    """
    own = read_headers(args["headers"]) if "headers" in args else {}
    wanted = "api_key_env" in args or not carries_key(own)
    key = read_api_key(args.get("api_key_env")) if wanted else None
    headers = ({"Authorization": f"Bearer {key}"} if key else {}) | own
    # First the addresses: one that can't be split is an error of its own, before its parts are compared.
    replicas = [Replica(Origin(url, headers), redact_url(url)) for url in urls]
    _check_one_authorization(urls, key, own)
    in_urls = (value for url in urls for value in secrets_in_url(url))
    redactor = Redactor([key or "", *secrets_in_headers(own), *in_urls, *secrets_of_proxies()])
    for name, value in args.items():
        if redactor.redact_output(value) != value:
            raise UsageError(
                ErrorCode.SECRET_IN_ARGUMENT,
                f"`model_args` {name}: it contains a key, which run.json would store; leave it out",
            )
    advice = advice_on_mode(args["headers"]) if own else None
    return Access(replicas, redactor, {"headers": advice} if advice else {})


def guarded_access(args: Mapping[str, str]) -> frozenset[str]:
    """Return the settings that say what holds a key, and where there is one also `base_urls`; see `Backend.guarded`."""
    named = args.keys() & {"api_key_env", "headers"}
    has_key = named or any(os.environ.get(variable) for variable in KEY_VARIABLES)
    return frozenset(named | {"base_urls"} if has_key else named)


def _check_one_authorization(urls: Sequence[str], key: str | None, own: Mapping[str, str]) -> None:
    in_url = any(urlsplit(url).username is not None for url in urls)
    in_headers = any(name.lower() == "authorization" for name in own)
    if key and in_url:
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            "`base_urls`: one contains a user, and the environment has an API key; leave one of the two out",
        )
    if in_headers and (key or in_url):
        other = "`base_urls` contain a user" if in_url else "`model_args` api_key_env names a key"
        raise UsageError(
            ErrorCode.CONFLICTING_ARGUMENTS,
            f"`model_args` headers: they contain Authorization, and {other}; leave one of the two out",
        )
