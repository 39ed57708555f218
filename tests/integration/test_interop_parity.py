"""The same responses through four harnesses and the reward: the same strict and lenient grades, item by item."""

import gzip
import json
from pathlib import Path

import harness_commands as harness
import pytest
from replay_server import ReplayServer

from evalsuite.parser import cut_at_stop
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.registry import load_task

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[3] / "shared" / "data"
MODELS = {
    "Meta-Llama-3-8B": "mmlu_pro__Meta-Llama-3-8B.jsonl.gz",
    "Meta-Llama-3.1-8B-Instruct": "mmlu_pro__Meta-Llama-3_1-8B-Instruct.jsonl.gz",
    "Mixtral-8x7B-Instruct-v0.1": "mmlu_pro__Mixtral-8x7B-Instruct-v0.1.jsonl.gz",
}
TASK, FORMAT, ITEMS = "mmlu_pro_health", "the_answer_is", 500
STARTER = ("starter_vignette", "starter_recall", "starter_evidence", "starter_differential")


def recorded(file):
    """{item id: recorded response}, cut where its prompt's stop string would have ended it."""
    with gzip.open(DATA / "recorded" / file, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return {r["item_id"]: cut_at_stop(r["text"] or "", ["Question:"]) for r in rows if r["benchmark"] == TASK}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_recorded_responses_get_the_same_grades_in_every_harness(tmp_path):
    items = harness.prompts(TASK, DATA, FORMAT)[:ITEMS]
    answers = {}
    for model, file in MODELS.items():
        texts = recorded(file)
        for item, prompt in items:
            # Duplicate items share a prompt, so they share the response of the first one.
            answers.setdefault((model, prompt), texts[item.id])
    ids = {item.id for item, _ in items}
    harness.export_lm_eval([TASK], tmp_path, "--format", FORMAT, data_dir=DATA)
    limit = ("--limit", ITEMS)
    with ReplayServer(answers) as server:
        inspect = harness.inspect(server, MODELS, [TASK], tmp_path, *limit, "-T", f"format={FORMAT}", data_dir=DATA)
        for model in MODELS:
            native = harness.evalsuite_run(server, model, [TASK], tmp_path, *limit, "--format", FORMAT, data_dir=DATA)[
                TASK
            ]
            lm_eval = harness.lm_eval(server, model, [TASK], tmp_path, *limit, data_dir=DATA)[TASK]
            assert native.keys() == lm_eval.keys() == inspect[model, TASK].keys() == ids
            assert differences(native, lm_eval) == {}
            assert differences(native, inspect[model, TASK]) == {}
            parameters = {"format": FORMAT, "data_dir": str(DATA)}
            verifiers = harness.vf_eval(server, model, TASK, tmp_path, "-n", ITEMS, **parameters)
            assert differences(native, verifiers) == {}
            texts = {item.id: answers[model, prompt] for item, prompt in items}
            assert harness.trl_rewards(TASK, texts, DATA, FORMAT) == rewards(native)
            strict, lenient = (sum(verdicts[parse].correct for verdicts in native.values()) for parse in (0, 1))
            assert 0 < strict <= lenient < ITEMS
    assert len(server.requests) == 4 * len(MODELS) * ITEMS


def rewards(verdicts):
    """{item id: the reward that training should give}."""
    return {item: float(strict.correct) for item, (strict, _) in verdicts.items()}


def differences(first, second):
    """{item id: both verdicts}, where they differ."""
    return {item: (first[item], second[item]) for item in first if first[item] != second[item]}


HARD = (
    "<think>It could be {other}: <answer>{other}</answer></think>\n{right}",
    "<think>It is {gold}.</think>",
    "no tag opens this thought</think>{right}",
    "<think>never closed, though {right}",
    "{right}\n{right}",
    "{right} and nothing more to say",
    "```\n{right}\n```",
    "<ANSWER>{gold}</ANSWER>",
    "**Answer: {gold}**",
    "The correct answer is {gold}, not {other}.",
    "{gold} or {other}",
    "<answer>Z</answer>",
    "<answer>А</answer>",
    "<answer>Ａ</answer>",
    "   \n",
    "",
    "答案是{gold}",
    "{right}\x00",
    "<answer> {gold} </answer>\n\n",
    "I can't help with that.",
)


def test_hard_responses_get_the_same_grades_in_every_harness(tmp_path):
    answers, seen = {}, 0
    for task in STARTER:
        for item, prompt in harness.prompts(task):
            other = next(label for label in item.labels if label != item.gold)
            right = write(load_task(task).format, item.gold)
            text = HARD[seen % len(HARD)]
            for key, value in (("{right}", right), ("{gold}", item.gold), ("{other}", other)):
                text = text.replace(key, value)
            answers["hard", prompt] = text
            seen += 1
    harness.export_lm_eval(STARTER, tmp_path)
    with ReplayServer(answers) as server:
        native = harness.evalsuite_run(server, "hard", STARTER, tmp_path)
        lm_eval = harness.lm_eval(server, "hard", STARTER, tmp_path)
        inspect = harness.inspect(server, ["hard"], ["starter"], tmp_path)
        verifiers = {task: harness.vf_eval(server, "hard", task, tmp_path, "-n", -1) for task in STARTER}
    for task in STARTER:
        texts = {item.id: answers["hard", prompt] for item, prompt in harness.prompts(task)}
        assert harness.trl_rewards(task, texts) == rewards(native[task])
        missing = native[task].keys() - verifiers[task].keys()
        assert {native[task][item][0].status for item in missing} <= {"empty"}
        assert differences({item: native[task][item] for item in verifiers[task]}, verifiers[task]) == {}
        assert len(native[task]) > 10
        assert differences(native[task], lm_eval[task]) == {}
        # inspect-ai separates `<think>` itself; the rest looks like a text that a server's parser swallowed.
        only_thought = {item for item, text in texts.items() if text.endswith(".</think>")}
        separated = differences(native[task], inspect["hard", task])
        assert separated.keys() == only_thought
        pairs = {(ours[0].status, theirs[0].status) for ours, theirs in separated.values()}
        assert pairs <= {("empty", "reasoning_only")}
        assert not any(theirs[0].correct or theirs[1].correct for _, theirs in separated.values())
    statuses = {strict.status for verdicts in native.values() for strict, _ in verdicts.values()}
    assert {"ok", "no_answer", "several_answers", "not_a_label", "reasoning_unclosed", "empty"} <= statuses
