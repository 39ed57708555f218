"""The whole way from a wiki to a folder of tables: pages, infoboxes and links, and what a model reads in sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from evalsuite.errors import DataError, ErrorCode
from evalsuite.run.spec import RunSpec
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.jsonl import dump_json_line
from training.data.manifest import FILE as MANIFEST
from training.data.manifest import Filter, Manifest, describe, write_manifest
from training.model_requests import Answers, ask
from training.synthesis.graph.graph import Graph
from training.synthesis.graph.input_file import InputFile
from training.synthesis.graph.kinds import NodeType
from training.synthesis.graph.linking import Linker
from training.synthesis.graph.load import NODES, TRIPLES, read_graph
from training.synthesis.graph.sources import UNSTATED, Problems, Source
from training.synthesis.wiki.articles import Collection, collect, open_pages
from training.synthesis.wiki.extraction import VERSION as PROMPT_VERSION
from training.synthesis.wiki.extraction import extraction_prompt
from training.synthesis.wiki.passages import Passage, passages
from training.synthesis.wiki.replies import ReplyReader
from training.synthesis.wiki.statements import Refused, Triple, WikiNode, node_table, triple_table
from training.synthesis.wiki.structured import Structure

REFUSED: Final = "refused.jsonl"
ARTICLES: Final = "articles.jsonl"
REQUESTS: Final = "requests"
PURPOSE: Final = "wiki"
WIKIPEDIA_LICENCE: Final = "CC BY-SA 4.0"
_WIKIPEDIA: Final = re.compile(r"https?://[a-z-]+\.(?:m\.)?wikipedia\.org(?:/|\Z)")
_DATE: Final = re.compile(r"-(\d{8})[-.]")


class WikiSettings(NamedTuple):
    """What is read. `graphs`: further graphs whose names are known, too; `licence`: of the wiki, if it states none."""

    path: Path
    graphs: tuple[str | Path, ...] = ()
    licence: str = ""
    skip_bad: bool = False


class WikiAgent:
    """A wiki that has been read: its structure, and the passages that a model can read."""

    def __init__(self, settings: WikiSettings) -> None:
        self.settings = settings
        self.problems = Problems(settings.skip_bad)
        known = _linker(read_graph(settings.graphs, settings.skip_bad)) if settings.graphs else None
        self.collection: Collection = collect(
            open_pages(settings.path), self.problems, lambda title: bool(known and known.link(title))
        )
        self.structure = Structure(self.collection)
        names = self._graph(node_table(self._source, self.structure.nodes.values()))
        self.structure.read(_ByName(names))
        self.collection.redirects.close()
        table = triple_table(self._source, self.structure.triples)
        self.graph = self._graph(node_table(self._source, self.structure.nodes.values()), table)
        self.linker = _linker(self.graph)

    @cached_property
    def passages(self) -> list[Passage]:
        """The passages of all articles that name at least two entities."""
        return [each for article in self.collection.articles for each in passages(article, self.linker)]

    @cached_property
    def _source(self) -> Source:
        site, name = self.collection.site, self.settings.path.name
        date = _DATE.search(name)
        latest = max((each.page.timestamp for each in self.collection.articles), default="")
        by_site = WIKIPEDIA_LICENCE if _WIKIPEDIA.match(site.base) else UNSTATED.licence
        return Source(
            f"{site.name or 'wiki'} ({site.prefix})",
            date[1] if date else latest,
            TRIPLES,
            "",
            self.settings.licence or by_site,
            f"Text by the contributors of {site.name or name}; each row names its page and revision.",
        )

    def _graph(self, *tables: bytes) -> Graph:
        files = [InputFile(Path(NODES), table, "") for table in tables]
        return read_graph([*self.settings.graphs, *files], self.settings.skip_bad)

    def counts(self) -> dict[str, int]:
        """Return what there is to read, in numbers."""
        prompts = {extraction_prompt(each).id for each in self.passages}
        parts = [part for each in self.collection.articles for part in each.sections]
        return {
            **self.collection.counts,
            "sentences": sum(len(part.sentences) for part in parts),
            "sentences left out": sum(part.left_out for part in parts),
            "nodes": len(self.structure.nodes),
            "triples without a model": len(self.structure.triples),
            "passages": len(self.passages),
            "requests": len(prompts),
        }

    def ask(self, spec: RunSpec, folder: Path, tell: Callable[[str], None]) -> tuple[list[Triple | Refused], Answers]:
        """Have a model read the passages. Return what it stated or why that was refused, in the order of the wiki."""
        prompts = [extraction_prompt(each) for each in self.passages]
        about = {"prompt": PROMPT_VERSION, "wiki": self.collection.sha256, "names": self.graph.digest}
        answers = ask(spec, prompts, folder, about, tell)
        reader = ReplyReader(self.graph, self.linker, spec.model)
        found: list[Triple | Refused] = []
        for passage, sent in zip(self.passages, prompts, strict=True):
            record = answers.records.get(sent.key)
            if record is None:
                found.append(reader.missing(passage, answers.failed.get(sent.key, "")))
            else:
                found += reader.read(passage, record)
        return found, answers

    def write(self, folder: Path, read: Sequence[Triple | Refused], spec: RunSpec | None) -> Manifest:
        """Write the tables, the refused rows, the articles with their revisions, and the manifest.

        `read`: what the model that `spec` names has stated.
        """
        triples = list(dict.fromkeys((*self.structure.triples, *(each for each in read if isinstance(each, Triple)))))
        refused = [*self.structure.refused, *(each for each in read if isinstance(each, Refused))]
        folder.mkdir(parents=True, exist_ok=True)
        nodes = list(self.structure.nodes.values())
        write_atomically(folder / NODES, node_table(self._source, nodes))
        write_atomically(folder / TRIPLES, triple_table(self._source, triples))
        write_atomically(folder / REFUSED, b"".join(dump_json_line(each._asdict()) for each in refused))
        articles = self._article_rows(triples)
        write_atomically(folder / ARTICLES, b"".join(map(dump_json_line, articles)))
        rows = [(NODES, len(nodes)), (TRIPLES, len(triples)), (REFUSED, len(refused)), (ARTICLES, len(articles))]
        manifest = Manifest(
            name=folder.resolve().name,
            about=f"Triples read from {self._source.name}. {self._source.attribution}",
            licence=self._source.licence,
            files=describe(folder, rows),
            filters=_filters(triples, refused),
            made_by=self._made_by(spec),
        )
        write_manifest(folder, manifest)
        return manifest

    def _article_rows(self, triples: Sequence[Triple]) -> list[dict[str, Any]]:
        """Return title and revision of each article, which is the attribution that its licence asks for."""
        used = Counter(each.references[0] for each in triples)
        return [
            {
                "title": page.title,
                "page": page.page_id,
                "revision": page.revision,
                "timestamp": page.timestamp,
                "sentences": sum(len(part.sentences) for part in each.sections),
                "sentences_left_out": sum(part.left_out for part in each.sections),
                "triples": used[page.title],
            }
            for each in self.collection.articles
            for page in (each.page,)
        ]

    def _made_by(self, spec: RunSpec | None) -> dict[str, Any]:
        # No address of a server: the same model gives the same folder wherever it runs.
        read_by = {"model": spec.model, **asdict(spec.settings.decoding), "prompt": PROMPT_VERSION} if spec else None
        return {
            "program": "evalsuite train wiki",
            "source": {**self._source._asdict(), "file": self.settings.path.name, "sha256": self.collection.sha256},
            "names": [each._asdict() for each in self.graph.sources if each.sha256],
            "counts": self.counts(),
            "left_out": {"count": sum(self.problems.counts.values()), "first": self.problems.messages},
            "read_by": read_by,
        }


def _filters(triples: Sequence[Triple], refused: Sequence[Refused]) -> list[Filter]:
    """Return a row for each reason of a refusal."""
    reasons = Counter(each.reason for each in refused)
    return [Filter(name=name, kept=len(triples), dropped=count) for name, count in sorted(reasons.items())]


class _ByName:
    """Finds the one node that a name in an infobox means."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._linker = Linker(graph)

    def __call__(self, name: str, kind: NodeType) -> WikiNode | str:
        found = self._linker.link(name)
        fitting = [number for number in found if kind in (NodeType.CONCEPT, self._graph.type(number))] or list(found)
        if len(fitting) != 1:
            return "ambiguous_name" if fitting else "unlinked_text"
        node = self._graph.node(fitting[0])
        return WikiNode(node.id, self._graph.type(fitting[0]), self._graph.name(fitting[0]))


def _linker(graph: Graph) -> Linker:
    return Linker(graph)


def check_folder(folder: Path, with_model: bool) -> None:
    """Raise a `DataError` for a folder that holds anything but an unfinished or equal reading by a model."""
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if not names or (with_model and REQUESTS in names):
        return
    what = "holds a finished reading" if MANIFEST in names else "is not empty"
    raise DataError(ErrorCode.OUTPUT_EXISTS, f"{folder}: {what} (`out`); name a new folder")
