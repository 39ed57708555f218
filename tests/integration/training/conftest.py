"""A benchmark and data that the tests of whole runs share."""

from pathlib import Path

import mini
import pytest


@pytest.fixture(scope="session")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that EVALSUITE_TASKS names."""
    return mini.make_task(tmp_path_factory.mktemp("tasks"))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, tasks: Path) -> Path:
    """Data folders and a base model."""
    return mini.make_data(tmp_path_factory.mktemp("data"), tasks)
