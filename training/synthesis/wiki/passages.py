"""Cuts the sections of articles to passages in which at least two entities are named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from training.synthesis.graph.linking import Linker
from training.synthesis.wiki.article import Article, ArticleSection

LONGEST: Final = 1500
"""Characters of a passage, unless one sentence alone is longer."""


class Passage(NamedTuple):
    """Consecutive sentences of a section, and the names in them that the linker knows, in their order."""

    article: Article
    section: ArticleSection
    sentences: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def text(self) -> str:
        """The passage as the model reads it."""
        return " ".join(self.sentences)


def passages(article: Article, linker: Linker) -> Iterator[Passage]:
    """Yield the passages of an article. One that names fewer than two entities can hold no relation of two."""
    for section in article.sections:
        for sentences in _packed(section.sentences):
            text = " ".join(sentences)
            names: dict[str, None] = {}
            entities: set[tuple[int, ...]] = set()
            for mention in linker.mentions(text):
                names[text[mention.start : mention.end]] = None
                entities.add(mention.nodes)
            if len(entities) > 1:
                yield Passage(article, section, sentences, tuple(names))


def _packed(sentences: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    taken: list[str] = []
    length = 0
    for sentence in sentences:
        if taken and length + len(sentence) > LONGEST:
            yield tuple(taken)
            taken, length = [], 0
        taken.append(sentence)
        length += len(sentence) + 1
    if taken:
        yield tuple(taken)
