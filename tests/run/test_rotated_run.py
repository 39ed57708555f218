"""Runs with --rotate-options: each order is sent, graded in the item's own labels, and read by all that reads runs."""

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import fmean

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite.analysis.comparability import pair
from evalsuite.analysis.regrade import regrade
from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, EvalsuiteError, RunError, UsageError
from evalsuite.report import write_report
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.rotation import rotated, rotations_of
from evalsuite.util.checksum import line_key, with_checksum, with_line_checksum
from evalsuite.util.file_digest import sha256_of
from evalsuite.util.jsonl import dump_json_line

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
STARTER = {"starter_vignette": (20, 4), "starter_recall": (20, 5), "starter_evidence": (18, 3)}
"""Items and options of each."""
TASKS = ",".join(STARTER)


def completed(out, *more, model="trivial/first", tasks=TASKS):
    assert main(["run", "--model", model, "--tasks", tasks, "--out", str(out), *more]) == 0
    return Path(out)


def rows(run):
    order = [(name, "ascending") for name in ("task", "item", "rotation", "sample")]
    return pq.read_table(run / "grades.parquet").sort_by(order)


def task_summaries(run):
    return json.loads((run / "summary.json").read_text())["tasks"]


def resealed(record, journal_id, task):
    """The line of a record that was edited by somebody who computes its checksum anew."""
    record.pop("crc32", None)
    return with_line_checksum(dump_json_line(record), line_key(journal_id, task))


def with_answers(run, place, label_of):
    """A copy of a run with the label `label_of(item, shown)` as the answer to each request."""
    out = Path(shutil.copytree(run, place))
    journal_id = RunFolder(out).facts["journal_id"]
    for task in task_summaries(out):
        dataset, file = load(load_task(task)), out / "responses" / f"{task}.jsonl"
        items = {item.id: item for item in dataset.items}
        lines = []
        for line in file.read_text().splitlines():
            record = json.loads(line)
            item = items[record["item"]]
            text = label_of(item, rotated(item, record["rotation"]))
            lines.append(resealed({**record, "text": write(dataset.task.format, text)}, journal_id, task))
        file.write_bytes(b"".join(lines))
    regrade(out)
    return out


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A rule that takes the first option, under all rotations."""
    return completed(tmp_path_factory.mktemp("rotated") / "first", "--rotate-options")


@pytest.fixture(scope="module")
def oracle(first, tmp_path_factory):
    return with_answers(first, tmp_path_factory.mktemp("rotated") / "oracle", lambda item, shown: shown.gold)


@pytest.fixture(scope="module")
def unrotated(tmp_path_factory):
    return completed(tmp_path_factory.mktemp("unrotated") / "first")


def test_each_item_is_sent_once_in_each_order(first):
    counts = Counter((row["task"], row["item"], row["rotation"], row["sample"]) for row in rows(first).to_pylist())
    expected = {
        (name, item.id, s, 0) for name in STARTER for item in load(load_task(name)).items for s in rotations_of(item)
    }
    assert set(counts) == expected and set(counts.values()) == {1}


def test_the_first_place_is_right_by_chance_and_never_in_all_orders(first):
    for name, (items, options) in STARTER.items():
        task = task_summaries(first)[name]
        assert task["n"] == items and sum(task["status"].values()) == items * options
        assert task["accuracy"]["value"] == pytest.approx(1 / options) == task["chance"]
        robustness = task["robustness"]
        assert robustness["all_right"]["value"] == robustness["same_text"]["value"] == 0
        assert fmean(rotation["accuracy"]["value"] for rotation in robustness["rotations"]) == pytest.approx(
            1 / options
        )
        assert {rotation["n"] for rotation in robustness["rotations"]} == {items}


def test_a_model_that_knows_the_text_is_right_in_every_rotation(oracle):
    for task in task_summaries(oracle).values():
        robustness = task["robustness"]
        assert (
            task["accuracy"]["value"]
            == robustness["all_right"]["value"]
            == robustness["same_text"]["value"]
            == robustness["p"]
            == 1
        )
        assert [rotation["accuracy"]["value"] for rotation in robustness["rotations"]] == [1] * len(
            robustness["rotations"]
        )


def test_rotation_0_is_what_a_run_without_rotations_sends(first, unrotated):
    unmoved = [row for row in rows(first).to_pylist() if row["rotation"] == 0]
    assert [{**row, "latency": 0} for row in unmoved] == [{**row, "latency": 0} for row in rows(unrotated).to_pylist()]
    rotated_record, record = (
        json.loads((run / "responses" / "starter_recall.jsonl").open().readline()) for run in (first, unrotated)
    )
    own = {"request": "", "crc32": ""}
    assert {**rotated_record, **own} == {**record, **own}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_of_items_with_3_to_10_options_the_first_place_has_the_mean_of_1_in_options(tmp_path):
    run = completed(tmp_path / "run", "--rotate-options", "--data-dir", str(DATA), tasks="mmlu_pro_biology")
    task = task_summaries(run)["mmlu_pro_biology"]
    counts = load_task("mmlu_pro_biology").option_counts
    assert task["accuracy"]["value"] == pytest.approx(sum(n / options for options, n in counts.items()) / 717)
    assert sum(task["status"].values()) == sum(n * options for options, n in counts.items())
    rotations = task["robustness"]["rotations"]
    assert [rotation["n"] for rotation in rotations] == [sum(n for o, n in counts.items() if o > s) for s in range(10)]


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_items_whose_options_mean_others_by_their_place_are_sent_in_order_only(tmp_path):
    run = completed(tmp_path / "run", "--rotate-options", "--limit", "300", "--data-dir", str(DATA), tasks="medmcqa")
    items = load(load_task("medmcqa"), DATA).items[:300]
    fixed = [item for item in items if len(rotations_of(item)) == 1]
    task = task_summaries(run)["medmcqa"]
    assert 0 < len(fixed) == task["robustness"]["not_rotated"] and task["robustness"]["n"] == 300 - len(fixed)
    right = (300 - len(fixed)) / 4 + sum(item.gold == "A" for item in fixed)
    assert task["accuracy"]["value"] == pytest.approx(right / 300)
    assert f"{len(fixed)} items keep theirs" in " ".join(task["notes"])


def test_samples_and_rotations_can_be_combined(tmp_path):
    random = ["--rotate-options", "--samples", "2", "--temperature", "1", "--limit", "5"]
    run = completed(tmp_path / "run", *random, model="trivial/random", tasks="starter_recall")
    table = rows(run).to_pylist()
    assert [(r["rotation"], r["sample"]) for r in table] == [
        (s, k) for _ in range(5) for s in range(5) for k in range(2)
    ]
    accuracy = task_summaries(run)["starter_recall"]["accuracy"]["value"]
    assert accuracy == pytest.approx(sum(row["correct"] for row in table) / 50)
    assert read_result(run).scores("starter_recall").strict.mean() == pytest.approx(accuracy)


def test_replayed_it_gives_the_same_grades_and_without_rotations_those_of_the_first_order(oracle, unrotated, tmp_path):
    again = completed(tmp_path / "again", "--rotate-options", model=f"replay/{oracle}")
    assert rows(again).drop(["latency"]).equals(rows(oracle).drop(["latency"]))
    assert (
        task_summaries(again)["starter_recall"]["robustness"] == task_summaries(oracle)["starter_recall"]["robustness"]
    )
    unmoved = completed(tmp_path / "unmoved", model=f"replay/{oracle}")
    assert {row["rotation"] for row in rows(unmoved).to_pylist()} == {0}
    assert task_summaries(unmoved)["starter_recall"]["accuracy"]["value"] == 1


def test_a_recording_without_rotations_cannot_be_replayed_with_them(unrotated, tmp_path, capsys):
    line = [
        "run",
        "--model",
        f"replay/{unrotated}",
        "--tasks",
        TASKS,
        "--rotate-options",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(line) == 2
    message = capsys.readouterr().err
    assert "rotated by 1" in message and "--rotate-options" in message and "[recording_incomplete]" in message


def test_regraded_nothing_changes(first, tmp_path):
    run = Path(shutil.copytree(first, tmp_path / "run"))
    assert regrade(run).changes == ()
    assert rows(run).equals(rows(first)) and task_summaries(run) == task_summaries(first)


@pytest.mark.parametrize("edit", [{"rotation": 4}, {"rotation": -1}, {"rotation": "1"}, {"sample": 1}])
def test_a_journal_with_an_order_that_does_not_exist_is_refused(first, tmp_path, edit):
    run = Path(shutil.copytree(first, tmp_path / "run"))
    file = run / "responses" / "starter_vignette.jsonl"
    line, *rest = file.read_text().splitlines(keepends=True)
    edited = resealed({**json.loads(line), **edit}, RunFolder(run).facts["journal_id"], "starter_vignette")
    file.write_text(edited.decode() + "".join(rest))
    with pytest.raises(EvalsuiteError, match="starter_vignette"):
        regrade(run)
    assert main(["run", "--resume", str(run)]) == 2


def test_a_rotated_and_an_unrotated_run_are_compared_only_if_that_is_allowed(first, unrotated, tmp_path, capsys):
    a, b = read_result(first), read_result(unrotated)
    with pytest.raises(RunError, match=r"each order of the options and one order.*rotate_options"):
        pair(a, b, allow=())
    assert [each.name for each in pair(a, b, allow=["rotate_options"]).allowed] == ["rotate_options"] * 3
    policy = tmp_path / "gate.yaml"
    policy.write_text("tasks: all\n")
    line = ["gate", "--candidate", str(first), "--baseline", str(unrotated), "--policy", str(policy)]
    assert main(line) == 2
    assert "rotate_options" in capsys.readouterr().err
    (tmp_path / "there").mkdir()
    same = shutil.copytree(unrotated, tmp_path / "there" / "run")
    assert main(["run", "--model", "trivial/first", "--tasks", TASKS, "--rotate-options", "--out", str(same)]) == 2


def test_two_rotated_runs_are_compared_and_gated_item_by_item(first, oracle, tmp_path, capsys):
    assert main(["compare", str(oracle), str(first), "--json"]) == 0
    tasks = json.loads(capsys.readouterr().out)["tasks"]
    for name, (items, options) in STARTER.items():
        assert tasks[name]["n"] == items
        assert tasks[name]["difference"]["value"] == pytest.approx(1 - 1 / options)
        assert tasks[name]["only_a"] == pytest.approx(items * (1 - 1 / options))
        assert tasks[name]["samples_needed"] is None
    policy = tmp_path / "gate.yaml"
    policy.write_text("tasks: all\n")
    gated = ["gate", "--policy", str(policy), "--json"]
    assert main([*gated, "--candidate", str(oracle), "--baseline", str(first)]) == 0
    decision = json.loads(capsys.readouterr().out)
    assert any("each cyclic order" in note for note in decision["notes"])
    assert main([*gated, "--candidate", str(first), "--baseline", str(oracle)]) == 1


def test_the_report_shows_the_effect_of_rotation(first, oracle, unrotated, tmp_path):
    write_report([first, oracle, unrotated], tmp_path / "report")
    text = (tmp_path / "report" / "leaderboard.md").read_text()
    assert "## Position bias" in text and text.count("points on its 20 items") == 4
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Position bias" in page and "right in every rotation" in page
    head, *lines = (tmp_path / "report" / "leaderboard.csv").read_text().splitlines()
    known = [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines if "starter_recall" in line]
    assert sorted(row["all_right"] for row in known) == ["", "0.0", "1.0"]


def test_the_terminal_shows_the_effect_of_rotation(tmp_path, capsys):
    completed(tmp_path / "run", "--rotate-options", tasks="starter_recall")
    output = " ".join(capsys.readouterr().out.split())
    assert "starter_recall, options rotated: right in every rotation 0.0 [" in output and "worst rotation" in output


def test_a_run_from_before_there_were_rotations_is_read_and_regraded(unrotated, tmp_path):
    old = Path(shutil.copytree(unrotated, tmp_path / "old"))
    table = pq.read_table(old / "grades.parquet").drop(["rotation"])
    pq.write_table(table, old / "grades.parquet")
    for file in (old / "responses").iterdir():
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        kept = [{k: v for k, v in line.items() if k not in ("rotation", "crc32")} for line in lines]
        file.write_text("".join(json.dumps(line) + "\n" for line in kept))
    facts, summary = (json.loads((old / name).read_text()) for name in ("run.json", "summary.json"))
    del facts["spec"]["rotate_options"]
    for content in (facts, summary):
        for key in ("began_as", "journal_id", "journals", "digests", "checksum"):
            content.pop(key, None)
        content["schema"] = 2
    (old / "run.json").write_text(json.dumps(facts))
    (old / "summary.json").write_text(json.dumps(summary))
    assert pair(read_result(old), read_result(unrotated), allow=()).identical
    assert regrade(old).changes == ()
    assert main(["run", "--resume", str(old)]) == 0


def test_summary_and_grades_that_disagree_are_refused(first, tmp_path):
    run = Path(shutil.copytree(first, tmp_path / "run"))
    table = rows(run)
    keep = [row["rotation"] != 1 or row["task"] != "starter_recall" for row in table.to_pylist()]
    gap = table.filter(pa.array(keep))
    pq.write_table(gap, run / "grades.parquet")
    with pytest.raises(RunError, match="rows"):
        read_result(run).scores("starter_recall")
    summary = json.loads((run / "summary.json").read_text())
    summary["tasks"]["starter_recall"]["status"] = {"ok": 80}
    summary["digests"]["grades"] = sha256_of(run / "grades.parquet")
    (run / "summary.json").write_text(json.dumps(with_checksum(summary)))
    with pytest.raises(RunError, match="twice, or one with too few"):
        read_result(run).scores("starter_recall")


@pytest.mark.parametrize(("scoring", "task"), [("cloze", "starter_recall"), ("loglikelihood", "starter_evidence")])
def test_a_prompt_without_options_cannot_be_rotated(scoring, task, tmp_path, capsys):
    """Refused before the backend is loaded: hf/ would need torch."""
    from evalsuite.grading.loglikelihood import LoglikelihoodPrompt
    from evalsuite.models.backend import PromptSetup
    from evalsuite.run.prepared_task import PreparedTask

    data = load(load_task(task))
    with pytest.raises(UsageError, match=f"{scoring}.*{task}") as caught:
        PreparedTask(
            data,
            LoglikelihoodPrompt(data.task, scoring),
            PromptSetup(data.items, "answer_tag"),
            None,
            scoring,
            rotate_options=True,
        )
    assert caught.value.code is ErrorCode.CONFLICTING_ARGUMENTS


def test_after_a_kill_nothing_is_lost_or_sent_twice(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "zero_server.py"), "--latency", "0.02"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        line = [sys.executable, "-m", "evalsuite", "run", "--model", "openai/bench", "--base-url", url]
        line += ["--tasks", TASKS, "--rotate-options", "--samples", "2", "--temperature", "0.5", "--concurrency", "8"]
        killed, complete = tmp_path / "killed", tmp_path / "complete"
        process = subprocess.Popen([*line, "--out", str(killed)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while process.poll() is None and len(_journal(killed)) < 100:
            time.sleep(0.01)
        process.kill()
        process.wait()
        stored = len(_journal(killed))
        again = subprocess.run([*line[:3], "run", "--resume", str(killed)], capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        subprocess.run([*line, "--out", str(complete)], check=True, capture_output=True)
    finally:
        server.kill()
        server.wait()
    expected = 2 * sum(items * options for items, options in STARTER.values())
    counts = Counter(_journal(killed))
    assert 0 < stored < expected == len(counts) and set(counts.values()) == {1}
    assert f"{stored} of {expected} responses are on disk" in again.stderr
    assert rows(killed).drop(["latency"]).equals(rows(complete).drop(["latency"]))
    assert task_summaries(killed) == task_summaries(complete)


def _journal(folder):
    """Every (task, item, rotation, sample) that is on disk in a complete line."""
    return [
        (path.stem, record["item"], record["rotation"], record["sample"])
        for path in folder.glob("responses/*.jsonl")
        for line in path.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
        for record in (json.loads(line),)
    ]
