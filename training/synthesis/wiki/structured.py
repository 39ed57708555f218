"""What a wiki states outside of its sentences: nodes from pages and redirects, triples from infoboxes and links."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from training.synthesis.graph.kinds import NodeType, Relation
from training.synthesis.wiki.article import Article
from training.synthesis.wiki.articles import Collection
from training.synthesis.wiki.infobox import FIELDS, FieldItem, is_code
from training.synthesis.wiki.page import Link, display_name
from training.synthesis.wiki.redirects import Redirect
from training.synthesis.wiki.relations import fits
from training.synthesis.wiki.statements import Refused, Triple, WikiNode, references

LINKS_TO = "links_to"
"""The relation of two entities of which one's article links to the other's; it says nothing of how."""
ByName = Callable[[str, NodeType], WikiNode | str]
"""Returns the one node that a name means where this type is expected, or the name of a reason why there is none."""


class Structure:
    """The nodes and triples of a wiki as its markup states them."""

    def __init__(self, collection: Collection) -> None:
        self._site, self._articles = collection.site, collection.articles
        self._disambiguations = collection.disambiguations
        self.nodes: dict[str, WikiNode] = {}
        """By title: pages with an infobox, and what their fields link to."""
        self.triples: list[Triple] = []
        self.refused: list[Refused] = []
        about = {each.page.title: each for each in self._articles if each.box.type is not None}
        self._synonyms = collection.redirects.to(frozenset(about) | self._linked())
        for title, article in about.items():
            self._add(title, article.box.type or NodeType.CONCEPT, article)
        self._redirects: dict[str, Redirect] = collection.redirects.of(self._linked())

    def read(self, by_name: ByName) -> None:
        """Turn every field and every link between entities into a triple, or say why not."""
        for article in self._articles:
            if article.page.title in self.nodes:
                for item in article.box.items:
                    self._field(article, item, by_name)
                self.triples += self._codes(article)
        for article in self._articles:
            if article.page.title in self.nodes:
                self.triples += self._links(article)

    def _linked(self) -> set[str]:
        """Return the titles that fields and sections link to."""
        fields = {item.link.title for each in self._articles for item in each.box.items if item.link}
        return fields | {link.title for each in self._articles for part in each.sections for link in part.links}

    def _add(self, title: str, kind: NodeType, article: Article | None = None) -> WikiNode:
        name = display_name(title)
        others = [display_name(each) for each in self._synonyms.get(title, ())]
        others += article.box.synonyms if article else ()
        synonyms = tuple(each for each in dict.fromkeys(others) if each.casefold() != name.casefold())
        xrefs = tuple(each for each in article.box.xrefs if not is_code(each)) if article else ()
        node = self.nodes[title] = WikiNode(self._site.node_id(title), kind, name, synonyms, xrefs)
        return node

    def _resolve(self, link: Link) -> tuple[str, str]:
        """Return the title that a link leads to, or a reason why it can't be used."""
        title = link.title
        if link.section:
            return "", "link_to_section"
        for _ in range(len(self._redirects) + 1):
            redirect = self._redirects.get(title)
            if redirect is None:
                break
            if redirect.loose:
                return "", "redirect_to_part"
            title = redirect.target
        else:
            return "", "redirect_circle"
        if title in self._disambiguations:
            return "", "disambiguation"
        return (title, "") if title else ("", "no_article")

    def _field(self, article: Article, item: FieldItem, by_name: ByName) -> None:
        field = FIELDS[item.field]
        page = self.nodes[article.page.title]
        target = self._target(item, field.type, by_name) if not item.reason else item.reason
        if not isinstance(target, str):
            ends = (target, page) if field.flipped else (page, target)
            if target.id == page.id:
                target = "page_itself"
            elif not fits(field.relation, ends[0].type, ends[1].type):
                target = "wrong_type"
        if isinstance(target, str):
            where = f"infobox: {item.field}"
            self.refused.append(Refused(target, article.page.title, article.page.revision, where, item.text))
            return
        evidence = references(article, f"infobox: {item.field}")
        self.triples.append(Triple(ends[0], str(field.relation), ends[1], False, f"infobox {item.field}", evidence))

    def _target(self, item: FieldItem, kind: NodeType, by_name: ByName) -> WikiNode | str:
        if item.link is None:
            return by_name(item.text, kind)
        title, reason = self._resolve(item.link)
        if reason:
            return reason
        return self.nodes.get(title) or self._add(title, kind)

    def _codes(self, article: Article) -> Iterator[Triple]:
        page = self.nodes[article.page.title]
        for xref in article.box.xrefs:
            if is_code(xref) and page.type == NodeType.DISEASE:
                code = WikiNode(xref, NodeType.CODE, xref.partition(":")[2])
                place = references(article, "infobox: code")
                yield Triple(page, str(Relation.HAS_CODE), code, False, "infobox code", place)

    def _links(self, article: Article) -> Iterator[Triple]:
        """Yield one triple for each other entity that the article links to, at its first link."""
        page = self.nodes[article.page.title]
        seen = {page.id}
        for section in article.sections:
            for link in section.links:
                title, reason = self._resolve(link)
                target = None if reason else self.nodes.get(title)
                if target is not None and target.id not in seen:
                    seen.add(target.id)
                    place = references(article, f"section: {section.name}")
                    yield Triple(page, LINKS_TO, target, False, "link", place)
