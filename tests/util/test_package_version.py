"""A package's version is found under whatever name its distribution has."""

import sys

import pytest

from evalsuite.util.package_version import package_version


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs a module by the name of a distribution."""

    def install(distribution: str, module: str, version: str) -> None:
        metadata = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (metadata / "top_level.txt").write_text(f"{module}\n")
        (metadata / "RECORD").write_text(f"{module}/__init__.py,,\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_the_distribution_may_have_another_name_than_the_module(installed):
    assert "other_engine" not in sys.modules and package_version("other_engine") is None
    installed("other-engine-cpu", "other_engine", "1.2")
    assert package_version("other_engine") == package_version("other-engine") == "1.2"


def test_the_module_own_distribution_comes_first(installed):
    installed("third-engine-cpu", "third_engine", "1.2")
    installed("third-engine", "third_engine", "2.0")
    assert package_version("third_engine") == "2.0"
