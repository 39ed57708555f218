"""A task card from somebody else reads nothing outside its folder and the data folder."""

import json
from pathlib import Path

import pytest

from evalsuite.data.load import load
from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.tasks.registry import load_task
from evalsuite.tasks.schema import alternatives

ROWS = [{"id": f"i{n}", "question": "Q?", "options": {"A": "x", "B": "y"}, "answer": "A"} for n in range(2)]


@pytest.fixture
def card(tmp_path):
    """The function that writes a card whose items are at a path, beside a file outside that it must not read."""
    (tmp_path / "private.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    folder = tmp_path / "tasks" / "own"
    folder.mkdir(parents=True)
    (folder / "prompt.j2").write_text("{{ item.question }} {{ item.options }} {{ answer_instruction }}")

    def make(path, **facts):
        source = {"path": str(path).format(outside=tmp_path / "private.jsonl"), "items": 2}
        (folder / "task.yaml").write_text(json.dumps({"name": "own", "version": 1, "sources": [source], **facts}))
        return folder

    return make


@pytest.mark.parametrize(
    "path",
    [
        "{outside}",
        "{{{outside},x.jsonl}}",
        "{{x.jsonl,{outside}}}",
        "{{../../private.jsonl,x.jsonl}}",
        "{{x.jsonl,../../private.jsonl}}",
        "a/{{../../../private.jsonl,x}}",
        "../../private.jsonl",
        "..\\..\\private.jsonl",
        "C:/private.jsonl",
        "{{}}",
        "a{{b}}c{{{outside}}}",
    ],
)
@pytest.mark.parametrize("key", ["sources", "train", "ids_from", "hub"])
def test_no_alternative_of_a_path_leaves_the_folder(card, tmp_path, path, key):
    folder = card("x.jsonl")
    content = json.loads((folder / "task.yaml").read_text())
    named = path.format(outside=tmp_path / "private.jsonl")
    if key == "ids_from":
        layout = {"id": "id", "question": "question", "options": {"kind": "map", "at": "options"}}
        content["layouts"] = {"l": {**layout, "gold": {"kind": "label", "at": "answer"}, "ids_from": named}}
    elif key == "hub":
        content["hub"] = {"repo": "a/b", "split": "test", "files": [named]}
    else:
        content[key] = [{"path": named, "items": 2}]
    (folder / "task.yaml").write_text(json.dumps(content))
    with pytest.raises(EvalsuiteError) as caught:
        load_task("own", folder)
    assert caught.value.code is ErrorCode.INVALID_TASK_CARD


def test_no_link_leads_out_of_the_cards_folder(card, tmp_path, monkeypatch):
    monkeypatch.setenv("EVALSUITE_DATA", str(tmp_path / "none"))
    folder = card("{{items.jsonl,other.jsonl}}")
    (folder / "items.jsonl").symlink_to(tmp_path / "private.jsonl")
    with pytest.raises(EvalsuiteError) as caught:
        load(load_task("own", folder))
    assert caught.value.code is ErrorCode.DATA_REFUSED
    (folder / "items.jsonl").unlink()
    (folder / "items.jsonl").write_bytes((tmp_path / "private.jsonl").read_bytes())
    assert len(load(load_task("own", folder)).items) == 2
    (folder / "prompt.j2").unlink()
    (folder / "prompt.j2").symlink_to(tmp_path / "private.jsonl")
    with pytest.raises(EvalsuiteError) as caught:
        _ = load_task("own", folder).template
    assert caught.value.code is ErrorCode.INVALID_PROMPT_TEMPLATE


def test_what_the_braces_of_a_path_stand_for():
    assert alternatives("a/{b,c*.json}") == ["a/b", "a/c*.json"]
    assert alternatives("a/b.json") == ["a/b.json"]
    assert Path(alternatives("{x}")[0]) == Path("x")
