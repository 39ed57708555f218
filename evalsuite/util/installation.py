"""How this package is installed here, and the command that adds one of its extras: no package index has it."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from evalsuite.version import __version__

_NAME: Final = "evalsuite"
_ROOT: Final = Path(__file__).resolve().parents[2]


def install_command(extra: str) -> str:
    """Return the pip command that installs an extra from where this package came: a checkout, or a repository.

    The repository and its commit are known from `direct_url.json`, which pip writes (PEP 610); without it the command
    has REPOSITORY in its place, and this version's tag.
    """
    if (_ROOT / "pyproject.toml").is_file():
        return f"pip install -e '{_ROOT}[{extra}]'"
    origin = _origin()
    url, version = origin.get("url"), origin.get("vcs_info")
    if isinstance(url, str) and isinstance(version, dict):
        revision = version.get("requested_revision") or version.get("commit_id") or f"v{__version__}"
        return f"pip install '{_NAME}[{extra}] @ {version.get('vcs', 'git')}+{url}@{revision}'"
    if isinstance(url, str) and url.startswith("file://") and "dir_info" in origin:
        return f"pip install '{unquote(urlsplit(url).path)}[{extra}]'"
    return f"pip install '{_NAME}[{extra}] @ git+REPOSITORY@v{__version__}'"


def _origin() -> dict[str, Any]:
    """Return what pip recorded about the source of the installed distribution; empty if it recorded nothing."""
    try:
        content = json.loads(distribution(_NAME).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError, OSError):
        return {}
    return content if isinstance(content, dict) else {}
