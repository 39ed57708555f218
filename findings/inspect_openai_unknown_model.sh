#!/bin/sh
# Packages:  inspect-ai 0.3.285 with openai 3.52.0, against a server on loopback that records what it is sent.
# Guess:     `--model openai/Qwen3-8B --model-base-url http://...` speaks to an own OpenAI-compatible server as it does
#            to OpenAI: chat completions, with the seed that was requested.
# Behaviour: inspect-ai takes a name without "gpt", "o1" and the like for OpenAI's newest model under a code name. It
#            uses the responses API, which many servers lack, and drops the seed silently, so that samples can't be
#            reproduced. `openai-api/SERVICE/Qwen3-8B` sends the seed through chat completions.
# Seen:      openai/Qwen3-8B: /v1/responses max_output_tokens;
#            openai-api/local/Qwen3-8B: /v1/chat/completions seed max_tokens;
set -eu
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || :; rm -rf "$work"' EXIT
server=
cd "$work"
python3 -m venv env
env/bin/pip install -q inspect-ai==0.3.285 openai==3.52.0

cat > server.py <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHAT = {
    "id": "1", "object": "chat.completion", "created": 0, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "C"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
TEXT = {"type": "output_text", "text": "C", "annotations": []}
RESPONSE = {
    "id": "r1", "object": "response", "created_at": 0, "model": "m", "status": "completed", "error": None,
    "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True, "tools": [],
    "tool_choice": "auto", "temperature": 1.0, "top_p": 1.0,
    "output": [{"type": "message", "id": "m1", "status": "completed", "role": "assistant", "content": [TEXT]}],
    "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1,
              "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2},
}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "scurvy" in json.dumps(body):  # not the provider's own probe
            names = [name for name in ("seed", "max_tokens", "max_output_tokens", "max_completion_tokens") if name in body]
            with open("requests", "a") as log:
                print(self.path, *names, file=log)
        reply = json.dumps(CHAT if self.path.endswith("/chat/completions") else RESPONSE).encode()
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

cat > vitamin.py <<'PY'
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import match


@task
def vitamin():
    question = "Which vitamin prevents scurvy? Answer with one letter."
    return Task(dataset=MemoryDataset([Sample(input=question, target="C")]), scorer=match())
PY
sent_by() {
    env/bin/inspect eval vitamin.py --model "$1" --model-base-url "$url" --seed 7 --max-tokens 64 --display none \
        --log-dir logs > inspect.log 2>&1 || { cat inspect.log >&2; exit 1; }
    sort -u requests | tr '\n' ';'
    rm requests
}
own=$(sent_by openai/Qwen3-8B)
service=$(sent_by openai-api/local/Qwen3-8B)
echo "openai/Qwen3-8B: $own"
echo "openai-api/local/Qwen3-8B: $service"
[ "$own" = "/v1/responses max_output_tokens;" ] && [ "$service" = "/v1/chat/completions seed max_tokens;" ]
