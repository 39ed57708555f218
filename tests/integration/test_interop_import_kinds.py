"""Logs of real harnesses as users have them: failed and invalidated samples, other labels, copies, hostile sizes."""

import json
import struct
import zipfile

import pyarrow.parquet as pq
import pytest

from evalsuite.cli import main
from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.interop.import_logs import import_logs
from evalsuite.tasks.registry import load_task

pytestmark = pytest.mark.integration
inspect_ai = pytest.importorskip("inspect_ai")

VIGNETTE = load(load_task("starter_vignette")).items
EVIDENCE = load(load_task("starter_evidence")).items


def grades(run):
    key = [("task", "ascending"), ("item", "ascending"), ("sample", "ascending")]
    return pq.read_table(run / "grades.parquet").sort_by(key).drop_columns(["latency"]).to_pylist()


def run_inspect(folder, samples, reply, name="vignettes", solver=None, scorer=None, **options):
    """Run a task of inspect-ai on these samples with its mock model; `reply` maps the prompt's text to a response."""
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import choice
    from inspect_ai.solver import multiple_choice

    def respond(messages, tools, tool_choice, config):
        output = ModelOutput.from_content("mockllm/model", reply(messages[-1].text))
        output.usage = ModelUsage(input_tokens=11, output_tokens=7, total_tokens=18)  # else it fetches a tokenizer
        return output

    task = inspect_ai.Task(
        dataset=MemoryDataset(samples), solver=solver or multiple_choice(), scorer=scorer or choice(), name=name,
        config=GenerateConfig(temperature=options.pop("temperature", 0.5)),
    )  # fmt: skip
    model = get_model("mockllm/model", custom_outputs=respond, memoize=False)
    (log,) = inspect_ai.eval(task, model=model, log_dir=str(folder), display="none", **options)
    return log


def samples_of(items, targets=None):
    from inspect_ai.dataset import Sample

    return [
        Sample(id=n, input=one.question, choices=list(one.options), target=targets[n] if targets else one.gold)
        for n, one in enumerate(items)
    ]


def constant(text):
    return lambda prompt: text


def one_task(run):
    ((name, task),) = run.summary.to_json()["tasks"].items()
    return name, task


def test_a_log_in_the_json_format_is_read_like_one_in_the_eval_format(tmp_path):
    for format in ("eval", "json"):
        run_inspect(tmp_path / format, samples_of(VIGNETTE[:6]), constant("ANSWER: B"), log_format=format)
        import_logs([tmp_path / format], tmp_path / f"run-{format}")
    assert grades(tmp_path / "run-json") == grades(tmp_path / "run-eval")
    (file,) = (tmp_path / "json").iterdir()
    assert one_task(import_logs([file], tmp_path / "by-name"))[0] == "starter_vignette"


def test_a_sample_that_failed_before_its_prompt_does_not_make_the_log_external(tmp_path):
    from inspect_ai.solver import multiple_choice, solver

    @solver
    def fails():
        async def solve(state, generate):
            if state.sample_id == 2:
                raise RuntimeError("no prompt yet")
            return state

        return solve

    items = VIGNETTE[:6]
    log = run_inspect(
        tmp_path / "logs", samples_of(items), constant("ANSWER: A"), solver=[fails(), multiple_choice()],
        fail_on_error=False,
    )  # fmt: skip
    assert log.status == "success" and sum(sample.error is not None for sample in log.samples) == 1
    name, task = one_task(import_logs([tmp_path / "logs"], tmp_path / "run"))
    assert (name, task["n"], task["format"]) == ("starter_vignette", 6, "answer_line")
    assert task["status"] == {"ok": 5, "unanswered": 1}
    unanswered = [row["item"] for row in grades(tmp_path / "run") if row["status"] == "unanswered"]
    assert unanswered == [items[2].id]


def test_items_with_invalidated_samples_are_left_out(tmp_path):
    from inspect_ai.log import ProvenanceData, invalidate_samples, read_eval_log, write_eval_log

    items = VIGNETTE[:6]
    log = run_inspect(tmp_path / "logs", samples_of(items), constant("ANSWER: A"), epochs=2)
    log = read_eval_log(log.location)
    chosen = [sample.uuid for sample in log.samples if sample.id == 3][:1]
    write_eval_log(invalidate_samples(log, chosen, ProvenanceData(author="me", reason="a leak")), log.location)
    name, task = one_task(import_logs([tmp_path / "logs"], tmp_path / "run"))
    assert (name, task["n"]) == ("starter_vignette", 5)
    assert {row["item"] for row in grades(tmp_path / "run")} == {one.id for one in items} - {items[3].id}
    assert any("1 samples were invalidated" in note and "a leak" in note for note in task["notes"])
    write_eval_log(invalidate_samples(log, "all", ProvenanceData(author="me")), log.location)
    with pytest.raises(EvalsuiteError) as caught:
        import_logs([tmp_path / "logs"], tmp_path / "none")
    assert caught.value.code is ErrorCode.LOG_NOT_IMPORTABLE


def test_letters_for_yes_no_and_maybe_are_mapped_by_place(tmp_path):
    targets = ["ABC"[one.labels.index(one.gold)] for one in EVIDENCE]
    log = run_inspect(tmp_path / "logs", samples_of(EVIDENCE, targets), constant("ANSWER: B"))
    name, task = one_task(import_logs([tmp_path / "logs"], tmp_path / "run"))
    share = sum(one.gold == "no" for one in EVIDENCE) / len(EVIDENCE)
    assert name == "starter_evidence"
    assert log.results.scores[0].metrics["accuracy"].value == pytest.approx(share) and share > 0
    assert task["accuracy"]["value"] == pytest.approx(share)
    assert {row["label"] for row in grades(tmp_path / "run")} == {"no"}
    assert not any("gold label of" in note for note in task["notes"])


def test_shuffled_options_leave_only_the_harness_score(tmp_path):
    from inspect_ai.solver import multiple_choice

    solver = multiple_choice(shuffle=True)
    log = run_inspect(tmp_path / "logs", samples_of(VIGNETTE[:8]), constant("A or B? ANSWER: B"), solver=solver)
    assert all(sample.output.completion.startswith("ANSWER: ") for sample in log.samples)
    name, task = one_task(import_logs([tmp_path / "logs"], tmp_path / "run"))
    assert (name, task["graded_by"]) == ("inspect_vignettes", "inspect choice")
    assert task["accuracy"]["value"] == pytest.approx(log.results.scores[0].metrics["accuracy"].value)
    assert any("shuffle" in note for note in task["notes"])
    with pytest.raises(EvalsuiteError) as caught:
        import_logs([tmp_path / "logs"], tmp_path / "named", task="starter_vignette")
    assert caught.value.code is ErrorCode.CONFLICTING_ARGUMENTS


@pytest.mark.parametrize(("temperature", "samples"), [(0.7, 1), (0.0, 3)])
def test_epochs_that_are_copies_are_one_sample(tmp_path, temperature, samples):
    run_inspect(tmp_path / "logs", samples_of(VIGNETTE[:8]), constant("ANSWER: A"), epochs=3, temperature=temperature)
    _, task = one_task(import_logs([tmp_path / "logs"], tmp_path / "run"))
    assert task["samples"] == samples
    assert any("copies" in note for note in task["notes"]) == (samples == 1)


def test_stored_error_messages_and_failed_scores_count_as_wrong(tmp_path):
    from inspect_ai.scorer import Score, accuracy, scorer

    @scorer(metrics=[accuracy()])
    def spoilt():
        async def score(state, target):
            return Score(value=float("nan") if state.sample_id == 1 else 1.0)

        return score

    items = VIGNETTE[:4]

    def reply(prompt):
        return "Request timed out." if items[0].question in prompt else f"ANSWER: {items[1].gold}"

    run_inspect(tmp_path / "logs", samples_of(items), reply, scorer=spoilt())
    _, task = one_task(import_logs([tmp_path / "logs"], tmp_path / "run"))
    assert task["n"] == 4 and task["status"] == {"ok": 3, "unanswered": 1}


def test_the_wall_time_is_that_of_the_evaluation(tmp_path):
    run_inspect(tmp_path / "logs", samples_of(VIGNETTE[:4]), constant("ANSWER: A"))
    import_logs([tmp_path / "logs"], tmp_path / "run")
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert 0 <= about["imported"]["seconds"] < 600


def test_a_member_that_unpacks_to_more_than_its_table_of_contents_says_is_refused(tmp_path):
    file = tmp_path / "liar.eval"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("header.json", "w") as member:
        for _ in range(80):
            member.write(bytes(1 << 20))
    content = file.read_bytes()
    place = content.rindex(b"PK\x01\x02")
    file.write_bytes(content[: place + 24] + struct.pack("<I", 10) + content[place + 28 :])
    with pytest.raises(EvalsuiteError) as caught:
        import_logs([file], tmp_path / "run")
    assert caught.value.code is ErrorCode.LOG_MALFORMED


def test_a_log_that_states_a_huge_epoch_is_refused(tmp_path):
    from inspect_ai.log import read_eval_log, write_eval_log

    log = run_inspect(tmp_path / "logs", samples_of(VIGNETTE[:2]), constant("ANSWER: A"))
    log = read_eval_log(log.location)
    log.samples[1].epoch = 10**12
    write_eval_log(log, log.location)
    with pytest.raises(EvalsuiteError) as caught:
        import_logs([tmp_path / "logs"], tmp_path / "run")
    assert caught.value.code is ErrorCode.LOG_INCOMPLETE


@pytest.mark.parametrize("most", [10**12, 2**64, 10**400, -1])
def test_a_log_that_states_an_absurd_token_limit_is_imported_and_reported(tmp_path, most):
    from inspect_ai.log import read_eval_log, write_eval_log

    log = run_inspect(tmp_path / "logs", samples_of(VIGNETTE[:2]), constant("ANSWER: A"))
    log = read_eval_log(log.location)
    log.plan.config.max_tokens = log.eval.dataset.samples = log.eval.config.epochs = most
    write_eval_log(log, log.location)
    run = import_logs([tmp_path / "logs"], tmp_path / "run")
    assert run.summary.decoding["max_tokens"] == (most if abs(most) < 2**63 else None)
    assert main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "report")]) == 0


LABELS = {
    "lower case": ("abcd", "{}) {}"),
    "from 1": ("1234", "{}. {}"),
    "from 0": ("0123", "({}) {}"),
    "roman": (("I", "II", "III", "IV"), "{}: {}"),
    "lower roman": (("i", "ii", "iii", "iv"), "- ({}) {}"),
    "words": ("1234", "Option {}: {}"),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("keys_from", ["labels", 0, 1])
def test_labels_that_are_not_the_tasks_own_are_mapped_by_place(tmp_path, kind, keys_from):
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    labels, form = LABELS[kind]
    samples, wanted = [], {}
    for n, one in enumerate(VIGNETTE):
        shown = labels[: len(one.options)]
        place = one.labels.index(one.gold)
        listed = "\n".join(form.format(*pair) for pair in zip(shown, one.options, strict=True))
        target = shown[place] if keys_from == "labels" else str(place + keys_from)
        prompt = f"{one.question}\n{listed}\n\nEnd with <answer>X</answer>."
        samples.append(Sample(id=n, input=prompt, target=target))
        wanted[one.question] = shown[place if n % 2 else 0]

    def reply(prompt):
        return f"<answer>{next(label for question, label in wanted.items() if question in prompt)}</answer>"

    run_inspect(tmp_path / "logs", samples, reply, solver=generate(), scorer=match())
    name, task = one_task(import_logs([tmp_path / "logs"], tmp_path / "run"))
    right = sum(n % 2 == 1 or one.gold == one.labels[0] for n, one in enumerate(VIGNETTE)) / len(VIGNETTE)
    assert (name, task["status"]) == ("starter_vignette", {"ok": len(VIGNETTE)})
    assert task["accuracy"]["value"] == pytest.approx(right)
    assert not any("gold label of" in note for note in task["notes"])


def test_options_without_labels_are_refused_or_named_by_the_user(tmp_path):
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    samples = [
        Sample(id=n, input="\n".join([one.question, *one.options, "End with <answer>X</answer>."]), target=one.gold)
        for n, one in enumerate(VIGNETTE[:5])
    ]
    run_inspect(tmp_path / "logs", samples, constant("<answer>b</answer>"), solver=generate(), scorer=match())
    with pytest.raises(EvalsuiteError, match="`labels`") as caught:
        import_logs([tmp_path / "logs"], tmp_path / "run")
    assert caught.value.code is ErrorCode.LOG_NOT_IMPORTABLE
    for labels in (["A"], ["A", "a", "B", "C"]):
        with pytest.raises(EvalsuiteError) as caught:
            import_logs([tmp_path / "logs"], tmp_path / "run", labels=labels)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    import_logs([tmp_path / "logs"], tmp_path / "run", labels=list("dcba"))
    assert {row["label"] for row in grades(tmp_path / "run")} == {"C"}
