"""`pull` against a hub on loopback, over real HTTP, in a process of its own (the endpoint is read at import)."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite.data.file_formats import read_rows
from evalsuite.data.item_lock import read_lock
from evalsuite.data.load import load, load_split
from evalsuite.data.verify import lock
from evalsuite.tasks.registry import load_task
from tests.data.conftest import COMMIT

CODE = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from evalsuite.data.pull import pull
from evalsuite.errors import EvalsuiteError
from evalsuite.tasks.registry import load_task
names, folder, revision, split = sys.argv[1].split(","), Path(sys.argv[2]), sys.argv[3] or None, sys.argv[4]
try:
    print(json.dumps([asdict(done) for done in pull([load_task(name) for name in names], folder, revision, split)]))
except EvalsuiteError as error:
    sys.exit(f"{error.code}: {error}")
"""


def pull(
    url: str, names: str, folder: Path, revision: str = "", split: str = "test", **env: str
) -> tuple[list[dict[str, Any]], str]:
    """Pull in a fresh process; return what it fetched and the last line of its errors."""
    env = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(folder / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1", **env}
    command = [sys.executable, "-c", CODE, names, str(folder), revision, split]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    errors = done.stderr.strip().splitlines()
    return (json.loads(done.stdout) if done.returncode == 0 else [], errors[-1] if errors else "")


def parquet(table: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table), sink)
    return sink.getvalue()


def lines(table: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row) for row in table).encode()


def medmcqa(mirror: Path) -> bytes:
    table = [{**row, "cop": row["cop"] - 1} for row in read_rows(mirror / "medmcqa/dev.json.gz")]
    return parquet(table)


def pubmedqa(mirror: Path) -> bytes:
    return parquet(
        [
            {
                "pubid": int(row["$key"]),
                "question": row["QUESTION"],
                "context": {"contexts": row["CONTEXTS"], "labels": row["LABELS"], "meshes": row["MESHES"]},
                "long_answer": row["LONG_ANSWER"],
                "final_decision": row["final_decision"],
            }
            for row in read_rows(mirror / "pubmedqa/ori_pqal.json.gz")
        ]
    )


def medqa_5opt(mirror: Path) -> bytes:
    return parquet(
        [
            {**row, "options": [{"key": key, "value": value} for key, value in row["options"].items()]}
            for row in read_rows(mirror / "medqa/us_test.5options.jsonl.gz")
        ]
    )


def medbullets(mirror: Path, count: int) -> bytes:
    """As the upload does it: sorted by link, five option fields whatever the count, no row keys."""
    table = [
        {
            "question": row["question"],
            "options": {letter: row.get(f"op{letter.lower()}", "") for letter in "ABCDE"},
            "answer": row["answer_idx"],
            "link": row["link"],
        }
        for row in read_rows(mirror / f"medbullets/medbullets_op{count}.json.gz")
    ]
    return parquet(sorted(table, key=lambda row: str(row["link"])))


def medxpertqa(mirror: Path) -> bytes:
    return lines(
        [
            {**row, "options": {o["letter"]: o["content"] for o in row["options"]}, "label": row["label"][0]}
            for row in read_rows(mirror / "medxpertqa/medxpertqa_text_input.jsonl.gz")
        ]
    )


def mmlu_pro(mirror: Path) -> bytes:
    both = [row for name in ("health", "biology") for row in read_rows(mirror / f"mmlu_pro/mmlu-pro_{name}.jsonl")]
    return parquet([*both, {**both[0], "question_id": 1, "category": "law"}])


def careqa(mirror: Path) -> bytes:
    return json.dumps([row for row in read_rows(mirror / "careqa/care_qa.citrus.jsonl.gz") if row["cop"] > 0]).encode()


def jmed_release(question: str = "发热三天") -> bytes:
    """Invented rows in the shape that a public loader of the file reads: 21 options, and a label, bare or in a list."""
    options = {chr(65 + place): f"诊断{place}" for place in range(21)}
    return lines(
        [
            {"question": f"{question}{n}", "options": options, "answer": answer}
            for n, answer in enumerate(("A", ["U"], "U"))
        ]
    )


def hub_files(mirror: Path) -> dict[str, dict[str, bytes]]:
    """Every task's hub data set, remade from the mirror in the layout that its card says the hub has."""
    medqa = read_rows(mirror / "medqa/phrases_no_exclude_test.4options.jsonl.gz")
    return {
        "GBaker/MedQA-USMLE-4-options": {"phrases_no_exclude_test.jsonl": lines(medqa), "README.md": b"#"},
        "bigbio/med_qa": {"med_qa_en_source/test/0000.parquet": medqa_5opt(mirror)},
        "openlifescienceai/medmcqa": {"data/validation-00000-of-00001.parquet": medmcqa(mirror)},
        "qiaojin/PubMedQA": {"pqa_labeled/train-00000-of-00001.parquet": pubmedqa(mirror)},
        "TsinghuaC3I/MedXpertQA": {"Text/test.jsonl": medxpertqa(mirror), "Text/dev.jsonl": b"{}"},
        "HPAI-BSC/CareQA": {"CareQA_en.json": careqa(mirror), "CareQA_es.json": b"[]"},
        "jdh-algo/JMED": {"JMED.jsonl": jmed_release()},
        "mkieffer/Medbullets": {
            "data/op4_test-00000-of-00001.parquet": medbullets(mirror, 4),
            "data/op5_test-00000-of-00001.parquet": medbullets(mirror, 5),
        },
        "TIGER-Lab/MMLU-Pro": {"data/test-00000-of-00001.parquet": mmlu_pro(mirror)},
    }


ALL = (
    "medqa,medqa_5opt,medmcqa,pubmedqa,pubmedqa_1000,medxpertqa,careqa,jmed,medbullets_op4,medbullets_op5,"
    "mmlu_pro_biology,mmlu_pro_health"
)


def test_every_task_comes_from_the_hub_as_the_items_of_its_card(mirror, hub_of, tmp_path):
    hub = hub_of(hub_files(mirror))
    done, message = pull(hub.url, ALL, tmp_path)
    assert [d["task"] for d in done] == ALL.split(","), message
    for result in done:
        task = load_task(result["task"])
        assert result["revision"] == COMMIT
        assert not result["pinned"]
        assert "unverified" in result["notes"][0]
        if task.name == "jmed":
            dataset = load(task, tmp_path)
            assert (dataset.variant, result["items"], len(dataset.items)) == ("release_21_options", 3, 3)
            assert {item.labels[item.labels.index(item.gold)] for item in dataset.items} == {"A", "U"}
            assert any("1,000" in note for note in dataset.notes), "it has fewer items than upstream describes"
            continue
        assert result["items"] == task.items
        dataset = load(task, tmp_path)
        from_mirror = load(task, mirror)
        if task.name == "careqa":
            assert dataset.variant == "citrus"
            assert any("citrus" in note for note in dataset.notes)
        else:
            assert dataset.digest == task.digest
            assert {i.id: i.group for i in dataset.items} == {i.id: i.group for i in from_mirror.items}
    assert "README.md" not in hub.served
    manifest = json.loads((tmp_path / "hub/mkieffer/Medbullets/pulled.json").read_text())
    assert len(manifest["files"]) == 2
    before = len(hub.served)
    pull(hub.url, "medqa", tmp_path)
    assert len(hub.served) == before, "a file that was downloaded is not sent again"


REPO = "acme/mini"
CARD = """
name: mini
version: 1
items: 3
digest: "{digest}"
hub:
  repo: acme/mini
  split: test
  files: ["data/test-*.parquet"]
  revision: {revision}
  layout: hub
sources:
  - {{path: mini.jsonl, layout: hub, items: 3}}
layouts:
  hub:
    id: id
    question: question
    options: {{kind: list, at: choices}}
    gold: {{kind: label, at: answer}}
"""


def mini_rows() -> list[dict[str, Any]]:
    return [{"id": f"m{n}", "question": f"Question {n}?", "choices": ["x", f"y{n}"], "answer": "B"} for n in range(3)]


@pytest.fixture
def mini(tmp_path, monkeypatch) -> Callable[..., None]:
    """A function that writes a locked task with a hub data set, so that no real data is needed to pull one."""
    tasks = tmp_path / "tasks"
    (tasks / "mini").mkdir(parents=True)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mini.jsonl").write_bytes(lines(mini_rows()))

    def write(revision: str = "unverified") -> None:
        card = tasks / "mini" / "task.yaml"
        card.write_text(CARD.format(digest="", revision=revision))
        digest = lock(load_task("mini", card.parent), tmp_path / "made")["mini.jsonl:hub"]
        card.write_text(CARD.format(digest=digest, revision=revision))
        monkeypatch.setenv("EVALSUITE_TASKS", str(tasks))

    return write


def test_a_task_is_pulled_checked_and_recorded(mini, hub_of, tmp_path):
    mini()
    body = parquet(mini_rows())
    hub = hub_of({REPO: {"data/test-0.parquet": body, "data/train-0.parquet": b"PAR1", "README.md": b"#"}})
    (result,), message = pull(hub.url, "mini", tmp_path)
    assert (result["items"], result["pinned"], result["revision"]) == (3, False, COMMIT), message
    assert hub.served == ["data/test-0.parquet"]
    manifest = json.loads((tmp_path / "hub" / REPO / "pulled.json").read_text())
    recorded = {"data/test-0.parquet": {"revision": COMMIT, "sha256": hashlib.sha256(body).hexdigest()}}
    assert manifest == {"repo": REPO, "files": recorded}
    pull(hub.url, "mini", tmp_path)
    assert hub.served == ["data/test-0.parquet"], "a file that was downloaded is not sent again"


def test_changed_items_on_the_hub_are_named(mini, hub_of, tmp_path):
    mini()
    table = mini_rows()
    table[1]["answer"] = "A"
    _, message = pull(hub_of({REPO: {"data/test-0.parquet": parquet(table)}}).url, "mini", tmp_path)
    assert message.startswith("data_changed: mini:") and "changed 1 (m1)" in message


@pytest.mark.parametrize(("of_card", "argument"), [("unverified", COMMIT), (COMMIT, "")])
def test_a_named_revision_is_downloaded(mini, hub_of, tmp_path, of_card, argument):
    mini(of_card)
    hub = hub_of({REPO: {"data/test-0.parquet": parquet(mini_rows())}})
    done, message = pull(hub.url, "mini", tmp_path, argument)
    assert done and done[0]["pinned"] and done[0]["revision"] == COMMIT, message


@pytest.mark.parametrize(
    ("problem", "code", "place"),
    [
        ("gated", "hub_access_denied", ""),
        ("absent", "hub_access_denied", ""),
        ("file", "hub_unavailable", "other.txt"),
        ("revision", "hub_unavailable", ""),
    ],
)
def test_what_the_hub_refuses_is_one_line(hub_of, tmp_path, problem, code, place):
    repo = "GBaker/MedQA-USMLE-4-options"
    hub = hub_of({} if problem == "absent" else {repo: {"other.txt": b"x"}}, (repo,) if problem == "gated" else ())
    _, message = pull(hub.url, "medqa", tmp_path, "nowhere" if problem == "revision" else "")
    assert message.startswith(f"{code}: medqa: GBaker/MedQA-USMLE-4-options")
    assert place in message


def test_no_hub_and_offline_are_one_line(tmp_path):
    _, message = pull("http://127.0.0.1:9", "medqa", tmp_path)
    assert message.startswith("hub_unavailable: medqa:") and "`data_dir`" in message
    _, message = pull("http://127.0.0.1:9", "medqa", tmp_path, HF_HUB_OFFLINE="1")
    assert message.startswith("hub_unavailable: medqa:") and "`data_dir`" in message


def test_a_file_name_that_leaves_the_folder_is_refused(hub_of, tmp_path):
    hub = hub_of({"openlifescienceai/medmcqa": {"data/validation-/../../../../x.parquet": b"x"}})
    _, message = pull(hub.url, "medmcqa", tmp_path)
    assert message.startswith("data_refused: medmcqa:")
    assert not hub.served


def test_a_file_name_from_the_root_is_refused(mini, hub_of, tmp_path):
    mini()
    card = tmp_path / "tasks" / "mini" / "task.yaml"
    card.write_text(card.read_text().replace("data/test-*.parquet", "*.parquet"))
    hub = hub_of({REPO: {f"{tmp_path}/x.parquet": parquet(mini_rows())}})
    _, message = pull(hub.url, "mini", tmp_path)
    assert message.startswith("data_refused: mini:")
    assert not hub.requested and not (tmp_path / "x.parquet").exists()


def test_a_file_name_that_only_the_second_listing_has_is_never_requested(mini, hub_of, tmp_path):
    mini()
    hub = hub_of({REPO: {"data/test-0.parquet": parquet(mini_rows())}})
    hub.unlisted = {"data/test-/../../../x.parquet": b"x", "data/test-1.parquet": parquet([])}
    done, message = pull(hub.url, "mini", tmp_path)
    assert done, message
    assert hub.requested == {"data/test-0.parquet"}


def test_files_of_an_earlier_commit_are_not_recorded_as_those_of_a_later_one(hub_of, tmp_path):
    repo, name = "jdh-algo/JMED", "JMED.jsonl"
    hub = hub_of({repo: {name: jmed_release()}})
    done, message = pull(hub.url, "jmed", tmp_path)
    assert done, message
    manifest = tmp_path / "hub" / repo / "pulled.json"
    before = manifest.read_bytes()
    hub.commit, hub.repos[repo], hub.broken = "f" * 40, {name: jmed_release("咳嗽")}, True
    done, message = pull(hub.url, "jmed", tmp_path)
    assert not done and message.partition(":")[0] in ("data_changed", "hub_unavailable")
    assert manifest.read_bytes() == before
    hub.broken = False
    done, message = pull(hub.url, "jmed", tmp_path)
    assert done and done[0]["revision"] == "f" * 40, message
    assert (tmp_path / "hub" / repo / name).read_bytes() == hub.repos[repo][name]


def test_train_files_are_pulled_once_and_give_each_item_once(mirror, hub_of, tmp_path):
    medqa = read_rows(mirror / "train/medqa_focused_1030.4options.json.gz")[:40]
    broken = {**medqa[0], "question": "Which?", "answer_idx": "Z"}
    hub = hub_of(
        {
            "GBaker/MedQA-USMLE-4-options": {
                "phrases_no_exclude_train.jsonl": lines([*medqa, *medqa[:5], broken]),
                "phrases_no_exclude_test.jsonl": b"never requested",
            },
            "qiaojin/PubMedQA": {"pqa_labeled/train-00000-of-00001.parquet": pubmedqa(mirror)},
        }
    )
    done, message = pull(hub.url, "medqa,pubmedqa", tmp_path, split="train")
    assert [each["items"] for each in done] == [45, 500], message
    assert any("can't become items" in note for note in done[0]["notes"])
    assert any("10,178" in note for note in done[0]["notes"])
    assert hub.served == ["phrases_no_exclude_train.jsonl", "pqa_labeled/train-00000-of-00001.parquet"]
    items = load_split(load_task("medqa"), "train", tmp_path)
    assert len(items) == 40 and items[0].id == "phrases_no_exclude_train.jsonl:0"
    other_half = {item.id.partition(":")[2] for item in load_split(load_task("pubmedqa"), "train", tmp_path)}
    locked = read_lock(load_task("pubmedqa").folder)["pubmedqa/ori_pqal.json:official"]
    assert len(other_half) == 500 and not other_half & locked.keys()


def test_a_task_without_train_files_on_the_hub_is_refused(tmp_path):
    _, message = pull("http://127.0.0.1:9", "careqa", tmp_path, split="train")
    assert message.startswith("invalid_argument: careqa")


def test_what_a_pattern_downloads_is_found_again(mini, hub_of, tmp_path):
    mini()
    card = tmp_path / "tasks" / "mini" / "task.yaml"
    card.write_text(card.read_text().replace("data/test-*.parquet", "*.parquet"))
    rows = mini_rows()
    hub = hub_of({REPO: {"data/test-0.parquet": parquet(rows[:2]), "data/more/test-1.parquet": parquet(rows[2:])}})
    done, message = pull(hub.url, "mini", tmp_path)
    assert done and done[0]["items"] == 3, message
