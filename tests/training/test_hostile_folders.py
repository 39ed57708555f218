"""A recipe or a training run from somebody else loads no code, reads no other folder and writes through no link."""

import json

import pytest

from evalsuite.errors import ErrorCode, EvalsuiteError, RunError
from training import step_log
from training.child_process import run_module
from training.cli import cli
from training.pipeline.reuse import reuse_stages
from training.recipe import Recipe, read_recipe
from training.run_folder import TrainingFolder
from training.run_spec import FILE, make_spec, read_spec, write_spec


def edited(change):
    content = read_recipe("tiny").to_json()
    change(content)
    return content


HOSTILE = {
    "code": lambda r: r["stages"][0]["evaluation"].update(args={"trust_remote_code": "true"}),
    "code in other words": lambda r: r["stages"][0]["evaluation"].update(args={"trust_remote_code": "True"}),
    "data above": lambda r: r["stages"][0]["data"].update(folder="../../private"),
    "data elsewhere": lambda r: r["stages"][0]["data"].update(folder="/private"),
    "base above": lambda r: r["base"].update(model="./../../private"),
    "base beside": lambda r: r["base"].update(model="../private"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_recipe_that_asks_for_more_is_refused_in_a_file_and_in_a_run(tmp_path, case):
    recipe = edited(HOSTILE[case])
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    with pytest.raises(EvalsuiteError) as caught:
        read_recipe(tmp_path / "recipe.yaml")
    assert caught.value.code is ErrorCode.INVALID_RECIPE and "\n" not in str(caught.value)
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, make_spec(read_recipe("tiny"), None, False))
    run.write(FILE, {**run.read(FILE), "recipe": recipe})
    with pytest.raises(RunError) as caught:
        read_spec(run)
    assert caught.value.code is ErrorCode.RUN_UNREADABLE


def test_code_that_is_switched_off_is_no_request():
    assert Recipe.model_validate(
        edited(lambda r: r["stages"][0]["evaluation"].update(args={"trust_remote_code": "false"}))
    )


@pytest.mark.parametrize("name", ["run.json", ".lock", "stages", "log.txt", "report.html", "stages/1-x/metrics.jsonl"])
@pytest.mark.parametrize("command", ["resume", "report", "export"])
def test_no_command_follows_a_link_in_a_run(tmp_path, name, command, capsys):
    run = TrainingFolder(tmp_path / "run")
    write_spec(run, make_spec(read_recipe("tiny"), None, False))
    outside = tmp_path / "outside"
    outside.write_bytes((run.path / FILE).read_bytes())
    link = run.path / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    before = outside.read_bytes()
    with pytest.raises(RunError) as caught:
        cli([command, str(run.path), *(["--out", str(tmp_path / "x")] if command == "export" else [])], "train",
            standalone_mode=False)  # fmt: skip
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE and str(link) in str(caught.value)
    assert outside.read_bytes() == before


def test_journals_and_logs_are_not_written_through_links(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    for name in ("a.jsonl", "log.txt"):
        (tmp_path / name).symlink_to(outside)
    with pytest.raises(RunError):
        step_log.append(tmp_path / "a.jsonl", [{"step": 1}])
    with pytest.raises(RunError):
        run_module(["this"], {}, tmp_path / "log.txt")
    assert outside.read_text() == "mine"


def test_only_stages_of_the_run_are_reused(tmp_path):
    spec, run = make_spec(read_recipe("tiny"), None, False), TrainingFolder(tmp_path / "run")
    write_spec(run, spec)
    (tmp_path / "private").mkdir()
    reused = {"run": str(tmp_path / "other"), "stages": ["../private"]}
    run.write(FILE, {**run.read(FILE), "reused_from": reused})
    with pytest.raises(RunError) as caught:
        reuse_stages(run, spec, print)
    assert caught.value.code is ErrorCode.RUN_UNREADABLE
