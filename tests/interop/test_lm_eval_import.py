"""lm-eval's sample logs, in the shape that 0.4.13 writes: graded by us, or by its scores; refused if mixed."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evalsuite import parser
from evalsuite.analysis.regrade import regrade
from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import EvalsuiteError
from evalsuite.interop.import_logs import import_logs
from evalsuite.tasks.registry import load_task

DATE = "2026-11-20T13-09-10.007480"
RECALL = load(load_task("starter_recall")).items


def chat(text):
    return [json.dumps([{"role": "user", "content": text}])]


def doc_row(number, doc, target, prompt, texts, **more):
    """A line of a generation task."""
    row = {
        "doc_id": number,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": [], "max_gen_toks": 512, "temperature": 0.0}}},
        "resps": [texts],
        "filtered_resps": [texts[0]],
        "filter": "tag",
        "metrics": ["exact_match"],
    }
    return {**row, **more}


def item_row(number, item, text, score, ask="End with <answer>X</answer>.", **more):
    options = "\n".join(f"{label}. {option}" for label, option in zip(item.labels, item.options, strict=True))
    prompt = chat(f"{item.question}\n{options}\n{ask}")
    return doc_row(number, {"q": item.question}, item.gold, prompt, [text], exact_match=score, **more)


def choice_row(number, question, likelihoods, gold, **scores):
    """A line of a multiple-choice task by log-likelihood."""
    calls = {
        f"gen_args_{k}": {"arg_0": f"{question}\nAnswer:", "arg_1": f" {'ABCD'[k]}"} for k in range(len(likelihoods))
    }
    responses = [[[str(value), "False"]] for value in likelihoods]
    row = doc_row(number, {"question": question}, "ABCD"[gold], "", ["x"], filter="none", metrics=list(scores))
    return {**row, "arguments": calls, "resps": responses, "filtered_resps": responses, **scores}


def write(folder, tasks, date=DATE, model="org/model-7b", **facts):
    """Files of one run: {task: rows}; the scores of the results file are the rows' means."""
    folder.mkdir(parents=True, exist_ok=True)
    scores = {}
    for task, rows in tasks.items():
        (folder / f"samples_{task}_{date}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        known = {(m, row["filter"]) for row in rows for m in row["metrics"]}
        scores[task] = {"alias": task} | {
            f"{m},{f}": sum(r[m] for r in rows if r["filter"] == f) / sum(r["filter"] == f for r in rows)
            for m, f in sorted(known)
        }
    results = {
        "results": scores, "versions": dict.fromkeys(tasks, 2.0), "config": {"model": "hf"}, "date": 1795180145.5,
        "lm_eval_version": "0.4.13", "model_source": "hf", "model_name": model, **facts,
    }  # fmt: skip
    (folder / f"results_{date}.json").write_text(json.dumps(results), "utf-8")
    return folder


def grades(run):
    rows = pq.read_table(run / "grades.parquet").to_pylist()
    return {(row["item"], row["sample"]): row for row in rows}


def test_responses_to_our_items_are_graded_here_with_their_verdict_beside(tmp_path):
    """Every second response is bold: right there, no label here."""
    texts = [f"<answer>{i.gold}</answer>" if n % 2 else f"<answer>**{i.gold}**</answer>" for n, i in enumerate(RECALL)]
    rows = [item_row(n, i, text, 1.0) for n, (i, text) in enumerate(zip(RECALL, texts, strict=True))]
    rows.reverse()  # by content, not by place
    write(tmp_path / "logs", {"recall": rows})
    summary = import_logs([tmp_path / "logs"], tmp_path / "run").content
    task = summary["tasks"]["starter_recall"]
    assert (summary["model"], summary["parser"], summary["run"]) == ("imported/org/model-7b", parser.VERSION, "run")
    assert (summary["decoding"]["temperature"], summary["decoding"]["max_tokens"]) == (0.0, 512)
    assert summary["decoding"]["top_p"] is None
    assert "graded_by" not in task and task["format"] == "answer_tag"
    assert task["data_digest"] == load(load_task("starter_recall")).digest
    found = grades(tmp_path / "run")
    for n, item in enumerate(RECALL):
        row = found[item.id, 0]
        assert (row["correct"], row["correct_lenient"]) == (n % 2 == 1, True)
    half = len(RECALL) // 2
    assert any(f"on {half} of {len(RECALL)} responses" in note for note in task["notes"])
    theirs = {row["item"]: row["score"] for row in pq.read_table(tmp_path / "run" / "theirs.parquet").to_pylist()}
    assert theirs == {item.id: 1.0 for item in RECALL}
    read_result(tmp_path / "run").scores("starter_recall")
    assert regrade(tmp_path / "run").changes == ()


def test_an_imported_run_answers_to_the_same_items_as_a_native_one(tmp_path):
    rows = [item_row(n, item, f"<answer>{item.gold}</answer>", 1.0) for n, item in enumerate(RECALL)]
    import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "a")
    assert main(["run", "--model", "trivial/first", "--tasks", "starter_recall", "--out", str(tmp_path / "b")]) == 0
    a, b = (read_result(tmp_path / name) for name in "ab")
    for key in ("data_digest", "n", "trivial_baselines", "chance", "version"):
        assert a.tasks["starter_recall"][key] == b.tasks["starter_recall"][key]
    ours, theirs = a.scores("starter_recall"), b.scores("starter_recall")
    assert list(ours.items) == list(theirs.items) and list(ours.groups) == list(theirs.groups)


@pytest.mark.parametrize(
    ("ask", "named", "format"),
    [
        ("Put it in \\boxed{X}.", None, "boxed"),
        ('End with "The answer is (X)".', None, "the_answer_is"),
        ("Format: 'ANSWER: $LETTER' (without quotes)", None, "answer_line"),
        ("Think.", "boxed", "boxed"),
        ("Think.", None, None),
        ("Write <answer>X</answer> or \\boxed{X}.", None, None),
        ("Write <answer>Xylitol</answer>.", None, None),
    ],
)
def test_the_format_is_what_is_named_or_what_every_prompt_shows(tmp_path, ask, named, format):
    rows = [item_row(n, item, f"\\boxed{{{item.gold}}}", 1.0, ask) for n, item in enumerate(RECALL[:5])]
    tasks = import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run", format=named).content["tasks"]
    if format is None:
        assert tasks["lm_eval_t"]["graded_by"] == "lm-eval exact_match,tag"
        assert any("items of starter_recall" in note and "--format" in note for note in tasks["lm_eval_t"]["notes"])
    else:
        assert tasks["starter_recall"]["format"] == format
        assert tasks["starter_recall"]["accuracy"]["value"] == (format == "boxed")


def likelihoods(golds, right):
    rows = []
    for n, gold in enumerate(golds):
        values = [-9.0] * 4
        values[gold if right(n) else (gold + 1) % 4] = -1.0
        rows.append(choice_row(n, f"Question {n}?", values, gold, acc=float(right(n)), acc_norm=1.0))
    return rows


def test_another_task_keeps_its_scores_and_says_so(tmp_path):
    golds = [n % 4 for n in range(24)]
    write(tmp_path / "logs", {"some_task": likelihoods(golds, lambda n: n % 3 == 0)})
    summary = import_logs([tmp_path / "logs"], tmp_path / "run", metrics=["acc,none"]).content
    task = summary["tasks"]["lm_eval_some_task"]
    assert (task["graded_by"], summary["parser"]) == ("lm-eval acc,none", "lm-eval 0.4.13")
    assert task["accuracy"] == task["accuracy_lenient"] and task["accuracy"]["value"] == pytest.approx(1 / 3)
    assert (task["chance"], task["trivial_baselines"]) == (0.25, {"majority": 0.25})
    rows = grades(tmp_path / "run").values()
    assert sum(row["correct"] for row in rows) == 8
    assert {row["label"] == row["gold"] for row in rows if row["correct"]} == {True}
    with pytest.raises(EvalsuiteError, match=r"graded by lm-eval acc,none"):
        regrade(tmp_path / "run")


def test_two_imported_runs_pair_by_content_whatever_the_order(tmp_path):
    rows = likelihoods([n % 4 for n in range(24)], lambda n: n % 2 == 0)
    write(tmp_path / "a", {"t": rows})
    write(tmp_path / "b", {"t": list(reversed(likelihoods([n % 4 for n in range(24)], lambda n: n % 3 == 0)))})
    for name in "ab":
        import_logs([tmp_path / name], tmp_path / f"run_{name}", metrics=["acc,none"])
    a, b = (read_result(tmp_path / f"run_{name}").tasks["lm_eval_t"] for name in "ab")
    assert {key: a[key] for key in ("data_digest", "prompt_digest", "n")} == {
        key: b[key] for key in ("data_digest", "prompt_digest", "n")
    }
    found = [grades(tmp_path / f"run_{name}") for name in "ab"]
    assert found[0].keys() == found[1].keys()
    both = sum(found[0][key]["correct"] and found[1][key]["correct"] for key in found[0])
    assert both == sum(n % 6 == 0 for n in range(24))


def test_documents_that_say_the_same_are_two_items_of_one_group(tmp_path):
    rows = [choice_row(n, "Again?", [-1.0, -2.0], 0, acc=1.0) for n in range(2)]
    import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run")
    found = grades(tmp_path / "run")
    assert len(found) == 2 and len({row["group"] for row in found.values()}) == 1


def test_repeats_are_samples_where_we_grade(tmp_path):
    rows = [item_row(n, item, "", 1.0) for n, item in enumerate(RECALL)]
    for row, item in zip(rows, RECALL, strict=True):
        row["resps"] = [[f"<answer>{item.gold}</answer>", "no idea"]]
    task = import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run").content["tasks"]["starter_recall"]
    assert (task["samples"], task["accuracy"]["value"]) == (2, 0.5)


def spoilt(tmp_path, spoil):
    rows = {"t": likelihoods([0, 1, 2, 3], lambda n: True)}
    folder = write(tmp_path / "logs", rows)
    spoil(folder)
    with pytest.raises(EvalsuiteError) as caught:
        import_logs([folder], tmp_path / "run", metrics=["acc,none"])
    assert not (tmp_path / "run").exists() and list(tmp_path.iterdir()) == [folder]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change(pattern, edit):
    def spoil(folder):
        (file,) = folder.glob(pattern)
        file.write_bytes(edit(file.read_bytes()))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            change("samples_*", lambda c: c + c.splitlines(True)[0].replace(b'"acc": 1.0', b'"acc": 0.0')),
            "of different runs",
        ),
        (change("samples_*", lambda c: c[:-40]), "line 4 is not JSON"),
        (change("samples_*", lambda c: b""), "no score"),
        (change("samples_*", lambda c: b"[1]\n"), "no sample of lm-eval"),
        (change("samples_*", lambda c: c.replace(b'"resps"', b'"answers"')), "'resps'"),
        (change("samples_*", lambda c: c.replace(b'"arguments": {"gen', b'"arguments": {}, "x": {"gen')), "no request"),
        (change("samples_*", lambda c: b"[" * 100_000), "is not JSON"),
        (change("results_*", lambda c: b"{"), "not JSON"),
        (change("results_*", lambda c: b"{}"), "no 'results'"),
        (change("results_*", lambda c: c.replace(b'"t":', b'"u":')), "says nothing of task t"),
        (
            change("results_*", lambda c: c.replace(b'"model_name"', b'"name"').replace(b'"config"', b'"c"')),
            "which model",
        ),
        (lambda folder: next(folder.glob("results_*")).unlink(), "found 0"),
        (
            lambda folder: write(folder, {"t": likelihoods([0], lambda n: True)}, date="2026-11-21T00-00-00.1"),
            "found 2",
        ),
    ],
)
def test_a_malformed_or_mixed_log_is_one_line_and_leaves_nothing(tmp_path, spoil, said):
    assert said in spoilt(tmp_path, spoil)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "scored by acc,none and by acc_norm,none; choose with --metric"),
        ({"metrics": ["acc,none"], "task": "starter_recall"}, "no generated answers"),
        ({"metrics": ["acc,none"], "format": "shout", "task": None}, None),
    ],
)
def test_what_must_be_chosen_is_said(tmp_path, arguments, said):
    folder = write(tmp_path / "logs", {"t": likelihoods([0, 1], lambda n: True)})
    if said is None:
        import_logs([folder], tmp_path / "run", **arguments)
        return
    with pytest.raises(EvalsuiteError, match=said):
        import_logs([folder], tmp_path / "run", **arguments)


def test_a_score_between_right_and_wrong_is_refused(tmp_path):
    rows = [doc_row(n, {"n": n}, "x", "Say x.", ["x"], metrics=["rouge"], rouge=n / 4) for n in range(4)]
    with pytest.raises(EvalsuiteError, match=r"rouge,tag isn't right or wrong \(one is 0.25\)"):
        import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run")


def test_logs_of_two_models_are_no_run(tmp_path):
    row = choice_row(0, "Q?", [-1.0, -2.0], 0, acc=1.0)
    write(tmp_path / "a", {"t": [row]}, model="one")
    write(tmp_path / "b", {"u": [row]}, model="two")
    with pytest.raises(EvalsuiteError, match=r"several models \(one, two\)"):
        import_logs([tmp_path / "a", tmp_path / "b"], tmp_path / "run")


def test_the_command_and_an_imported_run_that_is_resumed(tmp_path, capsys):
    rows = [item_row(n, item, f"<answer>{item.gold}</answer>", 1.0) for n, item in enumerate(RECALL)]
    write(tmp_path / "logs", {"t": rows})
    out = tmp_path / "run"
    assert main(["import", str(tmp_path / "logs"), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((out / "summary.json").read_text())
    assert main(["import", str(tmp_path / "logs"), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["run", "--resume", str(out)]) == 2
    assert "imported" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "absent"), "--out", str(tmp_path / "x")]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["import", str(Path(__file__)), "--out", str(tmp_path / "x")]) == 2
    assert "no log of lm-eval" in capsys.readouterr().err
