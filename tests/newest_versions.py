"""Run the integration tests that concern a package against its newest release, beside the versions that are pinned.

    python tests/newest_versions.py verifiers
    python tests/newest_versions.py trl --version 1.17.0 --environment /tmp/newest-trl

The environment has the versions of constraints.txt first. Then the package alone is upgraded, and only those of its
dependencies that have to be. The last line of the output is a row for the table of docs/versions.md.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
INTEGRATION: Final = "tests/integration"


class Concern(NamedTuple):
    """What one package concerns."""

    extras: str
    """Extras of this project that need it."""
    tests: tuple[str, ...]
    """Files or folders below tests/integration."""


CONCERNS: Final = {
    "inspect-ai": Concern("inspect", ("test_inspect.py", "test_interop_inspect.py", "test_interop_import.py")),
    "lm-eval": Concern("lm-eval,hf", ("test_interop_lm_eval.py", "test_loglikelihood.py")),
    "openai": Concern("inspect", ("test_inspect.py", "test_interop_inspect.py")),
    "peft": Concern("train", ("test_tied_embeddings.py", "test_hf.py", "training/test_weights.py")),
    "transformers": Concern("hf,train", ("test_hf.py", "test_loglikelihood.py", "test_tied_embeddings.py", "training")),
    "trl": Concern("train", ("test_reward_trl.py", "training")),
    "verifiers": Concern("verifiers", ("test_interop_verifiers.py", "test_interop_verifiers_v1.py")),
    "vllm": Concern("vllm", ("test_vllm.py",)),
}
PRIVATE_NAMES: Final = "test_private_names.py"
"""Runs with every package: it names what another library has moved."""


def main() -> int:
    """Build the environment, run the tests, print a row for the table; 0 if all of them passed."""
    arguments = _arguments()
    concern = CONCERNS[arguments.package]
    with tempfile.TemporaryDirectory() as temporary:
        python = _environment(Path(arguments.environment or temporary), arguments.package, arguments.version, concern)
        version = _version(python, arguments.package)
        print(f"== tests with {arguments.package} {version}", flush=True)
        tests = [f"{INTEGRATION}/{name}" for name in (*concern.tests, PRIVATE_NAMES)]
        ended = subprocess.run(
            [str(python), "-m", "pytest", "-m", "integration", *tests], cwd=ROOT, capture_output=True, text=True
        )
        print(ended.stdout, ended.stderr, sep="\n")
    result = ended.stdout.strip().rpartition("\n")[2] or "no tests ran"
    names = ", ".join(f"`{name}`" for name in concern.tests)
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"| {arguments.package} | {_pinned(arguments.package)} | {version} | {today} | {names} | {result} |")
    return ended.returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Test a package's newest release beside the pinned versions.")
    parser.add_argument("package", choices=sorted(CONCERNS))
    parser.add_argument("--version", help="this release and not the newest one")
    parser.add_argument("--environment", help="keep the environment in this folder, and reuse what is there")
    return parser.parse_args()


def _environment(folder: Path, package: str, version: str | None, concern: Concern) -> Path:
    """Make an environment with the pinned versions, upgrade the package in it, and return its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        _pip(python, "-c", str(ROOT / "constraints.txt"), "-e", f"{ROOT}[dev,{concern.extras}]")
    _pip(python, "--upgrade", package if version is None else f"{package}=={version}")
    return python


def _pip(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), "-m", "pip", "install", "-q", *arguments], check=True)


def _version(python: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _pinned(package: str) -> str:
    """Return the version in constraints.txt; vllm has none there."""
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    pin = re.search(rf"^{package.replace('-', '[-_]')}==(.+)$", pins, re.MULTILINE)
    return pin[1] if pin else "not pinned"


if __name__ == "__main__":
    sys.exit(main())
