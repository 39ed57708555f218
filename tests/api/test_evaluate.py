"""`evaluate`: functions, backends and own items as a program uses them; real event loops, threads and interrupts."""

import asyncio
import dataclasses
import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import evalsuite as es
from evalsuite.analysis.regrade import regrade
from evalsuite.api.request import run_request
from evalsuite.cli import main
from evalsuite.errors import BackendError, RunError, UsageError
from evalsuite.models.backend import Backend, BackendSettings, Response
from evalsuite.models.code_digest import code_digest
from evalsuite.models.trivial import TrivialBaseline

ROOT = Path(__file__).parents[2]


def dataset(count=12, **more):
    """Items whose gold label is C, B, A, C, ... by number."""
    items = [
        {"id": f"i{n}", "question": f"Question {n}?", "options": [f"x{n}", f"y{n}", f"z{n}"], "answer": "CBA"[n % 3]}
        for n in range(count)
    ]
    return es.Dataset(items, **more)


def number(messages):
    return int(messages[-1]["content"].split("?")[0].removeprefix("Question "))


def knows_half(messages):
    n = number(messages)
    return f"<answer>{'CBA'[n % 3]}</answer>" if n % 2 == 0 else "I don't know."


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_function_is_graded_journalled_and_recorded_under_its_name():
    run = es.evaluate(knows_half, dataset())
    assert run.model == "function/knows_half" and run.path.parent == Path("runs/function_knows_half")
    assert run.accuracy["custom"].value == 0.5 and run.missing == 0
    samples = run.responses()
    assert [s.correct for s in sorted(samples, key=lambda s: int(s.item[1:]))] == [n % 2 == 0 for n in range(12)]
    assert all(s.text[s.span[0] : s.span[1]] == s.label for s in samples if s.span)
    assert all(s.latency is not None and s.latency >= 0 for s in samples)
    assert repr(es.read_run(run.path)) == repr(run)


async def test_evaluate_works_where_an_event_loop_runs_and_evaluate_async_in_that_loop():
    loops = []

    async def model(messages):
        loops.append(asyncio.get_running_loop())
        return knows_half(messages)

    own_loop = asyncio.get_running_loop()
    first = es.evaluate(model, dataset(), out="sync")
    assert own_loop not in loops
    loops.clear()
    second = await es.evaluate_async(model, dataset(), out="async")
    assert set(loops) == {own_loop}
    assert first.accuracy == second.accuracy


@pytest.mark.parametrize("is_async", [True, False])
def test_calls_are_concurrent_up_to_the_limit(is_async):
    lock, now, most = threading.Lock(), 0, 0

    def enter(change):
        nonlocal now, most
        with lock:
            now += change
            most = max(most, now)

    def plain(messages):
        enter(1)
        time.sleep(0.05)
        enter(-1)
        return "<answer>A</answer>"

    async def awaited(messages):
        enter(1)
        await asyncio.sleep(0.05)
        enter(-1)
        return "<answer>A</answer>"

    es.evaluate(awaited if is_async else plain, dataset(24), concurrency=6)
    assert most == 6


def test_a_sync_function_may_return_what_an_async_client_gives():
    async def client(messages):
        return knows_half(messages)

    run = es.evaluate(lambda messages: client(messages), dataset())
    assert run.model == "function/lambda" and run.accuracy["custom"].value == 0.5


class Wrong(Exception):
    """One error that the function raises."""


def failing(*places):
    def model(messages):
        if number(messages) in places:
            raise Wrong(f"no answer to {number(messages)}\nand more")
        return "<answer>A</answer>"

    return model


def test_an_exception_fails_its_request_alone_and_the_same_call_sends_it_again():
    broken = failing(3, 5)
    with pytest.warns(UserWarning, match="2 of 12 requests have no response.*Wrong: no answer to 3 and more") as caught:
        run = es.evaluate(broken, dataset(), out="run", version="1")
    assert caught[0].filename == __file__
    assert run.missing == 2 and run.tasks["custom"].status["unanswered"] == 2
    assert {(each.item, each.error) for each in run.failures()} == {
        ("i3", "Wrong: no answer to 3 and more"),
        ("i5", "Wrong: no answer to 5 and more"),
    }
    calls = []

    @functools.wraps(broken)
    def mended(messages):
        calls.append(number(messages))
        return "<answer>B</answer>"

    again = es.evaluate(mended, dataset(), out="run", version="1")
    assert sorted(calls) == [3, 5] and again.missing == 0 and again.failures() == []


def test_a_request_that_fails_again_is_listed_once_with_its_last_reason():
    attempts = []

    def model(messages):
        if number(messages) == 3:
            attempts.append(1)
            raise Wrong(f"attempt {len(attempts)}")
        return "<answer>A</answer>"

    for _ in range(2):
        with pytest.warns(UserWarning):
            run = es.evaluate(model, dataset(), out="run", version="1")
    assert [(each.item, each.error) for each in run.failures()] == [("i3", "Wrong: attempt 2")]


@pytest.mark.parametrize("returned", [None, b"A", ["A"]])
def test_a_text_that_is_no_string_is_a_failed_request(returned):
    with pytest.raises(BackendError, match=type(returned).__name__) as caught:
        es.evaluate(lambda messages: returned, dataset(4))
    assert caught.value.code is es.ErrorCode.TOO_MANY_FAILURES


def test_a_function_that_never_succeeds_is_stopped_early():
    calls = []

    def model(messages):
        calls.append(1)
        raise Wrong("quota")

    with pytest.raises(BackendError, match="Wrong: quota") as caught:
        es.evaluate(model, dataset(500), concurrency=4, out="run")
    assert caught.value.code is es.ErrorCode.TOO_MANY_FAILURES
    assert len(calls) < 40
    assert json.loads(Path("run/run.json").read_text())["ended"]["status"] == "failed"


def test_a_function_that_succeeded_once_is_not_stopped_however_often_it_fails():
    def model(messages):
        if number(messages) > 0:
            raise Wrong("quota")
        return "<answer>C</answer>"

    with pytest.warns(UserWarning):
        run = es.evaluate(model, dataset(40), concurrency=1)
    assert run.missing == 39 and [sample.item for sample in run.responses()] == ["i0"]


def test_stop_iteration_and_secrets_in_messages(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "hunter2hunter2")
    answers = iter(["<answer>A</answer>"] * 3)

    def model(messages):
        if number(messages) == 0:
            raise Wrong("denied for key hunter2hunter2")
        return next(answers)

    with warnings.catch_warnings(record=True):
        run = es.evaluate(model, dataset(6), concurrency=1)
    errors = {each.item: each.error for each in run.failures()}
    assert errors.keys() == {"i0", "i4", "i5"} and errors["i4"].startswith("StopIteration")
    assert "hunter2" not in (run.path / "errors.jsonl").read_text()


def test_a_function_may_change_the_messages_that_it_gets():
    seen = []

    def model(messages):
        seen.append(messages[-1]["content"])
        messages[-1]["content"] = "overwritten"
        messages.append({"role": "assistant", "content": ""})
        return "<answer>A</answer>"

    es.evaluate(model, dataset(3), samples=2, concurrency=1)
    assert len(seen) == 6 and len(set(seen)) == 3 and "overwritten" not in seen


def test_a_changed_function_does_not_go_on_with_the_old_ones_run():
    with pytest.warns(UserWarning):
        es.evaluate(failing(1), dataset(), out="run")
    with pytest.raises(RunError, match="revision") as caught:
        es.evaluate(knows_half, dataset(), out="run", name="model")
    assert caught.value.code is es.ErrorCode.RUN_MISMATCH


def test_the_digest_of_a_function_changes_with_what_it_does_and_with_nothing_else():
    def first(messages):
        return "a"

    def same(messages):
        # a comment

        return "a"

    def other(messages):
        return "b"

    def closure(text):
        return lambda messages: text

    class Model:
        def __call__(self, messages):
            return "a"

    assert code_digest(first) == code_digest(same) != code_digest(other)
    assert code_digest(closure("a")) == code_digest(closure("a")) != code_digest(closure("b"))
    assert code_digest(functools.partial(first, 1)) != code_digest(functools.partial(first, 2))
    assert code_digest(Model()) == code_digest(Model()) and code_digest(Model()).complete
    script = (
        "from evalsuite.models.code_digest import code_digest; held = {'a', 'b', 'c'}\n"
        "def make(held):\n    return lambda m: (m in {'a', 'b', 'c'}, held)\n"
        "print(code_digest(make(held)).value)"
    )
    seeds = [
        subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
        for seed in ("1", "2")
    ]
    assert seeds[0].stdout == seeds[1].stdout and len(seeds[0].stdout) == 65


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Plain data that a function may hold."""

    prompt: str


class Held:
    """One callable object with a state."""

    def __init__(self, state):
        self.state = state

    def __call__(self, messages):
        return f"<answer>{self.state}</answer>"

    def method(self, messages):
        return self(messages)


def with_keyword_default(state):
    def model(messages, *, used=state):
        return used

    return model


def with_closure(state):
    return lambda messages: state


def wrapped(state):
    @functools.wraps(knows_half)
    def model(messages):
        return state or knows_half(messages)

    return model


def calling_a_closure(state):
    inner = with_closure(state)
    return lambda messages: inner(messages)


HOLDERS = [
    with_keyword_default,
    with_closure,
    wrapped,
    calling_a_closure,
    Held,
    lambda state: Held(state).method,
    lambda state: functools.partial(with_closure(None), state),
    lambda state: functools.partial(Held(state)),
]
STATES = [
    lambda text: text,
    lambda text: {"a": [1, {text}]},
    lambda text: (Settings(text),),
    lambda text: {"client": Held(text)},
    lambda text: [Path(text), re.compile(text)],
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("holder", HOLDERS)
def test_the_digest_covers_every_value_that_a_function_holds(holder, state):
    first, same, other = (code_digest(holder(state(text))) for text in ("a", "a", "b"))
    assert first == same and first.value != other.value and first.complete and other.complete


def test_the_digest_of_values_that_contain_themselves_or_very_many_ends():
    loop = ["a"]
    loop.append(loop)
    assert code_digest(with_closure(loop)).complete
    deep = []
    for _ in range(5_000):
        deep = [deep, "a"]
    assert not code_digest(with_closure(deep)).complete
    assert not code_digest(with_closure([[] for _ in range(200_000)])).complete


@pytest.mark.parametrize("held", [threading.Lock(), Held(threading.Lock()), iter([1]), np.zeros(2), [np.int8(1)]])
@pytest.mark.parametrize("holder", HOLDERS)
def test_the_digest_of_a_function_that_holds_an_object_of_unknown_state_is_incomplete(holder, held):
    assert not code_digest(holder(held)).complete


def locked(text, failing=False):
    lock = threading.Lock()

    def model(messages):
        with lock:
            if failing and number(messages) == 3:
                raise Wrong("once")
            return text

    return model


def test_runs_of_a_function_without_a_digest_are_never_continued_unless_a_version_is_given():
    with pytest.warns(UserWarning, match="`version`"):
        first = es.evaluate(locked("A", failing=True), dataset())
    assert es.evaluate(locked("A"), dataset()).path != first.path
    es.evaluate(locked("A"), dataset(), out="finished")
    for folder in (first.path, "finished"):
        with pytest.raises(RunError) as caught:
            es.evaluate(locked("A"), dataset(), out=folder)
        assert caught.value.code is es.ErrorCode.RUN_MISMATCH and "`version`" in str(caught.value)
    with pytest.warns(UserWarning, match="out"):
        es.evaluate(locked("A", failing=True), dataset(), out="named", version="1")
    assert es.evaluate(locked("A"), dataset(), out="named", version="1").missing == 0
    with pytest.raises(RunError) as caught:
        es.evaluate(locked("A"), dataset(), out="named", version="2")
    assert caught.value.code is es.ErrorCode.RUN_MISMATCH


def test_a_function_whose_held_values_changed_does_not_return_the_old_responses():
    es.evaluate(Held("A"), dataset(), out="run")
    with pytest.raises(RunError) as caught:
        es.evaluate(Held("B"), dataset(), out="run")
    assert caught.value.code is es.ErrorCode.RUN_MISMATCH
    assert es.evaluate(Held("A"), dataset(), out="run").accuracy["custom"].value == pytest.approx(1 / 3)


def test_a_version_is_for_functions_alone():
    with pytest.raises(UsageError, match="`version`") as caught:
        es.evaluate("trivial/first", dataset(), version="1")
    assert caught.value.code is es.ErrorCode.CONFLICTING_ARGUMENTS


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("temperature", 0.5),
        ("max_tokens", 5),
        ("base_urls", ["http://x/v1"]),
        ("revision", "main"),
        ("model_args", {"a": "b"}),
        ("scoring", "cloze"),
        ("chat_template", ""),
    ],
)
def test_a_setting_that_a_function_never_sees_is_refused(argument, value):
    with pytest.raises(UsageError, match=f"`{argument}`") as caught:
        es.evaluate(knows_half, dataset(), **{argument: value})
    assert caught.value.code is es.ErrorCode.UNSUPPORTED_BY_BACKEND
    assert not Path("runs").exists()


class Echo(Backend):
    """One backend that isn't registered: it answers with its model's name as the label."""

    async def answer(self, requests):
        for request in requests:
            yield Response(request, text=f"<answer>{self.settings.model}</answer>")


def test_a_backend_is_recorded_under_the_name_that_it_was_made_with():
    assert es.evaluate(Echo(BackendSettings("C")), dataset()).model == "echo/C"
    run = es.evaluate(Echo, dataset(), name="C", temperature=0.5)
    assert run.model == "echo/C" and run.accuracy["custom"].value == pytest.approx(1 / 3)
    assert es.evaluate(TrivialBaseline(BackendSettings("first")), dataset()).model == "trivial/first"


class Skipping(Backend):
    """One backend that never returns anything for item i1."""

    async def answer(self, requests):
        for request in requests:
            if request.item.id != "i1":
                yield Response(request, text="<answer>A</answer>")


class Raising(Backend):
    """One backend that fails with an exception of its own."""

    async def answer(self, requests):
        yield Response(next(requests), text="<answer>A</answer>")
        raise Wrong("the engine stopped\nand more")


class NoGenerator(Backend):
    """One backend whose `answer` is no generator."""

    async def answer(self, requests):
        return []


def test_a_request_that_a_backend_skips_is_missing_for_a_stated_reason():
    with pytest.warns(UserWarning, match=r"1 of 12 .*\(.*backend.*\).*out='run'"):
        run = es.evaluate(Skipping(BackendSettings("x")), dataset(), out="run")
    assert run.missing == 1 and run.failures() == []


@pytest.mark.parametrize("backend", [Raising, NoGenerator])
def test_an_exception_of_a_foreign_backend_names_the_backend_and_is_recorded(backend):
    with pytest.raises(BackendError, match=backend.__name__) as caught:
        es.evaluate(backend(BackendSettings("x")), dataset(), out="run")
    assert caught.value.code is es.ErrorCode.ENGINE_FAILED and "\n" not in str(caught.value)
    assert json.loads(Path("run/run.json").read_text())["ended"]["status"] == "failed"


@pytest.mark.parametrize(
    "function",
    [lambda: "A", lambda messages, item: "A", lambda messages, *, key: "A", functools.partial(knows_half, 1)],
)
def test_a_function_that_cannot_be_called_with_messages_alone_is_refused_before_the_first_request(function):
    with pytest.raises(UsageError, match="`model`") as caught:
        es.evaluate(function, dataset(), out="run")
    assert caught.value.code is es.ErrorCode.INVALID_ARGUMENT
    assert not Path("run").exists()


def test_a_wrapper_may_take_fewer_arguments_than_the_function_that_it_wraps():
    def with_client(messages, client):
        return client

    @functools.wraps(with_client)
    def model(messages):
        return with_client(messages, "<answer>A</answer>")

    assert es.evaluate(model, dataset(3)).missing == 0


def test_a_backend_that_could_be_taken_for_another_is_refused():
    impostor = type("Trivial", (Echo,), {})
    with pytest.raises(UsageError) as caught:
        es.evaluate(impostor, dataset(), name="first")
    assert caught.value.code is es.ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("model", "more", "code"),
    [
        ("trivial/first", {"name": "other"}, "conflicting_arguments"),
        (Echo(BackendSettings("C")), {"name": "other"}, "conflicting_arguments"),
        (Echo(BackendSettings("C")), {"temperature": 1.0}, "conflicting_arguments"),
        (Echo, {}, "missing_argument"),
        (Echo(BackendSettings("C", scoring="cloze")), {}, "unsupported_by_backend"),
        (int, {}, "invalid_argument"),
        (5, {}, "invalid_argument"),
        ("trivial/first", {"tasks": []}, "missing_argument"),
        ("trivial/first", {"tasks": [5]}, "invalid_argument"),
        ("trivial/first", {"tasks": [dataset(3), dataset(4)]}, "conflicting_arguments"),
        ("trivial/first", {"temperature": -1}, "invalid_argument"),
    ],
)
def test_arguments_that_do_not_fit_are_one_error(model, more, code):
    more = {"tasks": dataset(3), **more}
    with pytest.raises(UsageError) as caught:
        es.evaluate(model, **more)
    assert caught.value.code == code


def test_the_same_call_resumes_an_unfinished_run_and_starts_a_new_one_after_a_finished_one():
    with pytest.warns(UserWarning):
        first = es.evaluate(failing(2), dataset())
    with pytest.warns(UserWarning):
        second = es.evaluate(failing(2), dataset())
    assert first.path == second.path
    assert es.evaluate(knows_half, dataset()).path != es.evaluate(knows_half, dataset()).path


def test_interrupted_in_a_notebook_nothing_is_lost(tmp_path):
    """The cell's loop runs, and the kernel interrupts with SIGINT."""
    script = tmp_path / "cell.py"
    script.write_text(
        "import asyncio, time\nimport evalsuite as es\n"
        "def slow(messages):\n    time.sleep(0.05)\n    return '<answer>A</answer>'\n"
        "items = [{'question': f'Question {n}?', 'options': ['x', 'y'], 'answer': 'A'} for n in range(200)]\n"
        "async def cell():\n"
        "    try:\n        es.evaluate(slow, es.Dataset(items), concurrency=2, out='run')\n"
        "    except KeyboardInterrupt:\n        print('interrupted', flush=True)\n"
        "asyncio.new_event_loop().run_until_complete(cell())\n"  # asyncio.run has a SIGINT handler, kernels have not
    )
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    journal = tmp_path / "run" / "responses" / "custom.jsonl"
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 10):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out == "interrupted\n"
    assert json.loads((tmp_path / "run" / "run.json").read_text())["ended"]["status"] == "interrupted"
    assert 10 <= journal.read_bytes().count(b"\n") < 200


def test_quiet_unless_asked(capsys):
    es.evaluate(knows_half, dataset(), out="a")
    assert capsys.readouterr() == ("", "")
    es.evaluate(knows_half, dataset(), out="b", progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "run folder b" in err


def test_every_setting_reaches_the_run():
    decoding = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 33, "seed": 7, "thinking": "on", "thinking_budget": 9}
    backend = {"revision": "r", "adapter": "a", "chat_template": "c", "concurrency": 3, "model_args": {"timeout": "5"}}
    given = {"samples": 2, "limit": 4, "system": "s", "rotate_options": True}
    more = {"base_urls": "http://h/v1", "answer_format": "boxed", "data_dir": "data"}
    spec = run_request("openai/m", "starter_recall", **decoding, **backend, **given, **more).spec
    assert {name: getattr(spec.settings.decoding, name) for name in decoding} == decoding
    assert {name: getattr(spec.settings, name) for name in backend} == backend
    assert {name: getattr(spec, name) for name in given} == given
    assert (spec.settings.base_urls, spec.format, spec.data_dir) == (
        ("http://h/v1",),
        "boxed",
        str(Path("data").resolve()),
    )
    assert run_request("hf/m", "starter_recall", scoring="cloze").spec.settings.scoring == "cloze"


def test_the_command_line_and_evaluate_are_one_way_to_run(capsys):
    assert (
        main(["run", "--model", "trivial/random", "--tasks", "starter_recall", "--samples", "2", "--out", "cli"]) == 0
    )
    run = es.evaluate("trivial/random", "starter_recall", samples=2, out="python")
    facts = [json.loads(Path(path, "run.json").read_text()) for path in ("cli", "python")]
    for key in ("identity", "spec", "prompt_setups", "backend", "packages"):
        assert facts[0][key] == facts[1][key]
    assert es.read_run("cli").accuracy == run.accuracy
    es.evaluate("trivial/random", "starter_recall", samples=2, out="cli")


def test_a_run_on_own_items_is_complete_in_its_folder(capsys):
    run = es.evaluate("trivial/first", [dataset(), "starter_recall"], out="run")
    assert regrade(run.path).changes == ()
    (run.path / "responses" / "custom.jsonl").write_text("")
    assert main(["run", "--resume", str(run.path)]) == 0
    assert es.read_run(run.path).accuracy == run.accuracy
    page = es.report([run], "report")
    questions = (page[0].parent / "report_items").rglob("*.js")
    assert any("Question 11?" in file.read_text("utf-8") for file in questions)
    stored = run.path / "tasks" / "custom" / "items.jsonl"
    stored.write_text(stored.read_text().replace("x0", "w0"))
    with pytest.raises(RunError) as caught:
        regrade(run.path)
    assert caught.value.code is es.ErrorCode.RUN_INCONSISTENT


def test_the_command_line_cannot_resume_the_run_of_a_function(capsys):
    with pytest.warns(UserWarning):
        run = es.evaluate(failing(1), dataset(), out="run")
    assert main(["run", "--resume", str(run.path)]) == 2
    assert "unsupported_by_backend" in capsys.readouterr().err
