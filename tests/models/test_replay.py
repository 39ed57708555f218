"""Replay: what was recorded comes back byte for byte, joined to the right items, or one line says why not."""

import asyncio
import gzip
import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.data.load import load
from evalsuite.errors import BackendError, RunError, UsageError
from evalsuite.models.backend import BackendSettings, PromptSetup, Request, Response
from evalsuite.models.replay import Replay
from evalsuite.run_folder import RunFolder
from evalsuite.tasks.item import Dataset, Item
from evalsuite.tasks.registry import load_task, task_names
from evalsuite.tasks.schema import RecordingFormat, Task

DATA = Path(__file__).parents[3] / "shared" / "data"
RECORDED = DATA / "recorded"
ITEMS = tuple(Item(f"i{n}", f"Question {n}?", ("x", "y", "z"), ("yes", "no", "maybe"), "yes") for n in range(6))
HOW = (
    RecordingFormat(
        setting="lettered", format="the_answer_is", labels=("A", "B", "C"), stop=("Question:",), note="A note."
    ),
    RecordingFormat(setting="two_turns", format="boxed", response_field="final", reasoning_field="text"),
)
TASK = Task(name="toy", version=1, aliases=("toy_3opt",), recordings=HOW, folder=Path())
TOY = Dataset(TASK, ITEMS, digest="d1", variant="", root=Path())


def row(item="i0", text="The answer is (A).", **more):
    facts = {"benchmark": "toy", "item_id": item, "model": "m1", "setting": "plain", "text": text}
    return {**facts, **more}


def write(path, rows, binary=gzip.compress):
    content = b"".join(json.dumps(one).encode() + b"\n" for one in rows)
    path.write_bytes(binary(content) if path.name.endswith(".gz") else content)
    return path


def opened(path, data=TOY, **args):
    backend = Replay(BackendSettings(str(path), model_args=args))
    facts = asyncio.run(backend.open([data]))
    return backend, facts


def replayed(path, data=TOY, samples=1, **args):
    """Return what a run would see: (asked, responses)."""
    backend, _ = opened(path, data, **args)
    asked = backend.prompt_setup(data, "answer_tag")

    async def collect():
        requests = (Request(data.task.name, item, k, (), 0) for item in asked.items for k in range(samples))
        return [response async for response in backend.answer(requests)]

    return asked, asyncio.run(collect())


def refused(path, data=TOY, samples=1, **args):
    """Return the one line with which a replay is refused."""
    with pytest.raises(BackendError) as caught:
        replayed(path, data, samples, **args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


any_text = st.text(alphabet=st.characters(exclude_categories=[]), max_size=50)


@given(st.dictionaries(st.sampled_from([item.id for item in ITEMS]), any_text, min_size=1), st.booleans())
def test_every_text_comes_back_as_it_was_and_only_covered_items_are_asked(texts, packed):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"r.jsonl{'.gz' if packed else ''}", [row(i, t) for i, t in texts.items()])
        asked, responses = replayed(path)
    assert [item.id for item in asked.items] == [item.id for item in ITEMS if item.id in texts]
    assert {r.request.item.id: r.text for r in responses} == texts


def test_a_recording_is_graded_as_it_was_asked(tmp_path):
    asked, _ = replayed(write(tmp_path / "r.jsonl", [row(setting="lettered", benchmark="toy_3opt", gold="A")]))
    assert (asked.format, asked.labels, asked.stop) == ("the_answer_is", ("A", "B", "C"), ("Question:",))
    assert "A note." in asked.notes
    assert any("covers 1 of 6 items" in note for note in asked.notes)
    assert not any("differs" in note for note in asked.notes)


def test_two_turns_give_reasoning_and_final_text(tmp_path):
    rows = [
        row(setting="two_turns", text="I think...", final=r"\boxed{A}"),
        row("i1", "?", setting="two_turns", final=None),
    ]
    asked, responses = replayed(write(tmp_path / "r.jsonl", rows))
    assert asked.format == "boxed"
    assert [(r.text, r.reasoning) for r in responses] == [(r"\boxed{A}", "I think..."), ("", "?")]


def test_an_unknown_setting_takes_the_format_of_this_run_and_says_so(tmp_path):
    asked, _ = replayed(write(tmp_path / "r.jsonl", [row()]))
    assert (asked.format, asked.labels, asked.stop) == ("answer_tag", None, ())
    assert any("plain" in note and "answer_tag" in note for note in asked.notes)


def test_several_rows_of_an_item_are_its_samples(tmp_path):
    path = write(tmp_path / "r.jsonl", [row(text=str(k)) for k in range(3)] + [row("i1", str(k)) for k in range(3)])
    _, responses = replayed(path, samples=3)
    assert [r.text for r in responses] == ["0", "1", "2"] * 2
    assert "--samples 3" in refused(path, samples=4)


def test_finish_and_counts_are_kept(tmp_path):
    rows = [row(finish="length", output_tokens=512, opens_reasoning=True), row("i1", "", finish="refused")]
    _, (cut, refusal) = replayed(write(tmp_path / "r.jsonl", rows))
    assert (cut.finish, cut.output_tokens, cut.opens_reasoning) == ("length", 512, True)
    assert refusal.finish == "refused"


def test_revised_keys_are_named_and_wrong_joins_refused(tmp_path):
    golds = ["yes", "no", "yes", "yes", "yes", "yes"]
    path = write(tmp_path / "r.jsonl", [row(i.id, gold=g) for i, g in zip(ITEMS, golds, strict=True)])
    asked, _ = replayed(path)
    assert any("i1" in note and "differs" in note for note in asked.notes)
    other = write(tmp_path / "other.jsonl", [row(i.id, gold="no") for i in ITEMS])
    assert "6 of 6 items" in refused(other)


def test_an_item_that_had_another_number_of_options_is_another_question_and_left_out(tmp_path):
    path = write(tmp_path / "r.jsonl", [row("i0", n_options=3), row("i1", n_options=10)])
    asked, responses = replayed(path)
    assert [r.request.item.id for r in responses] == ["i0"]
    assert any(note.startswith("i1 had another number of options") for note in asked.notes)


def test_a_choice_between_two_models_or_settings_is_the_users(tmp_path):
    write(tmp_path / "a.jsonl", [row(text="a")])
    write(tmp_path / "b.jsonl.gz", [row(text="b", model="m2"), row(text="c", model="m2", setting="lettered")])
    told = refused(tmp_path)
    assert all(part in told for part in ("recorded 3 times", "m1", "m2", "lettered", "a.jsonl", "--model-arg"))
    assert "recorded 2 times" in refused(tmp_path, model="m2")
    assert [r.text for r in replayed(tmp_path, model="m2", setting="lettered")[1]] == ["c"]
    assert [r.text for r in replayed(tmp_path / "a.jsonl")[1]] == ["a"]
    assert "model=m3" in refused(tmp_path, model="m3")


def test_shards_join_and_copies_are_refused(tmp_path):
    write(tmp_path / "1.jsonl", [row("i0", "a")])
    write(tmp_path / "2.jsonl", [row("i1", "b")])
    assert [r.text for r in replayed(tmp_path)[1]] == ["a", "b"]
    write(tmp_path / "3.jsonl", [row("i1", "b")])
    told = refused(tmp_path)
    assert "2.jsonl" in told and "3.jsonl" in told and "i1" in told


def test_rows_about_other_benchmarks_and_unknown_items_are_left_out(tmp_path):
    rows = [row(benchmark="else", model="m9", text=None), row(), row("i99")]
    asked, responses = replayed(write(tmp_path / "r.jsonl", rows))
    assert len(responses) == 1
    assert any(note.startswith("1 recorded responses are to items") for note in asked.notes)
    assert "it holds else" in refused(write(tmp_path / "r.jsonl", rows[:1]))
    assert "ids are like i0" in refused(write(tmp_path / "r.jsonl", rows[2:]))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"{not json}\n", "is not JSON"),
        (b"[1, 2]\n", "is not a JSON object"),
        (b"\xff\xfe\n", "is not JSON"),
        (b"[" * 100_000 + b"\n", "is not JSON"),
        (b'{"benchmark": "toy", "item_id": "i1", "text": "A"}\n', "has no benchmark, item_id, model or setting"),
        (json.dumps({**row(), "text": 3}).encode(), "no text in 'text'"),
        (json.dumps({k: v for k, v in row().items() if k != "text"}).encode(), "has no 'text'"),
        (json.dumps(row(finish="tired")).encode(), "finish 'tired'"),
        (json.dumps(row("i1", setting="two_turns")).encode(), "has no 'final'"),
    ],
)
def test_a_broken_row_is_one_line_with_file_and_line(tmp_path, line, what):
    path = tmp_path / "r.jsonl"
    path.write_bytes(json.dumps(row("i2")).encode() + b"\n\n" + line)
    told = refused(path)
    assert str(path) in told and "line 3" in told and what in told


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_archive_is_one_line_or_unharmed(place, bytes_there):
    rows = [row(text=f"word {n}" * 5) for n in range(20)]
    packed = gzip.compress(b"".join(json.dumps(one).encode() + b"\n" for one in rows), mtime=0)
    place %= len(packed)
    damaged = packed[:place] + bytes_there + packed[place + len(bytes_there) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl.gz"
        path.write_bytes(damaged)
        try:
            _, responses = replayed(path, samples=20)
        except BackendError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
        else:
            assert [r.text for r in responses] == [one["text"] for one in rows]


def test_a_cut_archive_is_one_line(tmp_path):
    path = write(tmp_path / "r.jsonl.gz", [row(text="word")], lambda content: gzip.compress(content)[:-9])
    assert "can't be read" in refused(path)


def test_nothing_there_is_one_line(tmp_path):
    assert "no such file or folder" in refused(tmp_path / "absent")
    assert "holds no .jsonl" in refused(tmp_path)
    with pytest.raises(UsageError, match="model, setting"):
        Replay(BackendSettings("x", model_args={"format": "boxed"}))


def test_the_revision_is_the_content_of_what_is_replayed(tmp_path):
    path = write(tmp_path / "r.jsonl", [row()])
    write(tmp_path / "other.jsonl", [row(benchmark="else")])
    _, one = opened(path)
    assert one["revision"] == opened(tmp_path)[1]["revision"]
    assert (one["models"], one["settings"], one["responses"]) == (["m1"], ["plain"], 1)
    write(path, [row(text="changed")])
    assert opened(path)[1]["revision"] != one["revision"]


def journal(folder, model="openai/tiny", texts=("<answer>yes</answer>",), torn=False, digest="d1", **facts):
    """A run folder as our own journal writes it."""
    with RunFolder(folder).writing() as writer:
        for item in ITEMS[:2]:
            for sample, text in enumerate(texts):
                request = Request("toy", item, sample, (), 0)
                writer.append(Response(request, text, "because", "length", True, 10, 20, 0.5), "")
        asked = PromptSetup(ITEMS[:2], "boxed", ("A", "B", "C"), ("Question:",), "of then", ("A note.",)).to_json(TOY)
        identity = {"model": model, "tasks": {"toy": {"data_digest": digest}}}
        RunFolder(folder).write_json(
            "run.json", {"schema": 2, "identity": identity, "prompt_setups": {"toy": asked}, **facts}
        )
    if torn:
        with RunFolder(folder).journal("toy").open("ab") as file:
            file.write(b'{"item": "i5", "sample": 0, "te')
    return folder


@pytest.mark.parametrize("where", ["", "responses", "responses/toy.jsonl"])
def test_a_run_of_ours_is_replayed_as_it_was(tmp_path, where):
    asked, responses = replayed(journal(tmp_path / "run", texts=("a\ud800", "b"), torn=True) / where, samples=2)
    assert (asked.format, [item.id for item in asked.items]) == ("boxed", ["i0", "i1"])
    assert (asked.labels, asked.stop, asked.prompt_digest) == (("A", "B", "C"), ("Question:",), "of then")
    assert "noted then: A note." in asked.notes
    assert [r.text for r in responses] == ["a\ud800", "b"] * 2
    assert all((r.reasoning, r.finish, r.opens_reasoning) == ("because", "length", True) for r in responses)
    assert all((r.input_tokens, r.output_tokens) == (10, 20) for r in responses)


def test_a_replay_is_replayed_again_under_the_name_of_the_model_that_it_replayed(tmp_path):
    folder = journal(tmp_path, model="replay/elsewhere.jsonl", backend={"models": ["m1"]})
    backend, facts = opened(folder)
    assert facts["models"] == ["m1"]
    assert backend.prompt_setup(TOY, "answer_tag").labels == ("A", "B", "C")


@pytest.mark.parametrize("asked", [None, {}, {"toy": {}}, {"toy": {"items": ["i99"]}}, {"toy": []}])
def test_a_run_that_does_not_say_how_it_asked_is_one_line(tmp_path, asked):
    with pytest.raises((BackendError, RunError), match="toy") as caught:
        opened(journal(tmp_path, prompt_setups=asked))
    assert "\n" not in str(caught.value)


def test_a_run_on_other_data_is_refused(tmp_path):
    assert "other data" in refused(journal(tmp_path, digest="d0"))


def recorded_files():
    """(file, model, benchmark, setting, rows) as the data's own description counts them."""
    table = re.compile(r"\| `(\S+__\S+\.jsonl\.gz)` \| (\S+) / (\S+) / (\S+) \| ([\d,]+) \|")
    text = (DATA / "README.md").read_text("utf-8") if RECORDED.is_dir() else ""
    return [(*found[:4], int(found[4].replace(",", ""))) for found in table.findall(text)]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="needs the data mirror beside the checkout")
def test_every_real_recording_joins_the_items_it_is_about():
    sets = [load(load_task(name), DATA) for name in task_names() if not name.startswith("starter")]
    files = recorded_files()
    assert len({file for file, *_ in files}) == len(list(RECORDED.iterdir()))
    for file, model, benchmark, setting, count in files:
        data = next(d for d in sets if benchmark in (d.task.name, *d.task.aliases))
        asked, responses = replayed(RECORDED / file, data)
        stored = {}
        with gzip.open(RECORDED / file) as lines:
            for one in map(json.loads, lines):
                if one["benchmark"] == benchmark:
                    stored[one["item_id"]] = one
        assert {one["model"] for one in stored.values()} == {model}
        assert data.task.recording(setting) is not None
        assert len(stored) == count
        # upstream has put another question, with seven options, in the place of this one
        assert len(responses) == count - (stored.get("6047", {}).get("n_options") == 10)
        for response in responses:
            one, item = stored[response.request.item.id], response.request.item
            assert response.text == one.get("final_turn_text", one["text"])
            labels = asked.labels or item.labels
            expected = one.get("gold_differs_from_data_file", one["gold"])
            assert expected == labels[item.labels.index(item.gold)]
