"""The public interface: its names and signatures are pinned, and importing it is fast and light."""

import inspect
import subprocess
import sys

import pytest

import evalsuite as es
from evalsuite.api.request import run_request

EVALUATE = (
    "(model: 'Model', tasks: 'TaskLike | Sequence[TaskLike]' = (), *, "
    "suite: 'str | None' = None, require_all: 'bool' = False, name: 'str | None' = None, "
    "version: 'str | None' = None, base_urls: 'str | Sequence[str]' = (), samples: 'int' = 1, "
    "limit: 'int | None' = None, answer_format: 'str | None' = None, system: 'str | None' = None, "
    "temperature: 'float' = 0.0, top_p: 'float' = 1.0, "
    "max_tokens: 'int | None' = None, seed: 'int' = 0, thinking: 'Thinking' = 'auto', "
    "thinking_budget: 'int | None' = None, scoring: 'Scoring' = 'generate', rotate_options: 'bool' = False, "
    "chat_template: 'str | None' = None, revision: 'str | None' = None, adapter: 'str | None' = None, "
    "model_args: 'Mapping[str, str] | None' = None, concurrency: 'int | None' = None, "
    "task_args: 'Mapping[str, object] | None' = None, "
    "data_dir: 'str | Path | None' = None, out: 'str | Path | None' = None, progress: 'bool | None' = None) -> 'Run'"
)
SIGNATURES = {
    "Backend": "(settings: 'BackendSettings') -> 'None'",
    "Dataset": "(items: 'Iterable[Item | Mapping[str, Any]]', answer_format: 'str' = 'answer_tag', "
    "name: 'str' = 'custom', prompt: 'str | None' = None, language: 'str' = 'en') -> 'None'",
    "EvalsuiteError": "(code: 'ErrorCode', message: 'str') -> 'None'",
    "Item": "(id: 'str', question: 'str', options: 'tuple[str, ...]', labels: 'tuple[str, ...]', gold: 'str', "
    "context: 'tuple[tuple[str, str], ...]' = (), group: 'str' = '', meta: 'Mapping[str, str]' = <factory>) -> None",
    "Run": "(result: 'RunResult') -> 'None'",
    "compare": "(a: 'RunLike', b: 'RunLike', *, tasks: 'Sequence[str]' = (), allow: 'Sequence[str]' = (), "
    "parse_mode: 'ParseMode' = 'strict', training_overlap: 'TrainingOverlaps | None' = None, clean: 'bool' = False) "
    "-> 'Comparison'",
    "evaluate": EVALUATE,
    "evaluate_async": EVALUATE,
    "gate": "(candidate: 'RunLike', baseline: 'RunLike', "
    "policy: 'GatePolicy | Mapping[str, Any] | str | Path | None' = None, *, "
    "training_overlap: 'TrainingOverlaps | None' = None) -> 'GateDecision'",
    "grade": "(item: 'Item', text: 'str', *, answer_format: 'str' = 'answer_tag', finish: 'Finish' = 'stop', "
    "opens_reasoning: 'bool' = False) -> 'Grade'",
    "import_log": "(path: 'str | Path | Sequence[str | Path]', out: 'str | Path | None' = None, *, "
    "task: 'str | None' = None, answer_format: 'str | None' = None, metrics: 'Sequence[str]' = (), "
    "data_dir: 'str | Path | None' = None) -> 'Run'",
    "load_items": "(task: 'str | Task', data_dir: 'str | Path | None' = None, "
    "split: \"Literal['test', 'train', 'dev']\" = 'test') -> 'tuple[Item, ...]'",
    "load_task": "(name: 'str') -> 'Task'",
    "parse": "(text: 'str', labels: 'Sequence[str]', options: 'Sequence[str] | None' = None, *, "
    "answer_format: 'str' = 'answer_tag', finish: 'Finish' = 'stop', opens_reasoning: 'bool' = False) -> 'ParseResult'",
    "read_run": "(path: 'str | Path | Run') -> 'Run'",
    "regrade": "(run: 'RunLike', data_dir: 'str | Path | None' = None) -> 'Regraded'",
    "report": "(runs: 'RunLike | Sequence[RunLike]', out: 'str | Path', *, stages: 'Sequence[str]' = (), "
    "allow: 'Sequence[str]' = (), data_dir: 'str | Path | None' = None, parse_mode: 'ParseMode' = 'strict', "
    "training_overlap: 'TrainingOverlaps | None' = None) -> 'tuple[Path, ...]'",
    "reward": "(text: 'str', gold: 'str', labels: 'Sequence[str]', *, answer_format: 'str' = 'answer_tag', "
    "opens_reasoning: 'bool' = False) -> 'float'",
    "tasks": "(suite: 'str | None' = None) -> 'tuple[str, ...]'",
}
MEMBERS = {
    "Run": "accuracy accuracy_lenient failures macro missing model path responses tasks to_pandas",
    "Dataset": "digest items notes root task variant",
}
HEAVY = ("torch", "pandas", "plotly", "numpy", "scipy", "pyarrow", "pydantic", "jinja2", "rich", "click", "asyncio")


def test_the_names_are_these():
    assert sorted(es.__all__) == sorted({*SIGNATURES, "ErrorCode", "GatePolicy"})
    assert set(dir(es)) == {*es.__all__, "__version__"}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signature_is_this(name):
    assert str(inspect.signature(getattr(es, name))) == SIGNATURES[name]


@pytest.mark.parametrize("name", MEMBERS)
def test_the_public_members_are_these(name):
    assert " ".join(member for member in dir(getattr(es, name)) if not member.startswith("_")) == MEMBERS[name]


def test_a_run_from_the_command_line_has_the_arguments_of_evaluate():
    public, internal = (inspect.signature(function).parameters for function in (es.evaluate, run_request))
    assert list(public.values()) == [*internal.values(), public["progress"]]


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="evaluat"):
        es.evaluat  # noqa: B018


def fresh(code):
    """What a new process prints that executes code."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_import_loads_nothing_heavy():
    assert fresh(f"import sys, evalsuite; print(*[name for name in {HEAVY} if name in sys.modules])") == []


def test_the_import_takes_less_than_100_ms():
    """CPU time of the fastest of several, less what Python itself takes: other processes may be at work."""
    times = fresh(
        "import resource, subprocess, sys\n"
        "def used():\n"
        "    usage = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "    return usage.ru_utime + usage.ru_stime\n"
        "def took(code):\n"
        "    before = used()\n"
        "    subprocess.run([sys.executable, '-c', code], check=True)\n"
        "    return used() - before\n"
        "print(min(took('import evalsuite') for _ in range(5)) - min(took('pass') for _ in range(5)))"
    )
    assert float(times[0]) < 0.1


@pytest.mark.parametrize("name", ["gate", "report", "reward", "tasks"])
def test_a_function_that_shares_its_name_with_a_subpackage_is_both(name):
    """Whichever is used first."""
    check = f"assert callable(es.{name}) and evalsuite.{name}.__path__"
    fresh(f"import evalsuite, evalsuite as es; {check}; import evalsuite.{name}; {check}")
    fresh(f"import evalsuite.{name}; import evalsuite, evalsuite as es; {check}; from evalsuite import {name}")
    fresh("import evalsuite.gate.policy, evalsuite as es; assert es.tasks('starter') and es.gate.GatePolicy")
