"""Reads run.json, of this schema version and of earlier ones, and refuses one that is damaged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from evalsuite import run_folder_v1
from evalsuite.errors import ErrorCode, RunError
from evalsuite.tasks.schema import is_task_name
from evalsuite.util.checksum import checksum_error
from evalsuite.util.jsonl import parse_json
from evalsuite.util.regular_file import read_regular_file
from evalsuite.util.validation import first_problem

SCHEMA: Final = 3
"""Version of the keys in run.json and summary.json; version 2 had no checksums, 1 is read through `run_folder_v1`."""
LARGEST: Final = 1 << 30
"""Bytes of the largest run.json that is read."""
Json = dict[str, Any]


class _Part(BaseModel):
    """What readers of a run.json rely on: strictly typed, with room for all that is only a record."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Identity(_Part):
    model: str
    samples: Annotated[int, Field(ge=1, le=1_000_000)]
    decoding: Json
    tasks: dict[str, Json]
    adapter: str | None = None

    @field_validator("tasks")
    @classmethod
    def _have_names(cls, tasks: dict[str, Json]) -> dict[str, Json]:
        unfit = next((name for name in tasks if not is_task_name(name)), None)
        if unfit is not None:
            raise ValueError(f"{unfit[:80]!r} is no name of a task")
        return tasks


class _Ended(_Part):
    status: str
    at: str | None = None


class _Spec(_Part):
    data_dir: str | None = None
    system: str | None = None
    task_args: dict[str, dict[str, int | str]] = Field(default_factory=dict)


class _BackendFacts(_Part):
    models: list[str] = Field(default_factory=list)


class _Facts(_Part):
    began_as: Annotated[int, Field(ge=1, le=SCHEMA)]
    identity: _Identity
    ended: _Ended
    journal_id: str | None
    journals: dict[str, Annotated[int, Field(ge=0)]]
    identity_digest: str | None = None
    parser: Annotated[str, Field(max_length=200)] | None = None
    """Names copies of files, hence the limit."""
    started: str | None = None
    spec: _Spec = _Spec()
    backend: _BackendFacts = _BackendFacts()
    decoding: Json = Field(default_factory=dict)
    backend_notes: dict[str, str] = Field(default_factory=dict)
    prompt_setups: Json = Field(default_factory=dict)
    imported: Json = Field(default_factory=dict)
    regraded: list[Json] = Field(default_factory=list)


def read_run_json(file: Path) -> dict[str, Any]:
    """Return the content of a run.json with the keys of the present schema; a missing or damaged one is a `RunError`.

    It says what the run's identity is and how it ended, the names of its tasks can be names of files, and its checksum
    holds. `began_as` is the schema version with which the run started.
    """
    try:
        facts = parse_json(read_regular_file(file, LARGEST))
    except FileNotFoundError:
        raise RunError(ErrorCode.RUN_NOT_FOUND, f"{file.parent}: there is no run (no run.json)") from None
    except (OSError, ValueError) as error:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: can't be read: {error}") from None
    return _checked(facts, file)


def _checked(facts: Any, file: Path) -> dict[str, Any]:
    began_as = facts.get("schema") if isinstance(facts, dict) else None
    if type(began_as) is not int or not 1 <= began_as <= SCHEMA:
        raise RunError(
            ErrorCode.RUN_SCHEMA_UNSUPPORTED, f"{file}: not a run of schema 1 to {SCHEMA}, which this version reads"
        )
    damage = checksum_error(facts, required=began_as == SCHEMA)
    if damage is not None:
        raise RunError(ErrorCode.RUN_UNREADABLE, f"{file}: {damage}; restore it, or run again")
    if began_as == 1:
        facts = run_folder_v1.upgrade_run(facts)
    complete = {"began_as": began_as, "journal_id": None, "journals": {}, **facts, "schema": SCHEMA}
    try:
        _Facts.model_validate(complete)
    except ValidationError as error:
        message = f"{file}: {first_problem(error, 'run')}; was it edited?"
        raise RunError(ErrorCode.RUN_UNREADABLE, message) from None
    return complete


def model_with_adapter(identity: Mapping[str, Any]) -> str:
    """Return the model of a run's identity, and its adapter where it has one: `hf/BASE + ADAPTER`."""
    adapter = identity.get("adapter")
    return f"{identity['model']} + {adapter}" if adapter else str(identity["model"])
