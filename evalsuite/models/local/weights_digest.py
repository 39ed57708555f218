"""Which weights a local model has: the hub's commit, or a digest of a local folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evalsuite.models.backend import BackendSettings

_MODEL_SUFFIXES = frozenset({".safetensors", ".bin", ".json", ".model", ".jinja", ".gguf"})
_BLOCK = 1 << 20


def weights_revision(settings: BackendSettings, commit: str | None) -> str | None:
    """Identify base weights and adapter, so that a run is never resumed with others saved under the same path."""
    base = folder_digest(Path(settings.model)) or commit or settings.revision
    adapter = folder_digest(Path(settings.adapter)) if settings.adapter is not None else None
    return base if adapter is None else f"{base}+{adapter}"


def folder_digest(folder: Path) -> str | None:
    """Return 16 digits of a SHA-256 over name, size, first and last MiB of each model file; None without a folder.

    Training changes nearly every weight, so the ends of the files suffice; reading all of them would take minutes.
    """
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.suffix in _MODEL_SUFFIXES):
        size = file.stat().st_size
        digest.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_BLOCK))
            stream.seek(max(0, size - _BLOCK))
            digest.update(stream.read(_BLOCK))
    return f"files-{digest.hexdigest()[:16]}"
