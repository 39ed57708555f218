"""PubMedQA's files hold what annotators decided before the gold label was set; no prompt may show it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite.data.file_formats import read_rows
from evalsuite.data.load import load
from evalsuite.tasks.answer_format import FORMATS
from evalsuite.tasks.prompt import TaskPrompt
from evalsuite.tasks.registry import load_task

PUBMEDQA = Path(__file__).parents[3] / "shared" / "data" / "pubmedqa"
MARKS = {"reasoning_required_pred": "mark-of-the-first", "reasoning_free_pred": "mark-of-the-second"}
CONCLUSION = "mark-of-the-conclusion"

pytestmark = pytest.mark.skipif(not PUBMEDQA.is_dir(), reason="needs ../shared/data")


def as_file(folder):
    """The official file with marked annotations."""
    rows = {
        row["$key"]: {**{key: value for key, value in row.items() if key != "$key"}, **MARKS, "LONG_ANSWER": CONCLUSION}
        for row in read_rows(PUBMEDQA / "ori_pqal.json.gz")
    }
    (folder / "pubmedqa").mkdir()
    (folder / "pubmedqa" / "ori_pqal.json").write_text(json.dumps(rows))
    (folder / "pubmedqa" / "test_ground_truth.json").write_bytes((PUBMEDQA / "test_ground_truth.json").read_bytes())


def as_hub_record(folder):
    """The hub's file, which keeps the annotations inside `context`, letter by letter."""
    marks = {key: list(mark) for key, mark in MARKS.items()}
    rows = [
        {
            "pubid": int(row["$key"]),
            "question": row["QUESTION"],
            "context": {"contexts": row["CONTEXTS"], "labels": row["LABELS"], "meshes": row["MESHES"], **marks},
            "long_answer": CONCLUSION,
            "final_decision": row["final_decision"],
        }
        for row in read_rows(PUBMEDQA / "ori_pqal.json.gz")
    ]
    path = folder / "hub" / "qiaojin" / "PubMedQA" / "pqa_labeled" / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize("name", ["pubmedqa", "pubmedqa_1000"])
@pytest.mark.parametrize("write", [as_file, as_hub_record])
def test_no_prompt_shows_the_labels_of_the_annotators(tmp_path, write, name):
    write(tmp_path)
    data = load(load_task(name), tmp_path)
    assert len(data.items) == data.task.items
    for format in FORMATS:
        prompt = TaskPrompt(data.task, format)
        for item in data.items:
            shown = "".join(message["content"] for message in prompt.messages(item)) + json.dumps(dict(item.meta))
            assert "mark-of" not in shown and "', '".join("mark-of") not in shown and "_pred" not in shown
