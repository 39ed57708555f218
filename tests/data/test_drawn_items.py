"""Tasks whose items an installed package draws: arguments, lock, cache, and what a broken package can't do."""

import itertools
import json

import pytest
from click.testing import CliRunner

from evalsuite import evaluate
from evalsuite.analysis.comparability import pair
from evalsuite.analysis.leaderboard import entries, leaderboard
from evalsuite.analysis.run_result import read_result
from evalsuite.cli import cli, main
from evalsuite.data import drawn_items, item_generator
from evalsuite.data.audit.item_audit import audit
from evalsuite.data.benchmark_lookup import benchmarks_of
from evalsuite.data.drawn_items import drawn_folder
from evalsuite.data.load import load, split_present
from evalsuite.data.verify import lock, verify
from evalsuite.errors import DataError, ErrorCode, RunError, TaskError, UsageError
from evalsuite.run.resume import resumed
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.task_arguments import with_task_args

CARD = """
name: dice
version: 1
items: 6
option_counts: {2: 6}
licence: free
generated:
  generator: dice
  settings: {sides: 6}
  attribution: The dice are by somebody.
  arguments:
    seed: {default: 1, minimum: 0}
    colour: {default: red, choices: [red, blue]}
"""
SOURCE = """
draws = []

class Dice:
    version = 3

    def draw(self, settings, arguments):
        draws.append(dict(arguments))
        seed, colour = arguments["seed"], arguments["colour"]
        if seed == 13:
            raise ValueError("two\\nlines")
        if seed == 14:
            raise SystemExit(0)
        for number in range(settings["sides"] - (seed == 15)):
            options = ["yes", "no"] if seed != 16 else ["yes"]
            yield {"id": f"{seed}-{number}", "question": f"Is {seed * 100 + number} {colour}?", "options": options,
                   "answer": "AB"[(number + seed) % 2], "group": f"g{number // 2}"}

dice = Dice()
other = Dice()

class Unversioned:
    version = "3"
    def draw(self, settings, arguments): return []

unversioned = Unversioned()
number = 7
"""
_names = itertools.count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package with these generators, {name: attribute of its module}, and return its module's name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("EVALSUITE_TASKS", str(tmp_path / "tasks"))
    monkeypatch.setattr(drawn_items, "_drawn", {})
    (tmp_path / "tasks" / "dice").mkdir(parents=True)
    (tmp_path / "tasks" / "dice" / "task.yaml").write_text(CARD)

    def done(points, package="dice-package"):
        module = f"dice_{next(_names)}"
        site = tmp_path / module
        metadata = site / f"{package.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (site / f"{module}.py").write_text(SOURCE)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {place.replace('MODULE', module)}\n" for name, place in points.items())
        (metadata / "entry_points.txt").write_text(f"[{item_generator.ENTRY_POINTS}]\n{lines}")
        monkeypatch.syspath_prepend(str(site))
        for function in (item_generator._entry_points, item_generator._installed):
            function.cache_clear()
        return module

    yield done
    for function in (item_generator._entry_points, item_generator._installed):
        function.cache_clear()


@pytest.fixture
def dice(install):
    install({"dice": "MODULE:dice"})
    return load_task("dice")


def refused(code, call, *words):
    with pytest.raises((DataError, TaskError, UsageError, RunError)) as caught:
        call()
    assert caught.value.code is code
    assert "\n" not in str(caught.value) and all(word in str(caught.value) for word in words)


def test_items_are_drawn_with_the_arguments_and_named_by_them(dice):
    first, other = load(dice), load(dice.with_arguments({"seed": 7}))
    assert [item.id for item in first.items] == [f"1-{n}" for n in range(6)]
    assert first.items[0].group == "g0" and first.items[2].question == "Is 102 red?"
    assert first.digest != other.digest and other.items[0].question == "Is 700 red?"
    assert first.variant == "dice 3; seed=1, colour=red" and other.variant == "dice 3; seed=7, colour=red"
    assert "The dice are by somebody." in first.notes
    assert load(dice.with_arguments({"seed": "01"})).digest == first.digest, "the default, however it is written"
    assert load(dice.with_arguments({"colour": "blue"})).items[2].question == "Is 102 blue?"


@pytest.mark.parametrize(
    "value", ["abc", "", "-1", "1.5", "1e3", " 7", "+7", "1_000", "٧", str(2**53), "9" * 5000, 1.0, True, None, [1]]
)
def test_a_value_that_is_not_allowed_is_one_short_line(dice, value):
    with pytest.raises(UsageError) as caught:
        dice.with_arguments({"seed": value})
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert "seed" in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("value", ["green", "", 1, "RED"])
def test_a_text_is_one_of_the_choices(dice, value):
    refused(ErrorCode.INVALID_ARGUMENT, lambda: dice.with_arguments({"colour": value}), "red, blue")


def test_an_argument_goes_to_the_tasks_that_take_it_and_is_refused_where_none_does(dice):
    starter = load_task("starter_recall")
    changed = with_task_args([starter, dice], {"seed": "7"})
    assert [task.given_arguments for task in changed] == [{}, {"seed": 7}]
    refused(ErrorCode.UNKNOWN_TASK_ARGUMENT, lambda: with_task_args([starter], {"seed": "7"}), "starter_recall")
    refused(ErrorCode.UNKNOWN_TASK_ARGUMENT, lambda: with_task_args([starter, dice], {"sed": "7"}), "seed, colour")
    refused(ErrorCode.UNKNOWN_TASK_ARGUMENT, lambda: starter.with_arguments({"seed": 7}))


def test_the_lock_pins_what_the_defaults_give(dice):
    assert any("no lock pins" in note for note in load(dice).notes)
    (section,) = lock(dice)
    assert section == "dice 3; seed=1, colour=red"
    assert not any("lock" in note for note in load(dice).notes)
    assert any("seed=7" in note and "no lock pins" in note for note in load(dice.with_arguments({"seed": 7})).notes)
    assert verify([dice]).passed and verify([dice]).items == 6
    drawn = load(dice).items
    assert set(benchmarks_of(drawn, [dice])) == {item.id for item in drawn}, "test items are known by the lock"


def test_other_items_than_the_locked_ones_are_named(dice):
    lock(dice)
    file = dice.folder / "items.lock"
    head, *lines = file.read_text().splitlines()
    file.write_text("\n".join([head.rpartition(" ")[0] + " " + "0" * 64, "0" * 10 + lines[0][10:], *lines[1:]]) + "\n")
    refused(ErrorCode.DATA_CHANGED, lambda: load(dice), "changed 1 (1-0)")
    assert not verify([dice]).passed
    assert load(dice, check=False).items[0].id == "1-0"


@pytest.mark.parametrize("seed", [1, 7])
def test_a_lock_of_another_version_refuses_every_seed(dice, seed):
    lock(dice)
    file = dice.folder / "items.lock"
    file.write_text(file.read_text().replace("[dice 3;", "[dice 2;"))
    refused(ErrorCode.DATA_CHANGED, lambda: load(dice.with_arguments({"seed": seed})), "dice 3", "dice 2", "data lock")


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ({}, ErrorCode.DATA_NOT_FOUND),
        ({"dice": "nowhere:dice"}, ErrorCode.GENERATOR_FAILED),
        ({"dice": "MODULE:absent"}, ErrorCode.GENERATOR_FAILED),
        ({"dice": "MODULE:number"}, ErrorCode.GENERATOR_FAILED),
        ({"dice": "MODULE:Dice"}, ErrorCode.GENERATOR_FAILED),
        ({"dice": "MODULE:unversioned"}, ErrorCode.GENERATOR_FAILED),
    ],
)
def test_a_generator_that_cannot_be_used_stops_its_own_task_alone(install, points, code):
    install(points)
    task = load_task("dice")
    refused(code, lambda: load(task), "dice")
    present, absent = split_present([task, load_task("starter_recall")])
    assert [each.name for each in present] == ["starter_recall"] and list(absent) == ["dice"]
    ended = CliRunner().invoke(cli, ["tasks", "check"])
    assert "starter_recall" in ended.output and "not checked: dice" in ended.output


@pytest.mark.parametrize(
    ("seed", "code"),
    [
        (13, ErrorCode.GENERATOR_FAILED),  # it raises
        (14, ErrorCode.GENERATOR_FAILED),  # it ends the program
        (15, ErrorCode.DATA_CHANGED),  # it draws too few
        (16, ErrorCode.DATA_MALFORMED),  # its items can't be used
    ],
)
def test_a_generator_that_breaks_while_it_draws_is_one_line(dice, seed, code):
    refused(code, lambda: load(dice.with_arguments({"seed": seed})), "dice")


def test_two_packages_with_one_name_are_refused(install):
    install({"dice": "MODULE:dice"})
    install({"dice": "MODULE:other"}, package="another-package")
    refused(ErrorCode.GENERATOR_FAILED, lambda: load(load_task("dice")), ":dice", ":other")


def test_a_card_cannot_name_a_module_nor_give_its_own_arguments(dice):
    card = dice.folder / "task.yaml"
    for change in (
        ("generator: dice", "generator: 'os:system'"),
        ("generator: dice", "generator: os.path"),
        ("version: 1", "version: 1\n_given: {seed: 7}"),
        ("  settings", "  packages: {'a; b': '1'}\n  settings"),
        ("default: 1", "default: -1"),
        ("default: red", "default: green"),
    ):
        card.write_text(CARD.replace(*change))
        refused(ErrorCode.INVALID_TASK_CARD, lambda: load_task("dice"))


def test_a_needed_package_of_another_version_is_named_with_what_to_install(dice):
    card = dice.folder / "task.yaml"
    card.write_text(CARD.replace("  settings", "  packages: {dice-package: '2.0'}\n  settings"))
    refused(
        ErrorCode.DATA_NOT_FOUND, lambda: load(load_task("dice")), "dice-package 2.0", "1.0 is", "dice-package==2.0"
    )


class TestCache:
    @pytest.fixture(autouse=True)
    def every_drawing_is_slow(self, monkeypatch):
        monkeypatch.setattr(drawn_items, "_SLOW", -1.0)

    @pytest.fixture
    def drawn_again(self, install, monkeypatch):
        """Load the task as a new process would; return the items and whether they were drawn."""
        import importlib

        module = importlib.import_module(install({"dice": "MODULE:dice"}))

        def loaded(**arguments):
            monkeypatch.setattr(drawn_items, "_drawn", {})
            before = len(module.draws)
            dataset = load(load_task("dice").with_arguments(arguments))
            return dataset, len(module.draws) > before

        return loaded

    def test_items_are_read_from_the_cache_with_all_that_they_hold(self, drawn_again):
        first, drawn = drawn_again()
        again, drawn_twice = drawn_again()
        assert (drawn, drawn_twice) == (True, False)
        assert again == first and again.items[3].group == "g1"
        assert drawn_again(seed=7)[1] and not drawn_again(seed=7)[1]
        assert len([*drawn_folder().iterdir()]) == 2

    def test_each_file_says_under_which_terms_its_items_may_be_used(self, drawn_again):
        drawn_again()
        (file,) = drawn_folder().iterdir()
        header = json.loads(file.read_text().splitlines()[0])
        assert header["attribution"] == "The dice are by somebody." and header["licence"] == "free"

    @pytest.mark.parametrize(
        "damage",
        [
            lambda file, raw: file.write_bytes(raw.replace(b'"answer":"A"', b'"answer":"B"', 1)),
            lambda file, raw: file.write_bytes(raw.replace(b'"group":"g0"', b'"group":"g9"', 1)),
            lambda file, raw: file.write_bytes(raw[:-40]),
            lambda file, raw: file.write_bytes(b""),
            lambda file, raw: file.write_bytes(b"\xff\xfe"),
            lambda file, raw: file.write_bytes(b"[" * 100_000),
            lambda file, raw: file.write_bytes(raw.split(b"\n", 1)[1]),
            lambda file, raw: (file.unlink(), file.mkdir()),
        ],
    )
    def test_a_damaged_file_is_drawn_again(self, drawn_again, damage):
        first, _ = drawn_again()
        (file,) = drawn_folder().iterdir()
        damage(file, file.read_bytes())
        again, drawn = drawn_again()
        assert drawn and again == first

    def test_a_file_of_another_seed_does_not_pass_for_this_one(self, drawn_again):
        drawn_again(seed=7)
        (other,) = drawn_folder().iterdir()
        first, _ = drawn_again()
        (own,) = set(drawn_folder().iterdir()) - {other}
        own.write_bytes(other.read_bytes())
        assert drawn_again() == (first, True)

    def test_a_cache_that_cannot_be_written_stops_nothing(self, drawn_again, tmp_path):
        (tmp_path / "cache").write_text("a file")
        assert drawn_again()[1] and drawn_again()[1]


class TestRuns:
    @staticmethod
    def run(out, *arguments):
        return main(["run", "--model", "trivial/first", "--tasks", "dice", "--out", str(out), *arguments])

    def test_the_arguments_are_part_of_a_run(self, dice, tmp_path, capsys):
        assert self.run(tmp_path / "7", "--task-arg", "seed=7") == 0
        facts = json.loads((tmp_path / "7" / "run.json").read_text())
        assert facts["spec"]["task_args"] == {"dice": {"seed": 7}}
        assert facts["identity"]["tasks"]["dice"]["task_args"] == {"seed": 7, "colour": "red"}
        summary = read_result(tmp_path / "7").tasks["dice"]
        assert summary.task_args["seed"] == 7 and summary.variant == "dice 3; seed=7, colour=red"

    def test_a_run_is_resumed_and_graded_again_with_its_own_seed(self, dice, tmp_path, capsys):
        self.run(tmp_path / "7", "--task-arg", "seed=7")
        request = resumed(tmp_path / "7")
        assert request.load_datasets()[0].items[0].id == "7-0"
        assert main(["run", "--resume", str(tmp_path / "7")]) == 0
        assert main(["regrade", str(tmp_path / "7")]) == 0
        assert main(["runs", "verify", str(tmp_path / "7")]) == 0
        assert "not checked" not in capsys.readouterr().out

    def test_another_seed_cannot_go_into_the_same_folder(self, dice, tmp_path, capsys):
        self.run(tmp_path / "7", "--task-arg", "seed=7")
        assert self.run(tmp_path / "7", "--task-arg", "seed=8") == 2
        error = capsys.readouterr().err
        assert error.rstrip().endswith(f"[{ErrorCode.RUN_MISMATCH}]") and "seed: 7 there, 8 here" in error
        assert main(["run", "--resume", str(tmp_path / "7"), "--task-arg", "seed=8"]) == 2
        assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.CONFLICTING_ARGUMENTS}]")

    def test_two_seeds_are_not_compared(self, dice, tmp_path, capsys):
        for seed in (7, 8):
            self.run(tmp_path / str(seed), "--task-arg", f"seed={seed}")
        one, other = (read_result(tmp_path / str(seed)) for seed in (7, 8))
        refused(ErrorCode.RUNS_NOT_COMPARABLE, lambda: pair(one, other), "seed=7", "seed=8")
        refused(ErrorCode.RUNS_NOT_COMPARABLE, lambda: pair(one, other, (), ["data_digest", "items"]))

    def test_a_report_has_a_column_for_each_seed(self, dice, tmp_path, capsys):
        for seed in (7, 8):
            self.run(tmp_path / str(seed), "--task-arg", f"seed={seed}")
        board = leaderboard(entries([read_result(tmp_path / str(seed)) for seed in (7, 8)], lambda run: run.path.name))
        assert {column.title for column in board.columns} == {f"dice, seed={n}, colour=red" for n in (7, 8)}

    @pytest.mark.parametrize(
        ("edit", "code"),
        [({"seed": 8}, ErrorCode.DATA_CHANGED), ({"seed": "x"}, ErrorCode.INVALID_ARGUMENT),
         ({"sed": 7}, ErrorCode.UNKNOWN_TASK_ARGUMENT), ([7], ErrorCode.RUN_UNREADABLE)],
    )  # fmt: skip
    def test_an_edited_seed_is_noticed(self, dice, tmp_path, capsys, edit, code):
        from evalsuite.util.checksum import with_checksum

        self.run(tmp_path / "7", "--task-arg", "seed=7")
        file = tmp_path / "7" / "run.json"
        facts = json.loads(file.read_text())
        facts["spec"]["task_args"]["dice"] = edit
        del facts["checksum"]
        file.write_text(json.dumps(with_checksum(facts)))
        capsys.readouterr()
        assert main(["regrade", str(tmp_path / "7")]) == 2
        error = capsys.readouterr().err
        assert error.rstrip().endswith(f"[{code}]") and error.count("\n") == 1

    @pytest.mark.parametrize(
        ("given", "code"),
        [("seed", ErrorCode.INVALID_ARGUMENT), ("=7", ErrorCode.INVALID_ARGUMENT),
         ("seed=abc", ErrorCode.INVALID_ARGUMENT), ("sede=7", ErrorCode.UNKNOWN_TASK_ARGUMENT)],
    )  # fmt: skip
    def test_a_wrong_argument_is_refused_before_anything_is_written(self, dice, tmp_path, capsys, given, code):
        assert self.run(tmp_path / "run", "--task-arg", given) == 2
        error = capsys.readouterr().err
        assert error.rstrip().endswith(f"[{code}]") and "--task-arg " in error and error.count("\n") == 1
        assert not (tmp_path / "run").exists()

    def test_two_values_of_one_argument_are_refused(self, dice, tmp_path, capsys):
        assert self.run(tmp_path / "run", "--task-arg", "seed=7", "--task-arg", "seed=8") == 2
        assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.CONFLICTING_ARGUMENTS}]")

    def test_a_program_gives_them_by_name_or_with_the_task(self, dice, tmp_path):
        def model(messages):
            return "<answer>A</answer>"

        named = evaluate(model, ["dice", "starter_recall"], task_args={"seed": 7}, out=tmp_path / "1")
        task = evaluate(model, dice.with_arguments({"seed": 7}), out=tmp_path / "2")
        items = evaluate(model, load(dice.with_arguments({"seed": 7})), out=tmp_path / "3")
        digests = {read_result(run.path).tasks["dice"].data_digest for run in (named, task, items)}
        assert digests == {load(dice.with_arguments({"seed": 7})).digest}
        refused(ErrorCode.CONFLICTING_ARGUMENTS,
                lambda: evaluate(model, [dice, dice.with_arguments({"seed": 7})], out=tmp_path / "4"))  # fmt: skip
        refused(ErrorCode.UNKNOWN_TASK_ARGUMENT,
                lambda: evaluate(model, "starter_recall", task_args={"seed": 7}, out=tmp_path / "5"))  # fmt: skip


def test_the_audit_examines_the_items_of_a_seed(dice):
    (entry,) = audit([dice.with_arguments({"seed": 7})]).content["files"]
    assert entry["items"] == 6 and entry["gold"] == {"B": 3, "A": 3} and "seed=7" in entry["file"]
    assert main(["data", "audit", "--tasks", "dice", "--task-arg", "seed=7"]) == 0
    assert main(["tasks", "check", "dice", "--task-arg", "seed=7"]) == 0
