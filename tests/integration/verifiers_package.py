"""The example environment, installed as verifiers expects it, and the recording that its server replays."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "environments" / "evalsuite_medqa"


def install(folder):
    """Install the package into a folder for the module search path, and return the folder."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), str(PACKAGE)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def run(command, site, folder):
    """Run one of verifiers' commands in a folder, with the installed package, to its end."""
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "NO_KEY": "none", "HF_HUB_OFFLINE": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    script = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run(
        [script, *command[1:]], env=environment, cwd=folder, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def recording(task):
    """Return the hand-written responses to a starter task, which have every status: {item id: row}."""
    lines = (ROOT / "examples" / "starter_recording.jsonl").read_text().splitlines()
    return {row["item_id"]: row for row in map(json.loads, lines) if row["benchmark"] == task.name}
