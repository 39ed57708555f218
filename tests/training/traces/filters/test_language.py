"""Language by script and by frequent words."""

import pytest

from tests.training.traces.filters.vignette import REASONING, vignette
from training.traces.filters import DiscardReason, TraceFilters
from training.traces.filters.language import check_language

CHINESE = (
    "患者为54岁女性，既往有1型糖尿病，呕吐两天，血糖540 mg/dL，碳酸氢根10 mEq/L。"
    "阴离子间隙升高，最可能为糖尿病酮症酸中毒（DKA）。由于血压偏低，首先应静脉输注生理盐水恢复容量，再给予胰岛素。"
)
JAPANESE = (
    "患者は54歳の女性で、1型糖尿病があり、2日間嘔吐している。血糖540 mg/dL、重炭酸10 mEq/Lで、アニオンギャップは高い。"
    "糖尿病性ケトアシドーシス（DKA）が最も考えられる。血圧が低いので、まず生理食塩水を点滴する。"
)
FRENCH = (
    "La patiente a un diabète de type 1 et des vomissements depuis deux jours. Le trou anionique est grand et la "
    "cause la plus probable est une acidocétose diabétique. Il faut d'abord restaurer la volémie avec du sérum salé."
)


@pytest.mark.parametrize(("text", "language"), [(REASONING, "en"), (CHINESE, "zh"), (JAPANESE, "ja")])
def test_each_language_is_itself_and_no_other(text, language):
    for stated in ("en", "zh", "ja"):
        verdict = check_language(vignette(reasoning=text, language=stated), TraceFilters())
        assert (verdict is None) == (stated == language), (stated, verdict)


@pytest.mark.parametrize("text", [FRENCH, "Пациентка с диабетом первого типа и рвотой. " * 5])
def test_other_languages_are_not_english(text):
    verdict = check_language(vignette(reasoning=text), TraceFilters())
    assert verdict.reason is DiscardReason.WRONG_LANGUAGE


def test_reasoning_that_switches_half_way_is_not_english():
    assert check_language(vignette(reasoning=REASONING[:300] + CHINESE), TraceFilters()) is not None


@pytest.mark.parametrize("text", [REASONING + " ταχύπνοια, 糖尿病", "Anion gap 28.", "132 - (94 + 10) = 28"])
def test_foreign_terms_and_short_notes_pass(text):
    assert check_language(vignette(reasoning=text), TraceFilters()) is None
