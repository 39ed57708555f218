"""Task cards: they are complete, they are searched in order, and every mistake in one is one line with its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.errors import ErrorCode, TaskError, UsageError
from evalsuite.tasks.registry import load_suites, load_task, resolve, task_names
from evalsuite.tasks.schema import BUILT_IN

CARD = """
name: mine
version: 1
items: 2
option_counts: {2: 2}
sources:
  - path: items.jsonl
    items: 2
"""


def write(root: Path, card: str, name: str = "mine") -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "task.yaml").write_text(card, "utf-8")
    return folder


def test_every_built_in_card_is_complete():
    for name in task_names():
        task = load_task(name)
        assert task.title and task.about and task.licence and task.citation and task.split, name
        assert task.items == sum(task.option_counts.values()), name
        assert 0 < task.chance < 1 and task.constant and task.variant and (task.sources or task.generated), name
        chance = sum(count / options for options, count in task.option_counts.items()) / task.items
        assert task.chance == pytest.approx(chance, abs=1e-4), name
        assert "item" in task.template and "answer_instruction" in task.template, name
        if task.hub:
            assert task.hub.revision == "unverified" and "could not be checked" in task.hub.note, name


def test_benchmarks_are_locked_and_described():
    for name in load_suites()["all"].tasks:
        task = load_task(name)
        assert len(task.digest) == 64 and task.defects and task.contamination and task.hub, name
        assert (task.folder / "items.lock").is_file(), name
        assert task.digest in (task.folder / "README.md").read_text("utf-8"), name
        assert all(source.sha256 or source.path == "medqa/phrases_no_exclude_test.jsonl" or source.refuse
                   for source in task.sources), name  # fmt: skip


def test_suites_have_the_columns_of_the_papers():
    suites = load_suites()
    assert suites["fleming"].tasks == (
        "careqa", "jmed", "medbullets_op4", "medmcqa", "medqa", "medxpertqa", "pubmedqa", "mmlu_pro_biology",
        "mmlu_pro_health",
    )  # fmt: skip
    assert suites["reasonmed"].tasks == ("medqa_5opt", "medmcqa", "pubmedqa_1000")
    assert len(suites["all"].tasks) == 12
    for suite in suites.values():
        assert {*suite.tasks} <= {*task_names()}


def test_aliases_name_one_task_each():
    owners: dict[str, str] = {}
    for name in task_names():
        for alias in load_task(name).aliases:
            assert alias not in task_names()
            assert owners.setdefault(alias, name) == name


def test_resolve_keeps_order_and_drops_repeats():
    assert [task.name for task in resolve("pubmedqa,medqa,pubmedqa", None)] == ["pubmedqa", "medqa"]
    assert [task.name for task in resolve("medqa_5opt", "reasonmed")] == ["medqa_5opt", "medmcqa", "pubmedqa_1000"]


@pytest.mark.parametrize(
    ("tasks", "suite", "code", "offer"),
    [
        ("medqaa", None, ErrorCode.UNKNOWN_TASK, "medqa, "),
        ("medqa_4opt", None, ErrorCode.UNKNOWN_TASK, "recordings call medqa"),
        ("zzz", None, ErrorCode.UNKNOWN_TASK, ", ".join(task_names())),
        (None, "flemming", ErrorCode.UNKNOWN_SUITE, "fleming?"),
        (None, None, ErrorCode.MISSING_ARGUMENT, "`tasks`"),
        (",", None, ErrorCode.MISSING_ARGUMENT, "`suite`"),
    ],
)
def test_unknown_names_get_an_offer(tasks, suite, code, offer):
    with pytest.raises(UsageError) as caught:
        resolve(tasks, suite)
    assert caught.value.code is code
    assert offer in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_adds_a_task_and_a_suite(tmp_path, monkeypatch):
    folder = write(tmp_path, CARD)
    (tmp_path / "suites.yaml").write_text("ours:\n  about: ours\n  tasks: [mine, medqa]\n")
    monkeypatch.setenv("EVALSUITE_TASKS", str(tmp_path))
    assert "mine" in task_names()
    assert load_task("mine").folder == folder
    assert load_task("mine").prompt == BUILT_IN / "prompt.j2", "the shared prompt is used where a task has none"
    assert [task.name for task in resolve(None, "ours")] == ["mine", "medqa"]
    monkeypatch.setenv("EVALSUITE_TASKS", str(folder))
    assert "mine" in task_names(), "a task folder itself may be named"


def test_an_absent_folder_of_tasks_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALSUITE_TASKS", str(tmp_path / "nowhere"))
    with pytest.raises(TaskError) as caught:
        task_names()
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT and "EVALSUITE_TASKS" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (("version: 1", "version: 1\ncolour: red"), "colour: "),
        (("version: 1", "version: '1'"), "version: "),
        (("version: 1\n", ""), "version: "),
        (("items: 2\noption", "items: 3\noption"), "option_counts"),
        (("name: mine", "name: other"), "name is 'other'"),
        (("    items: 2", "    items: 2\n    layout: wide"), "layout 'wide'"),
        (("version: 1", "version: 1\nformat: xml"), "format: "),
        (("version: 1", "version: 1\nlanguage: not a tag"), "language: "),
        (("version: 1", "version: [1"), ""),
        (("version: 1", "version: !!python/object/apply:os.system ['true']"), ""),
        (("path: items.jsonl", "path: ../../secret.jsonl"), "sources.0.path: "),
        (("path: items.jsonl", "path: /etc/passwd"), "sources.0.path: "),
        (("version: 1", "version: 1\nhub: {repo: ../../x, split: test, files: [a]}"), "hub.repo: "),
        ((CARD, "- a list"), ""),
    ],
)
def test_a_malformed_card_is_one_line_with_the_key(tmp_path, change, place):
    folder = write(tmp_path, CARD.replace(*change))
    with pytest.raises(TaskError) as caught:
        load_task("mine", folder)
    assert caught.value.code is ErrorCode.INVALID_TASK_CARD
    assert str(caught.value).startswith(f"{folder / 'task.yaml'}: {place}")
    assert "\n" not in str(caught.value)


def test_aliases_that_unfold_without_end_are_refused_at_once(tmp_path):
    """A card of a kilobyte that unfolds to 9^12 values, which must never be built."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    folder = write(tmp_path, CARD + "\n".join(lines) + "\n")
    with pytest.raises(TaskError) as caught:
        load_task("mine", folder)
    assert caught.value.code is ErrorCode.INVALID_TASK_CARD


def test_a_card_inside_itself_is_refused(tmp_path):
    with pytest.raises(TaskError) as caught:
        load_task("mine", write(tmp_path, CARD + "defects: &d [*d]\n"))
    assert caught.value.code is ErrorCode.INVALID_TASK_CARD


def test_recordings_are_described_by_their_setting():
    recording = load_task("mmlu_pro_health").recording("cot_5shot")
    assert recording and (recording.format, recording.stop) == ("the_answer_is", ("Question:",))
    lettered = load_task("pubmedqa").recording("zero_shot")
    assert lettered and lettered.labels == ("A", "B", "C")
    two_turns = load_task("medxpertqa").recording("medxpertqa_official_2turn_cot")
    assert two_turns and (two_turns.response_field, two_turns.reasoning_field) == ("final_turn_text", "text")
    assert load_task("medqa").recording("no such protocol") is None


@pytest.mark.parametrize("tag", ["english", "EN", "en_GB", "e", "en-"])
def test_an_invalid_language_is_a_sentence_without_a_pattern(tmp_path, tag):
    folder = write(tmp_path, CARD.replace("version: 1", f"version: 1\nlanguage: {tag}"))
    with pytest.raises(TaskError) as caught:
        load_task("mine", folder)
    assert f"language: {tag!r} is " in str(caught.value) and "[a-z]" not in str(caught.value)
