"""The run as an object: the numbers of its files, a data frame, and HTML that nobody's text can break."""

import json
import subprocess
import sys
from html.parser import HTMLParser

import pyarrow.parquet as pq
import pytest

import evalsuite as es
from evalsuite.errors import RunError, UsageError
from evalsuite.util.checksum import with_checksum

TASKS = ["starter_recall", "starter_evidence"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    return es.evaluate("trivial/random", TASKS, samples=3, rotate_options=False, out=out)


def test_the_numbers_are_those_of_the_summary(run):
    summary = json.loads((run.path / "summary.json").read_text())
    for task in TASKS:
        assert run.accuracy[task]._asdict() == summary["tasks"][task]["accuracy"]
        assert run.accuracy_lenient[task]._asdict() == summary["tasks"][task]["accuracy_lenient"]
        assert run.tasks[task].status == summary["tasks"][task]["status"]
    assert run.macro._asdict() == summary["macro"]
    assert list(run.accuracy) == TASKS


def test_the_data_frame_has_one_row_per_sample_with_the_grades_of_the_file(run):
    frame = run.to_pandas()
    assert len(frame) == 3 * (20 + 18) == len(run.responses())
    assert not frame.duplicated(["task", "item", "rotation", "sample"]).any()
    assert frame.groupby("task")["correct"].mean().to_dict() == pytest.approx(
        {task: run.accuracy[task].value for task in TASKS}
    )
    key = ["task", "item", "rotation", "sample"]
    stored = pq.read_table(run.path / "grades.parquet").to_pandas().set_index(key).sort_index()
    frame = frame.set_index(key).sort_index()
    for column in ("gold", "label", "status", "correct", "label_lenient", "status_lenient", "latency"):
        assert frame[column].astype(object).equals(stored[column].astype(object)) or column == "latency"
    assert [text[start:end] for text, (start, end) in zip(frame["text"], frame["span"], strict=True)] == list(
        frame["label"]
    )


def test_responses_of_one_task_and_of_none(run):
    assert {each.task for each in run.responses("starter_evidence")} == {"starter_evidence"}
    with pytest.raises(UsageError, match="medqa") as caught:
        run.responses("medqa")
    assert caught.value.code is es.ErrorCode.UNKNOWN_TASK


def test_a_committed_baseline_has_grades_and_no_responses(run, tmp_path):
    for name in ("summary.json", "grades.parquet"):
        (tmp_path / name).write_bytes((run.path / name).read_bytes())
    baseline = es.read_run(tmp_path / "summary.json")
    assert baseline.accuracy == run.accuracy and baseline.to_pandas()["text"].isna().all()
    with pytest.raises(RunError) as caught:
        baseline.responses()
    assert caught.value.code is es.ErrorCode.RUN_NOT_FOUND


def test_without_pandas_the_error_says_how_to_get_it(run):
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "import evalsuite as es\n"
        f"try: es.read_run({str(run.path)!r}).to_pandas()\n"
        "except es.EvalsuiteError as error: print(error.code, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("missing_package ") and "[pandas]" in done.stdout


class Elements(HTMLParser):
    """The tags of a page, and the text between them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.texts = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("shown", ["run", "comparison"])
def test_the_notebooks_view_is_well_formed_and_escapes_the_models_name(run, tmp_path, shown):
    evil = '<script>alert("x")</script>&\x1b[2J'
    summary = json.loads((run.path / "summary.json").read_text()) | {"model": evil}
    (tmp_path / "summary.json").write_text(json.dumps(with_checksum(summary)))
    (tmp_path / "grades.parquet").write_bytes((run.path / "grades.parquet").read_bytes())
    named = es.read_run(tmp_path)
    page = (named if shown == "run" else es.compare(named, run))._repr_html_()
    elements = Elements(page)
    assert elements.open == [] and elements.tags <= {
        "div", "b", "table", "thead", "tbody", "tr", "th", "td", "svg", "line", "circle", "text",
    }  # fmt: skip
    text = "".join(elements.texts)
    assert '<script>alert("x")</script>&\\x1b[2J' in text and "\x1b" not in page
    assert all(task in text for task in TASKS) and "macro average" in text


def test_reprs_are_one_short_line(run, tmp_path):
    other = es.evaluate("trivial/first", TASKS, out=tmp_path / "other")
    comparison = es.compare(run, other, allow=["samples"])
    decision = es.gate(other, es.evaluate("trivial/first", TASKS, out=tmp_path / "again"), {"margin": 0.1})
    for shown in (
        run,
        comparison,
        decision,
        es.load_task("starter_recall"),
        es.Dataset(es.load_items("starter_recall")),
    ):
        assert "\n" not in repr(shown) and len(repr(shown)) < 500
    assert run.model in repr(comparison) and comparison.verdict in repr(comparison)
    assert decision.outcome in repr(decision)


def test_a_policy_is_a_path_a_mapping_or_an_object(run, tmp_path):
    from evalsuite.gate import GatePolicy

    file = tmp_path / "gate.yaml"
    file.write_text("margin: 0.1\n")
    other = es.evaluate("trivial/random", TASKS, samples=3, rotate_options=False, seed=1, out=tmp_path / "other")
    decisions = [
        es.gate(other, run.path, policy) for policy in (file, str(file), {"margin": 0.1}, GatePolicy(margin=0.1))
    ]
    assert all(decision.to_json() == decisions[0].to_json() for decision in decisions)
    assert es.gate(other, run).policy == GatePolicy()
    with pytest.raises(UsageError) as caught:
        es.gate(other, run, {"margn": 0.1})
    assert caught.value.code is es.ErrorCode.INVALID_POLICY


@pytest.mark.parametrize("judge", [es.compare, es.gate, lambda a, b: es.report([a, b], a.path.parent / "report")])
def test_a_run_is_not_compared_with_itself(run, judge, tmp_path):
    (tmp_path / "link").symlink_to(run.path)
    for same in (run, es.read_run(run.path), es.read_run(tmp_path / "link")):
        with pytest.raises(RunError) as caught:
            judge(run, same)
        assert caught.value.code is es.ErrorCode.SAME_RUN_TWICE and str(run.path) in str(caught.value)


@pytest.mark.parametrize("text", ["<answer>B</answer>", "It is (B).", "", "<answer>B</answer><answer>C</answer>"])
def test_parse_grade_and_reward_agree_with_each_other(text):
    item = es.Item("q", "Which?", ("x", "y", "z"), ("A", "B", "C"), "B")
    parsed, grade = es.parse(text, "ABC", ["x", "y", "z"]), es.grade(item, text)
    assert (parsed.strict.label, parsed.strict.status) == (grade.strict.label, grade.strict.status)
    assert (parsed.lenient.label, parsed.lenient.status) == (grade.lenient.label, grade.lenient.status)
    assert es.reward(text, "B", "ABC") == float(grade.strict.correct)


def test_arguments_that_the_parser_cannot_use_are_usage_errors():
    item = es.Item("q", "Which?", ("x", "y"), ("A", "B"), "B")
    for call in (
        lambda: es.parse("x", "AA"),
        lambda: es.parse("x", "AB", ["x"]),
        lambda: es.parse("x", "AB", answer_format="shout"),
        lambda: es.grade(item, "x", answer_format="shout"),
        lambda: es.reward("x", "A", "AB", answer_format="shout"),
        lambda: es.reward("x", "C", "AB"),
        lambda: es.load_items("starter_recall", split="all"),
    ):
        with pytest.raises(UsageError):
            call()
