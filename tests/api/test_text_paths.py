"""Paths may be given as text to every public function, and mean what a `Path` means."""

import inspect

import evalsuite as es

OWN = [{"question": f"Question {n}?", "options": ["x", "y"], "answer": "AB"[n % 2]} for n in range(6)]


def test_every_public_path_may_be_text():
    functions = {name: getattr(es, name) for name in es.__all__}
    annotations = {
        f"{name} {each.name}": str(each.annotation)
        for name, function in functions.items()
        if callable(function) and not inspect.isclass(function)
        for each in inspect.signature(function).parameters.values()
        if "Path" in str(each.annotation)
    }
    assert {"read_run path", "report out", "evaluate data_dir"} <= annotations.keys()
    assert [name for name, annotation in annotations.items() if "str" not in annotation] == []


def test_text_and_path_give_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = es.Dataset(OWN, name="own")
    for name, model in (("a", "trivial/first"), ("b", "trivial/longest")):
        assert es.evaluate(model, data, out=name).path.resolve() == tmp_path / name
    (tmp_path / "policy.yaml").write_text("margin: 0.25\n")
    assert es.read_run("a").macro == es.read_run(tmp_path / "a").macro
    assert es.compare("a", "b").to_json()["tasks"] == es.compare(tmp_path / "a", tmp_path / "b").to_json()["tasks"]
    as_text, as_path = (
        es.gate("a", "b", "policy.yaml"),
        es.gate(tmp_path / "a", tmp_path / "b", tmp_path / "policy.yaml"),
    )
    assert as_text.outcome == as_path.outcome
    assert es.regrade("a").changes == ()
    es.report(["a", "b"], "report")
    assert (tmp_path / "report" / "leaderboard.md").is_file()
