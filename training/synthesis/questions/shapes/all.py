"""Every shape by its name."""

from __future__ import annotations

from typing import Final

from training.synthesis.questions.shapes.against import Against
from training.synthesis.questions.shapes.allelic import Allelic
from training.synthesis.questions.shapes.code import Code
from training.synthesis.questions.shapes.diagnosis import Diagnosis
from training.synthesis.questions.shapes.discriminating import Discriminating
from training.synthesis.questions.shapes.drug import Contraindication, NoIndication
from training.synthesis.questions.shapes.gene import Gene
from training.synthesis.questions.shapes.most_frequent import MostFrequent, NextFeature, NextFinding, OtherDisorder
from training.synthesis.questions.shapes.shape import Shape

SHAPES: Final[dict[str, type[Shape]]] = {
    shape.name: shape
    for shape in (
        Diagnosis,
        Gene,
        Allelic,
        Against,
        MostFrequent,
        NextFeature,
        NextFinding,
        OtherDisorder,
        Discriminating,
        NoIndication,
        Contraindication,
        Code,
    )
}
