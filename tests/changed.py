"""Run the unit tests of the packages that differ from the main branch: `python tests/changed.py [BASE]`.

A change of `evalsuite/stats/power.py` runs `tests/stats`, of `training/data/rows.py` `tests/training/data`, and a
changed test runs itself. A module in the root of a package runs the tests in the root of its folder.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def changed_files(base: str) -> set[str]:
    """Return the paths that differ from the common ancestor with `base`, uncommitted and new ones included."""
    ancestor = _git("merge-base", base, "HEAD").strip()
    listed = _git("diff", "--name-only", ancestor) + _git("ls-files", "--others", "--exclude-standard")
    return set(listed.split())


def tests_of(path: str) -> Path | None:
    """Return the test file or folder that covers a changed file; None if no unit test does."""
    parts = Path(path).parts
    if parts[0] == "tests" and path.endswith(".py") and parts[-1].startswith("test_") and "integration" not in parts:
        return ROOT / path if (ROOT / path).exists() else None
    if parts[0] not in ("evalsuite", "training") or len(parts) < 3:
        return None
    folder = ROOT / "tests" / ("training" if parts[0] == "training" else "") / parts[1]
    return folder if folder.is_dir() else None


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Run the tests and return pytest's exit code; 0 if nothing that changed has unit tests."""
    base = sys.argv[1] if len(sys.argv) > 1 else "main"
    chosen = sorted({str(test) for path in changed_files(base) if (test := tests_of(path)) is not None})
    if not chosen:
        print("No changed file has unit tests.")
        return 0
    return subprocess.run([sys.executable, "-m", "pytest", "-n", "auto", *chosen], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
