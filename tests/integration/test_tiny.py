"""`tiny`: the package's own model answers as `hf/` would on its folder, and a damaged copy is refused."""

import hashlib
import json
import re
import shutil
import subprocess
import sys

import pytest
from asking import ask, make_request, texts

from evalsuite.errors import BackendError, UsageError
from evalsuite.models import make_backend
from evalsuite.models.backend import BackendSettings, Decoding
from evalsuite.models.hf import HF
from evalsuite.models.tiny import FOLDER, SUMS, Tiny

pytestmark = pytest.mark.integration
pytest.importorskip("torch")
GREEDY = Decoding(max_tokens=24)


@pytest.fixture(scope="module")
def shipped(tiny_model, tmp_path_factory):
    """A folder as the package has one."""
    folder = shutil.copytree(tiny_model, tmp_path_factory.mktemp("package") / "embedded")
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(sums))
    return folder


async def test_it_answers_as_hf_does_on_its_folder(shipped):
    requests = [make_request(number) for number in range(40)]
    own = Tiny(BackendSettings(model="", decoding=GREEDY), shipped)
    facts = await own.open([])
    await own.close()
    assert (facts["device"], facts["dtype"], facts["batch"]) == ("cpu", "float32", 128)
    found = texts(await ask(Tiny(BackendSettings(model="", decoding=GREEDY), shipped), requests))
    assert found == texts(await ask(HF(BackendSettings(model=str(shipped), decoding=GREEDY)), requests))


async def test_its_weights_are_named_by_what_they_hold_and_not_by_where_they_are(shipped, tmp_path):
    moved = shutil.copytree(shipped, tmp_path / "elsewhere")
    backends = [Tiny(BackendSettings(model="", decoding=GREEDY), folder) for folder in (shipped, moved)]
    facts = [await backend.open([]) for backend in backends]
    for backend in backends:
        await backend.close()
    assert facts[0] == facts[1] and str(facts[0]["revision"]).startswith("files-")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
async def test_a_damaged_or_missing_file_is_refused(shipped, tmp_path, name):
    folder = shutil.copytree(shipped, tmp_path / "embedded")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BackendError, match=f"{name}: not the file that evalsuite ships"):
        await Tiny(BackendSettings(model="", decoding=GREEDY), folder).open([])
    (folder / name).unlink()
    with pytest.raises(BackendError, match="tiny can't be read"):
        await Tiny(BackendSettings(model="", decoding=GREEDY), folder).open([])


async def test_without_torch_one_line_says_what_to_install(shipped, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BackendError, match=r"needs torch: pip install 'evalsuite\[hf\]'"):
        await Tiny(BackendSettings(model="", decoding=GREEDY), shipped).open([])


def test_there_is_one_of_its_name():
    assert isinstance(make_backend("tiny", BackendSettings(model="")), Tiny)
    with pytest.raises(UsageError, match="there is one, named tiny"):
        make_backend("tiny/other", BackendSettings(model="other"))
    with pytest.raises(UsageError, match="or tiny"):
        make_backend("tinier", BackendSettings(model=""))


def test_without_a_model_or_tasks_it_is_as_good_as_its_card_says(tmp_path):
    """A point of slack: another processor's sums may turn a few of 1,934 answers."""
    out = tmp_path / "run"
    asked = [sys.executable, "-m", "evalsuite", "run", "--json", "--out", str(out)]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    facts = json.loads((out / "run.json").read_text())
    assert facts["spec"]["tasks"] == ["tinyworld", "tinyworld_hard"]
    assert (facts["identity"]["model"], facts["identity"]["decoding"]["max_tokens"]) == ("tiny", 128)
    assert str(FOLDER) not in (out / "run.json").read_text()
    rows = re.findall(r"\| 5-grpo-2 \| `(\w+)` \| [\d,]+ \| [\d.]+ \| ([\d.]+) \[", (FOLDER / "README.md").read_text())
    measured = {name: task["accuracy"]["value"] for name, task in json.loads(done.stdout)["tasks"].items()}
    assert measured == pytest.approx({name: float(percent) / 100 for name, percent in rows}, abs=0.01)


def test_its_options_can_be_weighed(tmp_path):
    asked = [
        sys.executable,
        "-m",
        "evalsuite",
        "run",
        "--limit",
        "2",
        "--scoring",
        "cloze",
        "--out",
        str(tmp_path / "w"),
    ]
    assert subprocess.run(asked, capture_output=True, cwd=tmp_path, timeout=300).returncode == 0
