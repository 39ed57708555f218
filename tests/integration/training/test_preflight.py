"""Preflight with real tokenizers and a real model: unsound data and start models are refused with numbers."""

import json
import shutil

import policies
import pytest
import staged
import tiny

from evalsuite.errors import ErrorCode, UsageError
from training.checks.chat_template import ChatTemplateCheck
from training.checks.checked_rows import CheckedRow
from training.checks.end_token import check_end_token
from training.checks.preflight import run_preflight
from training.checks.rendering import Renderer
from training.run_folder import StageFolder

pytestmark = pytest.mark.integration
pytest.importorskip("transformers")

STRIPPING = tiny.QWEN_TEMPLATE.replace("{{ message.content }}", "{{ message.content.split('</think>')[-1] }}")
"""As DeepSeek-R1's template does: reasoning is removed from an assistant's turn."""
INSERTING = tiny.QWEN_TEMPLATE.replace(
    "{{ message.content }}",
    "{% if message.role == 'assistant' and '</think>' not in message.content %}<think>\n\n</think>\n\n{% endif %}"
    "{{ message.content }}",
)
"""As Qwen3's template does: a last turn without reasoning gets an empty block."""
THOUGHT = "<think>\nPain, so aspirin.\n</think>\n\n<answer>A</answer>"
PLAIN = "Pain, so aspirin. <answer>A</answer>"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tiny.make_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


def check_template(tokenizer, template, completion=None, opens=False):
    """Check one row with a template."""
    tokenizer.chat_template = template
    row = CheckedRow("one", ({"role": "user", "content": "Aspirin?"},), "A", ("A", "B"), "answer_tag", completion)
    row = row._replace(opens_reasoning=opens)
    check, render = ChatTemplateCheck(), Renderer(tokenizer, "tiny")
    check.add(row, render(row))
    return check.result()


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
    result = check_template(tokenizer, template, completion, opens)
    assert result.refusals == ()
    assert result.facts["opens_reasoning"] == (template == tiny.OPENING_TEMPLATE)


@pytest.mark.parametrize(
    "template, completion, opens, kind, detail",
    [
        (STRIPPING, THOUGHT, False, "stripped", ""),
        (INSERTING, PLAIN, False, "added", "'<think></think>'"),
        (tiny.OPENING_TEMPLATE, PLAIN, False, "prompt", r"<think>\n'"),
        (tiny.OPENING_TEMPLATE, None, False, "opens_reasoning", "opens_reasoning is False"),
        (tiny.QWEN_TEMPLATE, None, True, "opens_reasoning", "opens_reasoning is True"),
        ("{{ raise_exception('no') }}", THOUGHT, False, "error", "no"),
        (
            tiny.QWEN_TEMPLATE.replace("message.content", "message.content | replace('<answer>', '[')"),
            THOUGHT,
            False,
            "changed",
            "",
        ),
    ],
)
def test_a_template_that_renders_differently_in_training_is_refused(
    tokenizer, template, completion, opens, kind, detail
):
    result = check_template(tokenizer, template, completion, opens)
    (refusal,) = result.refusals
    assert result.facts["mismatches"] == {kind: 1}
    assert refusal.startswith("1 of 1 rows") and "item one of train.jsonl" in refusal and detail in refusal


def grpo(**rollout):
    """A stage of reinforcement learning on the toy items."""
    (stage,) = policies.recipe("base", {}).to_json()["stages"]
    return stage | {"rollout": {"generations": 8, "max_tokens": 24} | rollout}


def judged(stage):
    """Return the stage with a bundled task as its benchmark, so that no data is needed."""
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
    recipe = staged.recipe(judged(stage))
    recipe = recipe.model_copy(update={"base": recipe.base.model_copy(update=base)})
    folder = StageFolder(out)
    run_preflight(recipe, recipe.stages[0], folder, data / "base", data)
    return folder.read("preflight.json")


def refused(stage, data, out):
    """Return the message with which a stage is refused; preflight.json must have the same reason."""
    with pytest.raises(UsageError) as error:
        run(stage, data, out)
    assert error.value.code is ErrorCode.TRAINING_NOT_POSSIBLE
    assert "\n" not in str(error.value) and not (out / "cache").exists()
    assert json.loads((out / "preflight.json").read_text())["refusals"][0] in str(error.value)
    return str(error.value)


def test_sound_stages_pass_and_record_their_numbers(data, tmp_path):
    corpus = run(staged.pretrain(), data, tmp_path / "1")
    assert corpus["checks"]["benchmark_overlap"]["texts"] == 60
    traces = run(staged.sft(), data, tmp_path / "2")
    assert list(traces["checks"]) == [
        "gold_rewards",
        "end_token",
        "chat_template",
        "benchmark_overlap",
        "trace_answers",
        "row_length",
    ]
    assert (tmp_path / "2" / "cache").is_dir(), "training maps the rows that preflight has parsed"
    items = run(grpo(), data, tmp_path / "3")
    variance = items["checks"]["reward_variance"]
    assert items["refusals"] == [] and variance["items"] == 12 and variance["samples_per_item"] == 8
    assert 0 < variance["mixed_groups_per_step"] <= 3
    assert run(grpo(), data, tmp_path / "4") == items


@pytest.fixture(scope="module")
def endless(data, tmp_path_factory):
    """The same data with a base model whose tokenizer and configs name another end token than its template writes."""
    folder = tmp_path_factory.mktemp("endless")
    shutil.copytree(data / "base", folder / "base")
    policies.never_stop(folder / "base")
    for name in ("items", "traces"):
        (folder / name).symlink_to(data / name)
    return folder


@pytest.mark.parametrize("stage", [staged.sft(), grpo()], ids=["sft", "grpo"])
def test_a_turn_whose_end_does_not_stop_generation_is_refused_until_the_recipe_names_its_end_token(
    endless, tmp_path, stage
):
    message = refused(stage, endless, tmp_path / "1")
    assert "'<|im_end|>'" in message and "'<|endoftext|>'" in message and "base.eos" in message
    passed = run(stage, endless, tmp_path / "2", eos="<|im_end|>")
    assert passed["refusals"] == []
    assert passed["checks"]["end_token"] == {
        "turn_end": "<|im_end|>\n",
        "stop_tokens": "'<|endoftext|>', '<|im_end|>'",
    }


@pytest.mark.parametrize(
    "turn_end, valid", [("<|im_end|>\n", True), (" <|im_end|>", True), ("\n", False), ("", False), ("</turn>", False)]
)
def test_the_end_token_must_directly_follow_the_turn(tokenizer, turn_end, valid):
    tokenizer.chat_template = tiny.QWEN_TEMPLATE.replace("<|im_end|>\n", turn_end)
    assert bool(check_end_token(tokenizer, []).refusals) is not valid


def test_an_end_token_of_the_generation_config_alone_is_accepted(tokenizer):
    tokenizer.chat_template = tiny.QWEN_TEMPLATE.replace("<|im_end|>", "<|endoftext|>")
    assert check_end_token(tokenizer, []).refusals and not check_end_token(tokenizer, [0]).refusals


def test_completions_that_reach_the_token_limit_are_refused(data, tmp_path):
    message = refused(grpo(max_tokens=2), data, tmp_path)
    assert "96 of 96 completions (100%" in message and "rollout.max_tokens 2" in message


def test_a_start_model_without_the_answer_format_is_refused(data, tmp_path):
    policies.make_policy(tmp_path / "base", answers=["so A", "so B"])
    (tmp_path / "items").symlink_to(data / "items")
    message = refused(grpo(), tmp_path, tmp_path / "1")
    assert "96 of 96 completions" in message and "96 of them no_answer" in message


def test_a_start_model_that_always_answers_the_same_is_refused(data, tmp_path):
    policies.make_policy(tmp_path / "base", answers=["<answer>A</answer>"])
    (tmp_path / "items").symlink_to(data / "items")
    message = refused(grpo(), tmp_path, tmp_path / "1")
    assert "0 of 12 groups of 8" in message and "all 0 in 50% and all 1 in 50%" in message


def test_a_tier_without_rows_is_refused(data, tmp_path):
    rows = [
        row | {"tier": "easy"} for row in map(json.loads, (data / "items" / "train.jsonl").read_text().splitlines())
    ]
    staged.put(tmp_path / "items", train=rows)
    (tmp_path / "base").symlink_to(data / "base")
    assert "tier difficult" in refused(grpo() | {"tiers": ["difficult"]}, tmp_path, tmp_path / "1")


def test_rows_longer_than_a_sequence_are_refused(data, tmp_path):
    stage = staged.sft(batch={"sequences": 4, "length": 24})
    message = refused(stage, data, tmp_path)
    assert "48 of 48 rows (100.0%)" in message and "batch.length = 24" in message


def test_pairs_longer_than_a_sequence_are_refused_and_text_is_packed(data, tmp_path):
    (tmp_path / "base").symlink_to(data / "base")
    staged.put(tmp_path / "pairs", train=[{"prompt": "Pain", "completion": " is pain" * n} for n in (1, 2, 60)])
    stage = staged.pretrain("pairs", batch={"sequences": 4, "length": 32})
    message = refused(stage, tmp_path, tmp_path / "1")
    assert all(part in message for part in ("1 of 3 rows (33.3%)", "batch.length = 32", "line 3 of train.jsonl"))
    staged.put(tmp_path / "corpus", train=[{"text": "Pain" + " is pain" * 60}])
    passed = run(staged.pretrain(batch={"sequences": 4, "length": 32}), tmp_path, tmp_path / "2")
    assert passed["checks"]["row_length"] == {"rows": 0}


@pytest.mark.parametrize(
    "change, values",
    [
        ({"gold": "E"}, ["1 of 49 gold labels", "item-1 of dev.jsonl"]),
        ({"completion": staged.trace(0)["completion"]}, ["item-1 of dev.jsonl (gold B)"]),
        ({"prompt": staged.trace(1, answer="A " * 200)["completion"]}, ["the longest, item item-1 of dev.jsonl"]),
    ],
)
def test_dev_rows_are_checked_where_the_stage_reads_them(data, tmp_path, change, values):
    (tmp_path / "base").symlink_to(data / "base")
    staged.put(tmp_path / "traces", train=[staged.trace(n) for n in range(48)], dev=[staged.trace(1) | change])
    message = refused(staged.sft(), tmp_path, tmp_path / "1")
    assert all(value in message for value in values)
    passed = run(staged.sft(patience=None), tmp_path, tmp_path / "2")
    assert passed["checks"]["trace_answers"]["rows"] == 48


def test_wrong_traces_and_a_wrong_gold_are_refused(data, tmp_path):
    (tmp_path / "base").symlink_to(data / "base")
    staged.put(tmp_path / "traces", train=[staged.trace(n, answer="B" if n < 6 else None) for n in range(48)])
    assert "3 of 48 traces (6.2%)" in refused(staged.sft(), tmp_path, tmp_path / "1")
    staged.put(tmp_path / "traces", train=[staged.trace(n) | {"gold": "E"} for n in range(48)])
    assert "48 of 48 gold labels" in refused(staged.sft(), tmp_path, tmp_path / "2")


def test_test_items_of_the_recipes_benchmarks_are_refused(data, tmp_path):
    from evalsuite.reward import dataset

    (tmp_path / "base").symlink_to(data / "base")
    with pytest.warns(UserWarning):
        rows = [row | {"tier": "easy"} for row in dataset("starter_vignette", split="test", render=False).to_list()]
    staged.put(tmp_path / "items", train=rows)
    message = refused(grpo(), tmp_path, tmp_path / "1")
    assert f"{len(rows)} of {len(rows)} rows" in message and "starter_vignette" in message
    staged.put(tmp_path / "corpus", train=[{"text": f"Yes. {row['prompt'][0]['content']}"} for row in rows])
    message = refused(staged.pretrain(), tmp_path, tmp_path / "2")
    assert f"{len(rows)} of {len(rows)} texts" in message and "starter_vignette" in message


def test_text_with_a_question_of_a_later_stages_benchmark_is_refused(data, tmp_path):
    from evalsuite.data.load import load
    from evalsuite.tasks.registry import load_task

    (tmp_path / "base").symlink_to(data / "base")
    question = max(load(load_task("starter_vignette")).items, key=lambda item: len(item.question)).question
    staged.put(tmp_path / "corpus", train=[{"text": f"He asked: {question}"}])
    first = staged.pretrain() | {"evaluation": {"tasks": ["starter_recall"]}}
    recipe = staged.recipe(first, judged(staged.sft()))
    with pytest.raises(UsageError) as caught:
        run_preflight(recipe, recipe.stages[0], StageFolder(tmp_path / "1"), tmp_path / "base", tmp_path)
    assert caught.value.code is ErrorCode.TRAINING_NOT_POSSIBLE
    assert "1 of 1 texts" in str(caught.value) and "starter_vignette" in str(caught.value)
    recipe = staged.recipe(first)
    run_preflight(recipe, recipe.stages[0], StageFolder(tmp_path / "2"), tmp_path / "base", tmp_path)


def test_an_adapter_is_sampled_on_its_base(data, tmp_path):
    from training.checks.checked_rows import checked_rows, load_splits
    from training.checks.start_model_samples import sample

    pytest.importorskip("peft")
    recipe = staged.recipe(grpo())
    (stage,) = recipe.stages
    rows = list(checked_rows(load_splits(stage, data / "items", tmp_path / "cache")))[:3]
    adapter = tiny.make_adapter(tmp_path / "adapter", data / "base")
    plain, adapted = (sample(recipe, stage, rows, start, data) for start in (data / "base", adapter))
    assert [response.request.item.id for response in adapted] == [row.item for row in rows for _ in range(8)]
    assert all(response.error is None for response in adapted)
    assert [response.text for response in adapted] != [response.text for response in plain]
