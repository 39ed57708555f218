"""The Python of the documentation, run as scripts of their own, with a tiny model in place of the one they name."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
NAMED = "Qwen/Qwen3-8B"


def blocks(page: str) -> dict[str, list[str]]:
    """The Python blocks of a page of docs/, by the section that they stand in."""
    text = (ROOT / "docs" / page).read_text()
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    return {title: re.findall(r"```python\n(.*?)```", section, re.DOTALL) for title, section in sections.items()}


def run(block: str, model: Path, place: Path, **replaced: str) -> None:
    """Run a block in `place`."""
    for old, new in {NAMED: str(model), **replaced}.items():
        assert old in block, old
        block = block.replace(old, new)
    path = os.pathsep.join([str(place), str(ROOT)])
    told = {**os.environ, "EVALSUITE_DATA": str(DATA), "HF_HUB_OFFLINE": "1", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", block], cwd=place, env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
