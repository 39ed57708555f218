"""The card of a folder of traces: what they are, how they were made, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.data.manifest import TRAIN, Manifest

_MODES = {
    "question": "The teacher got the question alone; a trace is kept if its strict answer is the gold label.",
    "resample": "The teacher got the question alone, and again until a trace was kept.",
    "gold": "The teacher got the question with its gold label, and wrote a concise chain from one to the other.",
}


def card(manifest: Manifest) -> str:
    """Return the text of README.md."""
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: Manifest) -> Iterator[str]:
    made_by, train = manifest.made_by, manifest.find(TRAIN)
    teacher = made_by["teacher"]
    yield f"# {_plain(manifest.name)}"
    yield ""
    yield f"{_plain(manifest.about)}"
    yield ""
    yield f"- rows: {0 if train is None else train.rows:,} of {made_by['questions']['count']:,} questions"
    yield f"- licence: {_plain(manifest.licence)}"
    yield f"- teacher: `{_plain(teacher['model'])}`, revision {_plain(teacher['revision'] or 'not stated')}"
    yield f"- decoding: {_facts(teacher['decoding'])}"
    yield f"- mode: {made_by['mode']}. {_MODES[made_by['mode']]}"
    yield f"- student: reasoning marked as `{made_by['student']['name']}`, answers as `{made_by['student']['format']}`"
    yield f"- evalsuite {made_by['versions']['evalsuite']}, parser {made_by['versions']['parser']}"
    usage = made_by["usage"]
    cost = f", cost {usage['cost']} {usage['currency']}" if "cost" in usage else ""
    yield f"- tokens: {usage['input_tokens']:,} of prompts, {usage['output_tokens']:,} of responses{cost}"
    if not made_by["complete"]:
        yield "- incomplete: some requests have no response; the same command requests them"
    for title, name in (("Kept by try", "kept_by_try"), ("Kept by refinement", "kept_by_refinement")):
        if made_by[name]:
            yield from _table(title, made_by[name])
    yield from _table("Left out, by reason", {each.name: each.dropped for each in manifest.filters})
    yield ""
    yield "Each row that was left out stands in `discarded.jsonl` with its reason and the place of the fault."
    yield "The filters find faults of form, wording, arithmetic and units, but not of medicine."


def _table(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if not counts:
        yield "None."
        return
    yield from ("| | traces |", "| :-- | --: |")
    yield from (f"| {_plain(name)} | {count:,} |" for name, count in counts.items())


def _facts(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)


def _plain(text: str) -> str:
    """Return a text of somebody else's in one line without the marks of tables and HTML."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
