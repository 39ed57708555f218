"""What a harness costs: evalsuite, stock lm-eval and stock inspect-ai over MedQA against a server that costs nothing.

    python benchmarks/harness_overhead.py --data-dir ../shared/data [--quick] [--python PYTHON] [--only native,lm-eval]

Each runs as a whole process, interleaved, greedy, with the prompts that evalsuite renders and a regular expression (the
peers) or the answer parser (evalsuite) over the responses; each writes the journals and logs that it writes by default.
CPU and peak memory are what the kernel counted for the child (wait4). Requests, first to last, are timed by the server.
Medians of three repetitions, of one with --quick. The exit status is 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FEW = 100
HERE = Path(__file__).resolve().parent
LM_EVAL_TASK = """\
task: medqa_bench
dataset_path: json
dataset_kwargs: {data_files: {test: ITEMS}}
test_split: test
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{gold}}"
generation_kwargs: {until: [], temperature: 0, max_gen_toks: 4096}
filter_list:
  - name: tag
    filter:
      - {function: regex, regex_pattern: "<answer>([A-Z])</answer>"}
      - {function: take_first}
metric_list: [{metric: exact_match}]
metadata: {version: 1}
"""
INSPECT_TASK = """\
from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import pattern
from inspect_ai.solver import generate


@task
def medqa_bench():
    items = json_dataset(ITEMS, FieldSpec(input="prompt", target="gold"))
    return Task(dataset=items, solver=generate(), scorer=pattern("<answer>([A-Z])</answer>"))
"""


@dataclass(frozen=True)
class Case:
    """What is run: a harness against a server."""

    harness: str
    latency: float
    connections: int
    items: int
    samples: int = 1

    @property
    def requests(self) -> int:
        """How many the server must count."""
        return self.items * self.samples


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    wall: float
    cpu: float
    memory: float
    """Peak resident MB."""
    seconds: float
    """From the first request to the last answer, as the server saw it."""


Command = Callable[[Case, str, Path], list[str]]


class Bench:
    """The harnesses, with their inputs in one temporary folder."""

    def __init__(self, data_dir: Path, peer_python: str, folder: Path) -> None:
        self.data_dir, self.peer_python, self.folder = data_dir, peer_python, folder
        self.items = self._write_inputs()
        self.commands: dict[str, Command] = {
            "native": self._native,
            "lm-eval": self._lm_eval,
            "inspect": self._inspect,
        }

    def _write_inputs(self) -> int:
        """Write the peers' tasks; return the number of items."""
        from evalsuite.data.load import load
        from evalsuite.tasks.prompt import TaskPrompt
        from evalsuite.tasks.registry import load_task

        task = load_task("medqa")
        dataset, prompt = load(task, self.data_dir), TaskPrompt(task, task.format)
        rows = [{"prompt": prompt.messages(item)[-1]["content"], "gold": item.gold} for item in dataset.items]
        file = self.folder / "items.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        (self.folder / "tasks").mkdir()
        (self.folder / "tasks" / "medqa_bench.yaml").write_text(LM_EVAL_TASK.replace("ITEMS", json.dumps(str(file))))
        (self.folder / "medqa_bench.py").write_text(INSPECT_TASK.replace("ITEMS", repr(str(file))))
        return len(rows)

    def _native(self, case: Case, url: str, out: Path) -> list[str]:
        options = f"--concurrency {case.connections} --limit {case.items} --samples {case.samples}"
        where = ["--base-url", url, "--data-dir", str(self.data_dir), "--out", str(out)]
        run = [sys.executable, "-m", "evalsuite", "run", "--model", "openai/bench", "--tasks", "medqa"]
        return [*run, *options.split(), *where]

    def _lm_eval(self, case: Case, url: str, out: Path) -> list[str]:
        model = f"model=bench,base_url={url}/chat/completions,num_concurrent={case.connections},tokenizer_backend=None"
        run = [self.peer_python, "-m", "lm_eval", "run", "--model", "local-chat-completions", "--model_args", model]
        options = f"--tasks medqa_bench --limit {case.items} --apply_chat_template --log_samples"
        return [*run, *options.split(), "--include_path", str(self.folder / "tasks"), "--output_path", str(out)]

    def _inspect(self, case: Case, url: str, out: Path) -> list[str]:
        run = [self.peer_python, "-m", "inspect_ai", "eval", "medqa_bench.py"]
        many = f"--max-connections {case.connections} --max-samples {case.connections} --limit {case.items}"
        how = "--model openai-api/bench/bench --temperature 0 --max-tokens 4096 --display none --log-dir"
        return [*run, "--model-base-url", url, *many.split(), *how.split(), str(out)]

    def measure(self, case: Case) -> Cost:
        """Run a case; output and all are thrown away, unless it fails."""
        environment = os.environ | {"BENCH_API_KEY": "none", "OPENAI_API_KEY": "none"}
        environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(self.folder / "hub"), "EVALSUITE_API_KEY": ""}
        with serving(case.latency) as url, tempfile.TemporaryDirectory(dir=self.folder) as out:
            log = Path(out) / "log"
            where = HERE.parent if case.harness == "native" else self.folder
            began = time.perf_counter()
            with log.open("wb") as sink:
                command = self.commands[case.harness](case, url, Path(out) / "run")
                child = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink, cwd=where)
                _, status, used = os.wait4(child.pid, 0)
                child.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - began
            seen = fetch(url.removesuffix("/v1") + "/stats")
            if child.returncode or seen["requests"] < case.requests:
                told = log.read_text(errors="replace")[-2000:]
                raise SystemExit(f"{case}: status {child.returncode}, {seen['requests']} requests\n{told}")
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / unit, seen["seconds"])


@contextmanager
def serving(latency: float) -> Iterator[str]:
    """Run the server in a process of its own; yields its base address."""
    command = [sys.executable, str(HERE / "zero_server.py"), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def fetch(url: str) -> dict[str, float]:
    """GET a JSON object."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        content: dict[str, float] = json.load(reply)
    return content


def middle(costs: list[Cost]) -> Cost:
    """The medians."""
    fields = ("wall", "cpu", "memory", "seconds")
    return Cost(*(median(getattr(cost, field) for cost in costs) for field in fields))


class Table:
    """All costs, what they amount to, and what was promised."""

    def __init__(self, costs: dict[Case, Cost], items: int) -> None:
        self.costs, self.items, self.broken = costs, items, 0

    def of(self, harness: str, latency: float, connections: int) -> Cost | None:
        """The cost of a whole run of all items."""
        return self.costs.get(Case(harness, latency, connections, self.items))

    def marginal(self, harness: str) -> float | None:
        """CPU milliseconds for each item more, from runs of a few and of all items."""
        few, all_ = self.costs.get(Case(harness, 0.0, 256, FEW)), self.of(harness, 0.0, 256)
        return None if few is None or all_ is None else 1e3 * (all_.cpu - few.cpu) / (self.items - FEW)

    def show(self) -> None:
        """Print every case and its ratio to native's."""
        heads = {"": 10, "latency": -8, "conn.": -6, "requests": -9, "wall s": -8, "CPU s": -8, "MB": -6}
        heads |= {"asking s": -9, "of ideal": -9, "wall x": -8, "CPU x": -7}
        print("".join(head.ljust(width) if width > 0 else head.rjust(-width) for head, width in heads.items()))
        for case, cost in self.costs.items():
            share = f"{self.share(case, cost):9.0%}" if case.latency else " " * 9
            own = self.costs.get(Case("native", case.latency, case.connections, case.items, case.samples))
            ratio = f"{cost.wall / own.wall:8.1f}{cost.cpu / own.cpu:7.1f}" if own and case.harness != "native" else ""
            asked = f"{case.harness:10}{case.latency:8g}{case.connections:6}{case.requests:9}"
            print(f"{asked}{cost.wall:8.2f}{cost.cpu:8.2f}{cost.memory:6.0f}{cost.seconds:9.3f}{share}{ratio}")
        for harness in dict.fromkeys(case.harness for case in self.costs):
            print(f"marginal CPU an item, {harness}: {self.marginal(harness) or float('nan'):.2f} ms")

    def share(self, case: Case, cost: Cost) -> float:
        """Part of the rate that full connections would reach: connections / latency."""
        return case.requests / cost.seconds / (case.connections / case.latency)

    def judge(self) -> None:
        """Hold the promises against what was measured."""
        for harness, factor in (("lm-eval", 10), ("inspect", 20)):
            for latency in (0.0, 0.2):
                own, other = self.of("native", latency, 256), self.of(harness, latency, 256)
                if own and other:
                    self._hold(f"wall <= 1/{factor} of {harness}'s at {latency:g} s", own.wall * factor, other.wall)
                    self._hold(f"CPU <= 1/{factor} of {harness}'s at {latency:g} s", own.cpu * factor, other.cpu)
        case = Case("native", 0.2, 256, self.items)
        if case in self.costs:
            self._hold("90% of the ideal rate at 0.2 s with 256", 0.9, self.share(case, self.costs[case]))
        if (marginal := self.marginal("native")) is not None:
            self._hold("CPU an item below 1 ms", marginal, 1.0)
        few, many = (self.costs.get(Case("native", 0.0, 256, self.items, samples)) for samples in (1, 20))
        if few and many:
            self._hold("memory with 20 samples an item within 1.25 of that with 1", many.memory, 1.25 * few.memory)

    def _hold(self, promise: str, value: float, bound: float) -> None:
        kept = value <= bound
        self.broken += not kept
        print(f"{'kept  ' if kept else 'BROKEN'} {promise}: {value:.2f} against {bound:.2f}")


def cases(harnesses: list[str], items: int) -> list[Case]:
    """Everything that is run once a repetition, harnesses side by side."""
    shapes = [(0.0, 256, FEW), (0.0, 32, items), (0.0, 256, items), (0.2, 32, items), (0.2, 256, items)]
    whole = [Case(harness, *shape) for shape in shapes for harness in harnesses]
    return whole + [Case("native", 0.0, 256, items, 20)] * ("native" in harnesses)


def main() -> int:
    """Measure, show, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="../shared/data", help="mirror of the benchmarks' raw files")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has lm-eval and inspect-ai")
    parser.add_argument("--only", default="native,lm-eval,inspect", help="harnesses, with commas")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repetition")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepared = Bench(Path(args.data_dir).resolve(), args.python, Path(folder))
        todo = cases(args.only.split(","), prepared.items)
        costs: dict[Case, list[Cost]] = {case: [] for case in todo}
        for harness in dict.fromkeys(case.harness for case in todo):
            prepared.measure(Case(harness, 0.0, 1, 1))  # disk caches and byte code are nobody's overhead
        for repetition in range(1 if args.quick else args.repeats):
            for case in todo:
                costs[case].append(prepared.measure(case))
                print(f"{repetition + 1}: {case.harness}, {case.latency:g} s, {case.connections}", file=sys.stderr)
        table = Table({case: middle(found) for case, found in costs.items()}, prepared.items)
    table.show()
    table.judge()
    return 1 if table.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
