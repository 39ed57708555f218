"""Checks the proofs of questions against the raw rows of phenotype.hpoa: slow, and of nothing that the product has."""

import math
import re
from collections import defaultdict
from functools import cached_property
from types import SimpleNamespace

CLASSES = {
    "HP:0040280": (1.0, 1.0),
    "HP:0040281": (0.8, 0.99),
    "HP:0040282": (0.3, 0.79),
    "HP:0040283": (0.05, 0.29),
    "HP:0040284": (0.01, 0.04),
}


class ProofChecker:
    """Knows the raw rows, and says what is wrong with a question."""

    def __init__(self, raw) -> None:
        self.raw = raw
        self.by_line = {row["line"]: row for row in raw.rows}
        self.names: dict[str, str] = {}
        """The plain name of each disease: of the first row, as one id of the release stands under two names."""
        self.rows = defaultdict(list)
        for row in raw.rows:
            name = self.names.setdefault(row["database_id"], self.plain(row["disease_name"]))
            if row["aspect"] == "P":
                self.rows[name].append(row)

    @classmethod
    def of(cls, raw, rows, folder) -> "ProofChecker":
        """A checker of rows of phenotype.hpoa, with the genes in a folder."""
        genes = defaultdict(set)
        with (folder / "genes_to_phenotype.txt").open(encoding="utf-8") as stream:
            header = next(stream).rstrip("\n").split("\t")
            for line in stream:
                row = dict(zip(header, line.rstrip("\n").split("\t"), strict=True))
                genes[f"NCBIGene:{row['ncbi_gene_id']}"].add(row["disease_id"])
        return cls(SimpleNamespace(**{**vars(raw), "rows": rows, "gene_diseases": genes}))

    @staticmethod
    def plain(name: str) -> str:
        """A name by which the ids of one disease are one."""
        return re.sub(r"[\W_]+", " ", name.casefold()).strip()

    def disease(self, disease_id: str) -> list[dict]:
        """All rows of a disease, whatever id they stand under."""
        return self.rows[self.names[disease_id]]

    def lineage(self, sign: str) -> set[str]:
        """A sign with all its ancestors."""
        return {sign} | self.raw.ancestors(sign)

    def has(self, disease_id: str, sign: str) -> bool:
        """Whether a row states a sign or a kind of it."""
        return any(not self.raw.absent(row) and sign in self.lineage(row["hpo_id"]) for row in self.disease(disease_id))

    def denied(self, disease_id: str, sign: str) -> bool:
        """Whether a row denies a sign or something that it is a kind of."""
        return any(self.raw.absent(row) and row["hpo_id"] in self.lineage(sign) for row in self.disease(disease_id))

    def silent(self, disease_id: str, sign: str) -> bool:
        """Whether no row states a sign, a kind or an ancestor of it, or denies it; to deny a kind says nothing."""
        return not any(
            (not self.raw.absent(row) and sign in self.lineage(row["hpo_id"])) or row["hpo_id"] in self.lineage(sign)
            for row in self.disease(disease_id)
        )

    def interval(self, disease_id: str, sign: str) -> tuple[float, float]:
        """The least and the greatest frequency that the rows allow, counts pooled with their interval of Wilson."""
        stated = [row["frequency"] for row in self.disease(disease_id) if row["hpo_id"] == sign and row["frequency"]]
        counts = [tuple(map(int, each.split("/"))) for each in stated if "/" in each]
        spans = [CLASSES[each] for each in stated if each in CLASSES]
        spans += [(float(each[:-1]) / 100,) * 2 for each in stated if each.endswith("%")]
        if counts:
            spans.append(wilson(sum(n for n, _ in counts), sum(m for _, m in counts)))
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else (math.nan, math.nan)

    @cached_property
    def having(self) -> dict[str, set[str]]:
        """The diseases, by plain name, that have each sign or a kind of it."""
        found = defaultdict(set)
        for name, rows in self.rows.items():
            denied = {row["hpo_id"] for row in rows if self.raw.absent(row)}
            for row in rows:
                if not self.raw.absent(row):
                    for sign in self.lineage(row["hpo_id"]):
                        if denied.isdisjoint(self.lineage(sign)):
                            found[sign].add(name)
        return found

    def faults(self, item: dict, proof: dict) -> list[str]:
        """What is wrong with an item and its proof; empty if nothing is."""
        shape = item["meta"]["shape"]
        found = self._cited(proof)
        wrong = {label: each for label, each in proof["options"].items() if label != item["answer"]}
        if proof["options"][item["answer"]]["id"] != proof["answer"] or len(wrong) != len(proof["options"]) - 1:
            found.append("the gold label is not that of the answer")
        stated = [row[2] for row in proof["stated"]]
        if shape in ("diagnosis", "gene", "allelic", "next_finding", "other_disorder"):
            alone = set.intersection(*(self.having[sign] for sign in stated))
            if alone != {self.names[proof["subject"]]}:
                found.append(f"the findings are those of {len(alone)} diseases")
        found += getattr(self, f"_{shape}_answer", lambda *_: [])(proof, stated)
        for each in wrong.values():
            found += getattr(self, f"_{shape}")(proof, stated, each)
        return found

    def genes(self, disease_id: str) -> set[str]:
        """The genes of a disease, whatever id they stand under."""
        return self._genes[self.names[disease_id]]

    @cached_property
    def _genes(self) -> dict[str, set[str]]:
        found = defaultdict(set)
        for gene, ids in self.raw.gene_diseases.items():
            for name in self.plain_names(ids):
                found[name].add(gene)
        return found

    def plain_names(self, ids) -> set[str]:
        """The plain names of some ids; an id without annotations stands for itself."""
        return {self.names.get(each, each) for each in ids}

    def _cited(self, proof: dict) -> list[str]:
        """Every row that a proof cites from phenotype.hpoa says what the proof says it does."""
        cited = [
            *proof["stated"],
            *proof["hidden"],
            *(row for each in proof["options"].values() for row in each.get("rows", ())),
        ]
        faults = []
        for subject, _, target, polarity, locator in cited:
            file, _, line = locator.partition(":")
            if file != "phenotype.hpoa":
                continue
            row = self.by_line[int(line)]
            says = "excluded" if self.raw.absent(row) else "present"
            if (row["database_id"], row["hpo_id"], says) != (subject, target, polarity):
                faults.append(f"{locator} does not say that {subject} {polarity} {target}")
        return faults

    def _refutes(self, proof: dict, stated: list[str], disease_id: str) -> bool:
        if any(self.denied(disease_id, sign) for sign in stated):
            return True
        telling = {sign for sign in stated if self.interval(proof["subject"], sign)[0] >= 0.5 - 1e-6}
        return sum(self.silent(disease_id, sign) for sign in telling) >= 2

    def _diagnosis(self, proof: dict, stated: list[str], option: dict) -> list[str]:
        return [] if self._refutes(proof, stated, option["id"]) else [f"{option['id']} is not refuted"]

    def _gene(self, proof: dict, stated: list[str], option: dict) -> list[str]:
        diseases = self.raw.gene_diseases[option["id"]]
        return [
            f"{each} of {option['id']} is not refuted" for each in diseases if not self._refutes(proof, stated, each)
        ]

    def _gene_answer(self, proof: dict, stated: list[str]) -> list[str]:
        fine = self.genes(proof["subject"]) == {proof["answer"]}
        return [] if fine else [f"{proof['answer']} is not the one gene of {proof['subject']}"]

    def _allelic_answer(self, proof: dict, stated: list[str]) -> list[str]:
        ours, theirs = self.genes(proof["subject"]), self.genes(proof["answer"])
        fine = ours == theirs and len(ours) == 1 and self.names[proof["subject"]] != self.names[proof["answer"]]
        return [] if fine else [f"{proof['answer']} is no other disease of the gene of {proof['subject']}"]

    def _allelic(self, proof: dict, stated: list[str], option: dict) -> list[str]:
        genes = self.genes(option["id"])
        if len(genes) != 1 or genes == self.genes(proof["subject"]):
            return [f"{option['id']} may be due to the same gene"]
        return self._gene(proof, stated, {"id": next(iter(genes))})

    def _against(self, proof: dict, stated: list[str], option: dict) -> list[str]:
        fine = self.has(proof["subject"], option["id"]) and not self.denied(proof["subject"], option["id"])
        faults = [] if fine else [f"{option['id']} is no sign of the disease"]
        if not self.denied(proof["subject"], proof["answer"]) or self.has(proof["subject"], proof["answer"]):
            faults.append("the answer is not denied")
        return faults

    def _most_frequent(self, proof: dict, stated: list[str], option: dict) -> list[str]:
        return self._rarer(proof["subject"], proof, stated, option)

    _next_feature = _next_finding = _most_frequent

    def _next_feature_answer(self, proof: dict, stated: list[str]) -> list[str]:
        fine = len(set(stated)) == 1 and self.has(proof["subject"], stated[0])
        return [] if fine else ["what is stated is no sign of the disease"]

    def _other_disorder(self, proof: dict, stated: list[str], option: dict) -> list[str]:
        (gene,) = self.genes(proof["subject"])
        others = self.plain_names(self.raw.gene_diseases[gene]) - {self.names[proof["subject"]]}
        if len(others) != 1:
            return [f"{gene} has {len(others)} other diseases"]
        other = next(each for each in self.raw.gene_diseases[gene] if self.names.get(each, each) in others)
        return self._rarer(other, proof, stated, option)

    def _rarer(self, disease: str, proof: dict, stated: list[str], option: dict) -> list[str]:
        """No row lets an option be as frequent as the answer, and none is told or a kind or an ancestor of what is."""
        low, _ = self.interval(disease, proof["answer"])
        _, high = self.interval(disease, option["id"])
        for sign in (proof["answer"], option["id"]):
            if any(
                sign in self.lineage(each) or (sign == proof["answer"] and each in self.lineage(sign))
                for each in stated
            ):
                return [f"{sign} is told"]
        return [] if high < low + 1e-6 else [f"{option['id']} may be as frequent"]

    def _discriminating(self, proof: dict, stated: list[str], option: dict) -> list[str]:
        disease, sign = proof["subject"], option["id"]
        rivals = {row[0] for row in option["rows"]}
        rivals = {each for each in rivals if self.names[each] != self.names[disease]}
        if len({self.names[each] for each in rivals}) != 1:
            return [f"{sign} is refuted with {len(rivals)} rivals"]
        rival = rivals.pop()
        low = self.interval(disease, proof["answer"])[0]
        seldom = self.interval(rival, proof["answer"])[1] <= low / 2 + 1e-6
        if not (seldom or self.denied(rival, proof["answer"])) or low < 0.5 - 1e-6:
            return ["the answer does not tell the diseases apart"]
        if self.denied(disease, sign) and self.has(rival, sign):
            return []
        ours, theirs = self.interval(disease, sign), self.interval(rival, sign)
        return [] if all(a <= b + 1e-6 for a, b in zip(ours, theirs, strict=True)) else [f"{sign} favours the disease"]


def wilson(count: int, total: int) -> tuple[float, float]:
    """The interval of a share whose test statistic is 1.96, by solving the quadratic equation."""
    z2 = 1.959963984540054**2
    a, b, c = total + z2, -(2 * count + z2), count * count / total
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    low, high = (-b - root) / (2 * a), (-b + root) / (2 * a)
    return (0.0 if count == 0 else low), (1.0 if count == total else high)
