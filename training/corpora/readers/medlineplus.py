"""Reads MedlinePlus's file of health topics: their summaries in English and Spanish."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.corpora.documents import Document, Record, Refused
from training.corpora.markup.elements import Element, UnreadableError, local_name, parse_html, parse_xml
from training.corpora.markup.guarded import ChangedDigitsError, guarded
from training.corpora.markup.inline import normalised
from training.corpora.readers.html.dialect import DIALECT
from training.corpora.readers.packages import each_record

NAME: Final = "medlineplus"
LICENCE: Final = "LicenseRef-public-domain"
"""Summaries of health topics are works of the United States government; what they link to is not read."""
_LANGUAGES: Final = {"english": "en", "spanish": "es"}


def read_medlineplus(path: Path, top: Path | None = None) -> Iterator[Record]:
    """Yield the full summary of each topic of `mplus_topics_DATE.xml`, or of all such files below a folder.

    The summary is HTML inside of the XML. Raises `DataError` where there is nothing to read.
    """
    return each_record(path, (".xml",), _read, top)


def _read(content: bytes, name: str) -> Iterator[Record]:
    root = parse_xml(content)
    if local_name(root) != "health-topics":
        yield Refused(f"{name}:1", "malformed", f"the root is <{local_name(root)[:40]}>, not <health-topics>")
        return
    for topic in root.iterchildren("{*}health-topic"):
        locator = f"{name}:{topic.sourceline or 1}"
        try:
            yield _topic(topic, locator)
        except UnreadableError as error:
            yield Refused(locator, "malformed", f"topic {topic.get('id')}: its summary can't be read ({error})")
        except ChangedDigitsError as error:
            yield Refused(locator, "digits_changed", f"topic {topic.get('id')}: {error}")


def _topic(topic: Element, locator: str) -> Record:
    identity, title = topic.get("id", "").strip(), normalised(topic.get("title", ""))
    if not identity:
        return Refused(locator, "missing_id", f"topic {title[:80]!r} states no id")
    summary = "".join(part for each in topic.iterchildren("{*}full-summary") for part in each.itertext()).strip()
    if not summary:
        return Refused(locator, "no_text", f"topic {identity} {title[:80]!r} has no summary")
    text = guarded([parse_html(summary)], DIALECT)
    if not text.text:
        return Refused(locator, "no_text", f"topic {identity} {title[:80]!r} has no summary")
    language = _LANGUAGES.get(topic.get("language", "").strip().lower(), "und")
    year = re.search(r"(?:19|20)\d\d\b", topic.get("date-created", ""))
    marks = ("note_marks_removed",) if text.note_marks else ()
    return Document(
        f"{NAME}:{identity}",
        NAME,
        title,
        text.text,
        LICENCE,
        locator,
        language,
        marks,
        year=int(year[0]) if year else None,
    )
