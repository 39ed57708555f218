#!/bin/sh
# Package:   lm-eval 0.4.13, its model local-completions with a tokenizer, against a completions server on loopback.
# Guess:     with max_gen_toks above max_length (2,048 by default) the prompt is sent whole, or the run is refused.
# Behaviour: the prompt keeps its last `max_length - max_gen_toks` tokens. Where that number is negative, a prompt loses as many
#            tokens at its beginning, and a shorter one is sent as an empty list: the model answers a question that it never saw.
#            A warning says "left truncated", and the results look like any others.
# Seen:      prompt of 4 tokens: [[1, 2, 3, 4]] with max_gen_toks 256, [[]] with 4096.
set -eu
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || :; rm -rf "$work"' EXIT
server=
cd "$work"
python3 -m venv env
env/bin/pip install -q 'lm_eval[api]==0.4.13' transformers==5.23.0

cat > server.py <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("prompts.jsonl", "a") as log:
            log.write(json.dumps(body["prompt"]) + "\n")
        reply = json.dumps({"choices": [{"index": 0, "text": "C", "finish_reason": "stop"}]}).encode()
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

cat > tokenizer.py <<'PY'
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

words = {"[UNK]": 0, "which": 1, "vitamin": 2, "prevents": 3, "scurvy": 4}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
marks = dict.fromkeys(("unk_token", "eos_token", "pad_token"), "[UNK]")
PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained("tokenizer")
PY
env/bin/python tokenizer.py
echo '{"question": "which vitamin prevents scurvy", "answer": "C"}' > items.jsonl
mkdir tasks

prompt() {
    cat > tasks/capital.yaml <<YAML
task: capital
dataset_path: json
dataset_kwargs: {data_files: $work/items.jsonl}
test_split: train
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: [], max_gen_toks: $1}
metric_list: [{metric: exact_match}]
YAML
    OPENAI_API_KEY=none env/bin/lm_eval --model local-completions --tasks capital --include_path tasks --model_args \
        "model=m,base_url=http://127.0.0.1:$(cat port)/v1/completions,tokenizer=tokenizer" > log 2>&1 || { cat log; exit 1; }
    cat prompts.jsonl
    rm prompts.jsonl
}

short=$(prompt 256)
long=$(prompt 4096)
echo "max_gen_toks 256: $short; max_gen_toks 4096: $long"
[ "$short" = "[[1, 2, 3, 4]]" ] && [ "$long" = "[[]]" ]
