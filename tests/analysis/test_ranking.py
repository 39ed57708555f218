"""Ranks and contrasts: paired, adjusted, and never between runs that aren't comparable."""

import numpy as np
import pytest

from evalsuite.analysis.leaderboard import entries, leaderboard
from evalsuite.analysis.ranking import MACRO, leaders, rank, reference, reference_contrasts
from evalsuite.analysis.run_result import read_result
from evalsuite.report.leaderboard_json import contrast_json, leaderboard_json
from evalsuite.report.markdown import verdict
from evalsuite.report.run_names import display_name
from evalsuite.util.format import rough_count

N = 400


def board_of(*paths, allow=()):
    return leaderboard(entries([read_result(path) for path in paths], display_name), allow)


def first(share, count=N):
    return np.arange(count) < share * count


def test_models_that_differ_significantly_have_different_ranks_and_others_share_one(made):
    best, near, far = first(0.8), first(0.8), first(0.5)
    near[0], near[-1] = False, True
    board = board_of(*(made(name, {"medqa": v}) for name, v in (("best", best), ("near", near), ("far", far))))
    found = rank(board)
    assert (found["best"].rank, found["near"].rank, found["far"].rank) == (1, 1, 3)
    assert (found["best"].best, found["best"].worst) == (1, 2) and (found["far"].best, found["far"].worst) == (3, 3)


def test_a_contrast_counts_the_items_that_only_one_model_has_right(made):
    rng = np.random.default_rng(3)
    a, b = rng.random(N) < 0.8, rng.random(N) < 0.6
    board = board_of(made("a", {"medqa": a}), made("b", {"medqa": b}))
    held = reference(board)
    (found,) = reference_contrasts(board, held, board.columns[0].key)
    assert held.name == "a"
    assert (found.contrast.difference.only_a, found.contrast.difference.only_b) == (np.sum(b & ~a), np.sum(a & ~b))
    assert found.contrast.difference.value == pytest.approx(b.mean() - a.mean())
    assert found.contrast.difference.low < found.contrast.difference.value < found.contrast.difference.high < 0


def test_the_macro_test_is_the_sign_flip_test_of_the_average(made):
    rng = np.random.default_rng(5)
    tasks_a = {"medqa": rng.random(300) < 0.62, "pubmedqa": rng.random(60) < 0.7}
    tasks_b = {"medqa": rng.random(300) < 0.55, "pubmedqa": rng.random(60) < 0.6}
    board = board_of(made("a", tasks_a), made("b", tasks_b))
    (found,) = reference_contrasts(board, reference(board), MACRO)
    weighed = np.concatenate([(tasks_a[t].astype(float) - tasks_b[t]) / len(tasks_a[t]) / 2 for t in tasks_a])
    assert found.contrast.difference.value == pytest.approx(-weighed.sum())
    flips = rng.choice((-1.0, 1.0), size=(40_000, len(weighed))) @ weighed
    simulated = np.mean(np.abs(flips) >= abs(weighed.sum()) - 1e-12)
    assert found.p_holm == pytest.approx(simulated, rel=0.15)


def test_what_can_not_be_compared_is_not_ranked(made):
    tasks = {"medqa": first(0.5)}
    odd = made("odd", {"medqa": first(0.9)}, prompt="other")
    paths = [made("a", tasks), made("b", tasks), odd]
    board = board_of(*paths)
    assert set(rank(board)) == {"a", "b"}
    assert reference(board).name in ("a", "b")
    assert {each.row for each in reference_contrasts(board, reference(board), MACRO)} <= {"a", "b"}
    assert set(rank(board_of(*paths, allow=["prompt_digest"]))) == {"a", "b", "odd"}


def test_trivial_baselines_are_not_ranked(made):
    board = board_of(made("a", {"medqa": first(0.5)}), made("f", {"medqa": first(0.3)}, model="trivial/random"))
    assert rank(board) == {}
    assert reference_contrasts(board, reference(board), board.columns[0].key) == []


def test_the_best_of_each_size_leads_with_all_that_do_not_differ_from_it_significantly(made):
    verdicts = {"x-8B": first(0.7), "y-8B": first(0.69), "z-8B": first(0.4), "w-70B": first(0.9)}
    board = board_of(*(made(name, {"medqa": v}) for name, v in verdicts.items()))
    key = board.columns[0].key
    assert {id for id, column in leaders(board) if column == key} == {"x-8b", "y-8b", "w-70b"}


def test_holm_covers_all_comparisons_that_the_reader_sees(made):
    rng = np.random.default_rng(7)
    paths = [made(f"m{n}", {"medqa": rng.random(N) < 0.5 + n / 40}) for n in range(6)]
    board = board_of(*paths)
    found = reference_contrasts(board, reference(board), board.columns[0].key)
    raw = sorted(each.contrast.difference.p for each in found)
    assert min(each.p_holm for each in found) == pytest.approx(min(1.0, raw[0] * 5))
    assert all(each.p_holm >= each.contrast.difference.p and "5 comparisons" in each.family for each in found)


def test_in_the_lenient_parse_mode_everything_is_lenient(made, answers):
    every = np.ones(N, dtype=bool)
    paths = [
        made(name, {task: answers(first(share), lenient=every) for task in ("medqa", "jmed")})
        for name, share in (("a", 0.9), ("b", 0.2))
    ]
    board = leaderboard(entries([read_result(path) for path in paths], display_name), parse_mode="lenient")
    assert [row.macro.value for row in board.rows] == [1.0, 1.0]
    assert {place.rank for place in rank(board).values()} == {1}
    assert all(each.p_holm == 1.0 for each in reference_contrasts(board, reference(board), MACRO))
    content = leaderboard_json(board)
    assert content["parse_mode"] == "lenient" and content["rows"][0]["cells"][board.columns[0].key]["value"] == 1.0
    assert {place.rank for place in rank(board_of(*paths)).values()} == {1, 2}


def contest_of(made, *verdicts):
    board = board_of(*(made(f"m{n}", {"medqa": each}) for n, each in enumerate(verdicts)))
    return reference_contrasts(board, reference(board), board.columns[0].key)[0]


def test_an_insignificant_result_states_the_detectable_difference_and_the_items_needed(made):
    other = first(0.5)
    other[:25], other[-20:] = False, True
    found = contest_of(made, first(0.5), other)
    assert not found.significant and 0 < found.contrast.detectable <= found.contrast.difference.discordance
    assert found.contrast.items_needed > N
    verdict_text = verdict(contrast_json(found))
    assert f"{100 * found.contrast.detectable:.1f} points" in verdict_text
    assert rough_count(found.contrast.items_needed) in verdict_text


def test_two_that_hardly_differ_have_no_detectable_difference(made):
    other = first(0.5)
    other[:2] = False
    found = contest_of(made, first(0.5), other)
    assert not found.significant and found.contrast.detectable is None
    assert contrast_json(found)["detectable"] is None and verdict(contrast_json(found)).startswith("not significant: ")
