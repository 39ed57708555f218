#!/bin/sh
# Package:   lm-eval 0.4.13: the filter `flexible-extract` of its task mmlu_flan_cot_zeroshot, and the filter majority_vote.
# Guess:     the filter reads a letter only where a response names one of the item's options, and a vote is among letters.
# Behaviour: the last "(X)" of the text counts, whatever X is, and then the letter behind any colon, even where it begins a word.
#            In a majority vote "[invalid]", which stands for "nothing found", is a candidate and wins.
# Seen:      "Diagnosis: Cholangitis" is (C), "Diagnosis: Appendicitis" is (A), "She lacks vitamin (K)." is (K); one response
#            read as A and three not read at all: [invalid].
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q lm_eval==0.4.13
cat > letters.py <<'PY'
from lm_eval.filters.extraction import MultiChoiceRegexFilter, RegexFilter
from lm_eval.filters.selection import MajorityVoteFilter

# The settings of mmlu_flan_cot_zeroshot.
flexible = MultiChoiceRegexFilter(
    group_select=-1, ignore_case=True, ignore_punctuation=True, regex_pattern=r"(\([A-Z]\))"
)
item = {"choices": ["stones", "a cyst", "a tumour", "an abscess"]}
texts = ["Diagnosis: Cholangitis", "Diagnosis: Appendicitis", "She lacks vitamin (K)."]
read = [flexible.apply([[text]], [item])[0][0] for text in texts]

responses = ["The answer is A.", "Hard to say.", "No idea.", "Several may be right."]
found = RegexFilter(regex_pattern=r"answer is ([A-D])").apply([responses], [item])
vote = list(MajorityVoteFilter().apply(found, [item]))[0][0]
print(dict(zip(texts, read)), "vote:", vote)
raise SystemExit(read != ["(C)", "(A)", "(K)"] or vote != "[invalid]")
PY
env/bin/python letters.py
