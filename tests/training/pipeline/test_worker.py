"""The processes that a run starts: an error of one is a line with its code, which the run reads from its log."""

import subprocess
import sys

import pytest

from evalsuite.errors import ErrorCode
from training.child_process import environment, run_module
from training.pipeline import worker
from training.recipe import read_recipe
from training.run_folder import TrainingFolder
from training.run_spec import make_spec, write_spec


@pytest.fixture
def run(tmp_path):
    folder = TrainingFolder(tmp_path / "run")
    write_spec(folder, make_spec(read_recipe("reasonmed-8b"), tmp_path, False))
    return folder


@pytest.mark.parametrize("part", ["preflight", "stage"])
def test_an_unknown_stage_is_reported_with_its_code(run, tmp_path, part):
    ended = run_module([worker.MODULE, part, str(run.path), "four"], environment(read_recipe("tiny")), tmp_path / "log")
    assert ended.status == 2 and ended.error_code is ErrorCode.UNKNOWN_STAGE and "four" in ended.message


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from training.pipeline.worker import main\n"
        "assert main(['--help']) == 0\n"
        "print(sorted(sys.modules.keys() & {'torch', 'transformers', 'trl', 'pydantic', 'numpy'}))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1] == "[]", ended.stdout + ended.stderr
