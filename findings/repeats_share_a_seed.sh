#!/bin/sh
# Packages:  lm-eval 0.4.13 and inspect-ai 0.3.285 (with openai 3.52.0), each against a chat server on loopback.
# Guess:     with a temperature above 0, three repeats (lm-eval) or epochs (inspect-ai, with --seed) of a question are
#            three independent samples, so the requests carry three seeds or none.
# Behaviour: all three requests are identical, seed included. lm-eval sends seed 1234 although no seed was configured;
#            inspect-ai sends the seed of --seed in every epoch. A server that honours seeds returns one response three
#            times: pass@k, majority votes and intervals over such samples describe copies.
# Seen:      lm-eval: seeds [1234, 1234, 1234]; inspect-ai: seeds [7, 7, 7].
set -eu
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || :; rm -rf "$work"' EXIT
server=
cd "$work"
python3 -m venv env
env/bin/pip install -q 'lm_eval[api]==0.4.13' inspect-ai==0.3.285 openai==3.52.0

cat > server.py <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPLY = {
    "id": "1", "object": "chat.completion", "created": 0, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("requests.jsonl", "ab") as log:
            log.write(json.dumps(json.loads(body)).encode() + b"\n")
        reply = json.dumps(REPLY).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PY
env/bin/python server.py > port &
server=$!
while [ ! -s port ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat port)/v1
export OPENAI_API_KEY=none LOCAL_API_KEY=none

seeds() {
    env/bin/python -c 'import json; print([json.loads(line).get("seed") for line in open("requests.jsonl")])'
    rm requests.jsonl
}

mkdir tasks
cat > tasks/capital.yaml <<YAML
task: capital
dataset_path: json
dataset_kwargs: {data_files: $work/items.jsonl}
test_split: train
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {temperature: 0.7, do_sample: true}
repeats: 3
metric_list: [{metric: exact_match}]
YAML
echo '{"question": "Which vitamin prevents scurvy? Answer with one letter.", "answer": "C"}' > items.jsonl
env/bin/lm_eval --model local-chat-completions --model_args "model=m,base_url=$url/chat/completions" \
    --tasks capital --include_path tasks --apply_chat_template > lm_eval.log 2>&1 || { cat lm_eval.log; exit 1; }
lm_eval=$(seeds)

cat > capital.py <<'PY'
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import match


@task
def capital():
    question = "Which vitamin prevents scurvy? Answer with one letter."
    return Task(dataset=MemoryDataset([Sample(input=question, target="C")]), scorer=match())
PY
env/bin/inspect eval capital.py --model openai-api/local/m --model-base-url "$url" --epochs 3 --seed 7 \
    --temperature 0.7 --display none --log-dir logs > inspect.log 2>&1 || { cat inspect.log; exit 1; }
inspect=$(seeds)

echo "lm-eval: seeds $lm_eval; inspect-ai: seeds $inspect"
[ "$lm_eval" = "[1234, 1234, 1234]" ] && [ "$inspect" = "[7, 7, 7]" ]
