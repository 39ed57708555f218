"""Error codes: each is documented once, and every error that is raised on purpose has one."""

import ast
import errno
import os
import pickle
import re
from pathlib import Path

import pytest

import evalsuite.errors
from evalsuite.cli.exit_status import with_options
from evalsuite.errors import ErrorCode, EvalsuiteError, UsageError
from evalsuite.run_folder import disk_error

ROOT = Path(__file__).parents[1]
CLASSES = {name for name in vars(evalsuite.errors) if name.endswith("Error")}
SOURCES = [file for package in ("evalsuite", "training") for file in sorted((ROOT / package).rglob("*.py"))]


def test_every_code_has_one_line_in_the_documentation_and_no_line_is_left_over():
    lines = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(lines) == sorted(ErrorCode)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_error_is_raised_with_a_code(file):
    calls = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
    errors = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in CLASSES]
    without = [call.lineno for call in errors if len(call.args) != 2]
    assert without == []


def test_an_error_carries_its_code_and_its_message():
    error = UsageError(ErrorCode.INVALID_ARGUMENT, "`samples` is 0: it must be at least 1")
    assert isinstance(error, EvalsuiteError)
    assert error.code is ErrorCode.INVALID_ARGUMENT and str(error) == "`samples` is 0: it must be at least 1"


def test_the_command_line_speaks_of_options_where_the_library_speaks_of_arguments():
    message = "`data_dir` and `base_urls`: run `hf auth login` first"
    assert with_options(message) == "--data-dir and --base-url: run `hf auth login` first"


def test_an_error_keeps_its_code_in_another_process():
    error = pickle.loads(pickle.dumps(UsageError(ErrorCode.UNKNOWN_TASK, "unknown task 'medqq'")))
    assert type(error) is UsageError and error.code is ErrorCode.UNKNOWN_TASK and str(error) == "unknown task 'medqq'"


@pytest.mark.parametrize(
    ("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.ENOENT, False), (errno.EACCES, False)]
)
def test_only_a_full_disk_is_to_be_cleared(number, full):
    error = disk_error(Path("run"), OSError(number, os.strerror(number)))
    assert error.code is ErrorCode.OUTPUT_NOT_WRITABLE and os.strerror(number) in str(error)
    assert ("free some space" in str(error), "`out`" in str(error)) == (full, not full)
