"""The plan of a corpus: what is there is counted, what isn't is expected, and what lacks is named."""

import json
from pathlib import Path

import pytest

from evalsuite.cli import main
from evalsuite.errors import DataError, ErrorCode, EvalsuiteError
from training.corpora.config import CONFIGS, read_config
from training.corpora.plan import make_plan
from training.recipe import RECIPES, read_recipe

from .conftest import write_config

EXPECTED = {"files": 3, "bytes": 3_000, "documents": 20, "tokens": 1_000, "source": "a count"}


def test_files_that_are_there_are_counted_and_others_expected(inputs, tmp_path):
    here = {"name": "guide", "reader": "rows", "path": "guide", "share": 1.0}
    absent = {"name": "more", "reader": "rows", "path": "more", "share": 3.0, "expected": EXPECTED}
    config = write_config(inputs, sources=[here, absent], mixture={"tokens": 2_000})
    there, expected = make_plan(read_config(config), inputs).sources
    size = (inputs / "guide" / "guide.jsonl").stat().st_size
    assert (there.present, there.files, there.bytes, there.tokens, there.wanted) == (True, 1, size, None, 500)
    assert (expected.present, expected.files, expected.bytes, expected.wanted) == (False, 3, 3_000, 1_500)
    assert expected.lacks == 500


def test_the_shares_decide_where_no_number_of_tokens_is_stated(inputs):
    sources = [
        {"name": "a", "reader": "rows", "path": "a", "share": 1.0, "expected": {**EXPECTED, "tokens": 100}},
        {"name": "b", "reader": "rows", "path": "b", "share": 4.0, "expected": {**EXPECTED, "tokens": 10_000}},
    ]
    assert make_plan(read_config(write_config(inputs, sources=sources)), inputs).tokens == 500


def test_more_workers_take_less_time_and_the_same_disk(inputs):
    sources = [{"name": "a", "reader": "rows", "path": "a", "share": 1.0, "expected": EXPECTED}]
    config = read_config(write_config(inputs, sources=sources))
    one, four = make_plan(config, inputs), make_plan(config.with_workers(4), inputs)
    assert four.hours["clean"] == pytest.approx(one.hours["clean"] / 4) and four.disk == one.disk


def test_the_configurations_of_the_package_can_be_planned_without_any_file(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in sorted(CONFIGS.glob("*.yaml")):
        assert main(["train", "corpus", path.stem, "--plan", "--json"]) == 0
        plan = json.loads(capsys.readouterr().out)
        assert all(source["tokens"] and source["source"] for source in plan["sources"])
        assert not any(source["present"] for source in plan["sources"])
        recipe = read_recipe(RECIPES / f"{path.stem}.yaml")
        assert sum(source["wanted"] for source in plan["sources"]) == recipe.stages[0].tokens
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_source_are_not_taken_for_absent_ones(inputs):
    for year in (25, 26):
        path = inputs / "pubmed" / f"pubmed{year}n0001.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("<PubmedArticleSet/>")
    source = {"name": "a", "reader": "pubmed", "path": "pubmed", "share": 1.0, "expected": EXPECTED}
    with pytest.raises(DataError) as caught:
        make_plan(read_config(write_config(inputs, sources=[source])), inputs)
    assert caught.value.code is ErrorCode.DATA_MALFORMED


def test_the_plan_of_a_recipe_names_the_command_for_its_missing_corpus(capsys, tmp_path):
    assert main(["train", "plan", "reasonmed-8b", "--data", str(tmp_path), "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert any("evalsuite train corpus reasonmed-8b" in note and "DATA/corpus" in note for note in notes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "name: x",
        "name: x\nname: y",
        "name: !!python/object:os.system x",
        "&a [*a]",
        "name: x\nabout: y\nsources: []\ntokenizer: {model: m}",
        "name: x\nabout: y\nsources: [{name: a, reader: rows, path: /etc, share: 1.0}]\ntokenizer: {model: m}",
        "name: x\nabout: y\nsources: [{name: a, reader: rows, path: a, share: .nan}]\ntokenizer: {model: m}",
        "name: x\nabout: y\nsources: [{name: a, reader: rows, path: a, share: -1.0}]\ntokenizer: {model: m}",
        "name: x\nabout: y\nsources: [{name: a, reader: r, path: a, share: 1.0, files: ../*}]\ntokenizer: {model: m}",
        "a" * 100_000,
    ],
)
def test_a_configuration_that_is_none_is_refused_in_one_line(tmp_path, text):
    path = Path(tmp_path / "c.yaml")
    path.write_text(text)
    with pytest.raises(EvalsuiteError) as caught:
        read_config(path)
    assert "\n" not in str(caught.value)
