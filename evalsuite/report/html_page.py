"""report.html: one file that loads nothing but the items beside it, and runs nothing that a model wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import jinja2

from evalsuite import __version__
from evalsuite.analysis.leaderboard import NamedRun
from evalsuite.report.item_browser import FOLDER
from evalsuite.report.leaderboard_json import sizes
from evalsuite.report.markdown import (
    READINGS,
    REPEATED,
    REPEATED_LEGEND,
    ROTATED,
    ROTATION_LEGEND,
    rank_text,
    repeated_cells,
    rotation_cells,
    setting,
)
from evalsuite.report.run_names import facts
from evalsuite.report.script_json import script_json
from evalsuite.util.format import percent

Json = dict[str, Any]
_SCRIPTS = ("dom.js", "load.js", "board.js", "plates.js", "verdicts.js", "items.js", "item.js", "main.js")


def page(
    content: Json, sections: Sequence[Json], costs: Sequence[Json], items: Sequence[Json], entries: Sequence[NamedRun]
) -> bytes:
    """Render the page.

    Scripts carry a nonce that the policy demands, made from the content itself: whoever writes a response can't know
    it, and the same report is the same file.
    """
    data = script_json({"board": content, "sections": sections, "items": items, "folder": FOLDER})
    script = "\n".join(asset(name) for name in _SCRIPTS)
    nonce = hashlib.sha256(data + script.encode()).hexdigest()[:32]
    text = (
        environment()
        .get_template("report.html.j2")
        .render(
            board=content,
            sizes=sizes(content),
            parse_mode=READINGS[content["parse_mode"]],
            rotated=ROTATED,
            rotation_legend=ROTATION_LEGEND,
            repeated=REPEATED,
            repeated_legend=REPEATED_LEGEND,
            names={row["id"]: row["name"] for row in content["rows"]},
            sections=sections,
            costs=costs,
            has_items=bool(items),
            runs=[_sheet(entry, content) for entry in entries],
            version=__version__,
            nonce=nonce,
            style=asset("report.css"),
            script=script,
            plotly=plotly() if sections else "",
            data=data.decode("utf-8"),
        )
    )
    return text.encode("utf-8", "backslashreplace")


def environment() -> jinja2.Environment:
    """What pages are rendered by: every text escaped, nothing left undefined."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {"percent": percent, "rank": rank_text, "safe_text": safe_text, "setting": setting}
    return made


def asset(name: str) -> str:
    """A file of the page's own."""
    return (files("evalsuite.report") / "assets" / name).read_text("utf-8")


def safe_text(text: Any) -> str:
    """Text without what a page can't hold or a reader can't see: controls and marks that turn the direction of text."""
    return "".join(c if c in "\n\t" or (c.isprintable() and c not in _TURNS) else f"\\u{ord(c):04x}" for c in str(text))


_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plotly() -> str:
    """Plotly's own script, as it may stand in a page."""
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text.replace("</script", "<\\/script")


def _sheet(entry: NamedRun, content: Json) -> Json:
    """One run's card: its figures by task, and all of run.json."""
    row = next(row for row in content["rows"] if row["id"] == entry.id)
    about = facts(entry.result)
    notes: dict[str, list[str]] = {}
    for task, summary in entry.result.tasks.items():
        for note in summary.notes:
            notes.setdefault(note, []).append(task)
    return {
        "row": row,
        "tasks": entry.result.tasks,
        "rotated": {
            task: rotation_cells(summary.accuracy._asdict(), summary.robustness.model_dump())
            for task, summary in entry.result.tasks.items()
            if summary.robustness
        },
        "repeated": {
            task: repeated_cells(summary.samples, summary.accuracy._asdict(), summary.repeated_samples.model_dump())
            for task, summary in entry.result.tasks.items()
            if summary.repeated_samples
        },
        "notes": list(notes.items()),
        "identity": about.get("identity_digest", ""),
        "facts": json.dumps(about, indent=2, ensure_ascii=False) if about else "",
    }
