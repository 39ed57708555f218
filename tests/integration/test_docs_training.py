"""What docs/training-data.md tells people to run, run, and what comes out of it read by the stages."""

import doc_examples
import pytest
import tiny

from evalsuite.data.load import load_split
from evalsuite.tasks.answer_format import write
from evalsuite.tasks.registry import load_task
from training.data import rows

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not doc_examples.DATA.is_dir(), reason="needs ../shared/data"),
]
BLOCKS = doc_examples.blocks("training-data.md")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where the first block has run."""
    home = tmp_path_factory.mktemp("docs")
    model = tiny.make_model(home / "model", context=8192)
    (block,) = BLOCKS["Questions for GRPO"]
    doc_examples.run(block, model, home)
    return home


def test_questions_are_rows_of_grpo(place):
    read = list(rows.read(place / "data/questions", "train", "grpo"))
    assert [row.item for row in read] == [
        item.id for item in load_split(load_task("medqa"), "train", doc_examples.DATA)
    ]
    assert len(rows.load(place / "data/questions", "train", "grpo", place / "cache")) == len(read)


def test_traces_are_rows_of_sft(place, tmp_path):
    (block,) = BLOCKS["Traces"]
    names = {}
    exec(block, names)
    row = next(rows.read(place / "data/questions", "train", "grpo")).model_dump()
    wrong = next(label for label in row["labels"] if label != row["gold"])
    assert names["trace"](row, f"So {wrong}. {write(row['format'], wrong)}") is None
    kept = names["trace"](row, f"So {row['gold']}. {write(row['format'], row['gold'])}")
    assert rows.Trace.model_validate(kept).item == row["item"]
    inside = row | {"opens_reasoning": True}  # the template opened a thought that the trace doesn't close
    assert names["trace"](inside, f"So {row['gold']}. {write(row['format'], row['gold'])}") is None
