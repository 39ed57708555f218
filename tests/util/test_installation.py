"""The command that adds an extra names the place that this package was installed from."""

import json
import re
import sys
from pathlib import Path

import pytest

from evalsuite.util import installation
from evalsuite.util.installation import install_command
from evalsuite.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def installed(tmp_path, monkeypatch, origin):
    """An installed distribution with this `direct_url.json`, and no checkout around the package."""
    metadata = tmp_path / f"evalsuite-{__version__}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: evalsuite\nVersion: {__version__}\n")
    if origin is not None:
        (metadata / "direct_url.json").write_text(origin if isinstance(origin, str) else json.dumps(origin))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(installation, "_ROOT", tmp_path)


def test_in_a_checkout_it_is_the_checkout():
    assert install_command("hf") == f"pip install -e '{ROOT}[hf]'"


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (
            {"url": "https://host/evalsuite.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
            "evalsuite[hf] @ git+https://host/evalsuite.git@ab12",
        ),
        (
            {
                "url": "ssh://git@host/e.git",
                "vcs_info": {"vcs": "git", "commit_id": "ab12", "requested_revision": "v0.2.0"},
            },
            "evalsuite[hf] @ git+ssh://git@host/e.git@v0.2.0",
        ),
        ({"url": "file:///srv/my%20code", "dir_info": {}}, "/srv/my code[hf]"),
        ({"url": "https://host/e.whl", "archive_info": {}}, f"evalsuite[hf] @ git+REPOSITORY@v{__version__}"),
        (None, f"evalsuite[hf] @ git+REPOSITORY@v{__version__}"),
        ("{", f"evalsuite[hf] @ git+REPOSITORY@v{__version__}"),
        ("[]", f"evalsuite[hf] @ git+REPOSITORY@v{__version__}"),
    ],
)
def test_elsewhere_it_is_the_recorded_source(tmp_path, monkeypatch, origin, requirement):
    installed(tmp_path, monkeypatch, origin)
    assert install_command("hf") == f"pip install '{requirement}'"


def test_nothing_names_a_package_index():
    """`pip install evalsuite` would install something else, or nothing."""
    places = [*ROOT.glob("*.md"), ROOT / "pyproject.toml"]
    for folder, ending in (("evalsuite", "py"), ("training", "py"), ("docs", "md"), ("examples", "*")):
        places += [path for path in (ROOT / folder).rglob(f"*.{ending}") if path.is_file()]
    bare = re.compile(r"pip install[^\n`]*?['\" ]evalsuite(?:\[[\w,-]+\])?['\"]?(?!\S)(?! ?@)")
    assert not [str(path) for path in places if bare.search(path.read_text(encoding="utf-8", errors="replace"))]
