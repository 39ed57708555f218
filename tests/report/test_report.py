"""A whole report on disk: complete, the same each time, closed to what models wrote."""

import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.errors import RunError, UsageError
from evalsuite.report import write_report
from evalsuite.report.charts import label
from evalsuite.report.run_names import display_name
from evalsuite.run_folder import RunFolder
from evalsuite.run_json import model_with_adapter

PUT = re.compile(rb"evalsuite\.put\((\"[^\"]*\"), (.*)\);\n", re.DOTALL)


def files_of(folder):
    """What each item file holds, by the key that it is put under."""
    found = {}
    for path in sorted(folder.rglob("*.js")):
        match = PUT.fullmatch(path.read_bytes())
        assert match, path
        key = json.loads(match[1])
        assert path == folder / f"{key}.js"
        found[key] = json.loads(match[2])
    return found


@pytest.fixture
def hostile_run(replay, tmp_path, hostile):
    def text(item, number, say):
        content = hostile[number % len(hostile)]
        return f"<think>{content}</think>{content}\n{say(item.labels[number % 2])}"

    return replay(tmp_path / "hostile", "<script>window.pwned=9</script>-8B", text)


def test_every_response_and_verdict_of_a_run_is_beside_the_page(hostile_run, tmp_path):
    write_report([hostile_run], tmp_path / "out")
    found, result = files_of(tmp_path / "out" / "report_items"), read_result(hostile_run)
    run = next(key.partition("verdicts-")[2] for key in found if "/verdicts-" in key)
    for task in result.tasks:
        items, verdicts, table = found[f"{task}/items"], found[f"{task}/verdicts-{run}"], result.scores(task).table
        records = {(r.item, r.sample): r for r in RunFolder(hostile_run).records(task)}
        assert len(records) == table.num_rows == len(verdicts["chunk"])
        for place, row in enumerate(table.to_pylist()):
            chunk = found[f"{task}/responses-{run}-{verdicts['chunk'][place]}"]
            kept = next(each for each in chunk if (each["item"], each["sample"]) == (row["item"], row["sample"]))
            assert kept["text"] == records[row["item"], row["sample"]].text
            assert items["ids"][verdicts["items"][place]] == row["item"]
            assert items["gold"][verdicts["items"][place]] == row["gold"]
            assert (verdicts["right"][place] == "1") is row["correct"]
            label = verdicts["label"]
            assert (label["values"][label["codes"][place]] if label["codes"][place] >= 0 else None) == row["label"]
            assert verdicts["spans"][0][place] == row["span_start"] and verdicts["spans"][1][place] == row["span_end"]
            if row["status"] == "ok":
                assert kept["text"][row["span_start"] : row["span_end"]].strip("() .") == row["label"]


def test_no_file_of_a_report_holds_markup_of_a_model(hostile_run, tmp_path):
    write_report([hostile_run], tmp_path / "out")
    for path in (tmp_path / "out" / "report_items").rglob("*.js"):
        assert not set(b"<>&\x00") & set(path.read_bytes())
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "window.pwned" in page and "<script>window.pwned" not in page
    scripts = re.findall(r"<script[^>]*>", page.partition("plotly.js v")[0])
    assert scripts and all('nonce="' in tag or 'type="application/json"' in tag for tag in scripts)


def test_the_policy_lets_nothing_in_but_scripts_with_the_nonce(hostile_run, tmp_path):
    write_report([hostile_run], tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and re.fullmatch(r"'nonce-[0-9a-f]{32}'", rules["script-src"])
    assert rules["base-uri"] == rules["form-action"] == "'none'" and "connect-src" not in rules
    assert not re.search(r'(?:src|href)="(?!#|data:)', page.partition("plotly.js v")[0])


def test_the_same_runs_give_the_same_files(made, tmp_path):
    run = made("a", {"medqa": [True, False] * 30})
    for out in ("one", "two"):
        write_report([run], tmp_path / out)
    names = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert len(names) > 4
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)


def test_every_figure_is_one_that_plotly_takes(made, tmp_path):
    rng = np.random.default_rng(4)
    runs = [made(f"m{n}", {"medqa": rng.random(80) < 0.5, "jmed": rng.random(60) < 0.4}) for n in range(3)]
    votes = tmp_path / "votes"
    command = ["run", "--model", "trivial/random", "--tasks", "starter_recall", "--samples", "5", "--temperature", "1"]
    assert main([*command, "--out", str(votes)]) == 0
    write_report(runs, tmp_path / "out", stage_names=["base", "+SFT", "+RL"])
    write_report([votes], tmp_path / "votes_out")
    seen = set()
    for out in ("out", "votes_out"):
        page = (tmp_path / out / "report.html").read_text("utf-8")
        data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
        for section in data["sections"]:
            seen.add(section["id"])
            for chart in section["charts"]:
                figure = json.loads(re.sub(r'"\$\w+"', '"#123456"', json.dumps(chart["figure"])))
                go.Figure({"data": figure["data"], "layout": figure["layout"]})
                assert chart["alt"] and all(len(row) == len(chart["head"]) for row in chart["rows"])
    assert seen == {"differences", "stages", "subgroups", "calibration"}


def test_a_name_is_no_markup_in_a_plot():
    assert label("<a href='javascript:1'>x</a>") == "&lt;a href='javascript:1'&gt;x&lt;/a&gt;"
    assert len(label("m" * 300)) < 50


def test_a_task_that_is_named_like_a_path_is_refused(made, tmp_path):
    with pytest.raises(RunError):
        write_report([made("a", {"../../../evil": [True, False] * 20})], tmp_path / "deep" / "out")
    assert not list(tmp_path.glob("*evil*")) and not list((tmp_path / "deep").glob("*evil*"))


def test_a_task_that_is_not_known_is_told(made, tmp_path):
    write_report([made("a", {"unknown": [True, False] * 20})], tmp_path / "deep" / "out")
    data = re.search(r'id="data">(.*?)</script>', (tmp_path / "deep" / "out" / "report.html").read_text(), re.DOTALL)
    assert "aren't shown" in json.loads(data[1])["items"][0]["without"]


@pytest.mark.parametrize("language", ["ar", "de", "zh-Hant"])
def test_questions_have_the_language_of_their_task(tmp_path, monkeypatch, language):
    card = {"name": "own", "version": 1, "language": language, "sources": [{"path": "own.jsonl", "items": 2}]}
    rows = [{"id": f"i{n}", "question": f"Q{n}?", "options": {"A": "x", "B": "y"}, "answer": "A"} for n in range(2)]
    (tmp_path / "tasks" / "own").mkdir(parents=True)
    (tmp_path / "tasks" / "own" / "task.yaml").write_text(json.dumps(card))
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("EVALSUITE_TASKS", str(tmp_path / "tasks"))
    data = ["--tasks", "own", "--data-dir", str(tmp_path)]
    assert main(["data", "lock", *data]) == 0
    assert main(["run", "--model", "trivial/first", *data, "--out", str(tmp_path / "run")]) == 0
    write_report([tmp_path / "run"], tmp_path / "out")
    shown = re.search(r'id="data">(.*?)</script>', (tmp_path / "out" / "report.html").read_text("utf-8"), re.DOTALL)
    assert [each["language"] for each in json.loads(shown[1])["items"]] == [language]


@pytest.mark.parametrize(
    ("model", "adapter", "named"),
    [
        ("hf/org/base-7b", None, "hf/org/base-7b"),
        ("hf/org/base-7b", "runs/a/stages/1-traces/model", "hf/org/base-7b + runs/a/stages/1-traces/model"),
        ("openai/base", "served-lora", "openai/base + served-lora"),
    ],
)
def test_a_model_is_named_with_its_adapter(model, adapter, named):
    assert model_with_adapter({"model": model, "adapter": adapter}) == named


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("hf/org/base-7b", "base-7b"),
        ("hf/runs/a/stages/1-traces/model", "1-traces/model"),
        ("hf/lora/checkpoint-500/", "lora/checkpoint-500"),
        ("hf/model", "model"),
    ],
)
def test_a_folder_that_every_training_names_alike_is_named_with_the_one_above(made, model, named):
    assert display_name(read_result(made("a", {"medqa": [True, False] * 20}, model))) == named


def test_a_second_report_replaces_the_first_and_nothing_else(made, tmp_path):
    out = tmp_path / "out"
    write_report([made("a", {"medqa": [True, False] * 20})], out)
    (out / "mine.txt").write_text("kept")
    write_report([made("b", {"jmed": [True, False] * 20})], out)
    assert (out / "mine.txt").read_text() == "kept"
    assert [path.name for path in (out / "report_items").iterdir()] == ["jmed"]


@pytest.mark.parametrize("names", [["only"], ["a", "b", "c", "d"]])
def test_stages_name_at_least_two_runs_and_no_more_than_there_are(made, tmp_path, names):
    runs = [made(name, {"medqa": [True, False] * 20}) for name in "xyz"]
    with pytest.raises(UsageError, match="stages"):
        write_report(runs, tmp_path / "out", stage_names=names)


def test_a_folder_that_can_not_be_written_is_one_line(made, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be written"):
        write_report([made("a", {"medqa": [True, False] * 20})], tmp_path / "file")


def test_the_command_names_its_files(made, tmp_path, capsys):
    run = made("a", {"medqa": [True, False] * 20})
    assert main(["report", str(run), "--out", str(tmp_path / "out")]) == 0
    assert [line.rpartition("/")[2] for line in capsys.readouterr().out.split()] == [
        "report.html",
        "leaderboard.md",
        "leaderboard.csv",
        "leaderboard.json",
    ]
