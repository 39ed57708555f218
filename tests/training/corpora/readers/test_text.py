"""A user's own texts, as they stand."""

import pytest

from training.corpora.documents import Document
from training.corpora.readers import READERS


def read(tmp_path, files):
    for name, content in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return list(READERS["text"](tmp_path))


def test_each_file_is_a_document_with_the_nearest_licence(tmp_path):
    files = {
        "LICENSE": b"\n# CC BY 4.0\n",
        "a.md": b"# Karst fever\n\nTake 2 x 5 mg.\r\n\r\n\r\n| 1 | 2 |\n| 3 | 4 |\n",
        "ward/LICENCE.txt": b"Ward 7 only, not to be passed on",
        "ward/b.txt": "\ufeffFièvre 38 °C".encode(),
        "ward/c.csv": b"5",
    }
    first, second = read(tmp_path, files)
    assert first == Document(
        "text:a.md", "text", "Karst fever", "Take 2 x 5 mg.\n\n| 1 | 2 |\n| 3 | 4 |", "CC-BY-4.0", "a.md:1", "und", ()
    )
    assert (second.id, second.title, second.text) == ("text:ward/b.txt", "b", "Fièvre 38 °C")
    assert second.licence == "Ward 7 only, not to be passed on"


@pytest.mark.parametrize(
    ("line", "title"), [("# Karst fever ##", "Karst fever"), ("# ##", "a"), ("#", "a"), (f"# b{' ' * 50_000}c", None)]
)
def test_the_heading_is_the_title(tmp_path, line, title):
    (document,) = read(tmp_path, {"LICENCE": b"CC0", "a.md": f"{line}\n\nTake 5 mg.".encode()})
    assert document.title == (title or line.removeprefix("# ")) and document.text.endswith("Take 5 mg.")


@pytest.mark.parametrize(
    ("files", "reason", "line"),
    [
        ({"a.txt": b"5 mg"}, "licence_missing", 1),
        ({"LICENCE": b"CC0", "a.txt": b"ok\nFi\xe8vre"}, "malformed", 2),
        ({"LICENCE": b"CC0", "a.txt": b" \n"}, "no_text", 1),
    ],
)
def test_refused_files(tmp_path, files, reason, line):
    (record,) = read(tmp_path, files)
    assert (record.reason, record.locator) == (reason, f"a.txt:{line}")
