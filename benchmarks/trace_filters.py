"""Measure how often the filters of traces discard recorded responses, and how many traces they read a second.

    python benchmarks/trace_filters.py --data-dir ../shared/data [--hits 60]

The responses are real: models with and without reasoning marks on seven benchmarks. None of them was shown the gold
label, so that the filter `leak`, which here examines all of them as if they had been, should find no mention of one.
Each response's question is its only source. `--hits` prints so many hits of each reason, to be read by eye; hits that
were found wrong by that stand in `WRONG_HITS`, by which the last columns are computed.
"""

import argparse
import contextlib
import gzip
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from evalsuite.data.load import load
from evalsuite.stats.intervals import jeffreys
from evalsuite.tasks.item import Item
from evalsuite.tasks.registry import load_task
from training.traces.filters import TeacherTrace, TraceFilters
from training.traces.filters.arithmetic import Judgement, equations
from training.traces.filters.conversions import conversions
from training.traces.filters.filters import FILTERS
from training.traces.filters.formulas import formula_statements

TASKS = {
    "medqa_4opt": "medqa", "medmcqa": "medmcqa", "pubmedqa": "pubmedqa", "medbullets_op5": "medbullets_op5",
    "medxpertqa_text": "medxpertqa", "mmlu_pro_biology": "mmlu_pro_biology", "mmlu_pro_health": "mmlu_pro_health",
}  # fmt: skip
"""Task by the name that the recorded responses have for it."""
WRONG_HITS = {
    ("wrong_arithmetic", "mmlu_pro_biology/3140"): "1/4000 for 2 x 1/8000 x 7999/8000: rounded, in a fraction",
    ("wrong_arithmetic", "mmlu_pro_health/6787"): "1/10000 for 0.000102: rounded, in a fraction",
    ("wrong_language", "mmlu_pro_biology/3076"): "a list of codons",
}
"""Hits that a reader would not have discarded."""
_THOUGHTS = re.compile(r"\s*<think>(.*?)(?:</think>(.*)|$)", re.DOTALL)


def traces(data: Path, per_file: int) -> Iterator[tuple[str, TeacherTrace]]:
    """Yield recorded responses as traces, each with the name of its item."""
    items = {name: {item.id: item for item in load(load_task(task), data).items} for name, task in TASKS.items()}
    for path in sorted((data / "recorded").glob("*.jsonl.gz")):
        taken = 0
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                item = items[row["benchmark"]].get(str(row["item_id"]))
                if item is not None and row["text"].strip() and taken < per_file:
                    taken += 1
                    yield f"{row['benchmark']}/{row['item_id']}", trace_of(row["text"], item)


def trace_of(text: str, item: Item) -> TeacherTrace:
    """Return a response as a trace, as if the teacher had been shown the gold label and had the question as source."""
    if text.startswith('{"step_by_step_thinking"'):
        with contextlib.suppress(ValueError):
            text = str(json.loads(text)["step_by_step_thinking"])
    thoughts = _THOUGHTS.match(text)
    reasoning, final = (thoughts[1], thoughts[2] or "") if thoughts else (text, "")
    sources = (item.question, *(text for _, text in item.context))
    options = dict(zip(item.labels, item.options, strict=True))
    return TeacherTrace(item.question, options, item.gold, reasoning, final, sources, gold_shown=True)


def count_statements(every: list[tuple[str, TeacherTrace]]) -> None:
    """Print how many statements of each kind are right, wrong and not checkable."""
    print("| statements | right | called wrong | not checkable | wrongly called wrong, of those checked |")
    print("| :-- | --: | --: | --: | --: |")
    for kind, reason in (
        ("equations", "wrong_arithmetic"),
        ("conversions", "wrong_conversion"),
        ("formulas", "wrong_formula"),
    ):
        counts, mistakes = Counter[str](), 0
        for name, trace in every:
            for statement in statements(kind, trace):
                counts[statement] += 1
                mistakes += statement == Judgement.WRONG and (reason, name) in WRONG_HITS
        checked = counts[Judgement.RIGHT] + counts[Judgement.WRONG]
        share = jeffreys(mistakes / checked, checked) if checked else None
        rate = "" if share is None else f"{share.value:.2%} [{share.low:.2%}, {share.high:.2%}] of {checked:,}"
        print(f"| {kind} | {counts['right']:,} | {counts['wrong']:,} | {counts['not_checkable']:,} | {rate} |")


def statements(kind: str, trace: TeacherTrace) -> list[Judgement]:
    """Return the judgements of all statements of a kind."""
    found = {
        "equations": lambda: equations(trace.reasoning),
        "conversions": lambda: conversions(trace.reasoning),
        "formulas": lambda: formula_statements(trace),
    }[kind]()
    return [statement.judgement for statement in found]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--per-file", type=int, default=600, help="responses of each recorded file")
    parser.add_argument("--hits", type=int, default=0, help="hits of each reason to print")
    options = parser.parse_args()
    every = list(traces(options.data_dir, options.per_file))
    # No response was requested in the form of an answer that the filter of forms requires.
    settings, seconds = TraceFilters(), Counter[str]()
    hits: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, trace in every:
        for each in FILTERS:
            if each.name == "format":
                continue
            start = time.process_time()
            verdict = each.check(trace, settings)
            seconds[each.name] += time.process_time() - start
            if verdict is not None:
                hits[verdict.reason].append((name, verdict.detail))
    count_statements(every)
    print("\n| reason | traces | hits | of them wrong | wrong discards per trace |\n| :-- | --: | --: | --: | --: |")
    for reason in (each for filter_ in FILTERS[1:] for each in filter_.reasons):
        wrong = sum((reason.value, name) in WRONG_HITS for name, _ in hits[reason])
        share = jeffreys(wrong / len(every), len(every))
        rate = f"{share.value:.3%} [{share.low:.3%}, {share.high:.3%}]"
        print(f"| {reason} | {len(every):,} | {len(hits[reason]):,} | {wrong} | {rate} |")
    print(f"\n{len(every) / seconds.total():,.0f} traces a second through all filters, on one core:")
    print(", ".join(f"{name} {1e3 * each / len(every):.2f} ms" for name, each in seconds.most_common()))
    for reason, found in hits.items():
        for name, detail in found[: options.hits]:
            print(f"{reason}\t{name}\t{detail}")


if __name__ == "__main__":
    main()
