"""Another project's distribution with the same import name is named in one line by the first import and by doctor."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python(tmp_path, *arguments):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, timeout=60)


def test_the_first_import_and_doctor_name_it(tmp_path):
    assert python(tmp_path, "-W", "error", "-c", "import evalsuite").stderr == ""
    metadata = tmp_path / "evalsuite_python-0.3.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: evalsuite-python\nVersion: 0.3.1\n")
    warned = python(tmp_path, "-c", "import evalsuite").stderr
    assert warned.count("evalsuite-python is installed") == 1 and str(tmp_path) in warned
    ended = python(tmp_path, "-W", "ignore", "-m", "evalsuite", "doctor")
    assert ended.returncode == 0 and str(tmp_path) in ended.stdout
