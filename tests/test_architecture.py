"""ARCHITECTURE.md shows the imports as they are."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_pictures_of_the_imports_are_up_to_date():
    checked = subprocess.run([sys.executable, str(ROOT / "docs" / "import_graph.py"), "--check"], check=False)
    assert checked.returncode == 0, "run `python docs/import_graph.py`"
