"""The command line as a stranger meets it: real processes, their exit codes, one clear line for each mistake."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.analysis.comparability import SETTINGS
from evalsuite.tasks.registry import task_names

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


def evalsuite(*arguments, cwd, **environment):
    env = {name: value for name, value in os.environ.items() if not name.startswith("EVALSUITE_")}
    env["XDG_CACHE_HOME"] = str(cwd / "cache")
    command = [sys.executable, "-m", "evalsuite", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env={**env, **environment}, capture_output=True, text=True, timeout=120)


def one_line(ended):
    """The error of a process: exit 2, one line, no traceback."""
    assert ended.returncode == 2, ended.stderr
    last = [line for line in ended.stderr.splitlines() if line.startswith("evalsuite: ")]
    assert len(last) == 1 and "Traceback" not in ended.stderr, ended.stderr
    return last[0]


def test_a_first_run_needs_no_data_and_says_where_everything_is(tmp_path):
    ended = evalsuite("run", "--model", "trivial/majority", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert set(summary["tasks"]) == {"starter_vignette", "starter_recall", "starter_evidence", "starter_differential"}
    folder = next(tmp_path.glob("runs/trivial_majority/*"))
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert json.loads((folder / "run.json").read_text())["ended"]["status"] == "finished"
    for task in summary["tasks"].values():
        assert task["accuracy"]["value"] == pytest.approx(task["trivial_baselines"]["majority"])
        assert task["accuracy"]["low"] < task["accuracy"]["value"] < task["accuracy"]["high"]


def test_the_same_command_with_out_asks_nothing_twice(tmp_path):
    first = evalsuite("run", "--model", "trivial/random", "--out", "here", "--json", cwd=tmp_path)
    journals = {path: path.read_bytes() for path in (tmp_path / "here" / "responses").iterdir()}
    again = evalsuite("run", "--model", "trivial/random", "--out", "here", "--json", cwd=tmp_path)
    assert (first.returncode, again.returncode) == (0, 0)
    assert again.stdout == first.stdout
    assert {path: path.read_bytes() for path in (tmp_path / "here" / "responses").iterdir()} == journals


def test_a_folder_of_another_run_is_refused_by_naming_the_difference(tmp_path):
    evalsuite("run", "--model", "trivial/random", "--out", "here", cwd=tmp_path)
    error = one_line(evalsuite("run", "--model", "trivial/random", "--seed", "5", "--out", "here", cwd=tmp_path))
    assert "decoding.seed" in error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--model", "tiny/other"], "one, named tiny"),
        (["run", "--model", "gpt"], "backend/model"),
        (["run", "--model", "nothing/x"], "no backend"),
        (["run", "--model", "trivial/shortest"], "no such baseline"),
        (["run", "--model", "trivial/first", "--tasks", "medqq"], "did you mean medqa"),
        (["run", "--model", "trivial/first", "--suite", "flemming"], "did you mean fleming"),
        (["run", "--model", "trivial/first", "--tasks", ""], "no tasks"),
        (["run", "--model", "trivial/first", "--suite", ""], "--suite"),
        (["run", "--model", "trivial/first", "--samples", "0"], "--samples"),
        (["run", "--model", "trivial/first", "--limit", "-1"], "--limit"),
        (["run", "--model", "trivial/first", "--temperature", "-1"], "--temperature"),
        (["run", "--model", "trivial/first", "--top-p", "1.5"], "--top-p"),
        (["run", "--model", "trivial/first", "--max-tokens", "0"], "--max-tokens"),
        (["run", "--model", "trivial/first", "--concurrency", "0"], "--concurrency"),
        (["run", "--model", "trivial/first", "--chat-template", __file__ + "x"], "--chat-template"),
        (["run", "--model", "trivial/first", "--system", "half \udcff"], "not valid utf-8 text"),
        (["run", "--model", "trivial/\x1b[2J"], r"\x1b[2J"),
        (["tasks", "check", "--tasks", ""], "no tasks"),
        (["data", "verify", "--tasks", ""], "no tasks"),
        (["data", "lock"], "no tasks"),
        (["run", "--model", "trivial/first", "--format", "shout"], "shout"),
        (["run", "--model", "trivial/first", "--model-arg", "x=1"], "x"),
        (["run", "--model", "trivial/first", "--model-arg", "x"], "KEY=VALUE"),
        (["run", "--model", "trivial/first", "--tasks", "medqa"], "evalsuite data pull"),
        (["run", "--model", "replay/nowhere"], "nowhere"),
        (["run", "--model", "openai/x", "--base-url", "http://127.0.0.1:9/v1"], "127.0.0.1:9"),
        (["run", "--resume", "nowhere"], "run_not_found"),
        (["run", "--resume", "nowhere", "--seed", "3"], "--seed can't be changed by --resume"),
        (["run", "--mdel", "x"], "--mdel"),
        (["tasks", "medqq"], "did you mean medqa"),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path, arguments, expected):
    assert expected in one_line(evalsuite(*arguments, cwd=tmp_path))


@pytest.mark.parametrize(
    ("arguments", "value", "code"),
    [
        (["compare"], "'A'", "missing_argument"),
        (["compare", "a", "b", "c"], "(c)", "invalid_argument"),
        (["gate", "--candidate", "a"], "--baseline", "missing_argument"),
        (["run", "--nope"], "--nope", "invalid_argument"),
        (["run", "--model", "trivial/first", "--samples", "0"], "--samples", "invalid_argument"),
        (["run", "--model"], "--model", "invalid_argument"),
        (["nope"], "'nope'", "invalid_argument"),
        (["data", "nope"], "'nope'", "invalid_argument"),
        (["train", "nope"], "'nope'", "invalid_argument"),
        (["tasks", "check", "nope"], "nope", "unknown_task"),
    ],
)
def test_a_usage_error_ends_in_its_code(tmp_path, arguments, value, code):
    error = one_line(evalsuite(*arguments, cwd=tmp_path))
    assert value in error and error.endswith(f" [{code}]")


def test_tasks_to_check_are_named_with_or_without_the_option(tmp_path):
    first = evalsuite("tasks", "check", "starter_recall", "starter_vignette", cwd=tmp_path)
    second = evalsuite("tasks", "check", "starter_recall", "--tasks", "starter_vignette", cwd=tmp_path)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.count("no problems") == second.stdout.count("no problems") == 2


@pytest.mark.parametrize("arguments", [[], ["--tasks", "medqa"]])
def test_data_that_are_absent_are_not_called_changed(tmp_path, arguments):
    assert one_line(evalsuite("data", "verify", *arguments, cwd=tmp_path)).endswith(" [data_not_found]")


def test_doctor_has_one_line_per_task(tmp_path):
    ended = evalsuite("doctor", cwd=tmp_path)
    assert ended.returncode == 0 and "`" not in ended.stdout
    lines = [line.split()[1] for line in ended.stdout.splitlines() if line.startswith("data ")]
    assert lines == ["folder:", *(f"{name}:" for name in task_names())]
    assert max(map(len, ended.stdout.splitlines())) < 120
    folder = tmp_path / "none"
    assert f"{folder}: " in evalsuite("doctor", "--data-dir", folder, cwd=tmp_path).stdout


@pytest.mark.parametrize("command", ["compare x x", "gate --candidate x --baseline x", "report x x --out report"])
def test_a_run_given_twice_is_refused(tmp_path, command):
    evalsuite("run", "--model", "trivial/first", "--tasks", "starter_recall", "--out", "x", cwd=tmp_path)
    error = one_line(evalsuite(*command.split(), cwd=tmp_path))
    assert str(tmp_path / "x") in error and error.endswith(" [same_run_twice]")


@pytest.mark.parametrize("arguments", [[], ["data"]])
def test_a_group_without_a_command_shows_its_help_as_lines(tmp_path, arguments):
    ended = evalsuite(*arguments, cwd=tmp_path)
    assert ended.returncode == 2 and "Commands:\n" in ended.stderr + ended.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_table_that_no_disk_takes_is_one_line(tmp_path):
    """The output goes to a full disk; the run itself is complete. The shell is what redirects it."""
    command = f"{shlex.quote(sys.executable)} -m evalsuite run --model trivial/first --out here > /dev/full"
    ended = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "No space left" in one_line(ended)
    assert (tmp_path / "here" / "summary.json").exists()


def test_examples_are_shown_of_the_task_that_the_alarm_is_about(tmp_path, replay):
    """A task below the alarm comes first in the file and has invalid responses, too."""

    def text(item, number, say):
        spoilt = number < 3 if item.id.startswith("v") else number < 12
        return f"spoilt {item.id}" if spoilt else say(item.gold)

    out = replay(tmp_path, "m", text, ("starter_vignette", "starter_recall"))
    ended = evalsuite("run", "--resume", out, "--alarm", "0.3", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("spoilt r") == 3 and "spoilt v" not in ended.stdout


def test_a_folder_with_a_space_is_quoted_in_what_to_type_next(tmp_path):
    ended = evalsuite("run", "--model", "trivial/first", "--out", "my run", cwd=tmp_path)
    assert "evalsuite report 'my run' --out 'my run/report'" in ended.stdout


def test_a_format_that_a_recording_was_not_asked_for_is_refused(tmp_path):
    recording = f"replay/{ROOT / 'examples' / 'starter_recording.jsonl'}"
    arguments = ["run", "--model", recording, "--tasks", "starter_vignette", "--format"]
    assert "answer_tag" in one_line(evalsuite(*arguments, "boxed", cwd=tmp_path))
    assert evalsuite(*arguments, "answer_tag", cwd=tmp_path).returncode == 0


def test_debug_shows_the_traceback_and_changes_nothing_else(tmp_path):
    ended = evalsuite("--debug", "run", "--model", "nothing/x", cwd=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" in ended.stderr and ended.stderr.splitlines()[-1].startswith("evalsuite: --model nothing/")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"sample":0', '"sample":1'),
        ('"text":"<answer>A</answer>"', '"text":5'),
        ('"finish":"stop"', '"finish":null'),
        ('"latency":null', '"latency":"soon"'),
    ],
)
def test_an_edited_journal_is_one_line_that_names_it(tmp_path, before, after):
    evalsuite("run", "--model", "trivial/first", "--tasks", "starter_vignette", "--out", "run", cwd=tmp_path)
    journal = tmp_path / "run" / "responses" / "starter_vignette.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert before in lines[3]
    journal.write_text("".join([*lines[:3], lines[3].replace(before, after), *lines[4:]]))
    assert str(journal.relative_to(tmp_path)) in one_line(evalsuite("run", "--resume", "run", cwd=tmp_path))


def test_a_run_folder_without_its_identity_is_one_line(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"schema": 2, "spec": {}}')
    assert "run_unreadable" in one_line(evalsuite("run", "--resume", "run", cwd=tmp_path))


@pytest.fixture
def own_task(tmp_path):
    """A task folder of a third party: the starter's recall questions under another name."""
    folder = tmp_path / "tasks" / "mine"
    shutil.copytree(ROOT / "tasks" / "starter_recall", folder)
    card = folder / "task.yaml"
    card.write_text(card.read_text("utf-8").replace("name: starter_recall", "name: mine"), "utf-8")
    (folder / "prompt.j2").write_text((ROOT / "tasks" / "prompt.j2").read_text("utf-8"), "utf-8")
    return folder


def test_another_benchmark_is_a_folder(tmp_path, own_task):
    ended = evalsuite(
        "run",
        "--model",
        "trivial/first",
        "--tasks",
        "mine",
        "--json",
        cwd=tmp_path,
        EVALSUITE_TASKS=str(own_task.parent),
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["tasks"]["mine"]["n"] > 0


def test_a_card_with_a_bad_key_is_named(tmp_path, own_task):
    card = own_task / "task.yaml"
    card.write_text(card.read_text("utf-8") + "\ncolour: red\n", "utf-8")
    found = one_line(evalsuite("run", "--model", "trivial/first", "--tasks", "mine", cwd=tmp_path,
                               EVALSUITE_TASKS=str(own_task.parent)))  # fmt: skip
    assert "task.yaml" in found and "colour" in found


@needs_data
def test_a_flipped_byte_names_the_file_and_the_item(tmp_path):
    shutil.copytree(DATA / "mmlu_pro", tmp_path / "data" / "mmlu_pro")
    file = tmp_path / "data" / "mmlu_pro" / "mmlu-pro_biology.jsonl"
    content = bytearray(file.read_bytes())
    at = content.index(b"mitotic cell divisions")
    content[at] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
    error = one_line(
        evalsuite("run", "--model", "trivial/first", "--tasks", "mmlu_pro_biology", "--data-dir", "data", cwd=tmp_path)
    )
    assert "mmlu-pro_biology.jsonl" in error and "2804" in error


@pytest.mark.integration
@needs_data
def test_what_a_benchmark_gives_away_for_nothing(tmp_path):
    """Published facts about the data: the best constant answer of each benchmark, and the longest option."""
    ended = evalsuite(
        "run", "--model", "trivial/majority", "--suite", "all", "--data-dir", DATA, "--json", cwd=tmp_path
    )
    tasks = json.loads(ended.stdout)["tasks"]
    known = {
        "medqa": 27.7, "medqa_5opt": 21.8, "medmcqa": 32.2, "pubmedqa": 55.2, "pubmedqa_1000": 55.2, "medxpertqa": 10.7,
        "careqa": 26.4, "medbullets_op4": 28.2, "medbullets_op5": 24.0, "mmlu_pro_biology": 12.7,
        "mmlu_pro_health": 12.5,
    }  # fmt: skip
    found = {name: round(100 * task["accuracy"]["value"], 1) for name, task in tasks.items()}
    assert {name: found[name] for name in known} == known
    assert found["jmed"] < 25, "the raw sheet's key is A on 85%: its options must be shuffled"
    assert round(100 * tasks["mmlu_pro_biology"]["trivial_baselines"]["longest"], 1) == 45.2


def test_the_macro_interval_is_as_wide_as_independent_tasks_make_it(tmp_path):
    """Draws that tasks share would cancel or double: the width must be that of a mean of independent parts."""
    recording = ROOT / "examples" / "starter_recording.jsonl"
    ended = evalsuite("run", "--model", f"replay/{recording}", "--json", cwd=tmp_path)
    summary = json.loads(ended.stdout)
    widths = [task["accuracy"]["high"] - task["accuracy"]["low"] for task in summary["tasks"].values()]
    independent = sum(width**2 for width in widths) ** 0.5 / len(widths)
    assert summary["macro"]["high"] - summary["macro"]["low"] == pytest.approx(independent, rel=0.15)


def test_the_help_of_report_lists_every_setting_that_may_be_allowed(tmp_path):
    shown = " ".join(evalsuite("report", "--help", cwd=tmp_path).stdout.split())
    assert all(name in shown for name in SETTINGS)
    assert "EVALSUITE_DATA" in evalsuite("doctor", "--help", cwd=tmp_path).stdout
