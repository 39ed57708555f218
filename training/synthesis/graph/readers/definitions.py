"""The relations that the Disease Ontology writes inside its definitions.

`... has_material_basis_in Chikungunya virus, which is transmitted_by Aedes mosquito bite. The infection has_symptom
fever, has_symptom arthralgia, and has_symptom rash.` The phrases stand with underscores or with spaces. Source: the
Disease Ontology's wiki on textual definitions, https://disease-ontology.org/resources/definitions.
"""

from __future__ import annotations

import re
from typing import Final

from training.synthesis.graph.kinds import Relation

_PHRASES: Final = {
    "has_symptom": Relation.HAS_SIGN,
    "has_material_basis_in": Relation.CAUSED_BY,
    "located_in": Relation.LOCATED_IN,
    "transmitted_by": Relation.TRANSMITTED_BY,
    "results_in": Relation.RESULTS_IN,
}
_PHRASE: Final = re.compile(
    r"\b(has[_ ]symptoms?|has[_ ]material[_ ]basis[_ ]in|located[_ ]in|transmitted[_ ]by|results[_ ]in)\b:?"
)
_SENTENCE_END: Final = re.compile(r"(?<!\b[A-Z])(?<!\b(?:sp|st|vs|cf))(?<!spp)(?<!subsp)\.(?=\s+[A-Z]|\s*$)")
_CLAUSE: Final = re.compile(
    r"[,;]?\s+(?:which|that|who|where|when|while|whose|resulting|leading|caused|characterized|due to|has a|has an|"
    r"has been|is caused|is characterized|are caused|occurs|and is|and has|and the|or is|or has|in which|with onset|"
    r"has[_ ]\w+|derives[_ ]from|part[_ ]of|located|transmitted|results|produced|involves|affects|manifests|"
    r"presents)\b|;"
)
_JOINTS: Final = re.compile(r"\s*,\s*(?:and/or|and|or|as well as)\s+|\s*,\s+|\s+(?:and/or|and|or|as well as)\s+")
_EDGES: Final = re.compile(
    r"^(?:,|and/or|and|or|the|a|an|both|either|also|is|are|\s)+\b\s*|(?:[\s,;:.]|\b(?:and/or|and|or|is|are|also|with|the|a|an)\s*$)+$"
)
_OPEN_END: Final = re.compile(r"\s(?:in|into|to|from|by|on|of|with|at|around|over|near|between|during|after|for)\s")
"""What follows such a part may go on with its end: "lesions on the face, hands and feet"."""
_WORD: Final = re.compile(r"(?!respectively\b)[^\W\d_]{3}")
_ADJECTIVE: Final = re.compile(
    r"^[\w-]+(?:al|ic|ar|ary|ous|ive|oid|ed|ior|er|ical|ory|ent|ant|ile)$|^(?:left|right|one|two|small|large|type)$"
)
_LONGEST: Final = 12


def relations_in(definition: str) -> list[tuple[Relation, str]]:
    """Return the relations that a definition states, each with the text of its target, in their order, each once.

    Targets joined by "and", "or" or commas are several targets; where the words may belong together ("upper and lower
    limbs", "rash progressing into blisters or ulcers") they stay one. A denied relation ("not transmitted_by") is none.
    """
    found: dict[tuple[Relation, str], None] = {}
    for sentence in _SENTENCE_END.split(definition):
        phrases = list(_PHRASE.finditer(sentence))
        for phrase, end in zip(phrases, [*(each.start() for each in phrases[1:]), len(sentence)], strict=False):
            if re.search(r"\b(?:not|never|rarely|without)\s+(?:be\s+|is\s+)?$", sentence[: phrase.start()]):
                continue
            relation = _PHRASES[
                phrase[1].replace(" ", "_").removesuffix("s") if "symptom" in phrase[1] else phrase[1].replace(" ", "_")
            ]
            text = sentence[phrase.end() : end]
            for target in _targets(text):
                found.setdefault((relation, target))
    return list(found)


def _targets(text: str) -> list[str]:
    hidden: list[str] = []

    def hide(part: re.Match[str]) -> str:
        hidden.append(part[0])
        return f"\0{len(hidden) - 1}\0"

    text = re.sub(r"\([^()]*\)", hide, text)
    text = _trimmed(_CLAUSE.split(f" {text}", maxsplit=1)[0])
    parts = [_trimmed(part) for part in _JOINTS.split(text)]
    whole = len(parts) > 1 and (
        any(_ADJECTIVE.match(part) or _OPEN_END.search(part) for part in parts[:-1])
        or not all(_WORD.search(part) for part in parts)
    )
    shown = [re.sub("\0(\\d+)\0", lambda part: hidden[int(part[1])], part) for part in ([text] if whole else parts)]
    return [part for part in shown if _WORD.search(part) and len(part.split()) <= _LONGEST]


def _trimmed(text: str) -> str:
    before = None
    while before != text:
        before, text = text, _EDGES.sub("", text).strip()
    return text
