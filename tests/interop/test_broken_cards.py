"""A card, lock or template of somebody else that is broken leaves out its own task, and no other."""

import shutil

import pytest

from evalsuite.data.benchmark_lookup import benchmarks_of
from evalsuite.data.load import load
from evalsuite.errors import ExtensionWarning
from evalsuite.interop.importing.harness_log import HarnessLog, LoggedQuestion
from evalsuite.interop.importing.match_items import match_task
from evalsuite.interop.lm_eval.export_tasks import export_lm_eval
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import BUILT_IN

TASK = "starter_recall"


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Three tasks beside the built-in ones: a malformed card, a malformed lock, and a malformed template."""
    root = tmp_path / "tasks"
    (root / "card").mkdir(parents=True)
    (root / "card" / "task.yaml").write_text("name: card\nunknown: 1\n")
    for name, file, content in (("lock", "items.lock", "no lock\n"), ("template", "prompt.j2", "{{ nothing")):
        shutil.copytree(BUILT_IN / TASK, root / name)
        card = root / name / "task.yaml"
        card.write_text(card.read_text().replace(f"name: {TASK}", f"name: {name}"))
        (root / name / file).write_text(content)
    monkeypatch.setenv("EVALSUITE_TASKS", str(root))
    with pytest.warns(ExtensionWarning, match="task card"):
        yield root


def test_every_other_task_is_exported_to_lm_eval(broken, tmp_path):
    files, left_out = export_lm_eval(tmp_path / "out")
    exported = {file.stem for file in files}
    assert f"evalsuite_{TASK}" in exported and not any("card" in name for name in exported)
    assert any(reason.startswith("template: ") for reason in left_out)


def test_a_log_is_matched_with_the_other_tasks(broken):
    questions = [
        LoggedQuestion("", "\n".join([item.question, *map(": ".join, zip(item.labels, item.options, strict=True))]), "")
        for item in load(load_task(TASK)).items
    ]
    log = HarnessLog("harness", "model", "log", 1, "acc", tuple(questions), {}, "", ())
    match = match_task(log, None, None)
    assert match is not None and match.dataset.task.name in (TASK, "lock", "template")


def test_items_are_found_in_the_other_locks(broken):
    items = load(load_task(TASK)).items
    with pytest.warns(ExtensionWarning, match="task lock"):
        assert {*benchmarks_of(items)} == {item.id for item in items}
