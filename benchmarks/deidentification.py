"""What de-identification finds and what it wrongly masks, beside presidio as it comes.

    python benchmarks/deidentification.py [--data-dir ../shared/data] [--vignettes 1273] [--errors] [--json]

reads sentences with marked identifiers (`deidentification/*.txt`; each says at its top whether rules were tuned on
it) and prints, by kind, the share of identifiers that masks cover whole (recall) and the share of masks that touch
an identifier (precision), with Wilson's 95% intervals. An identifier may be covered by masks of any kind, so that
presidio's own names of kinds count as well as ours. With --data-dir it also prints the share of MedQA's test
vignettes in which anything is masked: they describe nobody, so hardly any should be. presidio has its default
recognizers and threshold, and the same small model of spaCy.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalsuite.stats.intervals import wilson
from training.synthesis.refine.deidentify.deidentify import find_identifiers
from training.synthesis.refine.deidentify.lexicon import load_lexicon
from training.synthesis.refine.deidentify.model import SPACY_MODEL, EntityModel

PARTS = ("first", "second", "third")
FOLDER = Path(__file__).with_suffix("")
MARK = re.compile(r"\{(\w+):([^}]*)\}")
VIGNETTES = "medqa/phrases_no_exclude_test.4options.jsonl.gz"
THEIR_KINDS = {
    "PERSON": "name",
    "LOCATION": "place",
    "DATE_TIME": "date",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "US_SSN": "ssn",
    "US_DRIVER_LICENSE": "licence",
    "MEDICAL_LICENSE": "licence",
    "CREDIT_CARD": "account",
    "IBAN_CODE": "account",
    "US_BANK_NUMBER": "account",
}


class Span(NamedTuple):
    """Characters of a text, and what they are."""

    start: int
    end: int
    kind: str


Finder = Callable[[Sequence[str]], list[list[Span]]]


def sentences(name: str) -> Iterator[tuple[str, list[Span]]]:
    """Yield the sentences of one part with the identifiers that are marked in them."""
    for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            text, spans, last = "", [], 0
            for match in MARK.finditer(line):
                text += line[last : match.start()]
                spans.append(Span(len(text), len(text) + len(match[2]), match[1]))
                text, last = text + match[2], match.end()
            yield text + line[last:], spans


def ours() -> Finder:
    """Return this package's finder."""
    lexicon, model = load_lexicon(), EntityModel()

    def find(texts: Sequence[str]) -> list[list[Span]]:
        pairs = zip(texts, model.propose(texts), strict=True)
        return [[Span(*each[:3]) for each in find_identifiers(text, lexicon, found)] for text, found in pairs]

    return find


def stock() -> Finder:
    """Return presidio's finder."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": "en", "model_name": SPACY_MODEL}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    analyzer = AnalyzerEngine(nlp_engine=provider.create_engine())

    def find(texts: Sequence[str]) -> list[list[Span]]:
        return [
            [
                Span(each.start, each.end, THEIR_KINDS.get(each.entity_type, "other"))
                for each in analyzer.analyze(text, "en")
            ]
            for text in texts
        ]

    return find


def score(find: Finder, part: str, show_errors: bool) -> dict[str, Any]:
    """Return, by kind, [found, identifiers] and [right, masks]; how many sentences without identifiers are masked."""
    recall: Counter[tuple[str, bool]] = Counter()
    precision: Counter[tuple[str, bool]] = Counter()
    rows = list(sentences(part))
    clean = touched = 0
    for (text, marked), masks in zip(rows, find([text for text, _ in rows]), strict=True):
        covered = {place for each in masks for place in range(each.start, each.end)}
        clean, touched = clean + (not marked), touched + (not marked and bool(masks))
        for each in marked:
            whole = all(place in covered for place in range(each.start, each.end) if text[place].isalnum())
            recall.update([(each.kind, whole), ("all", whole)])
            if show_errors and not whole:
                print(f"  missed {each.kind}: {text[each.start : each.end]!r} in {text!r}")
        for mask in masks:
            right = any(mask.start < each.end and each.start < mask.end for each in marked)
            precision.update([(mask.kind, right), ("all", right)])
            if show_errors and not right:
                print(f"  wrongly masked as {mask.kind}: {text[mask.start : mask.end]!r} in {text!r}")
    return {
        "recall": _pairs(recall),
        "precision": _pairs(precision),
        "clean sentences": [touched, clean],
        "sentences": len(rows),
    }


def _pairs(counts: Counter[tuple[str, bool]]) -> dict[str, list[int]]:
    kinds = sorted({kind for kind, _ in counts})
    return {kind: [counts[kind, True], counts[kind, True] + counts[kind, False]] for kind in kinds}


def vignettes(find: Finder, path: Path, count: int) -> list[int]:
    """Return how many vignettes have anything masked, and how many there are."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["question"] for line in stream][:count]
    return [sum(map(bool, find(texts))), len(texts)]


def percent(pair: Sequence[int]) -> str:
    """Return a share with its interval."""
    if not pair[1]:
        return ""
    each = wilson(pair[0], pair[1])
    return f"{100 * each.value:.1f} ({100 * each.low:.1f}-{100 * each.high:.1f}), {pair[0]}/{pair[1]}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--vignettes", type=int, default=1273)
    parser.add_argument("--errors", action="store_true", help="print each error of ours")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    finders = {"ours": ours(), "presidio": stock()}
    result: dict[str, Any] = {
        name: {part: score(find, part, options.errors and name == "ours") for part in PARTS}
        for name, find in finders.items()
    }
    if options.data_dir is not None:
        for name, find in finders.items():
            result[name]["vignettes"] = vignettes(find, options.data_dir / VIGNETTES, options.vignettes)
    if options.json:
        print(json.dumps(result))
    else:
        print_tables(result)


def print_tables(result: dict[str, Any]) -> None:
    """Print one table for each part, and the vignettes."""
    for part in PARTS:
        print(f"\n{part} part: %, 95% interval, counts\n")
        print("| kind | recall, ours | recall, presidio | precision, ours | precision, presidio |")
        print("| :-- | --: | --: | --: | --: |")
        both = [result[name][part] for name in ("ours", "presidio")]
        for kind in sorted(both[0]["recall"], key=lambda kind: (kind != "all", kind)):
            cells = [percent(each[what].get(kind, [0, 0])) for what in ("recall", "precision") for each in both]
            print(f"| {kind} | {' | '.join(cells)} |")
        cells = [percent(each["clean sentences"]) for each in both]
        print(f"\nsentences without identifiers in which something is masked: ours {cells[0]}; presidio {cells[1]}")
    for name in ("ours", "presidio"):
        if "vignettes" in result[name]:
            print(f"vignettes in which something is masked, {name}: {percent(result[name]['vignettes'])}")


if __name__ == "__main__":
    main()
