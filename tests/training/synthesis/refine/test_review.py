"""Review: who may decide, what a decision may be, what survives a kill, and the data set that follows."""

import hashlib
import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evalsuite.cli import main
from evalsuite.errors import DataError, ErrorCode
from tests.training.synthesis.refine.planted import read_rows, row, write_rows
from training.data.manifest import verify
from training.synthesis.refine.review.journal import DECISIONS, DecisionJournal
from training.synthesis.refine.review.review_items import read_review
from training.synthesis.refine.review.server import ReviewServer

ROOT = Path(__file__).parents[4]


@pytest.fixture
def folder(tmp_path) -> Path:
    """Refined questions: q000 is kept, q001 to q004 are never answered right, as the validator always says A."""
    rows = [row(0, answer="A", tier="easy"), *(row(n, tier="easy") for n in range(1, 5))]
    file = write_rows(tmp_path / "rows.jsonl", [*rows, row(9, answer=None)])
    command = ["train", "refine", str(file), "--licence", "ours", "--validator", "trivial/first"]
    assert main([*command, "--out", str(tmp_path / "refined")]) == 0
    return tmp_path / "refined"


@pytest.fixture
def server(folder) -> Iterator[ReviewServer]:
    with ReviewServer(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(port: int, path: str, body: object = None, **headers: str | None) -> tuple[int, dict]:
    """One request; a header that is None isn't sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    given = {"Host": f"127.0.0.1:{port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.putrequest("GET" if body is None else "POST", path, skip_host=True)
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    if content is not None and "Content-Length" not in given:
        connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content)
    reply = connection.getresponse()
    text = reply.read()
    return reply.status, json.loads(text) if reply.headers["Content-Type"] == "application/json" else {}


def decision(folder: Path, item: str, verdict: str, **changes: object) -> dict[str, object]:
    _, items = read_review(folder)
    plain = {"item": item, "digest": items[item].digest, "verdict": verdict, "reviewer": "Ada", "reason": "because"}
    return {**plain, **changes}


def fix(number: int, **changes: object) -> dict[str, object]:
    changed = row(number, **changes)
    return {key: changed[key] for key in ("question", "options", "answer")}


def decide(server: ReviewServer, content: object) -> tuple[int, dict]:
    return ask(server.server_port, "/api/decisions", content, X_Review_Token=server.token)


@pytest.mark.parametrize("path", ["/api/items", "/api/items/0", "/api/decisions"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Review_Token": "guessed"},
        {"X_Review_Token": "right", "Host": "evil.example:7576"},
        {"X_Review_Token": "right", "Host": None},
        {"X_Review_Token": "right", "Host": "127.0.0.1.evil.example"},
        {"X_Review_Token": "right", "Origin": "http://evil.example"},
        {"X_Review_Token": "right", "Origin": "null"},
    ],
)
def test_nobody_else_reads_or_decides(server, folder, path, headers):
    sent = {name: server.token if value == "right" else value for name, value in headers.items()}
    assert ask(server.server_port, path, **sent)[0] == 403
    assert ask(server.server_port, "/api/decisions", decision(folder, "q001", "accept"), **sent)[0] == 403
    assert not (folder / DECISIONS).exists()


def test_a_page_without_the_token_holds_no_question(server):
    for path in ("/", "/review.js", "/review.css"):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("GET", path)
        reply = connection.getresponse()
        text = reply.read().decode()
        assert reply.status == 200 and "Question 1" not in text and server.token not in text
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy


def test_a_tunnel_under_another_port_is_still_this_machine(server):
    for host in ("localhost:9000", f"127.0.0.1:{server.server_port}", "[::1]:80"):
        headers = {"Host": host, "Origin": f"http://{host}", "X_Review_Token": server.token}
        status, content = ask(server.server_port, "/api/items", **headers)
        assert status == 200 and [each["id"] for each in content["items"]] == ["q001", "q002", "q003", "q004"]


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "maybe"},
        {"verdict": "reject", "reason": "  "},
        {"verdict": "fix"},
        {"verdict": "accept", "fixed": fix(1, answer="C")},
        {"reviewer": ""},
        {"reviewer": " \t"},
        {"reviewer": "a\nb"},
        {"reviewer": "x" * 101},
        {"reason": "x" * 10_001},
        {"reason": 7},
        {"item": "q000"},
        {"item": "nothing"},
        {"digest": "0" * 64},
        {"extra": 1},
        {"verdict": "fix", "fixed": fix(1)},
        {"verdict": "fix", "fixed": fix(1, answer="E")},
        {"verdict": "fix", "fixed": fix(1, question=" ")},
        {"verdict": "fix", "fixed": fix(1, options={"A": "x", "B": "x"})},
        {"verdict": "fix", "fixed": fix(1, options={"A": "x", "B": "sjÃ¶gren"})},
        {"verdict": "fix", "fixed": fix(1, answer="C") | {"id": "q000"}},
        {"verdict": "fix", "fixed": fix(1, question="\ud800")},
    ],
)
def test_a_decision_that_cannot_hold_is_refused(server, folder, changes):
    status, content = decide(server, decision(folder, "q001", "accept") | changes)
    assert status == 400 and content["error"] and "\n" not in content["error"]
    assert not (folder / DECISIONS).exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_what_is_no_decision_is_refused(server, folder, body):
    assert decide(server, body)[0] == 400 and not (folder / DECISIONS).exists()


def test_a_body_without_end_is_not_read(server):
    for length in ("99999999999", "-1", "x", ""):
        headers = {"Content_Length": length, "X_Review_Token": server.token}
        assert ask(server.server_port, "/api/decisions", b"{}", **headers)[0] == 400


def test_two_reviewers_at_once_lose_nothing(server, folder):
    def work(reviewer: str) -> None:
        for number in range(20):
            verdict = "accept" if number % 2 else "reject"
            assert decide(server, decision(folder, f"q00{1 + number % 4}", verdict, reviewer=reviewer))[0] == 200

    with ReviewServer(folder, 0), ThreadPoolExecutor() as pool:  # a second process may have the folder open, too
        list(pool.map(work, ("Ada", "Ben", "Cem")))
    found = list(DecisionJournal(folder).read())
    assert len(found) == 60
    for name in ("Ada", "Ben", "Cem"):
        assert [each.item for each in found if each.reviewer == name] == [f"q00{1 + n % 4}" for n in range(20)]


def test_a_decision_is_on_the_disk_when_it_is_confirmed(folder):
    command = [sys.executable, "-m", "evalsuite", "train", "review", str(folder), "--port", "0"]
    for number, torn in ((1, b'{"item": "q00'), (2, b"")):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        address = _address(process)
        port, token = int(address.split(":")[2].split("/")[0]), address.rpartition("#")[2]
        content = decision(folder, f"q00{number}", "reject", reason="früh")
        assert ask(port, "/api/decisions", content, X_Review_Token=token)[0] == 200
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        with (folder / DECISIONS).open("ab") as journal:
            journal.write(torn)  # what a power cut in the middle of a write leaves
    assert [each.item for each in DecisionJournal(folder).read()] == ["q001", "q002"]


def _address(process: subprocess.Popen) -> str:
    line = ""
    while not line.startswith("http"):
        line = process.stdout.readline().decode()
        assert line, "the server ended"
    return line.strip()


def test_a_damaged_journal_is_one_line_that_names_the_place(server, folder, capsys):
    assert decide(server, decision(folder, "q001", "accept"))[0] == 200
    with (folder / DECISIONS).open("ab") as journal:
        journal.write(b'{"item": "q001"}\n')
    assert decide(server, decision(folder, "q002", "accept"))[0] == 400
    out = folder.parent / "new"
    assert main(["train", "review", str(folder), "--apply", "--out", str(out)]) == 2
    assert f"{folder / DECISIONS}:2:" in capsys.readouterr().err and not out.exists()


def test_the_data_set_follows_from_the_decisions(server, folder):
    gold_only, reworded = fix(2, answer="A"), fix(3, question="Question 3, said clearly?")
    for content in (
        decision(folder, "q001", "accept", reason=""),
        decision(folder, "q002", "reject"),
        decision(folder, "q002", "fix", fixed=gold_only),  # a later decision of the same reviewer
        decision(folder, "q003", "fix", fixed=reworded),
        decision(folder, "q004", "reject", reason="two right answers"),
    ):
        assert decide(server, content)[0] == 200
    out = folder.parent / "new"
    assert main(["train", "review", str(folder), "--apply", "--out", str(out)]) == 0
    items = {each["id"]: each for each in read_rows(out / "questions" / "items.jsonl")}
    assert list(items) == ["q000", "q001", "q002", "q003"]
    assert items["q001"]["meta"] == {"tier": "easy", "passed": "0/5", "measured_tier": "difficult"}
    # Every trial said A: with A as the gold label all of them were right. Of another question nothing was measured.
    assert items["q002"]["answer"] == "A" and items["q002"]["meta"]["passed"] == "5/5"
    assert items["q003"]["question"] == "Question 3, said clearly?" and items["q003"]["meta"] == {"tier": "easy"}
    rejected = {each["where"]: each for each in read_rows(out / "rejected.jsonl")}
    assert rejected["q004"] | {"row": 0} == {
        "where": "q004",
        "reasons": ["rejected_in_review"],
        "detail": "two right answers",
        "row": 0,
        "by": "Ada",
    }
    assert rejected["rows.jsonl:6"]["by"] == "format filter" and len(rejected) == 2
    reviewed = {each["item"]: each for each in read_rows(out / "reviewed.jsonl")}
    assert {name: each["verdict"] for name, each in reviewed.items()} == {
        "q001": "accept",
        "q002": "fix",
        "q003": "fix",
        "q004": "reject",
    }
    assert reviewed["q002"]["before"]["answer"] == "B" and reviewed["q002"]["reviewers"]["Ada"]["reason"] == "because"
    manifest = verify(out)
    assert [(f.name, f.kept, f.dropped) for f in manifest.filters][-1] == ("review", 3, 1)
    assert len(read_rows(out / "train.jsonl")) == 4 and read_rows(out / "review.jsonl") == []


def test_an_attribution_stays_through_every_step(tmp_path):
    items = [row(1, answer="A"), row(2)]
    file = write_rows(tmp_path / "rows.jsonl", items)
    command = ["train", "refine", str(file), "--licence", "CC BY 4.0, Ada", "--out", str(tmp_path / "one")]
    assert main(command) == 0
    card = tmp_path / "one" / "questions" / "task.yaml"
    facts = json.loads(card.read_text())
    card.write_text(json.dumps(facts | {"about": "Made by Ada, release 7."}))
    _state_again(tmp_path / "one")
    command = ["train", "refine", str(tmp_path / "one"), "--validator", "trivial/first", "--out", str(tmp_path / "two")]
    assert main(command) == 0
    assert main(["train", "review", str(tmp_path / "two"), "--apply", "--out", str(tmp_path / "three")]) == 0
    assert main(["train", "mix", str(tmp_path / "three"), "--out", str(tmp_path / "four")]) == 0
    for name in ("two", "three", "four"):
        manifest = verify(tmp_path / name)
        assert "Made by Ada, release 7." in manifest.about and "CC BY 4.0, Ada" in manifest.licence
    assert "Made by Ada, release 7." in (tmp_path / "three" / "questions" / "task.yaml").read_text()


def _state_again(folder: Path) -> None:
    """Write the manifest of files that were changed on purpose."""
    stated = json.loads((folder / "manifest.json").read_text())
    for file in stated["files"]:
        content = (folder / file["path"]).read_bytes()
        file |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(stated))


def test_what_is_undecided_disputed_withdrawn_or_outdated_stays_in_review(server, folder):
    for content in (
        decision(folder, "q001", "accept"),
        decision(folder, "q001", "reject", reviewer="Ben"),
        decision(folder, "q002", "accept"),
        decision(folder, "q002", "withdraw", reason=""),
        decision(folder, "q003", "accept"),
    ):
        assert decide(server, content)[0] == 200
    journal = folder / DECISIONS
    _, items = read_review(folder)
    journal.write_text(journal.read_text().replace(items["q003"].digest, "0" * 64))
    out = folder.parent / "new"
    assert main(["train", "review", str(folder), "--apply", "--out", str(out)]) == 0
    review = [each["item"]["id"] for each in read_rows(out / "review.jsonl")]
    assert review == ["q001", "q002", "q003", "q004"] and len(read_rows(out / "train.jsonl")) == 1
    counts = {"accepted": 0, "fixed": 0, "rejected": 0, "open": 3, "disputed": 1}
    assert verify(out).made_by["review"] == counts and verify(out).made_by["outdated_decisions"] == 1
    (disputed,) = read_rows(out / "reviewed.jsonl")
    assert (disputed["item"], disputed["verdict"]) == ("q001", "disputed")
    assert [each["verdict"] for each in disputed["reviewers"].values()] == ["accept", "reject"]
    assert list(read_review(out)[1]) == review, "the new folder can be reviewed in its turn"


def test_decisions_are_never_written_over(server, folder, capsys):
    assert decide(server, decision(folder, "q001", "accept"))[0] == 200
    file = str(folder.parent / "rows.jsonl")
    command = ["train", "refine", file, "--licence", "ours", "--validator", "trivial/first", "--out", str(folder)]
    assert main(command) == 2 and capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.OUTPUT_EXISTS}]")
    command = ["train", "review", str(folder), "--apply", "--out", str(folder)]
    assert main(command) == 2 and capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.OUTPUT_EXISTS}]")


def test_a_folder_without_review_is_refused(tmp_path, folder):
    with pytest.raises(DataError) as caught:
        ReviewServer(tmp_path, 0)
    assert caught.value.code == ErrorCode.INVALID_MANIFEST
    (folder / "review.jsonl").write_text("")
    with pytest.raises(DataError) as caught:
        ReviewServer(folder, 0)
    assert caught.value.code == ErrorCode.TRAINING_DATA_CHANGED


def test_without_a_label_check_or_a_failed_one_there_is_nothing_to_review(tmp_path, capsys):
    file = write_rows(tmp_path / "rows.jsonl", [row(1, answer="A")])
    command = ["train", "refine", str(file), "--licence", "ours", "--out"]
    assert main([*command, str(tmp_path / "filtered")]) == 0
    assert main(["train", "review", str(tmp_path / "filtered")]) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"[{ErrorCode.INVALID_MANIFEST}]")
    assert verify(tmp_path / "filtered").made_by["tiers"]["of_rows"] is None
    assert main([*command, str(tmp_path / "checked"), "--validator", "trivial/first"]) == 0
    assert main(["train", "review", str(tmp_path / "checked")]) == 0


@pytest.mark.parametrize(
    "changes",
    [{"trials": None}, {"trials": "x"}, {"trials": [{"label": 1}]}, {"answers": []}, {"proof": 7}, {"item": None}],
)
def test_a_review_of_somebody_else_that_is_none_is_one_line(folder, capsys, changes):
    rows = read_rows(folder / "review.jsonl")
    rows[1] |= changes
    write_rows(folder / "review.jsonl", rows)
    _state_again(folder)
    assert main(["train", "review", str(folder), "--apply", "--out", str(folder.parent / "new")]) == 2
    error = capsys.readouterr().err
    assert f"{folder / 'review.jsonl'}:2: " in error and error.rstrip().endswith(f"[{ErrorCode.DATA_MALFORMED}]")


def test_a_link_as_journal_is_not_written_through(server, folder, tmp_path):
    (tmp_path / "elsewhere").write_text("")
    (folder / DECISIONS).symlink_to(tmp_path / "elsewhere")
    assert decide(server, decision(folder, "q001", "accept"))[0] == 500
    assert (tmp_path / "elsewhere").read_text() == ""
