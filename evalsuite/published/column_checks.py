"""Checks of one column: do its numbers come from as many items, and from the items, that its source states?"""

from __future__ import annotations

from collections.abc import Iterator

from evalsuite.published import grim
from evalsuite.published.document import card
from evalsuite.published.finding import Inconsistency, found
from evalsuite.published.reported_value import ReportedValue

_EXAMPLES = 2
_LUCK = 0.1


def check(figures: list[ReportedValue]) -> Iterator[Inconsistency]:
    """Check accuracies that a document prints in one column, each model once."""
    yield from _declared_lineages(figures)
    numbers = figures[0].plausible_n
    if not numbers:
        return
    fitting = [f for f in figures if any(grim.fits(f.printed, n) for n in numbers)]
    if len(figures) > 1 and 2 * len(fitting) < len(figures):
        yield _no_number(figures, numbers)
        return
    for figure in figures:
        if figure not in fitting:
            yield _impossible(figure, numbers)
    if fitting:
        yield from _items(fitting, numbers)


def _no_number(figures: list[ReportedValue], numbers: tuple[int, ...]) -> Inconsistency:
    """Most numbers fit no plausible n: so the column has another one, perhaps near the first."""
    misfits = [f for f in figures if not any(grim.fits(f.printed, n) for n in numbers)]
    other = grim.near([f.printed for f in figures], figures[0].n_stated or numbers[0])
    what = f"the values fit none of the plausible n ({_listed(numbers)})"
    lines = [f"{len(misfits)} of {len(figures)} are no whole number of items under any of them"]
    lines += [f"{f.name}: {grim.beside(f.printed, n)}" for f in misfits[:_EXAMPLES] for n in numbers]
    if other:
        what += f"; all of them fit n = {_listed(other)}"
    return found("items", figures, what, *lines)


def _impossible(figure: ReportedValue, numbers: tuple[int, ...]) -> Inconsistency:
    """No plausible n makes this number a whole count of items."""
    lines = [grim.beside(figure.printed, n) for n in numbers]
    cut = [n for n in numbers if grim.truncated(figure.printed, n)]
    if cut:
        lines.append(f"with the digits cut off instead of rounded it fits n = {_listed(cut)}")
    fits = f"fits neither n = {_nor(numbers)}" if len(numbers) > 1 else f"does not fit n = {_nor(numbers)}"
    what = f"{figure.name}: {figure.printed} {fits}"
    return found("items", [figure], what, *lines, row=True)


def _items(figures: list[ReportedValue], numbers: tuple[int, ...]) -> Iterator[Inconsistency]:
    """Which of the plausible n do the numbers support, and is the stated one among them?"""
    printed, stated = [f.printed for f in figures], figures[0].n_stated
    supported = [n for n in numbers if all(grim.fits(p, n) for p in printed)]
    refuted = [n for n in numbers if n not in supported]
    if not supported:
        yield from _mixed(figures, numbers)
    elif refuted and (stated is None or stated in refuted):
        said = "no n is stated" if stated is None else f"{stated:,} is stated"
        what = f"the values fit n = {_listed(supported)} and not {_listed(refuted)} ({said})"
        lines = [line for n in refuted for line in _refutation(figures, n)]
        lines += [
            f"{n:,}: all {len(printed)} values are whole numbers of items{_by_luck(printed, n)}" for n in supported
        ]
        yield found("items", figures, what, *lines)
    if supported:
        yield from _granularity(figures, stated if stated in supported else supported[-1])


def _refutation(figures: list[ReportedValue], n: int) -> list[str]:
    misfits = [f for f in figures if not grim.fits(f.printed, n)]
    head = f"{n:,}: {len(misfits)} of {len(figures)} values are no whole number of items"
    return [head] + [f"{f.name}: {grim.beside(f.printed, n)}" for f in misfits[:_EXAMPLES]]


def _by_luck(printed: list[str], n: int) -> str:
    luck = grim.by_chance(printed, n)
    return f"; percentages drawn at random would all be so {grim.odds(luck)}" if luck < _LUCK else ""


def _mixed(figures: list[ReportedValue], numbers: tuple[int, ...]) -> Iterator[Inconsistency]:
    """Each number fits some n, but no n fits all: two item sets stand in one column."""
    lines, only = [], []
    for n in numbers:
        names = [f for f in figures if [m for m in numbers if grim.fits(f.printed, m)] == [n]]
        if names:
            only.append(n)
            lines.append(f"only {n:,} fits " + ", ".join(f"{f.name} {f.printed}" for f in names))
    if len(only) > 1:
        what = f"no single n fits: values of {' and of '.join(f'{n:,}' for n in only)} items stand in one column"
        yield found("lineage", figures, what, *lines)


def _granularity(figures: list[ReportedValue], n: int) -> Iterator[Inconsistency]:
    printed = [f.printed for f in figures]
    told = grim.granularity(printed, n)
    if told is None:
        return
    coarse, chance = told
    said = "the stated n" if n == figures[0].n_stated else "n"
    yield found(
        "granularity",
        figures,
        f"the values have the granularity of {coarse:,}, not of {n:,} ({said}): {grim.odds(chance)} by chance",
        f"all {len(printed)} values are multiples of {100 / coarse:.4g}; a count out of {n:,} prints as one of those "
        f"1 in {n // coarse} times, so that all do is {grim.odds(chance)}",
    )


def _declared_lineages(figures: list[ReportedValue]) -> Iterator[Inconsistency]:
    lineages = {f.lineage: f for f in reversed(figures)}
    if len(lineages) > 1:
        lines = (f"{name}: {figure.name} and others" for name, figure in sorted(lineages.items()))
        yield found("lineage", figures, f"lineages share a column: {', '.join(sorted(lineages))}", *lines)


def chance(figures: list[ReportedValue]) -> Iterator[Inconsistency]:
    """A model that does significantly worse than a uniform guess contradicts the number of options."""
    first = figures[0]
    stated = first.options_stated
    guess = 1 / stated if stated else card(first.task).chance if first.task else 0.0
    low = [(f, p) for f in figures if (p := _tail(f, guess)) * len(figures) <= float(grim.TOLD)]
    if not low:
        return
    origin = f"the {stated} options stated" if stated else "our card's options"
    lines = [f"{f.name}: {f.printed}% of {f.n:,} items, guessing gives {100 * guess:.1f}: p = {p:.0e}" for f, p in low]
    if stated and first.task:
        ours = card(first.task)
        known = ", ".join(str(n) for n in ours.option_counts)
        lines.append(f"our {ours.name} has {known} options an item, guessing gives {100 * ours.chance:.1f}")
    what = f"{len(low)} of {len(figures)} values are below chance under {origin} ({100 * guess:.1f})"
    yield found("chance", figures, what, *lines)


def _tail(figure: ReportedValue, chance: float) -> float:
    """Probability that guessing does no better than this."""
    from scipy.stats import binom

    if figure.n is None or not chance or figure.value >= chance:
        return 1.0
    return float(binom.cdf(round(figure.value * figure.n), figure.n, chance))


def _listed(numbers: list[int] | tuple[int, ...]) -> str:
    return " or ".join(f"{n:,}" for n in numbers)


def _nor(numbers: tuple[int, ...]) -> str:
    return " nor ".join(f"{n:,}" for n in numbers)
