"""Which tries are made, and what is kept of them: until gold, by difficulty, and by rounds of refinement."""

import pytest

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.item import Item
from training.model_requests import Answers
from training.traces.attempts import Attempts, Band, TraceSettings
from training.traces.filters import Filters, TraceFilters
from training.traces.questions import TraceQuestion, TraceQuestions
from training.traces.student import student_of
from training.traces.teacher_prompts import STRATEGIES, prompt_digests

ITEM = Item("1", "Which one?", ("Gout", "Lupus"), ("A", "B"), "B")
QUESTION = TraceQuestion(ITEM, ({"role": "user", "content": "Which one? A. Gout B. Lupus"},))
QUESTIONS = TraceQuestions("file", "questions", "", "", "en", "answer_tag", "", "", (QUESTION,), ())
RIGHT = "The rash over both cheeks speaks for it.\n<answer>B</answer>"
WRONG = "The rash over both cheeks speaks for it.\n<answer>A</answer>"
FILTERS = Filters(TraceFilters.model_validate({"least_words": 1}))


def follow(replies, **settings):
    """Give one reply after the other to what is wanted; return the outcome and all prompts in their order."""
    attempts = Attempts(QUESTIONS, TraceSettings(**settings), FILTERS, student_of("think", "answer_tag"))
    answers, sent, left = Answers(), [], list(replies)
    while new := [each for each in attempts.wanted(answers) if each.key not in answers.records]:
        for each in new:
            sent.append(each)
            text = left.pop(0)
            answers.records[each.key] = ResponseRecord(each.id, each.sample, text, "", "stop", False, 1, 1, 1.0, "")
    assert not left
    (outcome,) = attempts.outcomes(answers)
    return outcome, sent


def reasons(outcome):
    return [attempt.verdict and attempt.verdict.reason for attempt in outcome.attempts]


def test_resampling_ends_with_the_first_trace_that_is_kept():
    outcome, sent = follow([WRONG, WRONG, RIGHT], mode="resample", tries=8)
    assert reasons(outcome) == ["wrong_answer", "wrong_answer", None]
    assert outcome.kept.prompt.sample == 2 and outcome.kept.text.endswith("<answer>B</answer>")
    assert len({each.id for each in sent}) == 1 and outcome.attempts[0].verdict.detail == "A, gold is B"


def test_resampling_ends_with_the_last_try():
    outcome, sent = follow([WRONG] * 4, mode="resample", tries=4)
    assert outcome.kept is None and len(sent) == 4


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([WRONG, RIGHT, WRONG, WRONG], None),
        ([RIGHT, WRONG, RIGHT, RIGHT], None),
        ([RIGHT] * 4, "above_band"),
        ([WRONG] * 4, "below_band"),
    ],
)
def test_a_band_keeps_what_the_teacher_sometimes_solves(replies, reason):
    outcome, sent = follow(replies, mode="resample", tries=4, band=Band(0.25, 0.75))
    assert len(sent) == 4 and outcome.rate == (replies.count(RIGHT), 4)
    assert (outcome.verdict and outcome.verdict.reason) == reason
    assert (outcome.kept is None) == (reason is not None)


STRATEGY_TEXTS = {
    "backtracking": "Assumption re-examined: the rash is from the sun, but it spares no fold; it is not.",
    "path_exploration": "Hypothesis: gout would need a swollen joint\nHypothesis: lupus explains the rash well",
    "self_correction": "Error: I took the rash for an abscess.\nIt is flat.\n**Correction:** it is a malar rash.",
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_strategy_has_a_prompt_and_a_verdict_of_its_own(name):
    follows = STRATEGIES[name].follows
    assert [other for other, text in STRATEGY_TEXTS.items() if follows(text)] == [name]
    reply = f"{STRATEGY_TEXTS[name]}\nSo it is lupus.\n<answer>B</answer>"
    outcome, sent = follow([WRONG, RIGHT, reply], rounds=3, strategies=(name,))
    assert reasons(outcome) == ["wrong_answer", STRATEGIES[name].reason, None]
    assert (outcome.kept.strategy, outcome.kept.round) == (name, 2)
    roles = [message["role"] for message in sent[-1].messages]
    assert roles == ["user", "assistant", "user"] and sent[-1].messages[1]["content"].startswith("The rash")
    assert set(prompt_digests()) == {"gold", *STRATEGIES} and len(set(prompt_digests().values())) == 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("backtracking", "Assumption re-examined: none."),
        ("backtracking", "I re-examined no assumption: the rash is from the sun."),
        ("path_exploration", "Hypothesis: lupus explains the rash\nHypothesis: lupus explains the rash"),
        ("path_exploration", "Hypothesis: lupus explains the rash well"),
        ("self_correction", "Error: I took the rash for an abscess."),
        ("self_correction", "Correction: it is a malar rash.\nError: I took it for an abscess."),
    ],
)
def test_a_strategy_that_is_only_named_is_not_followed(name, text):
    assert not STRATEGIES[name].follows(text)


def test_strategies_take_turns_until_the_last_round():
    outcome, _ = follow([WRONG] * 6, rounds=5)
    strategies = [attempt.strategy for attempt in outcome.attempts]
    assert strategies == [None, *STRATEGIES, *list(STRATEGIES)[:2]] and outcome.kept is None
    assert [attempt.round for attempt in outcome.attempts] == [0, 1, 2, 3, 4, 5]


def test_many_lines_cost_no_more_than_their_number():
    text = "Error: I took the rash for an abscess.\n" * 20_000 + "Hypothesis: " * 20_000
    assert not any(strategy.follows(text) for strategy in STRATEGIES.values())


def test_with_a_band_only_what_is_below_it_is_refined():
    reply = f"{STRATEGY_TEXTS['backtracking']}\n<answer>B</answer>"
    outcome, _ = follow([WRONG, WRONG, reply], mode="resample", tries=2, band=Band(0.5, 1), rounds=1)
    assert outcome.kept.strategy == "backtracking" and outcome.verdict is None and outcome.rate == (0, 2)
    outcome, _ = follow([RIGHT, RIGHT], mode="resample", tries=2, band=Band(0, 0.5), rounds=3)
    assert outcome.kept is None and outcome.verdict.reason == "above_band"


def test_the_gold_label_is_shown_only_where_that_is_the_mode():
    _, sent = follow([WRONG, WRONG], mode="gold", rounds=1)
    assert all("B (Lupus)" in each.messages[0]["content"] for each in sent)
    for mode in ("question", "resample"):
        _, sent = follow([WRONG, WRONG], mode=mode, rounds=1)
        assert sent[0].messages == QUESTION.messages
        assert not any("B" in message["content"].replace("B. Lupus", "") for message in sent[1].messages[:1])


@pytest.mark.parametrize(
    ("settings", "temperature", "code"),
    [
        ({"tries": 2}, 0.0, ErrorCode.CONFLICTING_ARGUMENTS),
        ({"band": Band(0, 1)}, 0.7, ErrorCode.CONFLICTING_ARGUMENTS),
        ({"band": Band(0, 1), "tries": 4, "mode": "gold"}, 0.7, ErrorCode.CONFLICTING_ARGUMENTS),
        ({"strategies": ("guessing",)}, 0.0, ErrorCode.INVALID_ARGUMENT),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, temperature, code):
    with pytest.raises(UsageError) as error:
        TraceSettings(**settings).check(temperature)
    assert error.value.code == code
