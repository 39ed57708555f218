"""docs/answers.md lists every reasoning dialect as the code has it."""

from pathlib import Path

from evalsuite.parser import DIALECTS, ReasoningDialect

DOCUMENT = Path(__file__).parents[2] / "docs" / "answers.md"


def cell(marks: tuple[str, ...]) -> str:
    return ", ".join(f"`{mark}`" for mark in marks).replace("|", "\\|").replace("\n", "⏎")


def row(dialect: ReasoningDialect) -> str:
    wrappers = ", ".join(" … ".join(map(cell, ((opening,), (closing,)))) for opening, closing in dialect.wrappers)
    openings = cell((*dialect.openings, *dialect.leading))
    cells = (dialect.name, dialect.models, openings, cell(dialect.closings), wrappers, dialect.stripped)
    return f"| {' | '.join(cells)} |"


def test_the_table_is_that_of_the_code() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index("| :-- | :-- | :-- | :-- | :-- | :-- |") + 1
    assert lines[start : start + len(DIALECTS) + 1] == [*map(row, DIALECTS), ""]
