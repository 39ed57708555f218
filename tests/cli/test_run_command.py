"""`evalsuite run`: how it ends where responses are missing, and what a resumed run makes of a relative folder."""

import json

import evalsuite as es
from evalsuite.cli import main


def test_a_finished_run_with_missing_responses_has_an_exit_code_of_its_own(tmp_path, capsys):
    items = es.load_items("starter_recall")
    rows = [
        {"benchmark": "starter_recall", "item_id": item.id, "model": "m", "setting": "s", "gold": item.gold}
        | {"n_options": len(item.options), "text": "ANSWER: A"}
        for item in items
    ]
    recording = tmp_path / "recording.jsonl"
    recording.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = ["run", "--model", f"replay/{recording}", "--tasks", "starter_recall", "--out", str(tmp_path / "run")]
    assert main(run) == 0
    assert main([*run[:-1], str(tmp_path / "none"), "--limit", "0"]) == 2, "a usage error is another code"
    capsys.readouterr()


def test_a_relative_data_folder_of_a_resumed_run_is_that_of_the_caller(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    out = str(tmp_path / "run")
    assert main(["run", "--model", "trivial/first", "--tasks", "starter_recall", "--out", out]) == 0
    assert main(["run", "--resume", out, "--data-dir", "data"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["spec"]["data_dir"] == str(tmp_path / "data")
