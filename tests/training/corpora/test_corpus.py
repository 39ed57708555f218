"""A corpus is made, resumed and refused; what becomes of each document stands in its files."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evalsuite.cli import main
from evalsuite.errors import ErrorCode, EvalsuiteError
from evalsuite.util.file_digest import sha256_of
from training.corpora.config import read_config
from training.corpora.documents import Document
from training.corpora.job import make_job
from training.corpora.readers.pubmed import read_pubmed
from training.corpora.run import STEPS, run
from training.data.manifest import verify

from .conftest import row, text_of, write_config, write_rows


def make(inputs: Path, out: Path, skip_bad: bool = False):
    return run(make_job(read_config(inputs / "corpus.yaml"), inputs, out, skip_bad), lambda _: None)


def dropped(out: Path) -> dict[str, tuple[str, str]]:
    return {each["id"]: (each["step"], each["reason"]) for each in pq.read_table(out / "dropped.parquet").to_pylist()}


def documents(out: Path) -> dict[str, dict[str, object]]:
    shards = sorted(out.glob("train-*.parquet"))
    return {each["id"]: each for shard in shards for each in pq.read_table(shard).to_pylist()}


def digests(out: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(out.iterdir()) if path.is_file() and path.name != ".lock"}


def refused(work) -> ErrorCode:
    with pytest.raises(EvalsuiteError) as caught:
        work()
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_each_document_is_in_the_corpus_or_dropped_with_its_reason(inputs, tmp_path):
    manifest = make(inputs, tmp_path / "out")
    assert dropped(tmp_path / "out") == {
        "rows:german": ("language", "is de"),
        "rows:short": ("quality", "too few words"),
        "rows:empty": ("read", "empty"),
        "rows:revised": ("duplicates", "older version"),
        "rows:copy": ("duplicates", "exact"),
        "rows:b0": ("duplicates", "near"),
    }
    found = documents(tmp_path / "out")
    assert not found.keys() & (dropped(tmp_path / "out").keys() - {"rows:revised"})
    assert sum(each["tokens"] for each in found.values()) == manifest.tokens == manifest.made_by["tokens"]
    assert verify(tmp_path / "out") == manifest
    assert not (tmp_path / "out" / "work").exists()


def test_the_sources_give_their_shares_of_the_tokens(inputs, tmp_path):
    by_source = make(inputs, tmp_path / "out").made_by["by_source"]
    assert by_source["abstracts"]["tokens"] == pytest.approx(2 * by_source["guide"]["tokens"], rel=0.05)
    assert by_source["abstracts"]["records"] == 68 and by_source["guide"]["records"] == 40
    found = documents(tmp_path / "out").values()
    assert {each["source"] for each in found} == {"abstracts", "guide"}
    assert {each["licence"] for each in found if each["source"] == "guide"} == {"OGL-UK-3.0"}


def test_the_text_is_the_title_a_blank_line_and_the_text(inputs, tmp_path):
    write_config(inputs, sources=[{"name": "abstracts", "reader": "rows", "path": "abstracts", "share": 1.0}])
    make(inputs, tmp_path / "out")
    texts = {identifier: each["text"] for identifier, each in documents(tmp_path / "out").items()}
    assert texts["rows:a1"].startswith("Title 1\n\n") and texts["rows:mail"].endswith("Write to [EMAIL] for more.")


def test_the_same_command_gives_the_same_bytes_and_a_finished_corpus_is_left(inputs, tmp_path):
    make(inputs, tmp_path / "a")
    make(inputs, tmp_path / "b")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    before = digests(tmp_path / "a")
    make(inputs, tmp_path / "a")
    assert digests(tmp_path / "a") == before


def test_work_that_was_stopped_before_any_task_goes_on(inputs, tmp_path):
    make(inputs, tmp_path / "whole")
    out = tmp_path / "stopped"
    job = make_job(read_config(inputs / "corpus.yaml"), inputs, out)
    for stop in range(1, 17):

        class Stop(Exception):
            pass

        done = iter(range(stop))

        def report(message: str, done=done, stop=Stop) -> None:
            if next(done, None) is None:
                raise stop

        try:
            run(job, report)
        except Stop:
            continue
        break
    assert digests(out) == digests(tmp_path / "whole") and stop <= len(STEPS) + 1


@pytest.mark.parametrize(
    "change",
    [
        lambda inputs: write_rows(inputs / "abstracts" / "3.jsonl", [row("new", "A further text.")]),
        lambda inputs: (inputs / "abstracts" / "2.jsonl").unlink(),
        lambda inputs: write_rows(inputs / "guide" / "guide.jsonl", [row("other", "Another text.")]),
        lambda inputs: write_config(inputs, seed=2),
        lambda inputs: write_config(inputs, quality={"fewest_words": 3}),
    ],
)
def test_other_inputs_or_settings_are_refused_in_a_folder_of_finished_or_unfinished_work(inputs, tmp_path, change):
    make(inputs, tmp_path / "finished")
    job = make_job(read_config(inputs / "corpus.yaml"), inputs, tmp_path / "unfinished")

    def stop(_: str) -> None:
        raise InterruptedError

    with pytest.raises(EvalsuiteError):
        run(job, stop)
    change(inputs)
    assert refused(lambda: make(inputs, tmp_path / "finished")) is ErrorCode.CORPUS_CHANGED
    assert refused(lambda: make(inputs, tmp_path / "unfinished")) is ErrorCode.CORPUS_CHANGED


def test_a_folder_with_something_else_is_refused(inputs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert refused(lambda: make(inputs, out)) is ErrorCode.OUTPUT_EXISTS
    assert (out / "notes.txt").read_text() == "mine"


def test_a_source_without_files_or_with_an_unknown_reader_is_refused(inputs, tmp_path):
    source = {"name": "a", "reader": "rows", "path": "nowhere", "share": 1.0}
    write_config(inputs, sources=[source])
    assert refused(lambda: make(inputs, tmp_path / "out")) is ErrorCode.DATA_NOT_FOUND
    write_config(inputs, sources=[{**source, "reader": "telepathy", "path": "guide"}])
    assert refused(lambda: make(inputs, tmp_path / "out")) is ErrorCode.INVALID_CORPUS_CONFIG
    write_config(inputs, sources=[{**source, "path": "../guide"}])
    assert refused(lambda: make(inputs, tmp_path / "out")) is ErrorCode.INVALID_CORPUS_CONFIG
    assert not (tmp_path / "out").exists()


def test_a_source_with_too_few_tokens_is_refused_unless_it_may_give_fewer(inputs, tmp_path):
    write_config(inputs, mixture={"tokens": 9000})
    assert refused(lambda: make(inputs, tmp_path / "a")) is ErrorCode.CORPUS_TOO_SMALL
    write_config(inputs, mixture={"tokens": 9000, "allow_short": True})
    by_source = make(inputs, tmp_path / "b").made_by["by_source"]
    assert by_source["guide"]["tokens"] == by_source["guide"]["tokens_available"] < 3000
    assert by_source["abstracts"]["tokens"] == by_source["abstracts"]["tokens_available"]
    write_config(inputs, quality={"fewest_words": 10_000})
    assert refused(lambda: make(inputs, tmp_path / "c")) is ErrorCode.CORPUS_TOO_SMALL


def test_a_malformed_row_stops_the_work_unless_bad_input_is_left_out(inputs, tmp_path):
    with (inputs / "guide" / "guide.jsonl").open("a") as stream:
        stream.write('{"id": "x", "text": "no licence"}\n')
    assert refused(lambda: make(inputs, tmp_path / "a")) is ErrorCode.DATA_MALFORMED
    manifest = make(inputs, tmp_path / "b", skip_bad=True)
    assert manifest.made_by["by_source"]["guide"]["read: malformed"] == 1


def test_the_rows_behind_one_that_is_no_json_are_read(inputs, tmp_path):
    file = inputs / "guide" / "guide.jsonl"
    file.write_text("{" + "\n" + file.read_text())
    make(inputs, tmp_path / "out", skip_bad=True)
    places = {each["id"]: each["locator"] for each in documents(tmp_path / "out").values()}
    assert places["rows:g0"] == "guide.jsonl:2" and places["rows:g39"] == "guide.jsonl:41"


@pytest.mark.parametrize(
    "fields", [{"version": 1 << 40}, {"year": 1 << 40}, {"language": "\ud800"}, {"licence": "\ud800"}, {"id": "\ud800"}]
)
def test_a_row_that_no_table_can_hold_is_malformed(inputs, tmp_path, fields):
    write_rows(inputs / "guide" / "more.jsonl", [row("more", "A text.") | fields])
    assert refused(lambda: make(inputs, tmp_path / "out")) is ErrorCode.DATA_MALFORMED


def test_files_with_the_same_name_are_different_documents_under_the_licence_above_them(inputs, tmp_path):
    rng = random.Random(5)
    texts = {f"{source}/{folder}/index.txt": text_of(rng) for source in "ab" for folder in ("x", "y")}
    for name, text in texts.items():
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        (inputs / name).write_text(text)
    for source in "ab":
        (inputs / source / "LICENCE").write_text("CC BY 4.0")
    sources = [{"name": source, "reader": "text", "path": source, "share": 1.0} for source in "ab"]
    write_config(inputs, sources=sources)
    make(inputs, tmp_path / "out")
    shards = sorted((tmp_path / "out").glob("train-*.parquet"))
    found = [each for shard in shards for each in pq.read_table(shard).to_pylist()]
    assert {f"{each['source']}/{each['id'].removeprefix('text:')}" for each in found} <= texts.keys()
    assert not dropped(tmp_path / "out")
    assert all(each["text"].endswith(texts[f"{each['source']}/{each['locator'].removesuffix(':1')}"]) for each in found)


def test_a_retraction_deletes_what_is_read_before_and_behind_it(inputs, tmp_path):
    rng = random.Random(3)
    licence = "<permissions><license><license-p>CC BY 4.0</license-p></license></permissions>"

    def article(number: int, kind: str = "research-article", meta: str = "") -> str:
        ids = f'<article-id pub-id-type="pmc">{number}</article-id>'
        return (
            f'<article xmlns:xlink="http://www.w3.org/1999/xlink" article-type="{kind}"><front><article-meta>{ids}'
            f"{meta}{licence}</article-meta></front><body><p>{text_of(rng)}</p></body></article>"
        )

    names = "".join(f'<related-article ext-link-type="pmc" xlink:href="PMC{number}"/>' for number in (1, 3))
    parts = {"a": article(1), "b": article(2, "retraction", names), "c": article(3), "d": article(4)}
    (inputs / "pmc").mkdir()
    for name, content in parts.items():
        (inputs / "pmc" / f"{name}.nxml").write_text(content)
    write_config(inputs, sources=[{"name": "pmc", "reader": "jats", "path": "pmc", "share": 1.0}])
    make(inputs, tmp_path / "out")
    assert documents(tmp_path / "out").keys() == {"jats:PMC4"}
    assert dropped(tmp_path / "out")["jats:PMC3"] == ("duplicates", "deleted by its source")


def test_a_text_longer_than_a_shard_leaves_no_shard_empty(inputs, tmp_path):
    rng = random.Random(6)
    write_rows(inputs / "long" / "rows.jsonl", [row(f"long{n}", text_of(rng, 5_000)) for n in range(3)])
    write_config(inputs, sources=[{"name": "long", "reader": "rows", "path": "long", "share": 1.0}], shard_tokens=1_000)
    manifest = make(inputs, tmp_path / "out")
    assert len(documents(tmp_path / "out")) == 3 == len(manifest.split_files("train"))


def test_a_file_that_can_not_be_read_stops_the_work_unless_bad_input_is_left_out(inputs, tmp_path):
    (inputs / "guide" / "more.jsonl.gz").write_bytes(b"\x1f\x8b no gzip")
    assert refused(lambda: make(inputs, tmp_path / "a")) is ErrorCode.DATA_UNREADABLE
    manifest = make(inputs, tmp_path / "b", skip_bad=True)
    assert manifest.made_by["by_source"]["guide"]["read: unreadable"] == 1


def test_the_examples_show_what_was_dropped_and_never_what_was_replaced(inputs, tmp_path):
    write_rows(inputs / "guide" / "short.jsonl", [row("brief", "Write to jane.roe@example.org for more.")])
    make(inputs, tmp_path / "out")
    text = (tmp_path / "out" / "examples.json").read_text()
    examples = json.loads(text)
    assert {"language: is de", "quality: too few words", "duplicates: near", "personal: email"} <= examples.keys()
    assert examples["duplicates: near"][0]["detail"].startswith("rows:near stays")
    assert "jane.roe" not in text


def test_the_command_prints_what_was_dropped_and_where_the_corpus_is(inputs, tmp_path, capsys):
    assert main(["train", "corpus", str(inputs / "corpus.yaml"), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "duplicates: 3 dropped" in printed.out and "tokens: 3 tasks" in printed.err
    assert main(["train", "verify", str(tmp_path / "out")]) == 0
    assert main(["train", "corpus", str(tmp_path / "none.yaml"), "--out", str(tmp_path / "x")]) == 2


def citation(pmid: int, text: str, kind: str = "Journal Article") -> str:
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="1">{pmid}</PMID><Article>'
        f"<ArticleTitle>Title of {pmid}.</ArticleTitle><Abstract><AbstractText>{text}</AbstractText></Abstract>"
        f"<Language>eng</Language><PublicationTypeList><PublicationType>{kind}</PublicationType></PublicationTypeList>"
        f"</Article></MedlineCitation></PubmedArticle>"
    )


def write_pubmed(path: Path, citations: list[str], deleted: tuple[int, ...] = ()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    gone = "".join(f'<PMID Version="1">{pmid}</PMID>' for pmid in deleted)
    deletion = f"<DeleteCitation>{gone}</DeleteCitation>" if deleted else ""
    path.write_text(f"<PubmedArticleSet>{''.join(citations)}{deletion}</PubmedArticleSet>")


def test_pubmed_s_files_are_read_one_by_one_and_give_the_state_that_they_end_in(inputs, tmp_path):
    rng = random.Random(8)
    texts = {pmid: text_of(rng) for pmid in range(1, 9)}
    write_pubmed(inputs / "pubmed" / "pubmed26n0001.xml", [citation(pmid, texts[pmid]) for pmid in range(1, 5)])
    write_pubmed(inputs / "pubmed" / "pubmed26n0002.xml", [citation(pmid, texts[pmid]) for pmid in range(5, 8)])
    revised = [citation(1, texts[8]), citation(3, texts[3], "Retracted Publication")]
    write_pubmed(inputs / "pubmed" / "pubmed26n0003.xml", revised, deleted=(2, 6))
    write_config(inputs, sources=[{"name": "pubmed", "reader": "pubmed", "path": "pubmed", "share": 1.0}])
    manifest = make(inputs, tmp_path / "out")
    assert manifest.made_by["tasks"] == 3
    whole = {each.id: each for each in read_pubmed(inputs / "pubmed") if isinstance(each, Document)}
    found = documents(tmp_path / "out")
    assert found.keys() == whole.keys() == {f"pubmed:{pmid}" for pmid in (1, 4, 5, 7)}
    assert all(found[each]["text"].endswith(whole[each].text) for each in whole)
    assert texts[8] in found["pubmed:1"]["text"]
    assert manifest.made_by["by_source"]["pubmed"]["read: retracted"] == 1
