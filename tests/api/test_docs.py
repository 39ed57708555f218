"""Every example of docs/python.md runs, as in a notebook, and prints what the page shows."""

import ast
import asyncio
import inspect
import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import evalsuite as es

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"
ADDRESS = "http://127.0.0.1:8000/v1"
"""The server on the page, which the test replaces by its own."""
DATE = "2026-11-20T13-09-10.007480"


def examples():
    """The line number and the code of each example."""
    text = PAGE.read_text("utf-8")
    for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield text[: block.start(1)].count("\n"), block[1]


def printed(code):
    """The output that the comments of an example show."""
    return "".join(f"{line[3:].removeprefix(' ')}\n" for line in code.splitlines() if line.startswith("# >"))


async def run(code, line, namespace):
    """Execute code that may await at its top level, and return what it prints."""
    compiled = compile("\n" * line + code, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    output = io.StringIO()
    with redirect_stdout(output):
        result = eval(compiled, namespace)
        if inspect.iscoroutine(result):
            await result
    return output.getvalue()


def write_log(folder):
    """A log of lm-eval 0.4.13: every answer to the starter set's recall questions is B."""
    folder.mkdir(parents=True)
    rows = []
    for number, item in enumerate(es.load_items("starter_recall")):
        options = "\n".join(f"{label}. {option}" for label, option in zip(item.labels, item.options, strict=True))
        prompt = json.dumps([{"role": "user", "content": f"{item.question}\n{options}\nEnd with <answer>X</answer>."}])
        text = "<answer>B</answer>"
        rows.append(
            {
                "doc_id": number,
                "doc": {"q": item.question},
                "target": item.gold,
                "arguments": {"gen_args_0": {"arg_0": [prompt], "arg_1": {"until": [], "max_gen_toks": 512}}},
                "resps": [[text]],
                "filtered_resps": [text],
                "filter": "tag",
                "metrics": ["exact_match"],
                "exact_match": float(item.gold == "B"),
            }
        )
    (folder / f"samples_recall_{DATE}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    score = sum(row["exact_match"] for row in rows) / len(rows)
    results = {
        "results": {"recall": {"alias": "recall", "exact_match,tag": score}},
        "versions": {"recall": 1.0},
        "config": {"model": "hf"},
        "date": 1795180145.5,
        "lm_eval_version": "0.4.13",
        "model_source": "hf",
        "model_name": "org/model-7b",
    }
    (folder / f"results_{DATE}.json").write_text(json.dumps(results), "utf-8")


@pytest.mark.filterwarnings("ignore:function/careful-v2")
async def test_every_example_prints_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALSUITE_DATA", raising=False)
    write_log(tmp_path / "logs" / "model-7b")
    command = [sys.executable, str(ROOT / "benchmarks" / "zero_server.py")]
    server = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    namespace, wrong, count = {"__name__": "__main__"}, [], 0
    try:
        address = (await server.stdout.readline()).decode().strip()
        for line, code in examples():
            count += 1
            output = await run(code.replace(ADDRESS, address), line, namespace)
            if output != printed(code):
                wrong.append(f"{PAGE}:{line + 1} prints\n{output}instead of\n{printed(code)}")
    finally:
        server.kill()
        await server.wait()
    assert not wrong, "\n".join(wrong)
    assert count >= 20


def test_every_public_name_is_on_the_page():
    text = PAGE.read_text("utf-8")
    assert [name for name in es.__all__ if f"es.{name}" not in text] == []


def test_an_imported_log_has_a_folder_below_runs_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_log(tmp_path / "logs")
    first, second = es.import_log("logs"), es.import_log(["logs"])
    assert first.path != second.path and {run.path.parent for run in (first, second)} == {Path("runs/imported")}
    assert first.accuracy == second.accuracy
