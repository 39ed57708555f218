"""A page of YAML is read as it was meant, or refused in one line."""

import pytest

from evalsuite.errors import TaskError
from evalsuite.util.yaml_file import read_page

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdef", "bcdefg", strict=True)
)


def page(tmp_path, text):
    path = tmp_path / "page.yaml"
    path.write_text(text, "utf-8")
    return path


def test_merged_keys_are_taken_and_own_keys_win(tmp_path):
    text = "base: &base {x: 1, y: 2}\nown: {<<: *base, y: 3}\nagain: {<<: *base, y: 4}\n"
    assert read_page(page(tmp_path, text), 1000, TaskError) == {
        "base": {"x": 1, "y": 2},
        "own": {"x": 1, "y": 3},
        "again": {"x": 1, "y": 4},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: 1\ny: 2\nx: 3\n", "x is there twice"),
        ("a: {b: 1, b: 2}", "b is there twice"),
        ("a: !!python/object/apply:os.system [true]", "not YAML"),
        ("a: [", "not YAML"),
        ("x" * 2000, "larger than 1000 bytes"),
        (BOMB, "aliases unfold"),
        ("[" * 900, "not YAML"),
    ],
)
def test_what_is_no_page_is_one_line(tmp_path, text, said):
    with pytest.raises(TaskError, match=said) as error:
        read_page(page(tmp_path, text), 1000, TaskError)
    assert "\n" not in str(error.value)


def test_a_page_that_isnt_there_or_isnt_text_is_one_line(tmp_path):
    with pytest.raises(TaskError, match="No such file"):
        read_page(tmp_path / "absent.yaml", 1000, TaskError)
    (tmp_path / "page.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TaskError, match="not YAML"):
        read_page(tmp_path / "page.yaml", 1000, TaskError)
