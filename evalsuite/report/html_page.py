"""report.html: one file that loads only the items beside it, and executes nothing that a model wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import jinja2

from evalsuite.analysis.leaderboard import NamedRun
from evalsuite.report.item_browser import FOLDER
from evalsuite.report.leaderboard_json import sizes
from evalsuite.report.markdown import (
    PARSE_MODES,
    REPEATED,
    REPEATED_LEGEND,
    ROTATED,
    ROTATION_LEGEND,
    rank_text,
    repeated_cells,
    rotation_cells,
    setting,
)
from evalsuite.report.run_names import run_json
from evalsuite.report.script_json import script_json
from evalsuite.util.format import percent
from evalsuite.version import __version__

Json = dict[str, Any]
_SCRIPTS = ("dom.js", "load.js", "board.js", "charts.js", "verdicts.js", "items.js", "item.js", "main.js")


def html_page(
    content: Json, sections: Sequence[Json], costs: Sequence[Json], items: Sequence[Json], entries: Sequence[NamedRun]
) -> bytes:
    """Return report.html as UTF-8.

    The content security policy allows only scripts with a nonce. It is derived from the content, so the author of a
    response can't know it, and the same report gives the same file.
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
            parse_mode=PARSE_MODES[content["parse_mode"]],
            rotated=ROTATED,
            rotation_legend=ROTATION_LEGEND,
            repeated=REPEATED,
            repeated_legend=REPEATED_LEGEND,
            names={row["id"]: row["name"] for row in content["rows"]},
            sections=sections,
            costs=costs,
            has_items=bool(items),
            runs=[_run_card(entry, content) for entry in entries],
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
    """Return the template environment of the pages: it escapes every text and refuses undefined names."""
    result = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    result.filters |= {"percent": percent, "rank": rank_text, "safe_text": safe_text, "setting": setting}
    return result


def asset(name: str) -> str:
    """Return the text of an asset of the page."""
    return (files("evalsuite.report") / "assets" / name).read_text("utf-8")


def safe_text(text: Any) -> str:
    """Return a text with control characters and bidirectional marks written as escapes.

    A page can't hold the former, and the latter could show a text in another order than it has.
    """
    return "".join(
        c if c in "\n\t" or (c.isprintable() and c not in _BIDIRECTIONAL) else f"\\u{ord(c):04x}" for c in str(text)
    )


_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plotly() -> str:
    """Return Plotly's script in a form that a script element can hold."""
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text.replace("</script", "<\\/script")


def _run_card(entry: NamedRun, content: Json) -> Json:
    """Return one run card: its numbers by task, and all of run.json."""
    row = next(row for row in content["rows"] if row["id"] == entry.id)
    about = run_json(entry.result)
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
