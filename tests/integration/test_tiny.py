"""`tiny`: the shipped model responds as `hf/` does on its folder, and a damaged copy is refused."""

import hashlib
import json
import re
import shutil
import subprocess
import sys

import pytest
from backend_calls import make_request, respond, texts

from evalsuite.errors import BackendError, ErrorCode, UsageError
from evalsuite.models import make_backend, split_name
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.hf import HF
from evalsuite.models.tiny import FOLDER, SUMS, Tiny

pytestmark = pytest.mark.integration
pytest.importorskip("torch")
GREEDY = Decoding(max_tokens=24)


@pytest.fixture(scope="module")
def shipped(tiny_model, tmp_path_factory):
    """Return a folder with the files that the package ships, of a random model."""
    folder = shutil.copytree(tiny_model, tmp_path_factory.mktemp("package") / "weights")
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(sums))
    return folder


async def test_tiny_responds_as_hf_does_on_its_folder(shipped):
    requests = [make_request(number) for number in range(40)]
    backend = Tiny(BackendSettings(model="", decoding=GREEDY), shipped)
    info = await backend.open([])
    await backend.close()
    assert (info["device"], info["dtype"], info["batch"]) == ("cpu", "float32", 128)
    responses = texts(await respond(Tiny(BackendSettings(model="", decoding=GREEDY), shipped), requests))
    assert responses == texts(await respond(HF(BackendSettings(model=str(shipped), decoding=GREEDY)), requests))


async def test_the_revision_depends_on_the_weights_and_not_on_their_path(shipped, tmp_path):
    moved = shutil.copytree(shipped, tmp_path / "moved")
    backends = [Tiny(BackendSettings(model="", decoding=GREEDY), folder) for folder in (shipped, moved)]
    infos = [await backend.open([]) for backend in backends]
    for backend in backends:
        await backend.close()
    assert infos[0] == infos[1] and str(infos[0]["revision"]).startswith("files-")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
async def test_a_damaged_or_missing_file_is_refused(shipped, tmp_path, name):
    folder = shutil.copytree(shipped, tmp_path / "weights")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    for problem in ("damaged", "missing"):
        if problem == "missing":
            (folder / name).unlink()
        with pytest.raises(BackendError, match=name) as caught:
            await Tiny(BackendSettings(model="", decoding=GREEDY), folder).open([])
        assert caught.value.code is ErrorCode.MODEL_NOT_LOADABLE


async def test_without_torch_the_error_names_the_extra_to_install(shipped, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BackendError, match=r"torch: pip install .*\[hf\]") as caught:
        await Tiny(BackendSettings(model="", decoding=GREEDY), shipped).open([])
    assert caught.value.code is ErrorCode.MISSING_PACKAGE


def test_tiny_has_no_other_model():
    assert isinstance(make_backend("tiny", BackendSettings(model="")), Tiny)
    for name in ("tiny/other", "tinier"):
        with pytest.raises(UsageError, match=name) as caught:
            prefix, model = split_name(name)
            make_backend(prefix, BackendSettings(model))
        assert caught.value.code is ErrorCode.UNKNOWN_MODEL


def test_a_run_without_a_model_reproduces_the_model_card(tmp_path):
    """Within one percentage point: rounding on another processor may change a few of 1,934 answers."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "evalsuite", "run", "--json", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=1800)
    assert done.returncode == 0, done.stderr
    run = json.loads((out / "run.json").read_text())
    assert run["spec"]["tasks"] == ["tinyworld", "tinyworld_hard"]
    assert (run["identity"]["model"], run["identity"]["decoding"]["max_tokens"]) == ("tiny", 128)
    assert str(FOLDER) not in (out / "run.json").read_text()
    rows = re.findall(r"\| 5-grpo-2 \| `(\w+)` \| [\d,]+ \| [\d.]+ \| ([\d.]+) \[", (FOLDER / "README.md").read_text())
    measured = {name: task["accuracy"]["value"] for name, task in json.loads(done.stdout)["tasks"].items()}
    assert measured == pytest.approx({name: float(percent) / 100 for name, percent in rows}, abs=0.01)


def test_tiny_scores_option_texts(tmp_path):
    command = [
        sys.executable,
        "-m",
        "evalsuite",
        "run",
        "--limit",
        "2",
        "--scoring",
        "cloze",
        "--out",
        str(tmp_path / "run"),
    ]
    assert subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=1800).returncode == 0
