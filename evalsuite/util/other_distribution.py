"""Tells whether another project's distribution with the same import name and command is installed beside this one."""

from __future__ import annotations

import os
import sys
import warnings

OTHER = "evalsuite-python"
"""A distribution that also installs the module and the command `evalsuite`; the two overwrite each other's files."""


def message() -> str:
    """Return one line about the other distribution; empty if it isn't installed."""
    prefix = OTHER.replace("-", "_") + "-"
    # Names of folders, since reading metadata would take longer than everything else that this import does.
    for folder in sys.path:
        try:
            found = any(name.startswith(prefix) and name.endswith(".dist-info") for name in os.listdir(folder or "."))  # noqa: PTH208
        except OSError:
            continue
        if found:
            return (
                f"{OTHER} is installed in {folder or os.curdir}, another project with the same import name and "
                f"command: pip uninstall {OTHER}, then install this one again"
            )
    return ""


def warn() -> None:
    """Warn of the other distribution, in one line."""
    if line := message():
        warnings.warn(line, stacklevel=3)
