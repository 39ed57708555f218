"""The preflight with real tokenizers and a real model: bad starts are refused with their numbers, a good one passes."""

import json
import re
import shutil

import policies
import pytest
import staged
import tiny

from evalsuite.errors import UsageError
from training.checks.chat_template import ChatTemplateCheck
from training.checks.checked_rows import CheckedRow
from training.checks.end_token import ending
from training.checks.preflight import run_preflight
from training.checks.rendering import Renderer
from training.run_folder import StageFolder

pytestmark = pytest.mark.integration
pytest.importorskip("transformers")

STRIPPING = tiny.QWEN_TEMPLATE.replace("{{ message.content }}", "{{ message.content.split('</think>')[-1] }}")
"""DeepSeek-R1's way: what an assistant thought is no part of the conversation."""
INSERTING = tiny.QWEN_TEMPLATE.replace(
    "{{ message.content }}",
    "{% if message.role == 'assistant' and '</think>' not in message.content %}<think>\n\n</think>\n\n{% endif %}"
    "{{ message.content }}",
)
"""Qwen3's way: a last turn without reasoning gets an empty block."""
THOUGHT = "<think>\nPain, so aspirin.\n</think>\n\n<answer>A</answer>"
PLAIN = "Pain, so aspirin. <answer>A</answer>"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tiny.make_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


def found(tokenizer, template, completion=None, opens=False):
    """What the check says of a row under a template."""
    tokenizer.chat_template = template
    row = CheckedRow("one", ({"role": "user", "content": "Aspirin?"},), "A", ("A", "B"), "answer_tag", completion)
    row = row._replace(opens_reasoning=opens)
    checked, render = ChatTemplateCheck(), Renderer(tokenizer, "tiny")
    checked.take(row, render(row))
    return checked.finding()


@pytest.mark.parametrize(
    "template, completion, opens",
    [
        (tiny.QWEN_TEMPLATE, THOUGHT, False),
        (tiny.QWEN_TEMPLATE, PLAIN, False),
        (tiny.OPENING_TEMPLATE, THOUGHT, False),
        (INSERTING, THOUGHT, False),
        (tiny.QWEN_TEMPLATE, None, False),
        (tiny.OPENING_TEMPLATE, None, True),
    ],
)
def test_a_template_that_keeps_reasoning_passes(tokenizer, template, completion, opens):
    finding = found(tokenizer, template, completion, opens)
    assert finding.refusals == ()
    assert finding.facts["opens_reasoning"] == (template == tiny.OPENING_TEMPLATE)


@pytest.mark.parametrize(
    "template, completion, opens, words",
    [
        (STRIPPING, THOUGHT, False, "the template strips its reasoning"),
        (INSERTING, PLAIN, False, "the template writes '<think></think>' before its completion"),
        (tiny.OPENING_TEMPLATE, PLAIN, False, r"prompt ends in '[^']*<think>\\n', which is not how training goes on"),
        (tiny.OPENING_TEMPLATE, None, False, "opens_reasoning says False, the template True"),
        (tiny.QWEN_TEMPLATE, None, True, "opens_reasoning says True, the template False"),
        ("{{ raise_exception('no') }}", THOUGHT, False, "no"),
        (
            tiny.QWEN_TEMPLATE.replace("message.content", "message.content | replace('<answer>', '[')"),
            THOUGHT,
            False,
            "rewrites",
        ),
    ],
)
def test_a_template_that_trains_on_something_else_is_refused(tokenizer, template, completion, opens, words):
    (refusal,) = found(tokenizer, template, completion, opens).refusals
    assert refusal.startswith(
        "1 of 1 rows would be trained on otherwise than they are evaluated, such as that of item one"
    )
    assert re.search(words, refusal)


def grpo(**rollout):
    """A stage of reinforcement learning on the toy items."""
    (stage,) = policies.recipe("base", {}).to_json()["stages"]
    return stage | {"rollout": {"generations": 8, "max_tokens": 24} | rollout}


def judged(stage):
    """The stage judged by a bundled task, so that its questions are at hand."""
    return stage | {"evaluation": {"tasks": ["starter_vignette"]}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A base model that answers and data sets for each kind of stage."""
    folder = tmp_path_factory.mktemp("data")
    policies.make_policy(folder / "base")
    policies.make_items(folder / "items", 12)
    staged.put(folder / "corpus", train=[{"text": f"The patient {n} has pain. {n}"} for n in range(60)])
    staged.put(folder / "traces", train=[staged.trace(n) for n in range(48)])
    return folder


def run(stage, data, out, **base):
    """Check a stage; return its preflight.json."""
    made = staged.recipe(judged(stage))
    made = made.model_copy(update={"base": made.base.model_copy(update=base)})
    folder = StageFolder(out)
    run_preflight(made, made.stages[0], folder, data / "base", data)
    return folder.read("preflight.json")


def refused(stage, data, out):
    """What a stage is refused with; the same stands in preflight.json."""
    with pytest.raises(UsageError) as error:
        run(stage, data, out)
    assert "\n" not in str(error.value)
    assert json.loads((out / "preflight.json").read_text())["refusals"][0] in str(error.value)
    return str(error.value)


def test_sound_stages_pass_and_leave_their_numbers(data, tmp_path):
    corpus = run(staged.pretrain(), data, tmp_path / "1")
    assert corpus["checks"]["overlap"]["texts"] == 60
    traces = run(staged.sft(), data, tmp_path / "2")
    assert list(traces["checks"]) == ["golds", "ending", "template", "overlap", "traces", "length"]
    items = run(grpo(), data, tmp_path / "3")
    spread = items["checks"]["spread"]
    assert items["refusals"] == [] and spread["items"] == 12 and spread["samples_an_item"] == 8
    assert 0 < spread["live_groups_a_step"] <= 3
    assert run(grpo(), data, tmp_path / "4") == items


@pytest.fixture(scope="module")
def endless(data, tmp_path_factory):
    """The same data with a base model whose tokenizer and configs say another end than its template writes."""
    folder = tmp_path_factory.mktemp("endless")
    shutil.copytree(data / "base", folder / "base")
    policies.never_stop(folder / "base")
    for name in ("items", "traces"):
        (folder / name).symlink_to(data / name)
    return folder


@pytest.mark.parametrize("stage", [staged.sft(), grpo()], ids=["sft", "grpo"])
def test_a_turn_that_ends_where_generation_does_not_stop_is_refused_until_the_recipe_names_its_end(
    endless, tmp_path, stage
):
    said = refused(stage, endless, tmp_path / "1")
    assert "the chat template ends a turn with '<|im_end|>', generation stops at '<|endoftext|>'" in said
    assert "base.eos" in said
    passed = run(stage, endless, tmp_path / "2", eos="<|im_end|>")
    assert passed["refusals"] == []
    assert passed["checks"]["ending"] == {"written": "<|im_end|>\n", "stops": "'<|endoftext|>', '<|im_end|>'"}


@pytest.mark.parametrize(
    "behind, fine", [("<|im_end|>\n", True), (" <|im_end|>", True), ("\n", False), ("", False), ("</turn>", False)]
)
def test_only_an_end_token_right_behind_the_turn_is_an_end(tokenizer, behind, fine):
    tokenizer.chat_template = tiny.QWEN_TEMPLATE.replace("<|im_end|>\n", behind)
    assert bool(ending(tokenizer, []).refusals) is not fine


def test_an_end_of_the_generation_config_alone_is_one(tokenizer):
    tokenizer.chat_template = tiny.QWEN_TEMPLATE.replace("<|im_end|>", "<|endoftext|>")
    assert ending(tokenizer, []).refusals and not ending(tokenizer, [0]).refusals


def test_completions_that_are_cut_are_refused(data, tmp_path):
    said = refused(grpo(max_tokens=2), data, tmp_path)
    assert "96 of 96 completions (100%" in said and "rollout.max_tokens 2" in said


def test_a_start_model_without_the_answer_format_is_refused(data, tmp_path):
    policies.make_policy(tmp_path / "base", answers=["so A", "so B"])
    (tmp_path / "items").symlink_to(data / "items")
    assert "96 of 96 completions give no valid answer, 96 of them no_answer" in refused(
        grpo(), tmp_path, tmp_path / "1"
    )


def test_a_start_model_that_always_says_one_thing_is_refused(data, tmp_path):
    policies.make_policy(tmp_path / "base", answers=["<answer>A</answer>"])
    (tmp_path / "items").symlink_to(data / "items")
    said = refused(grpo(), tmp_path, tmp_path / "1")
    assert "only 0 of 12 groups of 8 have rewards that differ" in said and "all 0 in 50% and all 1 in 50%" in said


def test_a_tier_without_rows_is_refused(data, tmp_path):
    rows = [
        row | {"tier": "easy"} for row in map(json.loads, (data / "items" / "train.jsonl").read_text().splitlines())
    ]
    staged.put(tmp_path / "items", train=rows)
    (tmp_path / "base").symlink_to(data / "base")
    assert "no row is of tier difficult" in refused(grpo() | {"tiers": ["difficult"]}, tmp_path, tmp_path / "1")


def test_rows_longer_than_a_sequence_are_refused(data, tmp_path):
    stage = staged.sft(batch={"sequences": 4, "length": 24})
    assert "48 of 48 rows (100.0%) have more than batch.length = 24 tokens" in refused(stage, data, tmp_path)


def test_pairs_longer_than_a_sequence_are_refused_and_text_is_packed(data, tmp_path):
    (tmp_path / "base").symlink_to(data / "base")
    staged.put(tmp_path / "pairs", train=[{"prompt": "Pain", "completion": " is pain" * n} for n in (1, 2, 60)])
    stage = staged.pretrain("pairs", batch={"sequences": 4, "length": 32})
    said = refused(stage, tmp_path, tmp_path / "1")
    assert "1 of 3 rows (33.3%) have more than batch.length = 32 tokens, the longest, line 3 of train.jsonl" in said
    staged.put(tmp_path / "corpus", train=[{"text": "Pain" + " is pain" * 60}])
    passed = run(staged.pretrain(batch={"sequences": 4, "length": 32}), tmp_path, tmp_path / "2")
    assert passed["checks"]["length"] == {"rows": 0}


@pytest.mark.parametrize(
    "change, words",
    [
        ({"gold": "E"}, "1 of 49 golds can't be paid, such as that of item item-1 of dev.jsonl"),
        ({"completion": staged.trace(0)["completion"]}, "such as item item-1 of dev.jsonl (gold B), which ends"),
        ({"prompt": staged.trace(1, answer="A " * 200)["completion"]}, "the longest, item item-1 of dev.jsonl"),
    ],
)
def test_rows_that_choose_what_is_kept_are_looked_at_where_the_stage_reads_them(data, tmp_path, change, words):
    (tmp_path / "base").symlink_to(data / "base")
    staged.put(tmp_path / "traces", train=[staged.trace(n) for n in range(48)], dev=[staged.trace(1) | change])
    assert words in refused(staged.sft(), tmp_path, tmp_path / "1")
    passed = run(staged.sft(patience=None), tmp_path, tmp_path / "2")
    assert passed["checks"]["traces"]["rows"] == 48


def test_wrong_traces_and_a_wrong_gold_are_refused(data, tmp_path):
    (tmp_path / "base").symlink_to(data / "base")
    staged.put(tmp_path / "traces", train=[staged.trace(n, answer="B" if n < 6 else None) for n in range(48)])
    assert "3 of 48 traces (6.2%) don't end in their gold" in refused(staged.sft(), tmp_path, tmp_path / "1")
    staged.put(tmp_path / "traces", train=[staged.trace(n) | {"gold": "E"} for n in range(48)])
    assert "48 of 48 golds can't be paid" in refused(staged.sft(), tmp_path, tmp_path / "2")


def test_the_test_items_of_what_judges_the_stage_are_refused(data, tmp_path):
    from evalsuite.reward import dataset

    (tmp_path / "base").symlink_to(data / "base")
    with pytest.warns(UserWarning):
        rows = [row | {"tier": "easy"} for row in dataset("starter_vignette", split="test", render=False).to_list()]
    staged.put(tmp_path / "items", train=rows)
    said = refused(grpo(), tmp_path, tmp_path / "1")
    assert f"{len(rows)} of {len(rows)} rows hold questions of starter_vignette" in said
    staged.put(tmp_path / "corpus", train=[{"text": f"Yes. {row['prompt'][0]['content']}"} for row in rows])
    said = refused(staged.pretrain(), tmp_path, tmp_path / "2")
    assert f"{len(rows)} of {len(rows)} texts hold questions of starter_vignette" in said


def test_text_that_holds_what_a_later_stage_is_judged_by_is_refused(data, tmp_path):
    from evalsuite.data.load import load
    from evalsuite.tasks.registry import load_task

    (tmp_path / "base").symlink_to(data / "base")
    question = max(load(load_task("starter_vignette")).items, key=lambda item: len(item.question)).question
    staged.put(tmp_path / "corpus", train=[{"text": f"He asked: {question}"}])
    first = staged.pretrain() | {"evaluation": {"tasks": ["starter_recall"]}}
    made = staged.recipe(first, judged(staged.sft()))
    with pytest.raises(UsageError, match="1 of 1 texts hold questions of starter_vignette, by which the recipe"):
        run_preflight(made, made.stages[0], StageFolder(tmp_path / "1"), tmp_path / "base", tmp_path)
    made = staged.recipe(first)
    run_preflight(made, made.stages[0], StageFolder(tmp_path / "2"), tmp_path / "base", tmp_path)


def test_an_adapter_is_sampled_on_its_base(data, tmp_path):
    from training.checks.checked_rows import read_rows
    from training.checks.start_model_samples import sample

    pytest.importorskip("peft")
    made = staged.recipe(grpo())
    rows = list(read_rows(made.stages[0], data))[:3]
    adapter = tiny.make_adapter(tmp_path / "adapter", data / "base")
    plain, adapted = (sample(made, made.stages[0], rows, start, data) for start in (data / "base", adapter))
    assert [response.request.item.id for response in adapted] == [row.item for row in rows for _ in range(8)]
    assert all(response.error is None for response in adapted)
    assert [response.text for response in adapted] != [response.text for response in plain]
