#!/bin/sh
# Package:   inspect-ai 0.3.285 with its mock model.
# Guess:     its scorers for a letter agree on plain ways to write the letter C where C is right.
# Behaviour: of eight such texts `choice` accepts 3, `answer("letter")` 4, `match` 6 and `includes` 8: the same responses have four
#            accuracies, and only two texts are right for all four.
# Seen:      choice CCCIIIII, answer CICICICI, match CCCCICIC, includes CCCCCCCC.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q inspect-ai==0.3.285
cat > scorers.py <<'PY'
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import answer, choice, includes, match
from inspect_ai.solver import generate, multiple_choice

TEXTS = [
    "ANSWER: C", "ANSWER: (C)", "**ANSWER: C**", "The answer is C.", "Answer: C because it fits", "C",
    "ANSWER: C, not B", "Vitamin C",
]


def reply(messages, *_):
    number = int(messages[-1].text.split("case ")[1].split(":")[0])
    output = ModelOutput.from_content("m", TEXTS[number])
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # else it fetches a tokenizer
    return output


def verdicts(solver, scorer):
    samples = [
        Sample(id=n, input=f"case {n}: which?", choices=["w", "x", "y", "z"], target="C") for n in range(len(TEXTS))
    ]
    task = Task(dataset=MemoryDataset(samples), solver=solver, scorer=scorer)
    model = get_model("mockllm/model", custom_outputs=reply, memoize=False)
    (log,) = eval(task, model=model, log_dir="logs", display="none")
    by_number = sorted(log.samples, key=lambda sample: sample.id)
    return "".join(score.value for sample in by_number for score in sample.scores.values())


seen = {
    "choice": verdicts(multiple_choice(), choice()),
    "answer": verdicts(generate(), answer("letter")),
    "match": verdicts(generate(), match()),
    "includes": verdicts(generate(), includes()),
}
print(seen)
raise SystemExit(list(seen.values()) != ["CCCIIIII", "CICICICI", "CCCCICIC", "CCCCCCCC"])
PY
env/bin/python scorers.py
