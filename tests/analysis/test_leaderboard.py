"""The leaderboard: which runs share a column, what the average covers, which rows are marked."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.analysis.leaderboard import LARGE, MIDDLE, ORDER, SMALL, UNKNOWN, entries, leaderboard, size_of
from evalsuite.analysis.run_result import RunResult, read_result
from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.report.run_names import display_name
from evalsuite.run.summary_schema import RunSummary

HALF = [True, False] * 20


def board_of(*paths, allow=()):
    return leaderboard(entries([read_result(path) for path in paths], display_name), allow)


def test_columns_have_the_order_of_the_fields_tables_and_others_follow_by_name(made):
    tasks = ["zebra", "mmlu_pro_health", "pubmedqa", "aardvark", "careqa", "medqa", "medqa_5opt"]
    board = board_of(made("a", dict.fromkeys(tasks, HALF)))
    names = [column.task for column in board.columns]
    assert names == ["careqa", "medqa", "pubmedqa", "mmlu_pro_health", "aardvark", "medqa_5opt", "zebra"]
    assert [name for name in names if name in ORDER] == [name for name in ORDER if name in names]


def test_a_part_of_a_task_never_shares_a_column_with_the_complete_task(made):
    whole = made("whole", {"medqa": HALF}, items=40)
    part = made("part", {"medqa": HALF[:30]}, items=40)
    board = board_of(whole, part)
    assert [(c.n, c.partial) for c in board.columns] == [(40, False), (30, True)]
    assert all(len(row.cells) == 1 for row in board.rows)
    assert board.columns[0].title != board.columns[1].title


def test_parts_share_a_column_only_if_they_are_the_same_items(made):
    first = ([True] * 10, [f"i{n}" for n in range(10)])
    other = ([True] * 10, [f"i{n}" for n in range(5, 15)])
    board = board_of(*(made(n, {"medqa": items}, items=40) for n, items in (("a", first), ("b", first), ("c", other))))
    assert sorted(sum(c.key in row.cells for row in board.rows) for c in board.columns) == [1, 2]
    assert len({c.title for c in board.columns}) == 2


@pytest.mark.parametrize("change", [{"data": "e" * 64}, {"version": 2}])
def test_other_questions_are_another_column(made, change):
    board = board_of(made("a", {"medqa": HALF}), made("b", {"medqa": HALF}, **change))
    assert len(board.columns) == 2 and len({c.title for c in board.columns}) == 2


def test_an_average_is_missing_where_a_task_is(made):
    tasks = {"medqa": HALF, "medmcqa": [True] * 30 + [False] * 10}
    board = board_of(made("a", tasks), made("b", tasks), made("c", {"medqa": [True] * 40}))
    macros = {row.name: row.macro for row in board.rows}
    assert macros["a"].value == pytest.approx((0.5 + 0.75) / 2)
    assert macros["c"] is None


def test_a_task_that_only_one_run_has_takes_no_average_from_the_others(made):
    tasks = {"medqa": HALF, "medmcqa": HALF}
    board = board_of(made("a", tasks), made("b", tasks), made("c", {**tasks, "jmed": HALF}))
    assert len(board.macro_columns) == 2 and all(row.macro for row in board.rows)


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        ({"prompt": "other"}, "prompt_digest"),
        ({"format": "boxed"}, "format"),
        ({"decoding": {"temperature": 0.7}}, "decoding"),
        ({"parser": "2"}, "parser"),
    ],
)
def test_another_setting_is_marked_and_not_compared_unless_allowed(made, change, mark):
    paths = [made("a", {"medqa": HALF}), made("b", {"medqa": HALF}), made("c", {"medqa": HALF}, **change)]
    board = board_of(*paths)
    assert {row.name: row.differs for row in board.rows} == {"a": (), "b": (), "c": (mark,)}
    odd = next(row for row in board.rows if row.name == "c")
    assert not board.comparable(odd, board.macro_columns)
    allowed = board_of(*paths, allow=[mark])
    odd = next(row for row in allowed.rows if row.name == "c")
    assert allowed.comparable(odd, allowed.macro_columns) and odd.differs == (mark,)


def test_what_may_differ_is_named_exactly(made):
    with pytest.raises(UsageError) as caught:
        board_of(made("a", {"medqa": HALF}), allow=["data"])
    assert caught.value.code is ErrorCode.UNKNOWN_SETTING and "data" in str(caught.value)


def test_trivial_baselines_form_a_group_without_marks(made):
    board = board_of(made("a", {"medqa": HALF}), made("f", {"medqa": HALF}, model="trivial/random", prompt="other"))
    assert [(row.size, row.differs) for row in board.rows] == [(UNKNOWN, ()), ("trivial_baselines", ())]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Qwen3-8B", SMALL),
        ("Meta-Llama-3_1-8B-Instruct", SMALL),
        ("Qwen2.5-0.5B", SMALL),
        ("Llama-2-13b-hf", MIDDLE),
        ("Mixtral-8x7B-Instruct-v0.1", MIDDLE),
        ("HuatuoGPT-o1-72B", MIDDLE),
        ("GPT-OSS-120B", LARGE),
        ("DeepSeek-R1-671B", LARGE),
        ("gpt-4o-mini", UNKNOWN),
        ("Phi-3-mini-4k-instruct", UNKNOWN),
        ("model-v2.8beta", UNKNOWN),
    ],
)
def test_a_size_is_what_the_name_states(name, size):
    assert size_of(name) == size


def test_names_and_ids_are_unique_and_a_run_is_there_once(made):
    paths = [made(name, {"medqa": HALF}, model="openai/Same 8B!") for name in ("x", "y")]
    found = entries([read_result(path) for path in paths], display_name)
    assert len({entry.name for entry in found}) == len({entry.id for entry in found}) == 2
    with pytest.raises(RunError) as caught:
        entries([read_result(paths[0]), read_result(paths[0])], display_name)
    assert caught.value.code is ErrorCode.SAME_RUN_TWICE and str(paths[0]) in str(caught.value)


@settings(max_examples=50)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_any_names_give_ids_fit_for_files_and_links(names):
    summary = RunSummary.model_construct(model="x/y", run="r")
    results = [RunResult(Path(f"/{number}"), summary) for number in range(len(names))]
    found = entries(results, lambda result: names[int(result.path.name)])
    ids = [entry.id for entry in found]
    assert len(set(ids)) == len(ids)
    assert all(set(id) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") and id.strip(".-") for id in ids)


def test_each_task_has_the_same_weight_in_the_average(made):
    rng = np.random.default_rng(1)
    tasks = {"medqa": rng.random(500) < 0.9, "medmcqa": rng.random(20) < 0.2}
    row = board_of(made("a", tasks)).rows[0]
    assert row.macro.value == pytest.approx(np.mean([verdicts.mean() for verdicts in tasks.values()]))
