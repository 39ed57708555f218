"""TRL's own GRPOTrainer on the CPU, with evalsuite's dataset and reward: its logged rewards are evalsuite's grades."""

import logging
from pathlib import Path

import pytest
import tiny

from evalsuite.data.load import load, load_split
from evalsuite.errors import ErrorCode, UsageError
from evalsuite.grading.grade import grade
from evalsuite.models.backend import PromptSetup
from evalsuite.models.local.chat_template import ChatTemplate
from evalsuite.reward import StrictReward, dataset
from evalsuite.run_folder import ResponseRecord
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.registry import load_task

pytest.importorskip("trl")

pytestmark = pytest.mark.integration
DATA = Path(__file__).parents[3] / "shared" / "data"
STEPS, GENERATIONS, PROMPTS = 2, 16, 4
STARTER = "starter_vignette"


@pytest.fixture(scope="module")
def quick_model(tmp_path_factory):
    """A tiny model, and the tokens to suppress so that it writes only answers, `</think>` and the end token."""
    import torch
    from tokenizers import AddedToken
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tiny.make_model(tmp_path_factory.mktemp("quick") / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    answers = [write(load_task(STARTER).format, label) for label in "AB"]
    tokenizer.add_tokens([AddedToken(text, special=False) for text in answers])
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer))
    allowed = tokenizer.convert_tokens_to_ids([*answers, "</think>", "<|im_end|>"])
    with torch.no_grad():
        model.lm_head.weight.mul_(0.1)  # makes all tokens nearly equally likely
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, sorted(set(range(len(tokenizer))) - set(allowed))


def train(quick_model, out, data, tokenizer, reward):
    """Train two steps; return the table of completions that TRL logged, and the trainer."""
    import pandas as pd
    import torch
    from trl import GRPOConfig, GRPOTrainer

    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.manual_seed(0)
    config = GRPOConfig(
        output_dir=str(out),
        max_steps=STEPS,
        per_device_train_batch_size=GENERATIONS * PROMPTS,
        num_generations=GENERATIONS,
        max_completion_length=2,
        generation_kwargs={"suppress_tokens": quick_model[1]},
        log_completions=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        seed=0,
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=str(quick_model[0]), reward_funcs=reward, args=config, train_dataset=data, processing_class=tokenizer
    )
    trainer.train()
    files = sorted((out / "completions").glob("*.parquet"))
    assert len(files) == STEPS
    return pd.concat([pd.read_parquet(file) for file in files]), trainer


def graded(item, task, text, opens):
    """Return the strict grade that a run of evalsuite would give a response."""
    record = ResponseRecord(item.id, 0, text, "", "stop", opens, None, None, None, "")
    return grade(item, record, PromptSetup((item,), task.format)).strict


@pytest.mark.parametrize("rendered", [False, True], ids=["conversational", "text"])
@pytest.mark.parametrize("template", [tiny.QWEN_TEMPLATE, tiny.OPENING_TEMPLATE], ids=["plain", "opens_reasoning"])
def test_the_rewards_that_trl_logs_are_the_grades(tmp_path, quick_model, rendered, template):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(quick_model[0])
    tokenizer.chat_template = template
    opens = template == tiny.OPENING_TEMPLATE
    task = load_task(STARTER)
    items = load(task).items[: STEPS * PROMPTS]
    with pytest.warns(UserWarning, match=STARTER):
        data = dataset(task, tokenizer, render=rendered, split="test").select(range(len(items)))
    assert data["opens_reasoning"] == [opens] * len(items)
    table, trainer = train(quick_model, tmp_path, data, tokenizer, StrictReward())

    def key(prompt):
        return prompt if isinstance(prompt, str) else prompt[-1]["content"]

    by_prompt = {key(row["prompt"]): item for row, item in zip(data, items, strict=True)}
    assert len(table) == STEPS * PROMPTS * GENERATIONS
    verdicts, with_other_template = [], []
    for prompt, completion, logged_reward in zip(table["prompt"], table["completion"], table["strict"], strict=True):
        text = completion if isinstance(completion, str) else completion[-1]["content"]
        verdict = graded(by_prompt[key(prompt)], task, text, opens)
        with_other_template.append(graded(by_prompt[key(prompt)], task, text, not opens))
        assert logged_reward == float(verdict.correct), (text, verdict)
        verdicts.append(verdict)
    assert {verdict.correct for verdict in verdicts} == {True, False}
    assert with_other_template != verdicts  # a reward that ignored `opens_reasoning` would be noticed
    logged = [entry["rewards/strict/mean"] for entry in trainer.state.log_history if "rewards/strict/mean" in entry]
    half = len(verdicts) // 2
    means = [sum(v.correct for v in part) / half for part in (verdicts[:half], verdicts[half:])]
    assert logged == pytest.approx(means)


@pytest.mark.parametrize("bos", [False, True], ids=["no_bos", "bos"])
def test_the_rendered_prompt_has_the_tokens_that_the_model_is_evaluated_on(tmp_path, bos):
    """A trainer calls the tokenizer on the text, which may add a BOS; the prompt must not begin with two of them."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    tiny.make_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    if bos:
        mark = "<|im_start|>"
        tokenizer.bos_token = mark
        number = tokenizer.convert_tokens_to_ids(mark)
        adds = TemplateProcessing(single=f"{mark} $A", pair=f"{mark} $A $B", special_tokens=[(mark, number)])
        tokenizer.backend_tokenizer.post_processor = adds
    task = load_task(STARTER)
    with pytest.warns(UserWarning, match=STARTER):
        texts, messages = dataset(task, tokenizer, split="test"), dataset(task, split="test")
    chat = ChatTemplate(tokenizer, None, "auto", "tiny")
    for text, prompt in zip(texts["prompt"], messages["prompt"], strict=True):
        assert tokenizer(text=[text])["input_ids"][0] == chat.tokenize(prompt).ids


def test_thinking_is_switched_in_the_rendered_prompt(tmp_path):
    from transformers import AutoTokenizer

    tiny.make_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    with pytest.warns(UserWarning, match=STARTER):
        row = dataset(STARTER, tokenizer, split="test", thinking="off")[0]
    assert row["prompt"].endswith("<think>\n\n</think>\n\n")
    assert row["opens_reasoning"] is False


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_train_items_of_a_benchmark_have_the_columns_of_the_reward():
    data = dataset("medqa", data_dir=DATA)
    items = load_split(load_task("medqa"), "train", DATA)
    assert data["item"] == [item.id for item in items]
    assert data["gold"] == [item.gold for item in items]
    columns = {key: data[key] for key in ("gold", "labels", "format", "opens_reasoning")}
    perfect = [write(format, gold) for format, gold in zip(data["format"], data["gold"], strict=True)]
    assert StrictReward()(completions=perfect, prompts=data["prompt"], item=data["item"], **columns) == [1.0] * 1071
    with pytest.raises(UsageError, match="medqa") as caught:
        dataset(load(load_task("medqa"), DATA).items, like="medqa")
    assert caught.value.code is ErrorCode.DATA_REFUSED


def test_openrlhfs_reward_is_that_of_the_text_after_the_prompt(tmp_path):
    """It decodes prompt and response together and leaves special tokens in; its label is one string."""
    import torch
    from transformers import AutoTokenizer

    from evalsuite.reward.openrlhf import Reward

    tiny.make_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = tiny.OPENING_TEMPLATE
    with pytest.warns(UserWarning, match=STARTER):
        data = dataset(STARTER, tokenizer, split="test")
    reward_func = Reward(tokenizer)
    responses = {
        "so B\n</think>\n{}<|im_end|>": True,
        "so B\n</think>\n{}": True,
        "{}<|im_end|>": False,  # the template opened the reasoning, and it was never closed
        "</think>{} or so<|im_end|>": False,
    }
    for row in data:
        task = load_task(row["task"])
        prompts = [row["prompt"]] * len(responses)
        queries = [
            prompt + form.format(write(task.format, row["gold"]))
            for prompt, form in zip(prompts, responses, strict=True)
        ]
        ids = [tokenizer(query, add_special_tokens=False)["input_ids"] for query in queries]
        decoded = [tokenizer.decode(one, skip_special_tokens=False) for one in ids]
        result = reward_func(decoded, prompts, [row["ground_truth"]] * len(responses))
        assert result["rewards"].tolist() == result["scores"].tolist() == [float(right) for right in responses.values()]
        assert result["extra_logs"]["prompt_truncated"] == 0
    cut = reward_func([decoded[0][5:]], prompts[:1], [row["ground_truth"]])
    assert torch.equal(cut["rewards"], torch.zeros(1))
    assert cut["extra_logs"]["prompt_truncated"] == 1
