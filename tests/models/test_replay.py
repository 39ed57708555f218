"""Replay: recorded responses are returned byte for byte for the right items, or an error says why not."""

import asyncio
import gzip
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data.load import load
from evalsuite.errors import BackendError, ErrorCode, EvalsuiteError, UsageError
from evalsuite.models.backend import BackendSettings, PromptSetup, Request, Response
from evalsuite.models.replay import Replay
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.registry import load_task, task_names
from evalsuite.tasks.schema import RecordingFormat, Task

DATA = Path(__file__).parents[3] / "shared" / "data"
RECORDED = DATA / "recorded"
ITEMS = tuple(Item(f"i{n}", f"Question {n}?", ("x", "y", "z"), ("yes", "no", "maybe"), "yes") for n in range(6))
FORMATS = (
    RecordingFormat(
        setting="lettered", format="the_answer_is", labels=("A", "B", "C"), stop=("Question:",), note="A note."
    ),
    RecordingFormat(setting="two_turns", format="boxed", response_field="final", reasoning_field="text"),
)
TASK = Task(name="toy", version=1, aliases=("toy_3opt",), recordings=FORMATS, folder=Path())
TOY = Dataset(TASK, ITEMS, digest="d1", variant="", root=Path())


def row(item="i0", text="The answer is (A).", **more):
    fields = {"benchmark": "toy", "item_id": item, "model": "m1", "setting": "plain", "text": text}
    return {**fields, **more}


def write(path, rows, binary=gzip.compress):
    content = b"".join(json.dumps(fields).encode() + b"\n" for fields in rows)
    path.write_bytes(binary(content) if path.name.endswith(".gz") else content)
    return path


def opened(path, data=TOY, **args):
    backend = Replay(BackendSettings(str(path), model_args=args))
    info = asyncio.run(backend.open([data]))
    return backend, info


def replayed(path, data=TOY, samples=1, **args):
    """Return what a run receives: (prompt setup, responses)."""
    backend, _ = opened(path, data, **args)
    setup = backend.prompt_setup(data, "answer_tag")

    async def collect():
        requests = (Request(data.task.name, item, k, (), 0) for item in setup.items for k in range(samples))
        return [response async for response in backend.answer(requests)]

    return setup, asyncio.run(collect())


def error_of(code, path, data=TOY, samples=1, **args):
    """Return the message of the error with which a replay is refused: one line, with this code."""
    with pytest.raises(EvalsuiteError) as caught:
        replayed(path, data, samples, **args)
    assert caught.value.code is code
    assert "\n" not in str(caught.value)
    return str(caught.value)


any_text = st.text(alphabet=st.characters(exclude_categories=[]), max_size=50)


@given(st.dictionaries(st.sampled_from([item.id for item in ITEMS]), any_text, min_size=1), st.booleans())
def test_every_text_is_returned_unchanged_for_the_covered_items_only(texts, packed):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"r.jsonl{'.gz' if packed else ''}", [row(i, t) for i, t in texts.items()])
        setup, responses = replayed(path)
    assert [item.id for item in setup.items] == [item.id for item in ITEMS if item.id in texts]
    assert {r.request.item.id: r.text for r in responses} == texts


def test_a_recording_keeps_the_format_that_its_prompt_requested(tmp_path):
    setup, _ = replayed(write(tmp_path / "r.jsonl", [row(setting="lettered", benchmark="toy_3opt", gold="A")]))
    assert (setup.format, setup.labels, setup.stop) == ("the_answer_is", ("A", "B", "C"), ("Question:",))
    assert "A note." in setup.notes
    assert any("covers 1 of 6 items" in note for note in setup.notes)
    assert not any("gold label" in note for note in setup.notes)


def test_two_turns_give_reasoning_and_final_text(tmp_path):
    rows = [
        row(setting="two_turns", text="I think...", final=r"\boxed{A}"),
        row("i1", "?", setting="two_turns", final=None),
    ]
    setup, responses = replayed(write(tmp_path / "r.jsonl", rows))
    assert setup.format == "boxed"
    assert [(r.text, r.reasoning) for r in responses] == [(r"\boxed{A}", "I think..."), ("", "?")]


def test_an_unknown_setting_gets_the_format_of_this_run_and_a_note(tmp_path):
    setup, _ = replayed(write(tmp_path / "r.jsonl", [row(text="The answer is yes.")]))
    assert (setup.format, setup.labels, setup.stop) == ("answer_tag", None, ())
    assert not setup.format_known and any("plain" in note and "yes, no, maybe" in note for note in setup.notes)


def test_the_user_states_how_an_undescribed_prompt_asked(tmp_path):
    path = write(tmp_path / "r.jsonl", [row()])
    setup, _ = replayed(path, format="boxed", labels="a,b,c", stop="Question:")
    assert (setup.format, setup.labels, setup.stop) == ("boxed", ("a", "b", "c"), ("Question:",))
    assert setup.format_known
    setup, _ = replayed(path, stop='["Q:", "\\n\\n"]')
    assert setup.stop == ("Q:", "\n\n") and not setup.format_known
    described = write(tmp_path / "d.jsonl", [row(setting="lettered")])
    setup, _ = replayed(described, labels="1,2,3")
    assert (setup.format, setup.labels, setup.stop) == ("the_answer_is", ("1", "2", "3"), ("Question:",))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "shout"), ("labels", "A,B"), ("labels", "A,,C"), ("labels", "A,a,B"), ("labels", ""),
        ("stop", ""), ("stop", "[1]"), ("stop", "[x"),
    ],
)  # fmt: skip
def test_an_impossible_statement_about_the_prompt_is_refused(tmp_path, key, value):
    path = write(tmp_path / "r.jsonl", [row()])
    assert f"`model_args` {key}={value}" in error_of(ErrorCode.INVALID_ARGUMENT, path, **{key: value})


def test_a_run_folder_states_itself_how_it_asked(tmp_path):
    assert "format" in error_of(ErrorCode.CONFLICTING_ARGUMENTS, journal(tmp_path), format="boxed")


@pytest.mark.parametrize(
    ("keys", "labels"),
    [
        ("ABCABC", ("A", "B", "C")), ("abcabc", ("A", "B", "C")), ("123123", None), ("012012", None),
        (("I", "II", "III") * 2, None),
        (("yes", "no", "maybe") * 2, None), (("x", "y", "z") * 2, None), ([1, 2, 3, 1, 2, 3], None),
    ],
)  # fmt: skip
def test_recorded_gold_labels_are_understood_from_all_of_them_together(tmp_path, keys, labels):
    golds = ("yes", "no", "maybe") * 2
    items = tuple(replace(item, gold=gold) for item, gold in zip(ITEMS, golds, strict=True))
    rows = [row(item.id, "The answer is no.", gold=key) for item, key in zip(items, keys, strict=True)]
    setup, _ = replayed(write(tmp_path / "r.jsonl", rows), replace(TOY, items=items))
    assert not any("gold label of" in note for note in setup.notes)
    assert setup.labels == labels


def test_letters_are_understood_from_responses_where_nothing_else_names_them(tmp_path):
    items = tuple(replace(item, options=item.labels) for item in ITEMS)
    data = replace(TOY, items=items)
    lettered = [row(item.id, f"Therefore, the answer is ({'ABC'[n % 3]}).") for n, item in enumerate(items)]
    assert replayed(write(tmp_path / "a.jsonl", lettered), data)[0].labels == ("A", "B", "C")
    own = [row(item.id, f"The answer is {item.labels[n % 3]}.") for n, item in enumerate(items)]
    assert replayed(write(tmp_path / "b.jsonl", own), data)[0].labels is None


def test_error_messages_in_the_place_of_responses_are_unanswered_and_named(tmp_path):
    texts = ["Request timed out.", "Error code: 429 - {'error': {'message': 'slow down'}}", "The answer is (A)."]
    rows = [row(item.id, text) for item, text in zip(ITEMS, texts, strict=False)]
    rows.append(row("i3", None, error={"message": "boom"}))
    setup, responses = replayed(write(tmp_path / "r.jsonl", rows))
    assert [response.error is None for response in responses] == [False, False, True, False]
    (note,) = [note for note in setup.notes if "count as unanswered" in note]
    assert "3 recorded" in note and "Request timed out." in note and "Error code: 429" in note and "boom" in note


def test_responses_that_are_not_requested_are_counted(tmp_path):
    rows = [row(item, str(k)) for item in ("i0", "i1") for k in range(5)]
    backend, _ = opened(write(tmp_path / "r.jsonl", rows))
    (note,) = backend.sample_notes(TOY, 1)
    assert "8 of 10" in note and "--samples 5" in note
    assert backend.sample_notes(TOY, 5) == ()


def test_several_rows_of_an_item_are_its_samples(tmp_path):
    path = write(tmp_path / "r.jsonl", [row(text=str(k)) for k in range(3)] + [row("i1", str(k)) for k in range(3)])
    _, responses = replayed(path, samples=3)
    assert [r.text for r in responses] == ["0", "1", "2"] * 2
    message = error_of(ErrorCode.RECORDING_INCOMPLETE, path, samples=4)
    assert "i0" in message and "`samples` to 3" in message


def test_finish_and_counts_are_returned(tmp_path):
    rows = [row(finish="length", output_tokens=512, opens_reasoning=True), row("i1", "", finish="refused")]
    _, (truncated, refusal) = replayed(write(tmp_path / "r.jsonl", rows))
    assert (truncated.finish, truncated.output_tokens, truncated.opens_reasoning) == ("length", 512, True)
    assert refusal.finish == "refused"


def test_finish_reasons_of_other_programs_are_read_by_the_table_of_all_backends(tmp_path):
    words = ["MAX_TOKENS", "SAFETY", "eos_token", "exhausted", "network_error"]
    rows = [row(item.id, finish=word, output_tokens=2**63) for item, word in zip(ITEMS, words, strict=False)]
    _, responses = replayed(write(tmp_path / "r.jsonl", rows))
    assert [r.finish for r in responses[:4]] == ["length", "refused", "stop", "exhausted"]
    assert [r.error is None for r in responses] == [True] * 4 + [False]
    assert {r.output_tokens for r in responses} == {None}


def test_revised_gold_labels_are_noted_and_wrong_joins_refused(tmp_path):
    golds = ["yes", "no", "yes", "yes", "yes", "yes"]
    path = write(tmp_path / "r.jsonl", [row(i.id, gold=g) for i, g in zip(ITEMS, golds, strict=True)])
    setup, _ = replayed(path)
    assert any("i1" in note and "gold label" in note for note in setup.notes)
    other = write(tmp_path / "other.jsonl", [row(i.id, gold="no") for i in ITEMS])
    assert "6 of 6 items" in error_of(ErrorCode.DATA_CHANGED, other)


def test_an_item_that_had_another_number_of_options_is_left_out(tmp_path):
    path = write(tmp_path / "r.jsonl", [row("i0", n_options=3), row("i1", n_options=10)])
    setup, responses = replayed(path)
    assert [r.request.item.id for r in responses] == ["i0"]
    assert any(note.startswith("i1 ") and "options" in note for note in setup.notes)


def test_the_user_selects_among_several_models_and_settings(tmp_path):
    write(tmp_path / "a.jsonl", [row(text="a")])
    write(tmp_path / "b.jsonl.gz", [row(text="b", model="m2"), row(text="c", model="m2", setting="lettered")])
    message = error_of(ErrorCode.RECORDING_MALFORMED, tmp_path)
    assert all(part in message for part in ("3 times", "m1", "m2", "lettered", "a.jsonl", "`model_args`"))
    assert "2 times" in error_of(ErrorCode.RECORDING_MALFORMED, tmp_path, model="m2")
    assert [r.text for r in replayed(tmp_path, model="m2", setting="lettered")[1]] == ["c"]
    assert [r.text for r in replayed(tmp_path / "a.jsonl")[1]] == ["a"]
    assert "model=m3" in error_of(ErrorCode.RECORDING_INCOMPLETE, tmp_path, model="m3")


def test_shards_are_joined_and_copies_refused(tmp_path):
    write(tmp_path / "1.jsonl", [row("i0", "a")])
    write(tmp_path / "2.jsonl", [row("i1", "b")])
    assert [r.text for r in replayed(tmp_path)[1]] == ["a", "b"]
    write(tmp_path / "3.jsonl", [row("i1", "b")])
    message = error_of(ErrorCode.RECORDING_MALFORMED, tmp_path)
    assert "2.jsonl" in message and "3.jsonl" in message and "i1" in message


def test_rows_about_other_benchmarks_and_unknown_items_are_left_out(tmp_path):
    rows = [row(benchmark="else", model="m9", text=None), row(), row("i99")]
    setup, responses = replayed(write(tmp_path / "r.jsonl", rows))
    assert len(responses) == 1
    assert any(note.startswith("1 recorded responses ") for note in setup.notes)
    other_benchmark = write(tmp_path / "r.jsonl", rows[:1])
    assert "else" in error_of(ErrorCode.RECORDING_INCOMPLETE, other_benchmark)
    unknown_item = write(tmp_path / "r.jsonl", rows[2:])
    assert "i0" in error_of(ErrorCode.DATA_CHANGED, unknown_item)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{not json}\n", "JSON"),
        (b"[1, 2]\n", "JSON object"),
        (b"\xff\xfe\n", "JSON"),
        (b"[" * 100_000 + b"\n", "JSON"),
        (b'{"benchmark": "toy", "item_id": "i1", "text": "A"}\n', "benchmark, item_id, model or setting"),
        (json.dumps({**row(), "text": 3}).encode(), "'text'"),
        (json.dumps({k: v for k, v in row().items() if k != "text"}).encode(), "'text'"),
        (json.dumps(row("i1", setting="two_turns")).encode(), "'final'"),
    ],
)
def test_an_invalid_row_is_an_error_with_file_and_line(tmp_path, line, problem):
    path = tmp_path / "r.jsonl"
    path.write_bytes(json.dumps(row("i2")).encode() + b"\n\n" + line)
    message = error_of(ErrorCode.RECORDING_MALFORMED, path)
    assert str(path) in message and "line 3" in message and problem in message


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_archive_is_an_error_or_complete(offset, replacement):
    rows = [row(text=f"word {n}" * 5) for n in range(20)]
    packed = gzip.compress(b"".join(json.dumps(fields).encode() + b"\n" for fields in rows), mtime=0)
    offset %= len(packed)
    damaged = packed[:offset] + replacement + packed[offset + len(replacement) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl.gz"
        path.write_bytes(damaged)
        try:
            _, responses = replayed(path, samples=20)
        except BackendError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
        else:
            assert [r.text for r in responses] == [fields["text"] for fields in rows]


def test_a_truncated_archive_is_an_error(tmp_path):
    path = write(tmp_path / "r.jsonl.gz", [row(text="word")], lambda content: gzip.compress(content)[:-9])
    assert str(path) in error_of(ErrorCode.RECORDING_MALFORMED, path)


def test_a_path_without_recordings_is_an_error(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        assert str(path) in error_of(ErrorCode.RECORDING_NOT_FOUND, path)


def test_an_unknown_model_argument_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match="model, setting, format, labels, stop") as caught:
        Replay(BackendSettings("x", model_args={"colour": "red"}))
    assert caught.value.code is ErrorCode.UNKNOWN_MODEL_ARGUMENT


def test_the_revision_identifies_the_content_that_is_replayed(tmp_path):
    path = write(tmp_path / "r.jsonl", [row()])
    write(tmp_path / "other.jsonl", [row(benchmark="else")])
    _, info = opened(path)
    assert info["revision"] == opened(tmp_path)[1]["revision"]
    assert (info["models"], info["settings"], info["responses"]) == (["m1"], ["plain"], 1)
    write(path, [row(text="changed")])
    assert opened(path)[1]["revision"] != info["revision"]


def journal(folder, model="openai/tiny", texts=("<answer>yes</answer>",), truncated=False, digest="d1", **fields):
    """Write a run folder with a journal."""
    with RunFolder(folder).writing() as writer:
        for item in ITEMS[:2]:
            for sample, text in enumerate(texts):
                request = Request("toy", item, sample, (), 0)
                writer.append(Response(request, text, "because", "length", True, 10, 20, 0.5), "")
        setup = PromptSetup(ITEMS[:2], "boxed", ("A", "B", "C"), ("Question:",), "its digest", ("A note.",)).to_json(
            TOY
        )
        identity = {"model": model, "samples": 1, "decoding": {}, "tasks": {"toy": {"data_digest": digest}}}
        facts = {"schema": 3, "began_as": 3, "identity": identity, "prompt_setups": {"toy": setup}}
        facts |= {"journal_id": writer.journal_id, "journals": dict(writer.lines), "ended": {"status": "finished"}}
        RunFolder(folder).write_json("run.json", facts | fields)
    if truncated:
        with RunFolder(folder).journal("toy").open("ab") as file:
            file.write(b'{"item": "i5", "sample": 0, "te')
    return folder


@pytest.mark.parametrize("where", ["", "responses", "responses/toy.jsonl"])
def test_a_run_folder_is_replayed_as_it_was_run(tmp_path, where):
    setup, responses = replayed(journal(tmp_path / "run", texts=("a\ud800", "b"), truncated=True) / where, samples=2)
    assert (setup.format, [item.id for item in setup.items]) == ("boxed", ["i0", "i1"])
    assert (setup.labels, setup.stop, setup.prompt_digest) == (("A", "B", "C"), ("Question:",), "its digest")
    assert any(note.endswith(": A note.") for note in setup.notes)
    assert [r.text for r in responses] == ["a\ud800", "b"] * 2
    assert all((r.reasoning, r.finish, r.opens_reasoning) == ("because", "length", True) for r in responses)
    assert all((r.input_tokens, r.output_tokens) == (10, 20) for r in responses)


def test_a_replayed_replay_keeps_the_name_of_its_model(tmp_path):
    folder = journal(tmp_path, model="replay/other.jsonl", backend={"models": ["m1"]})
    backend, info = opened(folder)
    assert info["models"] == ["m1"]
    assert backend.prompt_setup(TOY, "answer_tag").labels == ("A", "B", "C")


@pytest.mark.parametrize(
    ("setups", "code"),
    [
        ({}, ErrorCode.RECORDING_INCOMPLETE),
        ({"toy": {}}, ErrorCode.RUN_UNREADABLE),
        ({"toy": {"items": ["i99"]}}, ErrorCode.RUN_UNREADABLE),
        ({"toy": []}, ErrorCode.RUN_UNREADABLE),
    ],
)
def test_a_run_without_a_valid_prompt_setup_is_an_error_that_names_the_task(tmp_path, setups, code):
    assert "toy" in error_of(code, journal(tmp_path, prompt_setups=setups))


def test_a_run_on_other_data_is_refused(tmp_path):
    assert "toy" in error_of(ErrorCode.DATA_CHANGED, journal(tmp_path, digest="d0"))


def recorded_files():
    """Return (file, model, benchmark, setting, rows) of each recording as the data's description lists them."""
    table = re.compile(r"\| `(\S+__\S+\.jsonl\.gz)` \| (\S+) / (\S+) / (\S+) \| ([\d,]+) \|")
    text = (DATA / "README.md").read_text("utf-8") if RECORDED.is_dir() else ""
    return [(*cells[:4], int(cells[4].replace(",", ""))) for cells in table.findall(text)]


@pytest.mark.integration
@pytest.mark.skipif(not RECORDED.is_dir(), reason="needs ../shared/data")
def test_every_real_recording_is_joined_to_its_items():
    sets = [load(load_task(name), DATA) for name in task_names() if not name.startswith("starter")]
    files = recorded_files()
    assert len({file for file, *_ in files}) == len(list(RECORDED.iterdir()))
    for file, model, benchmark, setting, count in files:
        data = next(d for d in sets if benchmark in (d.task.name, *d.task.aliases))
        setup, responses = replayed(RECORDED / file, data)
        stored = {}
        with gzip.open(RECORDED / file) as lines:
            for fields in map(json.loads, lines):
                if fields["benchmark"] == benchmark:
                    stored[fields["item_id"]] = fields
        assert {fields["model"] for fields in stored.values()} == {model}
        assert data.task.recording(setting) is not None
        assert len(stored) == count
        # Upstream has replaced this question by another one, with seven options.
        assert len(responses) == count - (stored.get("6047", {}).get("n_options") == 10)
        for response in responses:
            fields, item = stored[response.request.item.id], response.request.item
            assert response.text == fields.get("final_turn_text", fields["text"])
            labels = setup.labels or item.labels
            expected = fields.get("gold_differs_from_data_file", fields["gold"])
            assert expected == labels[item.labels.index(item.gold)]
