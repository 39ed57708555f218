"""Checks of one column: whether its values agree with the number of items and the item set that its source states."""

from __future__ import annotations

from collections.abc import Iterator

from evalsuite.published import grim
from evalsuite.published.document import card
from evalsuite.published.inconsistency import Inconsistency, inconsistency
from evalsuite.published.reported_value import ReportedValue

_EXAMPLES = 2
_MAX_COINCIDENCE = 0.1
"""A coincidence is mentioned if its probability is below this."""


def check(values: list[ReportedValue]) -> Iterator[Inconsistency]:
    """Check the accuracies that a document prints in one column, each model once."""
    yield from _declared_lineages(values)
    numbers = values[0].plausible_n
    if not numbers:
        return
    fitting = [v for v in values if any(grim.fits(v.printed, n) for n in numbers)]
    if len(values) > 1 and 2 * len(fitting) < len(values):
        yield _no_number(values, numbers)
        return
    for reported in values:
        if reported not in fitting:
            yield _impossible(reported, numbers)
    if fitting:
        yield from _items(fitting, numbers)


def _no_number(values: list[ReportedValue], numbers: tuple[int, ...]) -> Inconsistency:
    """Most values fit no plausible n, so the column has another one, perhaps close to the first."""
    misfits = [v for v in values if not any(grim.fits(v.printed, n) for n in numbers)]
    other = grim.search_n([v.printed for v in values], values[0].n_stated or numbers[0])
    what = f"the values fit none of the plausible n ({_alternatives(numbers)})"
    lines = [f"{len(misfits)} of {len(values)} are no whole number of items under any of them"]
    lines += [f"{v.name}: {grim.nearest_counts(v.printed, n)}" for v in misfits[:_EXAMPLES] for n in numbers]
    if other:
        what += f"; all of them fit n = {_alternatives(other)}"
    return inconsistency("items", values, what, *lines)


def _impossible(reported: ReportedValue, numbers: tuple[int, ...]) -> Inconsistency:
    """The value is a whole number of items under no plausible n."""
    lines = [grim.nearest_counts(reported.printed, n) for n in numbers]
    cut = [n for n in numbers if grim.truncated(reported.printed, n)]
    if cut:
        lines.append(f"with the digits cut off instead of rounded it fits n = {_alternatives(cut)}")
    fits = f"fits neither n = {_neither(numbers)}" if len(numbers) > 1 else f"does not fit n = {_neither(numbers)}"
    what = f"{reported.name}: {reported.printed} {fits}"
    return inconsistency("items", [reported], what, *lines, row=True)


def _items(values: list[ReportedValue], numbers: tuple[int, ...]) -> Iterator[Inconsistency]:
    """Check which of the plausible n the values support, and whether the stated one is among them."""
    printed, stated = [v.printed for v in values], values[0].n_stated
    supported = [n for n in numbers if all(grim.fits(p, n) for p in printed)]
    refuted = [n for n in numbers if n not in supported]
    if not supported:
        yield from _mixed(values, numbers)
    elif refuted and (stated is None or stated in refuted):
        stated_text = "no n is stated" if stated is None else f"{stated:,} is stated"
        what = f"the values fit n = {_alternatives(supported)} and not {_alternatives(refuted)} ({stated_text})"
        lines = [line for n in refuted for line in _refutation(values, n)]
        lines += [
            f"{n:,}: all {len(printed)} values are whole numbers of items{_coincidence(printed, n)}" for n in supported
        ]
        yield inconsistency("items", values, what, *lines)
    if supported:
        yield from _granularity(values, stated if stated in supported else supported[-1])


def _refutation(values: list[ReportedValue], n: int) -> list[str]:
    misfits = [v for v in values if not grim.fits(v.printed, n)]
    head = f"{n:,}: {len(misfits)} of {len(values)} values are no whole number of items"
    return [head] + [f"{v.name}: {grim.nearest_counts(v.printed, n)}" for v in misfits[:_EXAMPLES]]


def _coincidence(printed: list[str], n: int) -> str:
    chance = grim.by_chance(printed, n)
    return f"; percentages drawn at random would all be so {grim.odds(chance)}" if chance < _MAX_COINCIDENCE else ""


def _mixed(values: list[ReportedValue], numbers: tuple[int, ...]) -> Iterator[Inconsistency]:
    """Each value fits some n, but no n fits all: two item sets share one column."""
    lines, only = [], []
    for n in numbers:
        names = [v for v in values if [m for m in numbers if grim.fits(v.printed, m)] == [n]]
        if names:
            only.append(n)
            lines.append(f"only {n:,} fits " + ", ".join(f"{v.name} {v.printed}" for v in names))
    if len(only) > 1:
        what = f"no single n fits: values of {' and of '.join(f'{n:,}' for n in only)} items share one column"
        yield inconsistency("lineage", values, what, *lines)


def _granularity(values: list[ReportedValue], n: int) -> Iterator[Inconsistency]:
    printed = [v.printed for v in values]
    result = grim.granularity(printed, n)
    if result is None:
        return
    coarse, chance = result
    name = "the stated n" if n == values[0].n_stated else "n"
    yield inconsistency(
        "granularity",
        values,
        f"the values have the granularity of {coarse:,}, not of {n:,} ({name}): {grim.odds(chance)} by chance",
        f"all {len(printed)} values are multiples of {100 / coarse:.4g}; a count out of {n:,} prints as one of those "
        f"1 in {n // coarse} times, so that all do is {grim.odds(chance)}",
    )


def _declared_lineages(values: list[ReportedValue]) -> Iterator[Inconsistency]:
    lineages = {v.lineage: v for v in reversed(values)}
    if len(lineages) > 1:
        lines = (f"{name}: {reported.name} and others" for name, reported in sorted(lineages.items()))
        yield inconsistency("lineage", values, f"lineages share a column: {', '.join(sorted(lineages))}", *lines)


def chance(values: list[ReportedValue]) -> Iterator[Inconsistency]:
    """Check for models significantly worse than a uniform guess: they contradict the number of options."""
    first = values[0]
    stated = first.options_stated
    guess = 1 / stated if stated else card(first.task).chance if first.task else 0.0
    low = [(v, p) for v in values if (p := _tail(v, guess)) * len(values) <= float(grim.MAX_CHANCE)]
    if not low:
        return
    origin = f"the {stated} options stated" if stated else "the options of the task card"
    lines = [f"{v.name}: {v.printed}% of {v.n:,} items, guessing gives {100 * guess:.1f}: p = {p:.0e}" for v, p in low]
    if stated and first.task:
        task_card = card(first.task)
        known = ", ".join(str(n) for n in task_card.option_counts)
        lines.append(f"{task_card.name} has {known} options per item, guessing gives {100 * task_card.chance:.1f}")
    what = f"{len(low)} of {len(values)} values are below chance under {origin} ({100 * guess:.1f})"
    yield inconsistency("chance", values, what, *lines)


def _tail(reported: ReportedValue, chance: float) -> float:
    """Return the probability that guessing does no better than this."""
    from scipy.stats import binom

    if reported.n is None or not chance or reported.value >= chance:
        return 1.0
    return float(binom.cdf(round(reported.value * reported.n), reported.n, chance))


def _alternatives(numbers: list[int] | tuple[int, ...]) -> str:
    return " or ".join(f"{n:,}" for n in numbers)


def _neither(numbers: tuple[int, ...]) -> str:
    return " nor ".join(f"{n:,}" for n in numbers)
