"""Which weights answered: the hub's commit, or a fingerprint of a local folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evalsuite.models.backend import BackendSettings

_SUFFIXES = frozenset({".safetensors", ".bin", ".json", ".model", ".jinja", ".gguf"})
_PART = 1 << 20


def revision(settings: BackendSettings, commit: str | None) -> str | None:
    """Name the weights so that a run is never resumed with others that were saved under the same path."""
    base = fingerprint(Path(settings.model)) or commit or settings.revision
    adapter = fingerprint(Path(settings.adapter)) if settings.adapter is not None else None
    return base if adapter is None else f"{base}+{adapter}"


def fingerprint(folder: Path) -> str | None:
    """sha256, in 16 digits, over the size, first and last MiB of each model file; None where there is no folder.

    Training changes nearly every weight, so the ends of the files tell; reading all of them would take minutes.
    """
    if not folder.is_dir():
        return None
    seen = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES):
        size = file.stat().st_size
        seen.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            seen.update(stream.read(_PART))
            stream.seek(max(0, size - _PART))
            seen.update(stream.read(_PART))
    return f"files-{seen.hexdigest()[:16]}"
