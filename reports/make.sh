#!/bin/sh
# Make every report of this folder again: sh reports/make.sh DATA RUNS
# DATA: the data mirror, with the recorded responses in DATA/recorded; RUNS: an empty folder for runs and HTML reports.
set -eu
data=$1 runs=$2 here=$(dirname "$0")
medqa_like=medqa,medmcqa,pubmedqa

grade() { # NAME TASKS: grade the recording NAME on TASKS
    evalsuite run --model "replay/$data/recorded/$1.jsonl.gz" --tasks "$2" --data-dir "$data" --out "$runs/$1" >/dev/null
}

publish() { # FOLDER OPTIONS RUN...: a report, of which the Markdown and the summaries are kept here
    folder=$1 options=$2
    shift 2
    for run; do set -- "$@" "$runs/$run"; shift; done
    # shellcheck disable=SC2086
    evalsuite report "$@" $options --out "$runs/reports/$folder" --data-dir "$data"
    mkdir -p "$here/$folder/summaries"
    cp "$runs/reports/$folder/leaderboard.md" "$runs/reports/$folder/leaderboard.csv" "$here/$folder/"
    for run; do cp "$run/summary.json" "$here/$folder/summaries/$(basename "$run").json"; done
}

mmlu="DeepSeek-Coder-V2 Llama-2-13b-hf Meta-Llama-3-8B Meta-Llama-3_1-8B-Instruct Mixtral-8x7B-Instruct-v0.1"
mmlu="$mmlu Phi-3-mini-4k-instruct Qwen1.5-7B-Chat gemini-1.5-flash-002 jamba-1.5-large"
names=
for model in $mmlu; do
    grade "mmlu_pro__$model" mmlu_pro_biology,mmlu_pro_health
    names="$names mmlu_pro__$model"
done
# shellcheck disable=SC2086
publish mmlu_pro "" $names
python "$here/upstream.py" "$data/recorded" "$runs" >"$here/mmlu_pro/upstream.md"

several=$medqa_like,medxpertqa,medbullets_op5,mmlu_pro_health
grade mirage__gpt-35-turbo-16k__cot $medqa_like
grade medagents__DeepSeek-R1__zero_shot $several
grade medagents__gpt-4o-mini__cot $several
grade medagents__QwQ-32B__zero_shot_512tok pubmedqa,medxpertqa,medbullets_op5,mmlu_pro_health
grade medxpertqa__Mistral-Small-3.2-24B-Instruct-2506__2turn_cot medxpertqa
publish several_benchmarks "--lenient --allow prompt_digest" mirage__gpt-35-turbo-16k__cot medagents__DeepSeek-R1__zero_shot medagents__gpt-4o-mini__cot \
    medagents__QwQ-32B__zero_shot_512tok medxpertqa__Mistral-Small-3.2-24B-Instruct-2506__2turn_cot
