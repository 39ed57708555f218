"""The types of nodes, the relations between them, and what a statement says: that it holds, or that it doesn't."""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Final, NamedTuple


class NodeType(StrEnum):
    """What a node is; the set is closed, since it decides which questions can be asked about a node."""

    DISEASE = "disease"
    SIGN = "sign"
    GENE = "gene"
    DRUG = "drug"
    ANATOMY = "anatomy"
    CAUSE = "cause"
    TRANSMISSION = "transmission"
    PROCESS = "process"
    TEST = "test"
    CODE = "code"
    INHERITANCE = "inheritance"
    COURSE = "course"
    MODIFIER = "modifier"
    HISTORY = "history"
    CONCEPT = "concept"


NODE_TYPES: Final = tuple(NodeType)
"""Every type in the order of its number in a graph's arrays."""
TYPE_NUMBERS: Final = {kind: number for number, kind in enumerate(NODE_TYPES)}

_TYPE_ALIASES: Final = {
    NodeType.DISEASE: "disorder syndrome condition diagnosis diseaseorphenotypicfeature diseaseorsyndrome phenodisease",
    NodeType.SIGN: "symptom phenotype finding feature phenotypicfeature effectphenotype clinicalfinding sideeffect "
    "signorsymptom signsymptom clinicalsign manifestation phenotypicabnormality",
    NodeType.GENE: "protein geneprotein geneorgenome namedgene geneorgeneproduct",
    NodeType.DRUG: "compound chemical medication treatment substance molecule smallmolecule therapy chemicalentity "
    "pharmacologicsubstance molecularentity chemicalsubstance",
    NodeType.ANATOMY: "anatomicalentity anatomicalstructure organ tissue bodypart grossanatomicalstructure location",
    NodeType.CAUSE: "pathogen organism taxon virus bacterium exposure etiology riskfactor organismtaxon "
    "infectiousagent",
    NodeType.TRANSMISSION: "vector route",
    NodeType.PROCESS: "biologicalprocess pathologicalprocess pathway mechanism pathophysiology",
    NodeType.TEST: "labtest laboratorytest procedure investigation imaging diagnostictest clinicaltest",
    NodeType.CODE: "icd icd10 icd10cm billingcode",
    NodeType.INHERITANCE: "modeofinheritance inheritancemode",
    NodeType.COURSE: "onset clinicalcourse",
    NodeType.MODIFIER: "clinicalmodifier",
    NodeType.HISTORY: "pasthistory pastmedicalhistory",
    NodeType.CONCEPT: "entity thing other namedthing",
}
_TYPES_BY_NAME: Final = {kind.value: kind for kind in NodeType} | {
    alias: kind for kind, aliases in _TYPE_ALIASES.items() for alias in aliases.split()
}


def node_type(name: str) -> NodeType | None:
    """Return the type that a file calls `name`, such as `Disease`, `biolink:Disease` or `effect/phenotype`."""
    plain = re.sub(r"[^a-z0-9]", "", name.rsplit(":", 1)[-1].casefold())
    return _TYPES_BY_NAME.get(plain) or _TYPES_BY_NAME.get(plain.removesuffix("s"))


class Polarity(IntEnum):
    """What an edge says: its relation is stated to hold, to be absent, or both in two rows (used for nothing)."""

    PRESENT = 0
    EXCLUDED = 1
    CONFLICTING = 2


class Relation(StrEnum):
    """The relations that have a meaning here; any other relation of a file keeps its own name."""

    IS_A = "is_a"
    PART_OF = "part_of"
    HAS_SIGN = "has_sign"
    HAS_GENE = "has_gene"
    HAS_INHERITANCE = "has_inheritance"
    HAS_COURSE = "has_course"
    HAS_MODIFIER = "has_modifier"
    HAS_HISTORY = "has_history"
    CAUSED_BY = "caused_by"
    LOCATED_IN = "located_in"
    TRANSMITTED_BY = "transmitted_by"
    RESULTS_IN = "results_in"
    DIAGNOSED_BY = "diagnosed_by"
    TREATS = "treats"
    CONTRAINDICATED_IN = "contraindicated_in"
    HAS_CODE = "has_code"
    EXCLUDES1 = "excludes1"
    EXCLUDES2 = "excludes2"
    CODE_FIRST = "code_first"
    USE_ADDITIONAL_CODE = "use_additional_code"


class Role(NamedTuple):
    """The types of the two ends of a relation where a file doesn't say them."""

    subject: NodeType
    object: NodeType


ROLES: Final = {
    Relation.HAS_SIGN: Role(NodeType.DISEASE, NodeType.SIGN),
    Relation.HAS_GENE: Role(NodeType.DISEASE, NodeType.GENE),
    Relation.HAS_INHERITANCE: Role(NodeType.DISEASE, NodeType.INHERITANCE),
    Relation.HAS_COURSE: Role(NodeType.DISEASE, NodeType.COURSE),
    Relation.HAS_MODIFIER: Role(NodeType.DISEASE, NodeType.MODIFIER),
    Relation.HAS_HISTORY: Role(NodeType.DISEASE, NodeType.HISTORY),
    Relation.CAUSED_BY: Role(NodeType.DISEASE, NodeType.CAUSE),
    Relation.LOCATED_IN: Role(NodeType.DISEASE, NodeType.ANATOMY),
    Relation.TRANSMITTED_BY: Role(NodeType.DISEASE, NodeType.TRANSMISSION),
    Relation.RESULTS_IN: Role(NodeType.DISEASE, NodeType.PROCESS),
    Relation.DIAGNOSED_BY: Role(NodeType.DISEASE, NodeType.TEST),
    Relation.TREATS: Role(NodeType.DRUG, NodeType.DISEASE),
    Relation.CONTRAINDICATED_IN: Role(NodeType.DRUG, NodeType.DISEASE),
    Relation.HAS_CODE: Role(NodeType.DISEASE, NodeType.CODE),
}

_FORWARD: Final = {
    Relation.IS_A: "subclassof subclass_of isa broader broader_than_inverse subtype_of rdfs_subclassof",
    Relation.PART_OF: "partof bfo_0000050",
    Relation.HAS_SIGN: "has_symptom has_phenotype has_sign presents_with presents has_manifestation manifests_as "
    "ro_0002200 disease_has_feature has_finding has_feature symptom has_clinical_sign has_clinical_feature "
    "disease_has_symptom disease_phenotype disease_symptom disease_phenotype_positive dps phenotype",
    Relation.HAS_GENE: "associated_with_gene gene_associated has_associated_gene disease_gene dag has_causal_gene "
    "has_material_basis_in_gene",
    Relation.HAS_INHERITANCE: "inheritance has_mode_of_inheritance mode_of_inheritance",
    Relation.HAS_COURSE: "has_onset onset clinical_course",
    Relation.CAUSED_BY: "has_material_basis_in due_to has_cause results_from ro_0004019 caused_by_agent",
    Relation.LOCATED_IN: "has_location disease_has_location ro_0004026 localizes has_site affects_organ located dla",
    Relation.TRANSMITTED_BY: "has_vector spread_by",
    Relation.RESULTS_IN: "leads_to has_complication complication complicated_by",
    Relation.DIAGNOSED_BY: "has_test diagnosed_with detected_by has_investigation",
    Relation.TREATS: "indicated_for indication drug_disease_indication treats_disease ctd treatment_for "
    "is_indicated_for",
    Relation.CONTRAINDICATED_IN: "contraindication contraindicated contraindicated_for contraindicated_with",
    Relation.HAS_CODE: "code coded_as icd10_code has_icd10_code",
}
_BACKWARD: Final = {
    Relation.IS_A: "has_subclass superclass_of parent_of has_subtype",
    Relation.PART_OF: "has_part",
    Relation.HAS_SIGN: "symptom_of phenotype_of sign_of is_symptom_of is_sign_of manifestation_of finding_of",
    Relation.HAS_GENE: "gene_associated_with_condition gene_of associated_with_disease gene_disease is_causal_gene_in "
    "causes_condition gene_associated_with_disease",
    Relation.CAUSED_BY: "causes cause_of is_cause_of",
    Relation.TREATS: "treated_by treated_with has_treatment has_drug may_be_treated_by has_indicated_drug",
    Relation.CONTRAINDICATED_IN: "has_contraindication has_contraindicated_drug",
    Relation.DIAGNOSED_BY: "diagnoses detects test_for is_test_for",
    Relation.TRANSMITTED_BY: "transmits",
}


class Predicate(NamedTuple):
    """A file's relation in the terms of the graph: its name, whether subject and object change places, and denial."""

    relation: str
    flipped: bool = False
    excluded: bool = False


_PREDICATES: Final = (
    {each.value: Predicate(each.value) for each in Relation}
    | {name: Predicate(kind.value) for kind, names in _FORWARD.items() for name in names.split()}
    | {name: Predicate(kind.value, flipped=True) for kind, names in _BACKWARD.items() for name in names.split()}
)
_DENIED: Final = re.compile(r"^(?:not|lacks|no|does_not|absent)_|_(?:negative|absent|excluded)$")


@lru_cache(maxsize=4096)
def predicate(name: str) -> Predicate:
    """Return what a file's relation means here; an unknown one keeps its name, in lower case with underscores.

    `not_has_symptom`, `lacks_phenotype` and `disease_phenotype_negative` are denials of the relation that they name.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", _local(name)).casefold()).strip("_")
    if plain in _PREDICATES:
        return _PREDICATES[plain]
    rest = _DENIED.sub("", plain)
    if rest == plain:
        return Predicate(plain)
    known = next((_PREDICATES[word] for word in (rest, f"has_{rest}") if word in _PREDICATES), Predicate(rest))
    return known._replace(excluded=True)


def _local(name: str) -> str:
    """Return a predicate without its vocabulary: `biolink:treats`, `http://.../RO_0002200`; `RO:0002200` is whole."""
    last = re.split(r"[/#]", name.strip())[-1]
    return last if re.search(r":\d+$", last) else last.rsplit(":", 1)[-1]
