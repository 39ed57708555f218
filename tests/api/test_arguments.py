"""Arguments of a wrong type, in every public function: one error of one line that names the argument, and no file."""

from pathlib import Path

import pytest

import evalsuite as es
from evalsuite.errors import RunError, UsageError

ROWS = [
    {"question": "Which vitamin prevents scurvy?", "options": ["A", "C"], "answer": "B"},
    {"question": "Which ion does furosemide waste?", "options": ["potassium", "iodide"], "answer": "A"},
]
ITEM = es.Item("i", "Which?", ("x", "y"), ("A", "B"), "A")
NO_INTEGER = ("3", 2.5, True, [1])
NO_NUMBER = ("0.5", True, [1], {})
NO_TEXT = (5, b"text", ["text"], True)
NO_PATH = (5, b"path", ["path"], "nul\0byte")
NO_NAMES = (5, None, [5], b"x", {"a": 1})
NO_BOOLEAN = (1, "yes", [])
NO_NAME = (5, "", " ", "two\nlines", "\x1b[31mred")
EVALUATE = {
    **dict.fromkeys(("samples", "seed"), (*NO_INTEGER, None)),
    **dict.fromkeys(("limit", "concurrency", "max_tokens", "thinking_budget"), NO_INTEGER),
    **dict.fromkeys(("temperature", "top_p"), (*NO_NUMBER, None)),
    **dict.fromkeys(("answer_format", "system", "chat_template", "revision", "adapter"), NO_TEXT),
    **dict.fromkeys(("data_dir", "out"), NO_PATH),
    **dict.fromkeys(("name", "version"), NO_NAME),
    **dict.fromkeys(("rotate_options",), (*NO_BOOLEAN, None)),
    "base_urls": NO_NAMES,
    "progress": NO_BOOLEAN,
    "thinking": (True, 5, "never", None, []),
    "scoring": (True, 5, "never", None, []),
    "model_args": (5, "a=b", {"a": 1}, {1: "a"}, ["ab"]),
    "model": (5, None, b"x", Path("x"), []),
    "tasks": (5, None, b"x", Path("x"), [5], [None]),
}
NO_FORMAT = (5, None, ["answer_tag"], "unknown")
OTHERS = [
    (es.tasks, {}, {"suite": NO_TEXT}),
    (es.load_task, {"name": "starter_recall"}, {"name": (*NO_TEXT, None)}),
    (
        es.load_items,
        {"task": "starter_recall"},
        {"task": (5, None, []), "data_dir": NO_PATH, "split": (5, None, [], "validation")},
    ),
    (
        es.Dataset,
        {"items": ROWS},
        {
            "items": (5, None, "text", {"question": "?"}),
            "answer_format": NO_FORMAT,
            "name": (5, None, "", "A b", "a\n"),
            "prompt": NO_TEXT,
            "language": (5, None, "French, mostly", []),
        },
    ),
    (es.read_run, {"path": "run"}, {"path": (*NO_PATH, None)}),
    (
        es.report,
        {"runs": "run", "out": "report"},
        {
            "runs": (5, None, [5]),
            "out": (*NO_PATH, None),
            "stages": NO_NAMES,
            "allow": NO_NAMES,
            "data_dir": NO_PATH,
            "parse_mode": (5, None, "loose", []),
        },
    ),
    (
        es.compare,
        {"a": "run", "b": "other"},
        {
            "a": (*NO_PATH, None),
            "b": (*NO_PATH, None),
            "tasks": NO_NAMES,
            "allow": NO_NAMES,
            "parse_mode": (5, None, "loose", []),
        },
    ),
    (
        es.gate,
        {"candidate": "run", "baseline": "other"},
        {"candidate": (*NO_PATH, None), "baseline": (*NO_PATH, None), "policy": (5, [], b"x")},
    ),
    (
        es.import_log,
        {"path": "log"},
        {
            "path": (5, None, [5], []),
            "out": NO_PATH,
            "task": NO_TEXT,
            "answer_format": NO_TEXT,
            "metrics": NO_NAMES,
            "data_dir": NO_PATH,
        },
    ),
    (
        es.parse,
        {"text": "A", "labels": "AB"},
        {
            "text": (5, None, b"A"),
            "labels": (5, None, [1, 2], b"AB", "", "AA"),
            "options": (5, "xy", [1, 2], ["x"]),
            "answer_format": NO_FORMAT,
            "finish": (5, None, "unknown"),
            "opens_reasoning": (*NO_BOOLEAN, None),
        },
    ),
    (
        es.grade,
        {"item": ITEM, "text": "A"},
        {
            "item": (5, None, ROWS[0]),
            "text": (5, None, b"A"),
            "answer_format": NO_FORMAT,
            "finish": (5, None, "unknown"),
            "opens_reasoning": (*NO_BOOLEAN, None),
        },
    ),
    (
        es.reward,
        {"text": "A", "gold": "A", "labels": "AB"},
        {
            "text": (5, None, b"A"),
            "gold": (5, None, b"A"),
            "labels": (5, None, [1, 2], b"AB"),
            "answer_format": NO_FORMAT,
            "opens_reasoning": (*NO_BOOLEAN, None),
        },
    ),
    (
        es.load_task("starter_recall").messages,
        {"item": ITEM},
        {"item": (5, None, ROWS[0]), "answer_format": (5, ["answer_tag"], "unknown"), "system": NO_TEXT},
    ),
]
CASES = [
    pytest.param(function, valid, name, value, id=f"{function.__name__}-{name}-{value!r:.20}")
    for function, valid, arguments in [
        (es.evaluate, {"model": "trivial/first", "tasks": "starter_recall"}, EVALUATE),
        *OTHERS,
    ]
    for name, values in arguments.items()
    for value in values
]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("function", "valid", "name", "value"), CASES)
def test_a_wrong_type_is_one_error_that_names_the_argument(function, valid, name, value):
    with pytest.raises(UsageError) as caught:
        function(**{**valid, name: value})
    assert caught.value.code in (es.ErrorCode.INVALID_ARGUMENT, es.ErrorCode.UNKNOWN_ANSWER_FORMAT)
    assert "\n" not in str(caught.value)
    assert f"`{name}`" in str(caught.value) or function is es.parse
    assert list(Path().iterdir()) == []


async def test_evaluate_async_checks_the_same():
    with pytest.raises(UsageError, match="`samples`") as caught:
        await es.evaluate_async("trivial/first", "starter_recall", samples=True)
    assert caught.value.code is es.ErrorCode.INVALID_ARGUMENT


def test_a_single_name_is_not_taken_letter_by_letter():
    a = es.evaluate("trivial/first", "starter_recall", out="a")
    es.evaluate("trivial/first", "starter_recall", samples=2, temperature=1.0, out="b")
    es.evaluate("trivial/longest", ["starter_recall", "starter_evidence"], out="c")
    assert es.compare("a", "b", allow=["samples", "decoding"]).pairing.allowed
    assert [each.task for each in es.compare("a", "c", tasks="starter_recall", allow="tasks").tasks] == [
        "starter_recall"
    ]
    for runs in ("a", a, Path("a"), ["a"]):
        assert es.report(runs, "report", allow="decoding")[0].name == "report.html"
    with pytest.raises(UsageError, match="`stages` names 1 "):
        es.report("a", "report", stages="base")


def test_a_run_may_be_given_where_its_path_is_expected():
    run = es.evaluate("trivial/first", "starter_recall", out="a")
    assert es.read_run(run) is run and repr(es.read_run("a")) == repr(es.read_run(run.result)) == repr(run)


@pytest.mark.parametrize(
    "use",
    [
        lambda: es.evaluate("trivial/first", "starter"),
        lambda: es.load_task("starter"),
        lambda: es.load_items("starter"),
    ],
)
def test_a_suite_that_is_given_as_a_task_is_recognised(use):
    with pytest.raises(UsageError, match=r"es\.tasks\('starter'\)") as caught:
        use()
    assert caught.value.code is es.ErrorCode.UNKNOWN_TASK


def test_a_run_shows_its_unanswered_requests_in_a_notebook():
    def model(messages):
        if "scurvy" in messages[-1]["content"]:
            raise TimeoutError
        return "<answer>A</answer>"

    own = es.Dataset(ROWS)
    with pytest.warns(UserWarning):
        run = es.evaluate(model, [own, "starter_recall"], out="run")
    assert ">unanswered</th>" in run._repr_html_()
    assert "unanswered" not in es.evaluate("trivial/first", own, out="complete")._repr_html_()


def test_responses_of_a_task_that_the_run_does_not_have():
    run = es.evaluate("trivial/first", "starter_recall", out="run")
    with pytest.raises(UsageError, match="starter_recall") as caught:
        run.responses("zz")
    assert caught.value.code is es.ErrorCode.UNKNOWN_TASK


def test_a_run_that_is_not_found_is_not_there_or_has_no_summary():
    es.evaluate("trivial/first", "starter_recall", out="unfinished")
    Path("unfinished/summary.json").unlink()
    Path("empty").mkdir()
    messages = []
    for path in ("nowhere", "empty", "unfinished"):
        with pytest.raises(RunError) as caught:
            es.read_run(path)
        assert caught.value.code is es.ErrorCode.RUN_NOT_FOUND
        messages.append(str(caught.value).removeprefix(path))
    assert len(set(messages)) == 3
