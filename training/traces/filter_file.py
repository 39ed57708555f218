"""The file with the settings of the filters: YAML, with the keys of `TraceFilters`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.util.validation import first_problem
from evalsuite.util.yaml_file import read_yaml
from training.traces.filters import TraceFilters

_MAX_BYTES: Final = 1 << 16


def read_filters(path: Path | None) -> TraceFilters:
    """Return the settings in a file, or those that hold without one; a file that can't be used is a `UsageError`."""
    if path is None:
        return TraceFilters.model_validate({})
    content = read_yaml(path, _MAX_BYTES, UsageError, ErrorCode.INVALID_ARGUMENT)
    try:
        return TraceFilters.model_validate(content if content is not None else {})
    except ValidationError as error:
        message = f"`filters` {path}: {first_problem(error, 'filters')}; correct the file"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message) from None
