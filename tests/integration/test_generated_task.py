"""A benchmark whose items are drawn by a seed gets the same questions and grades in every harness."""

from importlib.util import find_spec

import harness_commands as harness
import pytest
from replay_server import ReplayServer

from evalsuite.analysis.run_result import read_result
from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.interop.import_logs import import_logs
from evalsuite.reward import StrictReward, dataset
from evalsuite.tasks.answer_format import write

pytestmark = pytest.mark.integration

SEED, ITEMS = "seed=7", 20
LIMIT = ("--limit", ITEMS)


@pytest.fixture
def seven(small_rare_disease):
    """The card with seed 7."""
    return small_rare_disease.with_arguments({"seed": 7})


@pytest.fixture
def answers(seven):
    """What the server answers by prompt: every third response is wrong."""
    return {
        ("m", prompt): write("answer_tag", item.gold if number % 3 else _other(item))
        for number, (item, prompt) in enumerate(harness.prompts(seven)[:ITEMS])
    }


def _other(item):
    return next(label for label in item.labels if label != item.gold)


def native(server, folder):
    return harness.evalsuite_run(server, "m", ["private"], folder, *LIMIT, "--task-arg", SEED)["private"]


def test_lm_eval_runs_the_exported_seed_and_its_log_is_read_as_this_seed(seven, answers, tmp_path):
    pytest.importorskip("lm_eval")
    harness.export_lm_eval(["private"], tmp_path, "--task-arg", SEED)
    with ReplayServer(answers) as server:
        expected = native(server, tmp_path)
        verdicts = harness.lm_eval(server, "m", ["private_seed_7"], tmp_path, *LIMIT)["private_seed_7"]
    assert verdicts == expected and 0 < sum(strict.correct for strict, _ in verdicts.values()) < ITEMS
    graded = import_logs([tmp_path / "lm-eval-m"], tmp_path / "imported")
    task = read_result(tmp_path / "imported").tasks["private"]
    assert task.task_args == {"seed": 7} and task.data_digest == load(seven).digest
    assert graded.summary.tasks["private"].accuracy == read_result(tmp_path / "native-m").tasks["private"].accuracy
    assert main(["regrade", str(tmp_path / "imported")]) == 0


def test_inspect_takes_the_seed_as_a_parameter_and_its_log_is_read_as_this_seed(seven, answers, tmp_path):
    pytest.importorskip("inspect_ai")
    with ReplayServer(answers) as server:
        expected = native(server, tmp_path)
        verdicts = harness.inspect(server, ["m"], ["private"], tmp_path, *LIMIT, "-T", SEED)["m", "private"]
        wrong = harness.command(
            "inspect",
            "eval",
            "evalsuite/private",
            "-T",
            "seed=abc",
            "--model",
            "mockllm/model",
            cwd=tmp_path,
            fails=True,
        )
    assert verdicts == expected
    assert "seed='abc'" in wrong and "Traceback" not in wrong
    import_logs([tmp_path / "inspect"], tmp_path / "imported")
    task = read_result(tmp_path / "imported").tasks["private"]
    assert task.task_args == {"seed": 7} and task.data_digest == load(seven).digest
    assert main(["export", "inspect", str(tmp_path / "native-m")]) == 0
    import_logs([tmp_path / "native-m" / "inspect"], tmp_path / "again")
    assert read_result(tmp_path / "again").tasks["private"].task_args == {"seed": 7}


@pytest.mark.skipif(find_spec("verifiers") is None, reason="needs verifiers")
def test_verifiers_has_the_seed_in_both_interfaces(seven, answers, tmp_path):
    import verifiers

    from evalsuite.interop.verifiers import ItemsTaskset
    from evalsuite.interop.verifiers.taskset import ItemsConfig

    tasks = list(ItemsTaskset(ItemsConfig(benchmark="private", task_args={"seed": 7})).load())
    assert [task.key for task in tasks] == [item.id for item in load(seven).items]
    with pytest.raises(UsageError) as caught:
        list(ItemsTaskset(ItemsConfig(benchmark="starter_recall", task_args={"seed": 7})).load())
    assert caught.value.code is ErrorCode.UNKNOWN_TASK_ARGUMENT
    if not hasattr(verifiers, "SingleTurnEnv"):
        return
    with ReplayServer(answers) as server:
        expected = native(server, tmp_path)
        verdicts = harness.vf_eval(server, "m", "private", tmp_path, "-n", ITEMS, task_args={"seed": 7})
    assert verdicts == expected


def test_the_reward_takes_the_card_with_its_seed(seven):
    with pytest.warns(UserWarning, match="TEST items"):
        rows = dataset(seven, split="test")
    assert rows["item"] == [item.id for item in load(seven).items]
    reward, item = StrictReward("answer_tag"), load(seven).items[0]
    assert reward.score(write("answer_tag", item.gold), item.gold, item.labels) == 1.0
