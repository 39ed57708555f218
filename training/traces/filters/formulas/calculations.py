"""Published clinical formulas, each with its units and the paper that it is from.

Concentrations of electrolytes are in mEq/L, of albumin in g/dL, of other blood values in mg/dL, pressures in mmHg,
weights in kg, heights in cm, ages in years; shares and percentages are named.
"""

from __future__ import annotations

import math
from typing import Final

_WATER_VAPOUR: Final = 47.0
"""mmHg at 37 °C."""
_RESPIRATORY_QUOTIENT: Final = 0.8
_CM_PER_INCH: Final = 2.54


def body_mass_index(weight: float, height: float) -> float:
    """Return weight / height² in kg/m². Keys et al., J Chronic Dis 1972;25:329."""
    return weight / (height / 100) ** 2


def anion_gap(sodium: float, chloride: float, bicarbonate: float) -> float:
    """Return Na - (Cl + HCO3) in mEq/L. Emmett and Narins, Medicine 1977;56:38."""
    return sodium - (chloride + bicarbonate)


def anion_gap_with_potassium(sodium: float, potassium: float, chloride: float, bicarbonate: float) -> float:
    """Return (Na + K) - (Cl + HCO3) in mEq/L. Emmett and Narins, Medicine 1977;56:38."""
    return sodium + potassium - (chloride + bicarbonate)


def corrected_anion_gap(sodium: float, chloride: float, bicarbonate: float, albumin: float) -> float:
    """Return the anion gap + 2.5 x (4.0 - albumin). Figge et al., Crit Care Med 1998;26:1807, with 4.0."""
    return anion_gap(sodium, chloride, bicarbonate) + 2.5 * (4.0 - albumin)


def corrected_anion_gap_figge(sodium: float, chloride: float, bicarbonate: float, albumin: float) -> float:
    """Return the anion gap + 2.5 x (4.4 - albumin). Figge et al., Crit Care Med 1998;26:1807."""
    return anion_gap(sodium, chloride, bicarbonate) + 2.5 * (4.4 - albumin)


def corrected_calcium(calcium: float, albumin: float) -> float:
    """Return Ca + 0.8 x (4.0 - albumin) in mg/dL. Payne et al., BMJ 1973;4:643."""
    return calcium + 0.8 * (4.0 - albumin)


def corrected_sodium_katz(sodium: float, glucose: float) -> float:
    """Return Na + 1.6 x (glucose - 100) / 100. Katz, N Engl J Med 1973;289:843."""
    return sodium + 1.6 * (glucose - 100) / 100


def corrected_sodium_hillier(sodium: float, glucose: float) -> float:
    """Return Na + 2.4 x (glucose - 100) / 100. Hillier et al., Am J Med 1999;106:399."""
    return sodium + 2.4 * (glucose - 100) / 100


def serum_osmolality(sodium: float, glucose: float, urea_nitrogen: float) -> float:
    """Return 2 x Na + glucose/18 + BUN/2.8 in mOsm/kg. Smithline and Gardner, JAMA 1976;236:1594."""
    return 2 * sodium + glucose / 18 + urea_nitrogen / 2.8


def osmolal_gap(measured: float, sodium: float, glucose: float, urea_nitrogen: float) -> float:
    """Return the measured less the calculated osmolality. Smithline and Gardner, JAMA 1976;236:1594."""
    return measured - serum_osmolality(sodium, glucose, urea_nitrogen)


def creatinine_clearance_male(age: float, weight: float, creatinine: float) -> float:
    """Return (140 - age) x weight / (72 x Cr) in mL/min. Cockcroft and Gault, Nephron 1976;16:31."""
    return (140 - age) * weight / (72 * creatinine)


def creatinine_clearance_female(age: float, weight: float, creatinine: float) -> float:
    """Return 0.85 x (140 - age) x weight / (72 x Cr) in mL/min. Cockcroft and Gault, Nephron 1976;16:31."""
    return 0.85 * creatinine_clearance_male(age, weight, creatinine)


def mean_arterial_pressure(systolic: float, diastolic: float) -> float:
    """Return (SBP + 2 x DBP) / 3 in mmHg. Razminia et al., Catheter Cardiovasc Interv 2004;63:419."""
    return (systolic + 2 * diastolic) / 3


def alveolar_oxygen(oxygen_share: float, carbon_dioxide: float, atmosphere: float = 760.0) -> float:
    """Return FiO2 x (Patm - 47) - PaCO2/0.8 in mmHg. Fenn, Rahn and Otis, Am J Physiol 1946;146:637, simplified."""
    return oxygen_share * (atmosphere - _WATER_VAPOUR) - carbon_dioxide / _RESPIRATORY_QUOTIENT


def alveolar_arterial_gradient(
    arterial_oxygen: float, oxygen_share: float, carbon_dioxide: float, atmosphere: float = 760.0
) -> float:
    """Return PAO2 - PaO2 in mmHg. Fenn, Rahn and Otis, Am J Physiol 1946;146:637, simplified."""
    return alveolar_oxygen(oxygen_share, carbon_dioxide, atmosphere) - arterial_oxygen


def oxygenation_ratio(arterial_oxygen: float, oxygen_share: float) -> float:
    """Return PaO2 / FiO2 in mmHg. ARDS Definition Task Force, JAMA 2012;307:2526."""
    return arterial_oxygen / oxygen_share


def sodium_excretion(urine_sodium: float, sodium: float, urine_creatinine: float, creatinine: float) -> float:
    """Return 100 x (UNa x PCr) / (PNa x UCr) in per cent. Espinel, JAMA 1976;236:579."""
    return 100 * urine_sodium * creatinine / (sodium * urine_creatinine)


def meld(bilirubin: float, inr: float, creatinine: float) -> float:
    """Return the MELD score as used before 2016, without sodium, rounded.

    3.78 ln(bilirubin) + 11.2 ln(INR) + 9.57 ln(creatinine) + 6.43, values below 1 set to 1, creatinine to at most 4.
    Kamath et al., Hepatology 2001;33:464.
    """
    low = [max(1.0, value) for value in (bilirubin, inr, min(creatinine, 4.0))]
    return float(round(3.78 * math.log(low[0]) + 11.2 * math.log(low[1]) + 9.57 * math.log(low[2]) + 6.43))


def meld_sodium(bilirubin: float, inr: float, creatinine: float, sodium: float) -> float:
    """Return the MELD-Na score of 2016: MELD + 1.32 x (137 - Na) - 0.033 x MELD x (137 - Na) for MELD > 11, rounded.

    Sodium is set to 125 to 137. Kim et al., N Engl J Med 2008;359:1018; OPTN policy 9 of 2016.
    """
    score, deficit = meld(bilirubin, inr, creatinine), 137 - min(137.0, max(125.0, sodium))
    return float(round(score + 1.32 * deficit - 0.033 * score * deficit)) if score > 11 else score


def low_density_lipoprotein(cholesterol: float, high_density: float, triglycerides: float) -> float:
    """Return TC - HDL - TG/5 in mg/dL, for TG below 400. Friedewald et al., Clin Chem 1972;18:499."""
    return cholesterol - high_density - triglycerides / 5


def expected_carbon_dioxide(bicarbonate: float) -> float:
    """Return 1.5 x HCO3 + 8 in mmHg (± 2). Albert, Dell and Winters, Ann Intern Med 1967;66:312."""
    return 1.5 * bicarbonate + 8


def corrected_qt_bazett(qt: float, heart_rate: float) -> float:
    """Return QT / sqrt(60 / rate) in ms. Bazett, Heart 1920;7:353."""
    return qt / math.sqrt(60 / heart_rate)


def corrected_qt_fridericia(qt: float, heart_rate: float) -> float:
    """Return QT / cube root of (60 / rate) in ms. Fridericia, Acta Med Scand 1920;53:469."""
    return float(qt / (60 / heart_rate) ** (1 / 3))


def body_surface_mosteller(weight: float, height: float) -> float:
    """Return sqrt(height x weight / 3600) in m². Mosteller, N Engl J Med 1987;317:1098."""
    return math.sqrt(height * weight / 3600)


def body_surface_du_bois(weight: float, height: float) -> float:
    """Return 0.007184 x weight^0.425 x height^0.725 in m². Du Bois and Du Bois, Arch Intern Med 1916;17:863."""
    return float(0.007184 * weight**0.425 * height**0.725)


def ideal_weight_male(height: float) -> float:
    """Return 50 + 2.3 x (inches over 60) in kg. Devine, Drug Intell Clin Pharm 1974;8:650."""
    return 50 + 2.3 * (height / _CM_PER_INCH - 60)


def ideal_weight_female(height: float) -> float:
    """Return 45.5 + 2.3 x (inches over 60) in kg. Devine, Drug Intell Clin Pharm 1974;8:650."""
    return 45.5 + 2.3 * (height / _CM_PER_INCH - 60)


def maintenance_fluid(weight: float) -> float:
    """Return 4, 2, 1 mL/kg/h of the first 10, next 10, further kg. Holliday and Segar, Pediatrics 1957;19:823."""
    return 4 * min(weight, 10) + 2 * min(max(weight - 10, 0), 10) + max(weight - 20, 0)


def burn_resuscitation(weight: float, burnt_percent: float) -> float:
    """Return 4 mL x kg x % of the body surface, for 24 hours. Baxter and Shires, Ann N Y Acad Sci 1968;150:874."""
    return 4 * weight * burnt_percent


def positive_likelihood_ratio(sensitivity: float, specificity: float) -> float:
    """Return sensitivity / (1 - specificity), of shares. Deeks and Altman, BMJ 2004;329:168."""
    return sensitivity / (1 - specificity)


def negative_likelihood_ratio(sensitivity: float, specificity: float) -> float:
    """Return (1 - sensitivity) / specificity, of shares. Deeks and Altman, BMJ 2004;329:168."""
    return (1 - sensitivity) / specificity


def positive_predictive_value(sensitivity: float, specificity: float, prevalence: float) -> float:
    """Return sens x prev / (sens x prev + (1 - spec) x (1 - prev)). Altman and Bland, BMJ 1994;309:102."""
    true, false = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    return true / (true + false)


def negative_predictive_value(sensitivity: float, specificity: float, prevalence: float) -> float:
    """Return spec x (1 - prev) / (spec x (1 - prev) + (1 - sens) x prev). Altman and Bland, BMJ 1994;309:102."""
    true, false = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    return true / (true + false)


def sensitivity(true_positives: float, false_negatives: float) -> float:
    """Return TP / (TP + FN). Altman and Bland, BMJ 1994;308:1552."""
    return true_positives / (true_positives + false_negatives)


def specificity(true_negatives: float, false_positives: float) -> float:
    """Return TN / (TN + FP). Altman and Bland, BMJ 1994;308:1552."""
    return true_negatives / (true_negatives + false_positives)


def absolute_risk_reduction(control: float, treated: float) -> float:
    """Return the event rate of controls less that of the treated. Laupacis et al., N Engl J Med 1988;318:1728."""
    return control - treated


def relative_risk(control: float, treated: float) -> float:
    """Return the event rate of the treated / that of controls. Laupacis et al., N Engl J Med 1988;318:1728."""
    return treated / control


def relative_risk_reduction(control: float, treated: float) -> float:
    """Return 1 - relative risk. Laupacis et al., N Engl J Med 1988;318:1728."""
    return 1 - treated / control


def number_needed_to_treat(control: float, treated: float) -> float:
    """Return 1 / absolute risk reduction. Laupacis et al., N Engl J Med 1988;318:1728."""
    return 1 / (control - treated)


def insulin_resistance(glucose: float, insulin: float) -> float:
    """Return glucose (mg/dL) x insulin (µU/mL) / 405. Matthews et al., Diabetologia 1985;28:412."""
    return glucose * insulin / 405


def corrected_reticulocytes(reticulocytes: float, hematocrit: float) -> float:
    """Return reticulocytes (%) x haematocrit (%) / 45. Hillman, J Clin Invest 1969;48:443."""
    return reticulocytes * hematocrit / 45
