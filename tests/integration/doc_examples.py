"""Runs the Python examples of the documentation as scripts, with a tiny model in place of the one that they name."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
DOCUMENTED_MODEL = "Qwen/Qwen3-8B"


def blocks(page: str) -> dict[str, list[str]]:
    """Return the Python blocks of a page of docs/: {title of the section: blocks}."""
    text = (ROOT / "docs" / page).read_text()
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    return {title: re.findall(r"```python\n(.*?)```", section, re.DOTALL) for title, section in sections.items()}


def run(block: str, model: Path, folder: Path, **replacements: str) -> None:
    """Run a block in `folder`, with `model` for the documented one and further texts replaced."""
    for old, new in {DOCUMENTED_MODEL: str(model), **replacements}.items():
        assert old in block, old
        block = block.replace(old, new)
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "EVALSUITE_DATA": str(DATA), "HF_HUB_OFFLINE": "1", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", block], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
