"""How a model is asked for the relations in a passage."""

from __future__ import annotations

from typing import Final

from training.model_requests import Prompt, prompt
from training.synthesis.graph.kinds import Relation
from training.synthesis.wiki.passages import Passage
from training.synthesis.wiki.relations import READABLE

VERSION: Final = 1
"""Raised whenever another prompt is sent for the same passage."""
_MEANINGS: Final = {
    Relation.HAS_SIGN: "the disease shows itself by the sign or symptom",
    Relation.CAUSED_BY: "the disease or sign is caused by the organism, exposure, gene, drug or disease",
    Relation.RESULTS_IN: "the disease leads to the complication",
    Relation.LOCATED_IN: "the disease affects the part of the body",
    Relation.TRANSMITTED_BY: "the disease is transmitted by the vector or on this way",
    Relation.DIAGNOSED_BY: "the disease is diagnosed by the test",
    Relation.TREATS: "the drug treats the disease or sign",
    Relation.CONTRAINDICATED_IN: "the drug must not be given in the disease",
    Relation.HAS_GENE: "the disease is associated with the gene",
}
_TEXT: Final = """\
Read a passage of an encyclopedia and write down the relations that it states between the entities listed below it.

Relations, each from its subject to its object:
{relations}

Reply with one JSON object and nothing else:
{{"relations": [{{"subject": "...", "relation": "...", "object": "...", "negated": false, "evidence": "..."}}]}}

- subject and object are names from the list of entities.
- evidence is one whole sentence of the passage, copied without any change, in which both names stand.
- negated is true where that sentence says that the relation does not hold.
- Write down what the passage states and nothing that you know otherwise. Leave out what it only supposes.
- If it states none of these relations, reply {{"relations": []}}.

Article: {title}
Section: {section}
Passage: {passage}
Entities: {entities}"""


def extraction_prompt(passage: Passage) -> Prompt:
    """Return the request for a passage's relations."""
    relations = "\n".join(f"- {name}: {_MEANINGS[name]}" for name in READABLE)
    content = _TEXT.format(
        relations=relations,
        title=passage.article.page.title,
        section=passage.section.name,
        passage=passage.text,
        entities="; ".join(passage.names),
    )
    return prompt({"role": "user", "content": content})
