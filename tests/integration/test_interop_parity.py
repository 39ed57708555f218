"""The same responses through four harnesses and the reward: the same grades, item by item, strictly and leniently."""

import gzip
import json
from pathlib import Path

import bridged
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
    """Item id to the recorded response, up to where its prompt's stop string would have ended it."""
    with gzip.open(DATA / "recorded" / file, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return {r["item_id"]: cut_at_stop(r["text"] or "", ["Question:"]) for r in rows if r["benchmark"] == TASK}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_recorded_responses_are_graded_alike_everywhere(tmp_path):
    asked = bridged.prompts(TASK, DATA, FORMAT)[:ITEMS]
    answers = {}
    for model, file in MODELS.items():
        texts = recorded(file)
        for item, prompt in asked:
            # Items that say the same share a prompt, and with it the first one's response.
            answers.setdefault((model, prompt), texts[item.id])
    ids = {item.id for item, _ in asked}
    bridged.export([TASK], tmp_path, "--format", FORMAT, data_dir=DATA)
    limit = ("--limit", ITEMS)
    with ReplayServer(answers) as server:
        columns = bridged.inspect(server, MODELS, [TASK], tmp_path, *limit, "-T", f"format={FORMAT}", data_dir=DATA)
        for model in MODELS:
            ours = bridged.native(server, model, [TASK], tmp_path, *limit, "--format", FORMAT, data_dir=DATA)[TASK]
            theirs = bridged.lm_eval(server, model, [TASK], tmp_path, *limit, data_dir=DATA)[TASK]
            assert ours.keys() == theirs.keys() == columns[model, TASK].keys() == ids
            assert differences(ours, theirs) == {}
            assert differences(ours, columns[model, TASK]) == {}
            told = {"format": FORMAT, "data_dir": str(DATA)}
            assert differences(ours, bridged.verifiers(server, model, TASK, tmp_path, "-n", ITEMS, **told)) == {}
            said = {item.id: answers[model, prompt] for item, prompt in asked}
            assert bridged.trl(TASK, said, DATA, FORMAT) == rewards(ours)
            strict, lenient = (sum(verdicts[reading].correct for verdicts in ours.values()) for reading in (0, 1))
            assert 0 < strict <= lenient < ITEMS
    assert len(server.requests) == 4 * len(MODELS) * ITEMS


def rewards(ours):
    """Item id to what training should pay."""
    return {item: float(strict.correct) for item, (strict, _) in ours.items()}


def differences(ours, theirs):
    """Item id to both verdicts, where they differ."""
    return {item: (ours[item], theirs[item]) for item in ours if ours[item] != theirs[item]}


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


def test_hard_responses_are_graded_alike_everywhere(tmp_path):
    answers, seen = {}, 0
    for task in STARTER:
        for item, prompt in bridged.prompts(task):
            other = next(label for label in item.labels if label != item.gold)
            right = write(load_task(task).format, item.gold)
            text = HARD[seen % len(HARD)]
            for key, value in (("{right}", right), ("{gold}", item.gold), ("{other}", other)):
                text = text.replace(key, value)
            answers["hard", prompt] = text
            seen += 1
    bridged.export(STARTER, tmp_path)
    with ReplayServer(answers) as server:
        ours = bridged.native(server, "hard", STARTER, tmp_path)
        theirs = bridged.lm_eval(server, "hard", STARTER, tmp_path)
        columns = bridged.inspect(server, ["hard"], ["starter"], tmp_path)
        environments = {task: bridged.verifiers(server, "hard", task, tmp_path, "-n", -1) for task in STARTER}
    for task in STARTER:
        said = {item.id: answers["hard", prompt] for item, prompt in bridged.prompts(task)}
        assert bridged.trl(task, said) == rewards(ours[task])
        missing = ours[task].keys() - environments[task].keys()
        assert {ours[task][item][0].status for item in missing} <= {"empty"}
        assert differences({item: ours[task][item] for item in environments[task]}, environments[task]) == {}
        assert len(ours[task]) > 10
        assert differences(ours[task], theirs[task]) == {}
        assert differences(ours[task], columns["hard", task]) == {}
    statuses = {verdicts[0].status for column in ours.values() for verdicts in column.values()}
    assert {"ok", "no_answer", "several_answers", "not_a_label", "reasoning_unclosed", "empty"} <= statuses
