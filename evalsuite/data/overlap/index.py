"""One index of all benchmark questions, by which any number of texts is searched at once.

Every four words in a row of a question (a seed) that are no stock phrase are looked up in a table of bits first, which
nearly every seed of a text fails; what is left is looked up in the sorted list of seeds. A text that has at least two
seeds of a question is then compared with it word by word.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalsuite.data.overlap.benchmark_items import Question
from evalsuite.data.overlap.match import (
    OPTIONS_EXACT,
    SHORT,
    SHORTEST_EXACT,
    SHORTEST_NEAR,
    Match,
    Stem,
    compare,
    contained,
    rules_of,
    run_characters,
    words_of_seeds,
)
from evalsuite.data.overlap.word_hashes import SEED_WORDS, Hashes, Places, WordTable, seed_hashes, word_table

STOCK: Final = 10
"""A seed of more questions than this is a stock phrase, which proposes no match."""
_BITS: Final = 25
_SHIFT: Final = np.uint64(64 - _BITS)
_FEWEST: Final = 2
"""Seeds that a text must have of a question to be compared with it, if the question has as many."""
_OPTION_WORDS: Final = 4
"""Words that an item's options must have together, so that "yes, no, maybe" beside half a question is no evidence."""
_IN_A_ROW: Final = 3
"""Seeds in a row that are enough to compare a text with a question of any length."""


class _Hits(NamedTuple):
    """Seeds of the texts that questions have, sorted by text and question."""

    segments: Places
    questions: Places
    places: Places


class OverlapIndex:
    """The questions of benchmarks, prepared for the search in texts."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)
        table = word_table([question.text for question in self.questions])
        bounds = np.searchsorted(table.segments, np.arange(len(self.questions) + 1))
        self._short: dict[bytes, list[int]] = defaultdict(list)
        self._stems = self._make_stems(table, bounds)
        self._counts = np.array([len(stem.seeds) for stem in self._stems], np.int64)
        counts = Counter(option for q in self.questions for option in {o for item in q.items for o in item.options})
        self._stock_options = frozenset(option for option, count in counts.items() if count > STOCK)
        self._options = {
            text: words.tobytes()
            for text, words in _words_of({text for q in self.questions for item in q.items for text in item.options})
        }

    def _make_stems(self, table: WordTable, bounds: Places) -> list[Stem]:
        seeds = [seed_hashes(table.hashes[a:b]) for a, b in itertools.pairwise(bounds)]
        every = np.concatenate([np.unique(each) for each in seeds]) if seeds else np.empty(0, np.uint64)
        unique, counts = np.unique(every, return_counts=True)
        self._stock = unique[counts > STOCK]
        self._fill_postings(seeds, unique, counts)
        frequency = _Frequency(table, len(self.questions))
        stems = []
        for number, (a, b) in enumerate(itertools.pairwise(bounds)):
            words, order = table.hashes[a:b], np.argsort(seeds[number], kind="stable")
            if len(words) < SEED_WORDS:
                self._short[words.tobytes()].append(number)
            stock = words_of_seeds(np.flatnonzero(contained(seeds[number], self._stock)), len(words))
            weights = frequency.weights(words)
            stems.append(Stem(words, table.starts[a:b], table.ends[a:b], weights, seeds[number][order], order, stock))
        return stems

    def _fill_postings(self, seeds: Sequence[Hashes], unique: Hashes, counts: Places) -> None:
        """Store, by seed, the questions that it proposes: those of `_seeds[i]` from `_first[i]` on.

        A question with too few seeds but stock phrases is proposed by its rarest ones.
        """
        owners = np.repeat(np.arange(len(seeds)), [len(each) for each in seeds])
        every = np.concatenate(seeds) if seeds else np.empty(0, np.uint64)
        pairs = np.unique(np.stack([np.searchsorted(unique, every), owners]), axis=1)
        pairs = pairs[:, np.lexsort((counts[pairs[0]], pairs[1]))]
        begins = np.searchsorted(pairs[1], np.arange(len(seeds)))
        rank = np.arange(pairs.shape[1]) - begins[pairs[1]]
        pairs = pairs[:, (counts[pairs[0]] <= STOCK) | (rank < _FEWEST)]
        pairs = pairs[:, np.lexsort((pairs[1], pairs[0]))]
        used, self._first = np.unique(pairs[0], return_index=True)
        self._seeds, self._owners = unique[used], pairs[1]
        self._first = np.append(self._first, len(self._owners))
        self._bits = np.zeros(1 << _BITS, np.bool_)
        self._bits[self._seeds >> _SHIFT] = True

    def _lookup(self, seeds: Hashes) -> tuple[Places, NDArray[np.bool_]]:
        """Return for each seed its place in the list of seeds, and whether it stands there."""
        if not len(self._seeds):
            return np.zeros(len(seeds), np.int64), np.zeros(len(seeds), np.bool_)
        where = np.minimum(np.searchsorted(self._seeds, seeds), len(self._seeds) - 1)
        return where, self._seeds[where] == seeds

    def search(self, documents: Sequence[Sequence[str]], rows: bool) -> Iterator[Match]:
        """Yield what documents have of the questions, in the documents' order.

        Each document is given as its fields. `rows`: whether they are rows of a data set, in which a short question
        counts that is a whole field or stands beside its options; running text needs eight words in a row.
        """
        fields = [field for document in documents for field in document]
        owners = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
        firsts = np.searchsorted(owners, np.arange(len(documents) + 1))
        table = word_table(fields)
        bounds = np.searchsorted(table.segments, np.arange(len(fields) + 1))
        batch = _Batch(table, bounds, owners, firsts)
        found = [match for match in self._long_matches(batch, rows) if match is not None]
        if rows:
            found += self._short_matches(batch)
        yield from sorted(found, key=lambda match: (match.document, match.field, match.question))

    def _long_matches(self, batch: _Batch, rows: bool) -> Iterator[Match | None]:
        hits = self._hits(batch.table)
        if not len(hits.segments):
            return
        change = np.flatnonzero(np.diff(hits.segments) | np.diff(hits.questions)) + 1
        starts, ends = np.concatenate([[0], change]), np.concatenate([change, [len(hits.segments)]])
        enough = self._are_enough(hits, starts, ends)
        for start, end in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True):
            yield self._compare(
                batch, int(hits.questions[start]), int(hits.segments[start]), hits.places[start:end], rows
            )

    def _are_enough(self, hits: _Hits, starts: Places, ends: Places) -> NDArray[np.bool_]:
        """Return for each text and question whether a rule can hold: an eighth of the seeds, or some in a row."""
        counts, seeds = ends - starts, self._counts[hits.questions[starts]]
        ends_row = np.zeros(len(hits.places), np.bool_)
        ends_row[_IN_A_ROW - 1 :] = hits.places[_IN_A_ROW - 1 :] - hits.places[: 1 - _IN_A_ROW] == _IN_A_ROW - 1
        # The first two seeds of a group can only end a row of the group before.
        within = np.arange(len(hits.places)) - np.repeat(starts, counts)
        in_a_row = np.logical_or.reduceat(ends_row & (within >= _IN_A_ROW - 1), starts)
        enough: NDArray[np.bool_] = (8 * counts >= np.maximum(seeds, 8 * np.minimum(_FEWEST, seeds))) | in_a_row
        return enough

    def _hits(self, table: WordTable) -> _Hits:
        seeds, places = table.seeds()
        passed = np.flatnonzero(self._bits[seeds >> _SHIFT])
        where, known = self._lookup(seeds[passed])
        where, places = where[known], places[passed[known]]
        counts = self._first[where + 1] - self._first[where]
        repeated = np.repeat(np.arange(len(where)), counts)
        within = np.arange(len(repeated)) - np.repeat(np.cumsum(counts) - counts, counts)
        questions, places = self._owners[self._first[where[repeated]] + within], places[repeated]
        segments = table.segments[places]
        order = np.lexsort((places, questions, segments))
        return _Hits(segments[order], questions[order], places[order])

    def _compare(self, batch: _Batch, question: int, field: int, places: Places, rows: bool) -> Match | None:
        stem, size = self._stems[question], len(self._stems[question].words)
        if size < SHORTEST_EXACT and not rows:
            return None
        start, end = _densest(places, size + size // 2 + SHORTEST_EXACT)
        lowest, highest = batch.bounds[field], batch.bounds[field + 1]
        a, b = max(lowest, start - size), min(highest, end + SEED_WORDS + size)
        table = batch.table
        common = compare(stem, table.hashes[a:b], self._stock)
        if common is None:
            return None
        characters = run_characters(stem, common, table.ends[a:b], table.starts[a:b])
        document = int(batch.owners[field])
        wanted = 0 if common.run == size else _OPTION_WORDS
        options = 0.0
        if rows and size <= SHORT:
            options = self._options_in(batch, document, question, wanted, stock_too=not common.same_frame)
        part = self.questions[question].part
        rules = rules_of(stem, common, characters, options, SHORTEST_NEAR[part])
        if not rules:
            return None
        span = int(table.starts[a + common.first]), int(table.ends[a + common.last - 1])
        own = int(stem.starts[common.stem_first]), int(stem.ends[common.stem_last - 1])
        return Match(document, field - int(batch.firsts[document]), question, rules, common.share, span, own)

    def _short_matches(self, batch: _Batch) -> Iterator[Match]:
        """Yield the questions of fewer words than a seed that are a whole field of a row which has options, too."""
        lengths = np.diff(batch.bounds)
        for field in np.flatnonzero((lengths > 0) & (lengths < SEED_WORDS)).tolist():
            a, b = batch.bounds[field], batch.bounds[field + 1]
            for question in self._short.get(batch.table.hashes[a:b].tobytes(), ()):
                document = int(batch.owners[field])
                if self._options_in(batch, document, question, 0) >= OPTIONS_EXACT:
                    stem = self._stems[question]
                    span = int(batch.table.starts[a]), int(batch.table.ends[b - 1])
                    own = int(stem.starts[0]), int(stem.ends[-1])
                    yield Match(document, field - int(batch.firsts[document]), question, ("exact",), 1.0, span, own)

    def _options_in(self, batch: _Batch, document: int, question: int, words: int, stock_too: bool = True) -> float:
        """Return the largest share of an item's options that a document has, of items with so many words in options.

        `stock_too`: also of items all of whose options are those of more than `STOCK` questions.
        """
        content, best = batch.words_of(document), 0.0
        for item in self.questions[question].items:
            options = [self._options[option] for option in item.options]
            if sum(map(len, options)) >= 8 * words and (stock_too or not self._stock_options.issuperset(item.options)):
                best = max(best, sum(_contains(content, option) for option in options) / len(options))
        return best

    def has_text(self, fields: Sequence[str], text: str) -> bool:
        """Return whether fields of a document have a text as whole words in a row."""
        wanted = word_table([text]).hashes.tobytes()
        return any(_contains(word_table([field]).hashes.tobytes(), wanted) for field in fields)


class _Batch(NamedTuple):
    """Documents that are searched together."""

    table: WordTable
    bounds: Places
    """Where the words of each field begin; one more at the end."""
    owners: Places
    """The document of each field."""
    firsts: Places
    """The first field of each document."""

    def words_of(self, document: int) -> bytes:
        a, b = self.bounds[self.firsts[document]], self.bounds[self.firsts[document + 1]]
        return self.table.hashes[a:b].tobytes()


class _Frequency:
    """In how many questions each word stands."""

    def __init__(self, table: WordTable, questions: int) -> None:
        self._words, place = np.unique(table.hashes, return_inverse=True)
        pairs = np.unique(place * questions + table.segments)
        self._weights = np.log(1 + questions / np.bincount(pairs // questions, minlength=len(self._words))) ** 2

    def weights(self, words: Hashes) -> NDArray[np.float64]:
        """Return how much each word says, all together 1: the square of the logarithm of how rare it is."""
        found = self._weights[np.searchsorted(self._words, words)]
        weights: NDArray[np.float64] = found / max(found.sum(), 1e-9)
        return weights


def _densest(places: Places, width: int) -> tuple[int, int]:
    """Return the first and the last of the places that stand most closely, within a width."""
    after = np.searchsorted(places, places + width, side="right")
    best = int(np.argmax(after - np.arange(len(places))))
    return int(places[best]), int(places[after[best] - 1])


def _words_of(texts: set[str]) -> Iterator[tuple[str, Hashes]]:
    ordered = sorted(texts)
    table = word_table(ordered)
    bounds = np.searchsorted(table.segments, np.arange(len(ordered) + 1))
    for number, text in enumerate(ordered):
        yield text, table.hashes[bounds[number] : bounds[number + 1]]


def _contains(words: bytes, wanted: bytes) -> bool:
    """Return whether a sequence of words, eight bytes each, stands in another one."""
    place = words.find(wanted) if wanted else -1
    while place % 8 and place >= 0:
        place = words.find(wanted, place + 1)
    return place >= 0
