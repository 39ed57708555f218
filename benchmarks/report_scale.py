"""How long a report of many models over all tasks takes, and how much memory.

    python benchmarks/report_scale.py --data-dir ../shared/data --recorded ../shared/data/recorded [--models 50]

The runs are made up: the majority baseline's run over all tasks gives items, gold labels and groups; each model gets an
ability, and its responses are texts of real recordings with another answer at the end. Only the report is timed, in a
process of its own, which prints seconds and peak memory of `evalsuite report`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from evalsuite.analysis.run_result import ItemScores, read_result
from evalsuite.stats.intervals import Estimate, mean
from evalsuite.stats.macro_average import macro

STATUSES = ("ok", "no_answer", "truncated")
POOL = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--recorded", type=Path, required=True)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="Keep the runs and the report here.")
    options = parser.parse_args()
    place = options.keep or Path(tempfile.mkdtemp(prefix="report-scale-"))
    try:
        runs = made_up(place, options)
        report(runs, place / "report", options.data_dir)
    finally:
        if not options.keep:
            shutil.rmtree(place, ignore_errors=True)


def made_up(place: Path, options: argparse.Namespace) -> list[Path]:
    """Write the made-up runs, unless an earlier call kept them."""
    base_run = place / "base_run"
    if not (base_run / "summary.json").exists():
        arguments = [
            "run",
            "--model",
            "trivial/majority",
            "--suite",
            "all",
            "--data-dir",
            options.data_dir,
            "--out",
            base_run,
        ]
        subprocess.run([sys.executable, "-m", "evalsuite", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    base, pool = read_result(base_run), texts(options.recorded)
    scores = {task: base.scores(task) for task in base.tasks}
    runs = [place / "runs" / f"model-{number:02d}" for number in range(options.models)]
    for number, run in enumerate(runs):
        if not (run / "summary.json").exists():
            write_run(run, number, base_run, base.summary.to_json(), scores, pool)
    return runs


def texts(folder: Path) -> list[str]:
    """Real responses, a few hundred from each recording."""
    found: list[str] = []
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            found += [json.loads(line)["text"] for line in islice(lines, POOL)]
    return found


def write_run(
    run: Path, number: int, base_run: Path, base: Any, scores: dict[str, ItemScores], pool: list[str]
) -> None:
    """One model: right with its own probability, a few responses without an answer."""
    rng = np.random.default_rng(number)
    (run / "responses").mkdir(parents=True)
    name = f"openai/Made-Up-{(3, 8, 14, 32, 70, 120)[number % 6]}B-{number:02d}"
    summary, tables, estimates = orjson.loads(orjson.dumps(base)), [], []
    summary |= {"model": name, "run": run.name}
    ability = rng.uniform(0.3, 0.9)
    for task, each in scores.items():
        right = rng.random(each.table.num_rows) < ability
        status = np.where(right | (rng.random(len(right)) < 0.8), 0, rng.integers(1, 3, len(right)))
        labels = [
            gold if ok else ("?" if s == 0 else None)
            for gold, ok, s in zip(each.table["gold"].to_pylist(), right, status, strict=True)
        ]
        names = [STATUSES[s] for s in status]
        table = each.table
        for column, values in {
            "correct": right,
            "correct_lenient": right,
            "label": labels,
            "label_lenient": labels,
            "status": names,
            "status_lenient": names,
        }.items():
            place = table.schema.get_field_index(column)
            table = table.set_column(
                place, table.schema.field(column), pa.array(values, table.schema.field(column).type)
            )
        tables.append(table)
        estimates.append(mean(right.astype(np.float64), [str(group) for group in each.groups], each.samples))
        task_summary = summary["tasks"][task]
        counts = {status: names.count(status) for status in STATUSES}
        task_summary |= {"accuracy": estimates[-1]._asdict(), "accuracy_lenient": estimates[-1]._asdict()}
        task_summary |= {
            "status": counts,
            "status_lenient": counts,
            "tokens": {"input": 300 * len(right), "output": 400 * len(right)},
        }
        with (run / "responses" / f"{task}.jsonl").open("wb") as journal:
            for item, label, text in zip(each.items, labels, rng.choice(len(pool), len(right)), strict=True):
                journal.write(record(str(item), f"{pool[text]}\n<answer>{label}</answer>"))
    summary["macro"] = macro([Estimate(*each) for each in estimates])._asdict()
    pq.write_table(pa.concat_tables(tables), run / "grades.parquet", compression="zstd")
    facts = orjson.loads((base_run / "run.json").read_bytes())
    facts["identity"]["model"] = facts["spec"]["model"] = name
    (run / "run.json").write_bytes(orjson.dumps(facts))
    (run / "summary.json").write_bytes(orjson.dumps(summary))


def record(item: str, text: str) -> bytes:
    """A line of a journal."""
    fields = {"item": item, "sample": 0, "text": text, "reasoning": "", "finish": "stop", "opens_reasoning": False}
    fields |= {"input_tokens": 300, "output_tokens": 400, "latency": 1.5, "request": "0" * 16}
    try:
        return orjson.dumps(fields) + b"\n"
    except TypeError:  # a lone surrogate
        return json.dumps(fields).encode() + b"\n"


def report(runs: list[Path], out: Path, data_dir: Path) -> None:
    """Time one `evalsuite report` and tell what it wrote."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = ["report", *runs, "--out", out, "--data-dir", data_dir]
    subprocess.run([sys.executable, "-m", "evalsuite", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss / 2**20
    files = [file for file in out.rglob("*") if file.is_file()]
    written = sum(file.stat().st_size for file in files) / 2**30
    page = (out / "report.html").stat().st_size / 2**20
    print(f"{len(runs)} models: {seconds:.1f} s ({busy:.1f} s of processor time), peak memory {peak:.2f} GiB")
    print(f"{written:.2f} GiB in {len(files)} files; report.html {page:.1f} MiB")


if __name__ == "__main__":
    main()
