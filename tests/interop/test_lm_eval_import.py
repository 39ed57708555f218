"""lm-eval's sample logs as 0.4.13 writes them: graded by the parser or by their own scores; refused if mixed."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evalsuite import parser
from evalsuite.analysis.leaderboard import NamedRun, leaderboard
from evalsuite.analysis.regrade import regrade
from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.interop.import_logs import import_logs
from evalsuite.interop.importing.wall_time import wall_seconds
from evalsuite.report.cost import run_cost
from evalsuite.tasks.registry import load_task

DATE = "2026-11-20T13-09-10.007480"
RECALL = load(load_task("starter_recall")).items


def chat(text):
    return [json.dumps([{"role": "user", "content": text}])]


def doc_row(number, doc, target, prompt, texts, **more):
    """A sample of a generation task."""
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


def item_row(number, item, text, score, instruction="End with <answer>X</answer>.", **more):
    options = "\n".join(f"{label}. {option}" for label, option in zip(item.labels, item.options, strict=True))
    prompt = chat(f"{item.question}\n{options}\n{instruction}")
    return doc_row(number, {"q": item.question}, item.gold, prompt, [text], exact_match=score, **more)


def choice_row(number, question, likelihoods, gold, **scores):
    """A sample of a multiple-choice task that is scored by log-likelihood."""
    calls = {
        f"gen_args_{k}": {"arg_0": f"{question}\nAnswer:", "arg_1": f" {'ABCD'[k]}"} for k in range(len(likelihoods))
    }
    responses = [[[str(value), "False"]] for value in likelihoods]
    row = doc_row(number, {"question": question}, "ABCD"[gold], "", ["x"], filter="none", metrics=list(scores))
    return {**row, "arguments": calls, "resps": responses, "filtered_resps": responses, **scores}


def write(folder, tasks, date=DATE, model="org/model-7b", **facts):
    """Write the files of one run, {task: rows}; the scores of the results file are the rows' means."""
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


def test_responses_to_a_known_task_are_graded_by_the_parser_and_the_scores_are_stored(tmp_path):
    """Every second response is bold: right for lm-eval, no label for the strict parse."""
    texts = [f"<answer>{i.gold}</answer>" if n % 2 else f"<answer>**{i.gold}**</answer>" for n, i in enumerate(RECALL)]
    rows = [item_row(n, i, text, 1.0) for n, (i, text) in enumerate(zip(RECALL, texts, strict=True))]
    rows.reverse()  # matched by content, not by position
    write(tmp_path / "logs", {"recall": rows})
    summary = import_logs([tmp_path / "logs"], tmp_path / "run").summary.to_json()
    task = summary["tasks"]["starter_recall"]
    assert (summary["model"], summary["parser"], summary["run"]) == ("imported/org/model-7b", parser.VERSION, "run")
    assert (summary["decoding"]["temperature"], summary["decoding"]["max_tokens"]) == (0.0, 512)
    assert summary["decoding"]["top_p"] is None
    assert "graded_by" not in task and task["format"] == "answer_tag"
    assert task["data_digest"] == load(load_task("starter_recall")).digest
    rows_by_item = grades(tmp_path / "run")
    for n, item in enumerate(RECALL):
        row = rows_by_item[item.id, 0]
        assert (row["correct"], row["correct_lenient"]) == (n % 2 == 1, True)
    half = len(RECALL) // 2
    assert any(f"on {half} of {len(RECALL)} responses" in note for note in task["notes"])
    scores = pq.read_table(tmp_path / "run" / "harness_scores.parquet").to_pylist()
    assert {row["item"]: row["score"] for row in scores} == {item.id: 1.0 for item in RECALL}
    read_result(tmp_path / "run").scores("starter_recall")
    assert regrade(tmp_path / "run").changes == ()


def test_an_imported_run_has_the_same_items_as_a_native_one(tmp_path):
    rows = [item_row(n, item, f"<answer>{item.gold}</answer>", 1.0) for n, item in enumerate(RECALL)]
    import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "a")
    assert main(["run", "--model", "trivial/first", "--tasks", "starter_recall", "--out", str(tmp_path / "b")]) == 0
    a, b = (read_result(tmp_path / name) for name in "ab")
    for key in ("data_digest", "n", "trivial_baselines", "chance", "version"):
        assert getattr(a.tasks["starter_recall"], key) == getattr(b.tasks["starter_recall"], key)
    imported, native = a.scores("starter_recall"), b.scores("starter_recall")
    assert list(imported.items) == list(native.items) and list(imported.groups) == list(native.groups)


@pytest.mark.parametrize("most", ["x" * 10, float("nan"), [2**64], {"a": 1}])
def test_an_imported_run_is_reported_whatever_its_log_states_of_decoding(tmp_path, most):
    rows = [item_row(number, item, f"<answer>{item.gold}</answer>", 1.0) for number, item in enumerate(RECALL)]
    for row in rows:
        next(iter(row["arguments"].values()))["arg_1"] = {"temperature": 0.5, "max_gen_toks": most}
    run = import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run")
    assert run.summary.decoding["max_tokens"] == (most if isinstance(most, str) else None)
    assert run.summary.decoding["temperature"] == 0.5
    assert main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "report")]) == 0


@pytest.mark.parametrize(
    ("instruction", "chosen", "format"),
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
def test_the_format_is_the_chosen_one_or_the_one_that_every_prompt_shows(tmp_path, instruction, chosen, format):
    rows = [item_row(n, item, f"\\boxed{{{item.gold}}}", 1.0, instruction) for n, item in enumerate(RECALL[:5])]
    run = import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run", format=chosen)
    tasks = run.summary.to_json()["tasks"]
    if format is None:
        assert tasks["lm_eval_t"]["graded_by"] == "lm-eval exact_match,tag"
        assert any("starter_recall" in note and "--format" in note for note in tasks["lm_eval_t"]["notes"])
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


def test_another_task_keeps_its_scores_and_is_marked_so(tmp_path):
    golds = [n % 4 for n in range(24)]
    write(tmp_path / "logs", {"some_task": likelihoods(golds, lambda n: n % 3 == 0)})
    summary = import_logs([tmp_path / "logs"], tmp_path / "run", metrics=["acc,none"]).summary.to_json()
    task = summary["tasks"]["lm_eval_some_task"]
    assert (task["graded_by"], summary["parser"]) == ("lm-eval acc,none", "lm-eval 0.4.13")
    assert task["accuracy"] == task["accuracy_lenient"] and task["accuracy"]["value"] == pytest.approx(1 / 3)
    assert (task["chance"], task["trivial_baselines"]) == (0.25, {"majority": 0.25})
    rows = grades(tmp_path / "run").values()
    assert sum(row["correct"] for row in rows) == 8
    assert {row["label"] == row["gold"] for row in rows if row["correct"]} == {True}
    with pytest.raises(EvalsuiteError, match="lm-eval acc,none"):
        regrade(tmp_path / "run")


def test_two_imported_runs_pair_by_content_whatever_the_order(tmp_path):
    rows = likelihoods([n % 4 for n in range(24)], lambda n: n % 2 == 0)
    write(tmp_path / "a", {"t": rows})
    write(tmp_path / "b", {"t": list(reversed(likelihoods([n % 4 for n in range(24)], lambda n: n % 3 == 0)))})
    for name in "ab":
        import_logs([tmp_path / name], tmp_path / f"run_{name}", metrics=["acc,none"])
    a, b = (read_result(tmp_path / f"run_{name}").tasks["lm_eval_t"] for name in "ab")
    assert (a.data_digest, a.prompt_digest, a.n) == (b.data_digest, b.prompt_digest, b.n)
    first, second = (grades(tmp_path / f"run_{name}") for name in "ab")
    assert first.keys() == second.keys()
    both_right = sum(first[key]["correct"] and second[key]["correct"] for key in first)
    assert both_right == sum(n % 6 == 0 for n in range(24))


def test_documents_with_the_same_content_are_two_items_of_one_group(tmp_path):
    rows = [choice_row(n, "Again?", [-1.0, -2.0], 0, acc=1.0) for n in range(2)]
    import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run")
    rows = grades(tmp_path / "run")
    assert len(rows) == 2 and len({row["group"] for row in rows.values()}) == 1


def test_repeats_are_samples_if_the_parser_grades_them(tmp_path):
    rows = [item_row(n, item, "", 1.0) for n, item in enumerate(RECALL)]
    for row, item in zip(rows, RECALL, strict=True):
        row["resps"] = [[f"<answer>{item.gold}</answer>", "no idea"]]
    task = import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run").summary.to_json()["tasks"][
        "starter_recall"
    ]
    assert (task["samples"], task["accuracy"]["value"]) == (2, 0.5)


def change(pattern, edit):
    """Return a function that edits the bytes of the file that matches a pattern."""

    def damage(folder):
        (file,) = folder.glob(pattern)
        file.write_bytes(edit(file.read_bytes()))

    return damage


@pytest.mark.parametrize(
    ("damage", "code", "value"),
    [
        (
            change("samples_*", lambda c: c + c.splitlines(True)[0].replace(b'"acc": 1.0', b'"acc": 0.0')),
            ErrorCode.LOGS_NOT_ONE_RUN,
            r"0\.8000.*1\.0000",
        ),
        (change("samples_*", lambda c: c[:-40]), ErrorCode.LOG_MALFORMED, "line 4"),
        (change("samples_*", lambda c: b""), ErrorCode.LOG_INCOMPLETE, "samples_t_"),
        (change("samples_*", lambda c: b"[1]\n"), ErrorCode.LOG_MALFORMED, "line 1"),
        (change("samples_*", lambda c: c.replace(b'"resps"', b'"answers"')), ErrorCode.LOG_MALFORMED, "'resps'"),
        (
            change("samples_*", lambda c: c.replace(b'"arguments": {"gen', b'"arguments": {}, "x": {"gen')),
            ErrorCode.LOG_MALFORMED,
            "document 0",
        ),
        (change("samples_*", lambda c: b"[" * 100_000), ErrorCode.LOG_MALFORMED, "line 1"),
        (change("results_*", lambda c: b"{"), ErrorCode.LOG_MALFORMED, "results_"),
        (change("results_*", lambda c: b"{}"), ErrorCode.LOG_MALFORMED, "'results'"),
        (change("results_*", lambda c: c.replace(b'"t":', b'"u":')), ErrorCode.LOGS_NOT_ONE_RUN, "task t"),
        (
            change("results_*", lambda c: c.replace(b'"model_name"', b'"name"').replace(b'"config"', b'"c"')),
            ErrorCode.LOG_MALFORMED,
            "model",
        ),
        (lambda folder: next(folder.glob("results_*")).unlink(), ErrorCode.LOG_INCOMPLETE, "logs"),
        (
            lambda folder: write(folder, {"t": likelihoods([0], lambda n: True)}, date="2026-11-21T00-00-00.1"),
            ErrorCode.LOGS_NOT_ONE_RUN,
            "2 runs",
        ),
    ],
)
def test_a_damaged_or_mixed_log_is_an_error_and_leaves_no_run(tmp_path, damage, code, value):
    folder = write(tmp_path / "logs", {"t": likelihoods([0, 1, 2, 3], lambda n: True)})
    damage(folder)
    with pytest.raises(EvalsuiteError, match=value) as caught:
        import_logs([folder], tmp_path / "run", metrics=["acc,none"])
    assert caught.value.code is code
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("arguments", "code", "value"),
    [
        ({}, ErrorCode.MISSING_ARGUMENT, "acc,none and by acc_norm,none"),
        ({"metrics": ["acc,none"], "task": "starter_recall"}, ErrorCode.CONFLICTING_ARGUMENTS, "starter_recall"),
    ],
)
def test_arguments_that_a_log_does_not_allow_are_refused(tmp_path, arguments, code, value):
    folder = write(tmp_path / "logs", {"t": likelihoods([0, 1], lambda n: True)})
    with pytest.raises(EvalsuiteError, match=value) as caught:
        import_logs([folder], tmp_path / "run", **arguments)
    assert caught.value.code is code


def test_a_format_matters_only_for_responses_that_are_parsed(tmp_path):
    folder = write(tmp_path / "logs", {"t": likelihoods([0, 1], lambda n: True)})
    task = import_logs([folder], tmp_path / "a", metrics=["acc,none"], format="shout").summary.to_json()["tasks"][
        "lm_eval_t"
    ]
    assert task["accuracy"]["value"] == 1
    rows = [item_row(n, item, "", 1.0) for n, item in enumerate(RECALL[:5])]
    with pytest.raises(EvalsuiteError, match="shout") as caught:
        import_logs([write(tmp_path / "generated", {"t": rows})], tmp_path / "b", format="shout")
    assert caught.value.code is ErrorCode.UNKNOWN_ANSWER_FORMAT


def test_a_score_between_right_and_wrong_is_refused(tmp_path):
    rows = [doc_row(n, {"n": n}, "x", "Say x.", ["x"], metrics=["rouge"], rouge=n / 4) for n in range(4)]
    with pytest.raises(EvalsuiteError, match=r"rouge,tag.*0\.25") as caught:
        import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run")
    assert caught.value.code is ErrorCode.LOG_NOT_IMPORTABLE


def test_logs_of_two_models_are_not_one_run(tmp_path):
    row = choice_row(0, "Q?", [-1.0, -2.0], 0, acc=1.0)
    write(tmp_path / "a", {"t": [row]}, model="one")
    write(tmp_path / "b", {"u": [row]}, model="two")
    with pytest.raises(EvalsuiteError, match="one, two") as caught:
        import_logs([tmp_path / "a", tmp_path / "b"], tmp_path / "run")
    assert caught.value.code is ErrorCode.LOGS_NOT_ONE_RUN


def test_the_command_prints_the_summary_and_refuses_other_sources(tmp_path, capsys):
    rows = [item_row(n, item, f"<answer>{item.gold}</answer>", 1.0) for n, item in enumerate(RECALL)]
    write(tmp_path / "logs", {"t": rows})
    out = tmp_path / "run"
    assert main(["import", str(tmp_path / "logs"), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((out / "summary.json").read_text())
    for source, folder, code in (
        (tmp_path / "logs", out, ErrorCode.OUTPUT_EXISTS),
        (tmp_path / "absent", tmp_path / "x", ErrorCode.LOG_NOT_FOUND),
        (Path(__file__), tmp_path / "x", ErrorCode.LOG_NOT_FOUND),
    ):
        assert main(["import", str(source), "--out", str(folder)]) == 2
        error = capsys.readouterr().err
        assert f"[{code}]" in error and str(folder if code is ErrorCode.OUTPUT_EXISTS else source) in error


def test_the_command_names_its_own_options_in_errors(tmp_path, capsys):
    write(tmp_path / "logs", {"t": likelihoods([0, 1], lambda n: True)})
    assert main(["import", str(tmp_path / "logs"), "--out", str(tmp_path / "run")]) == 2
    assert "choose with --metric, for example acc,none" in capsys.readouterr().err


def test_an_imported_run_cannot_be_resumed(tmp_path, capsys):
    rows = [item_row(n, item, f"<answer>{item.gold}</answer>", 1.0) for n, item in enumerate(RECALL)]
    import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run")
    assert main(["run", "--resume", str(tmp_path / "run")]) == 2
    assert "imported" in capsys.readouterr().err


def test_where_the_harness_read_other_answers_is_counted_by_kind(tmp_path):
    """lm-eval's regex took a letter out of a word, missed a sentence, and read the first of two letters."""
    golds = [item.gold for item in RECALL[:6]]
    wrong = [next(label for label in item.labels if label != item.gold) for item in RECALL[:6]]
    cases = [
        (f"Not sure, vitamin {golds[0]}.", golds[0], 1.0),
        (f"Vitamin {wrong[1]} perhaps?", f"({wrong[1]})", 0.0),
        (f"The answer is {golds[2]}.", "[invalid]", 0.0),
        (f"Not {wrong[3]}. <answer>{golds[3]}</answer>", wrong[3], 0.0),
        (f"<answer>{golds[4]}</answer>", golds[4], 1.0),
        ("No idea.", "[invalid]", 0.0),
    ]
    rows = [
        item_row(n, item, text, score, filtered_resps=[read])
        for n, (item, (text, read, score)) in enumerate(zip(RECALL, cases, strict=False))
    ]
    import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run")
    (note,) = [n for n in read_result(tmp_path / "run").tasks["starter_recall"].notes if "differs from the strict" in n]
    assert "33.3%" in note and "2 of 6 responses" in note
    kinds = dict(part.rsplit(": ", 1) for part in note[note.rindex("responses (") + 11 : -1].split("; "))
    assert list(kinds.values()) == ["2", "1", "1"]
    scores = pq.read_table(tmp_path / "run" / "harness_scores.parquet").to_pylist()
    labels = {row["item"]: row["label"] for row in scores}
    assert [labels[item.id] for item in RECALL[:6]] == [golds[0], wrong[1], None, wrong[3], golds[4], None]


def test_what_failed_in_the_harness_counts_as_wrong(tmp_path):
    """No response at all, an error message in its place, and a score that is not a number."""
    rows = [item_row(n, item, f"<answer>{item.gold}</answer>", 1.0) for n, item in enumerate(RECALL[:6])]
    rows[0]["resps"], rows[0]["filtered_resps"] = [[None]], [""]
    rows[1]["resps"] = [["Error code: 500 - {'error': {'message': 'boom'}}"]]
    for row in rows[:3]:
        row["exact_match"] = float("nan")
    task = import_logs([write(tmp_path / "logs", {"t": rows})], tmp_path / "run").summary.to_json()["tasks"]
    assert task["starter_recall"]["n"] == 6 and task["starter_recall"]["status"] == {"ok": 4, "unanswered": 2}
    (note,) = [note for note in task["starter_recall"]["notes"] if "differs from the strict" in note]
    assert "50.0%" in note and "1 of 6 responses" in note
    other = likelihoods([0, 1, 2, 3], lambda n: True)
    other[0]["acc"] = float("nan")
    task = import_logs([write(tmp_path / "other", {"t": other})], tmp_path / "o", metrics=["acc,none"])
    assert task.summary.tasks["lm_eval_t"].accuracy.value == 0.75


def repeated(texts_of, temperature):
    rows = [item_row(n, item, "", 1.0) for n, item in enumerate(RECALL)]
    for row, item in zip(rows, RECALL, strict=True):
        row["resps"] = [texts_of(item)]
        row["arguments"]["gen_args_0"]["arg_1"]["temperature"] = temperature
    return rows


@pytest.mark.parametrize(
    ("texts_of", "temperature", "samples"),
    [
        (lambda item: ["<answer>A</answer>"] * 3, 0.7, 1),
        (lambda item: ["<answer>A</answer>"] * 3, 0.0, 3),
        (lambda item: ["<answer>A</answer>", "<answer>A</answer>", "<answer>B</answer>"], 0.7, 2),
        (lambda item: ["<answer>A</answer>", "<answer>B</answer>", "<answer>C</answer>"], 0.7, 3),
        # Engines aren't fully deterministic: most long texts are equal, some differ.
        (lambda item: ["x" * 300, "x" * 300 + ("y" if item is RECALL[0] else "")], 0.7, 1),
        # A few equal long texts, as a prompt cache of the server gives, are no copies of all.
        (lambda item: ["x" * 300, "x" * 300 + ("" if item is RECALL[0] else "y")], 0.7, 2),
        # Short texts are equal by chance.
        (lambda item: ["A", "B" if item is RECALL[0] else "A"], 0.7, 2),
    ],
)
def test_repeats_that_are_copies_are_not_samples(tmp_path, texts_of, temperature, samples):
    run = import_logs([write(tmp_path / "logs", {"t": repeated(texts_of, temperature)})], tmp_path / "run")
    task = run.summary.tasks["starter_recall"]
    assert task.samples == samples
    before = len(texts_of(RECALL[0]))
    assert any(f"the {before} repeats" in note for note in task.notes) == (samples < before)


@pytest.mark.parametrize(
    ("stamps", "seconds"),
    [
        ([("2026-01-01T00:00:00+00:00", "2026-01-01T00:10:00+00:00")], 600),
        ([("2026-01-01T00:00:00", "2026-01-01T00:10:00+00:00"), ("2026-01-01T00:05:00Z", "2026-01-01T00:15:00Z")], 900),
        ([("2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"), ("2026-02-01T00:00:00Z", "2026-02-01T00:10:00Z")], 1200),
        ([("2026-01-01T00:10:00Z", "2026-01-01T00:00:00Z")], None),
        ([("2026-01-01T00:00:00Z", "2026-11-27T17:00:00Z")], None),
        ([("2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"), ("", "")], None),
        ([("yesterday", "today")], None),
        ([], None),
    ],
)
def test_the_wall_time_of_several_evaluations(stamps, seconds):
    assert wall_seconds(stamps) == seconds


def test_a_report_shows_the_wall_time_of_the_logs(tmp_path):
    rows = [item_row(n, item, f"<answer>{item.gold}</answer>", 1.0) for n, item in enumerate(RECALL)]
    for name, duration in (("a", "61.5"), ("b", "1e300")):
        logs = write(tmp_path / name, {"t": rows}, total_evaluation_time_seconds=duration)
        import_logs([logs], tmp_path / f"run_{name}")
    assert json.loads((tmp_path / "run_a" / "run.json").read_text())["imported"]["seconds"] == 61.5
    assert json.loads((tmp_path / "run_b" / "run.json").read_text())["imported"]["seconds"] is None
    board = leaderboard(
        [NamedRun("a", "a", read_result(tmp_path / "run_a")), NamedRun("b", "b", read_result(tmp_path / "run_b"))]
    )
    assert [run_cost(row.entry, board)["seconds"] for row in board.rows] == [61.5, None]
