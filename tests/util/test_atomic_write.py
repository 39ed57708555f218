"""A file or folder that is replaced is seen as it was or as it is, never in part, and no link leads elsewhere."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from evalsuite.util import atomic_write
from evalsuite.util.atomic_write import (
    atomic_folder,
    atomic_path,
    is_partial_of,
    new_partial_folder,
    partial_folder,
    write_atomically,
)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_created_and_replaced_and_nothing_else_stays(tmp_path):
    for content in (b"one", b"", b"three\n"):
        write_atomically(tmp_path / "a.json", content)
        assert (tmp_path / "a.json").read_bytes() == content
        assert names(tmp_path) == ["a.json"]


def test_an_exception_leaves_the_old_content(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old" and names(tmp_path) == ["a"]


def test_a_kill_leaves_the_old_content_and_a_partial_file_that_is_recognised(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")
    script = (
        "import os, sys; from pathlib import Path; from evalsuite.util.atomic_write import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as partial:\n    partial.write_text('half'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(target)]).returncode == -9
    assert target.read_text() == "old"
    (left,) = (entry for entry in tmp_path.iterdir() if entry != target)
    assert is_partial_of(left, target) and not is_partial_of(left, tmp_path / "b.json")
    assert not is_partial_of(target, target)


def test_links_are_replaced_and_never_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "a").symlink_to(victim)
    write_atomically(tmp_path / "a", b"new")
    assert victim.read_text() == "untouched" and not (tmp_path / "a").is_symlink()
    monkeypatch.setattr(atomic_write.secrets, "token_hex", lambda _: "guessed")
    (tmp_path / ".a.guessed.part").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "a", b"newer")
    assert victim.read_text() == "untouched" and (tmp_path / "a").read_text() == "new"


def test_the_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_reader_never_sees_a_part_while_several_writers_replace_the_file(tmp_path):
    target, contents = tmp_path / "a", [bytes([65 + n]) * 200_000 for n in range(3)]
    write_atomically(target, contents[0])

    def rewrite(content):
        for _ in range(30):
            write_atomically(target, content)

    writers = [threading.Thread(target=rewrite, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert target.read_bytes() in contents
    assert names(tmp_path) == ["a"]


def test_a_folder_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "deep" / "model"
    with atomic_folder(target) as partial:
        (partial / "weights").write_text("w")
        assert not target.exists()
    assert names(target) == ["weights"] and names(target.parent) == ["model"]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="stop"), atomic_folder(tmp_path / "model") as partial:
        (partial / "weights").write_text("half")
        raise ValueError("stop")
    assert names(tmp_path) == []


def test_a_folder_never_replaces_one_that_holds_something(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("old")
    with pytest.raises(OSError), atomic_folder(tmp_path / "model"):
        pass
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["old"]


def test_what_a_killed_process_left_in_a_partial_folder_is_deleted_and_links_are_not_followed(tmp_path):
    target, outside = tmp_path / "model", tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("untouched")
    (new_partial_folder(target) / "stale").write_text("half")
    assert names(new_partial_folder(target)) == []
    partial_folder(target).rmdir()
    partial_folder(target).symlink_to(outside)
    assert not new_partial_folder(target).is_symlink() and names(outside) == ["file"]
