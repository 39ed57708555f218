"""Resuming somebody else's folder: it decides neither which code is loaded nor where a key goes nor what holds it."""

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import evalsuite as es
from evalsuite.cli import main
from evalsuite.errors import ErrorCode, EvalsuiteError, RunError
from evalsuite.models import backend_class
from evalsuite.models.backend import BackendSettings
from evalsuite.models.redaction import KEY_VARIABLES
from evalsuite.run.resume import resume_command, resumed
from evalsuite.run_folder import RunFolder, refuse_links_to
from evalsuite.util.checksum import with_checksum


@pytest.fixture
def catcher():
    """A server on loopback that keeps the headers of all that it gets and answers nothing useful."""
    seen = []

    class Catcher(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(dict(self.headers))
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Catcher)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hostile(tmp_path):
    """The function that makes a run folder which asks for these settings, with a checksum that holds."""

    numbers = itertools.count()

    def make(model, **settings):
        run = es.evaluate("trivial/first", "starter_recall", out=tmp_path / f"run{next(numbers)}").path
        facts = json.loads((run / "run.json").read_text())
        facts["identity"]["model"] = facts["spec"]["model"] = model
        facts["spec"]["settings"] |= settings
        facts["ended"]["status"] = "interrupted"
        (run / "run.json").write_text(json.dumps(with_checksum(facts)))
        return run

    return make


def refused(run, **given):
    with pytest.raises(EvalsuiteError) as caught:
        resumed(run, **given)
    return caught.value.code


def test_the_key_goes_to_no_address_of_a_folder(hostile, catcher, monkeypatch, capsys):
    url, seen = catcher
    monkeypatch.setenv("EVALSUITE_API_KEY", "the-key-of-the-caller")
    run = hostile("openai/m", base_urls=[url])
    before = (run / "run.json").read_bytes()
    assert main(["run", "--resume", str(run)]) == 2
    shown = capsys.readouterr().err
    assert ErrorCode.RUN_NEEDS_PERMISSION in shown and f"--base-url {url}" in shown and shown.count("\n") == 1
    assert seen == [] and (run / "run.json").read_bytes() == before
    assert main(["run", "--resume", str(run), "--base-url", url]) == 2  # the server serves nothing, but it is asked
    assert any("the-key-of-the-caller" in str(headers) for headers in seen)


def test_without_a_key_there_is_nothing_to_send(hostile, catcher):
    url, _ = catcher
    run = hostile("openai/m", base_urls=[url])
    assert resumed(run).spec.settings.base_urls == (url,)


def test_no_variable_of_the_environment_is_read_because_a_folder_names_it(hostile, catcher, monkeypatch, capsys):
    url, seen = catcher
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "very-secret")
    run = hostile("openai/m", base_urls=[url], model_args={"api_key_env": "SECRET_OF_THE_CALLER"})
    for given in ([], ["--base-url", url]):
        assert main(["run", "--resume", str(run), *given]) == 2
        assert ErrorCode.RUN_NEEDS_PERMISSION in capsys.readouterr().err
    assert main(["run", "--resume", str(run), "--model-arg", "api_key_env=SECRET_OF_THE_CALLER"]) == 2
    assert seen == []
    given = {"base_urls": [url], "model_args": {"api_key_env": "SECRET_OF_THE_CALLER"}}
    assert resumed(run, **given).spec.settings.model_args == given["model_args"]
    monkeypatch.setenv("OTHER", "x")
    assert resumed(run, base_urls=[url], model_args={"api_key_env": "OTHER"})


def test_no_file_is_sent_because_a_folder_names_it(hostile, catcher, tmp_path):
    url, seen = catcher
    (tmp_path / "private").write_text("X-Private: of the caller\n")
    run = hostile("openai/m", base_urls=[url], model_args={"headers": f"@{tmp_path / 'private'}"})
    assert refused(run) is refused(run, base_urls=[url]) is ErrorCode.RUN_NEEDS_PERMISSION
    assert refused(run, model_args={"headers": f"@{tmp_path / 'private'}"}) is ErrorCode.RUN_NEEDS_PERMISSION
    assert seen == []


def test_no_code_of_a_model_runs_because_a_folder_says_so(hostile, tmp_path, capsys):
    """The model's folder holds code that leaves a mark when it is imported."""
    model, mark = tmp_path / "model", tmp_path / "mark"
    model.mkdir()
    auto = {"AutoConfig": "code.C", "AutoTokenizer": ["code.T", None], "AutoModelForCausalLM": "code.M"}
    (model / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": auto}))
    (model / "tokenizer_config.json").write_text(json.dumps({"auto_map": auto}))
    (model / "code.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    for args in ({}, {"trust_remote_code": "true"}, {"trust_remote_code": "True"}, {"trust_remote_code": "1"}):
        assert main(["run", "--resume", str(hostile(f"hf/{model}", model_args=args))]) == 2
        shown = capsys.readouterr().err
        assert (ErrorCode.RUN_NEEDS_PERMISSION in shown) == bool(args)
        assert not mark.exists()
    run = hostile(f"hf/{model}", model_args={"trust_remote_code": "true"})
    allowed = resumed(run, model_args={"trust_remote_code": "true"})
    assert allowed.spec.settings.model_args == {"trust_remote_code": "true"}
    assert resumed(hostile(f"hf/{model}", model_args={"trust_remote_code": "false"}))


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("inspect/openai/m", {"base_urls": ["http://127.0.0.1:9/v1"]}),
        ("inspect/openai/m", {"model_args": {"base_url": "http://127.0.0.1:9/v1"}}),
        ("inspect/hf/m", {"model_args": {"trust_remote_code": "true"}}),
        ("vllm/m", {"model_args": {"trust_remote_code": "true"}}),
    ],
)
def test_what_another_library_gets_is_asked_for_too(hostile, model, settings):
    assert refused(hostile(model, **settings)) is ErrorCode.RUN_NEEDS_PERMISSION


def test_a_resumed_run_takes_no_other_argument_that_shapes_responses(hostile):
    run = hostile("hf/m", model_args={"dtype": "float32"})
    assert refused(run, model_args={"dtype": "bfloat16"}) is ErrorCode.CONFLICTING_ARGUMENTS
    assert refused(run, model_args={"trust_remote_code": "true"}) is ErrorCode.CONFLICTING_ARGUMENTS
    assert resumed(run, model_args={"dtype": "float32", "batch": "3"}).spec.settings.model_args["batch"] == "3"


def test_the_command_that_is_printed_resumes_the_run(hostile, catcher, monkeypatch):
    url, _ = catcher
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "very-secret")
    args = {"api_key_env": "SECRET_OF_THE_CALLER"}
    run = hostile("openai/m", base_urls=[url], model_args=args)
    command = resume_command(run, resumed(run, base_urls=[url], model_args=args).spec)
    assert command.split()[:3] == ["evalsuite", "run", "--resume"]
    assert f"--base-url={url}" in command and "--model-arg=api_key_env=SECRET_OF_THE_CALLER" in command
    assert "very-secret" not in command


@pytest.mark.parametrize("model", ["trivial/first", "replay/x", "function/f"])
def test_backends_that_load_nothing_ask_for_nothing(model):
    prefix, _, name = model.partition("/")
    assert backend_class(prefix).guarded(BackendSettings(name, base_urls=("http://h",), model_args={"a": "b"})) == set()


def test_links_in_a_folder_are_not_written_through(tmp_path, capsys):
    outside = tmp_path / "outside"
    for name in ("run.json", ".lock", "responses/starter_recall.jsonl", "errors.jsonl", "grades.parquet", "responses"):
        run = es.evaluate("trivial/first", "starter_recall", out=tmp_path / name.replace("/", "_")).path
        if (run / name).is_dir():
            (run / name).rename(outside.with_name("folder"))
            (run / name).symlink_to(outside.with_name("folder"))
        else:
            outside.write_bytes((run / name).read_bytes() if (run / name).exists() else b"mine\n")
            (run / name).unlink(missing_ok=True)
            (run / name).symlink_to(outside)
        before = outside.read_bytes()
        for command in (["run", "--resume"], ["regrade"], ["runs", "finish"]):
            assert main([*command, str(run)]) == 2, (name, command)
        shown = capsys.readouterr().err.splitlines()
        assert all(str(run / name) in line for line in shown if line.startswith("evalsuite:"))
        assert outside.read_bytes() == before


def test_output_in_a_folder_of_others_is_not_written_through_a_link(tmp_path, capsys):
    """The command that is printed after a run names RUN/report, and RUN/inspect is the default of another."""
    run = es.evaluate("trivial/first", "starter_recall", out=tmp_path / "run").path
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("report", "inspect", "deep"):
        (run / name).symlink_to(outside)
    for out in (run / "report", run / "deep" / "er"):
        assert main(["report", str(run), "--out", str(out)]) == 2
        assert ErrorCode.OUTPUT_NOT_WRITABLE in capsys.readouterr().err
    assert list(outside.iterdir()) == []
    (tmp_path / "mine").symlink_to(outside)
    assert main(["report", str(run), "--out", str(tmp_path / "mine")]) == 0, "a link outside run folders is the user's"
    for path in (run / "inspect", run / "new", tmp_path / "mine" / "x", outside):
        if path == run / "inspect":
            with pytest.raises(RunError):
                refuse_links_to(path)
        else:
            refuse_links_to(path)


def test_a_task_that_is_a_path_is_refused(hostile, capsys):
    run = hostile("trivial/first")
    facts = RunFolder(run).facts
    facts["identity"]["tasks"]["../../x"] = facts["identity"]["tasks"]["starter_recall"]
    facts["spec"]["tasks"] = ["../../x"]
    (run / "run.json").write_text(json.dumps(with_checksum(facts)))
    for command in (["run", "--resume"], ["regrade"], ["runs", "finish"], ["runs", "verify"]):
        assert main([*command, str(run)]) == 2
        assert ErrorCode.RUN_UNREADABLE in capsys.readouterr().err


def test_a_killed_end_is_finished_without_the_model(tmp_path, capsys):
    run = es.evaluate("trivial/random", "starter_recall", out=tmp_path / "run").path
    expected = (run / "summary.json").read_bytes(), (run / "grades.parquet").read_bytes()
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(with_checksum({**facts, "ended": {"status": "running"}})))
    (run / "summary.json").unlink()
    (run / "grades.parquet").unlink()
    assert main(["runs", "finish", str(run)]) == 0
    assert ((run / "summary.json").read_bytes(), (run / "grades.parquet").read_bytes()) == expected
    assert RunFolder(run).facts["ended"]["status"] == "finished"
    assert main(["runs", "verify", str(run)]) == 0
    journal = run / "responses" / "starter_recall.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    (run / "run.json").write_text(json.dumps(with_checksum({**facts, "journals": {}, "ended": {"status": "running"}})))
    journal.write_bytes(b"".join(lines[:-3]))
    capsys.readouterr()
    assert main(["runs", "finish", str(run)]) == 1
    assert ErrorCode.RUN_INCOMPLETE in capsys.readouterr().err
    assert es.read_run(run).missing == 3 and main(["runs", "verify", str(run)]) == 0
    journal.write_bytes(b"".join(lines[:-4]))
    assert main(["runs", "verify", str(run)]) == 1
    assert f"error: {journal}: " in capsys.readouterr().out
