"""Overhead of a harness: evalsuite, lm-eval and inspect-ai over MedQA against a server that takes almost no time.

    python benchmarks/harness_overhead.py --data-dir ../shared/data [--quick] [--python PYTHON] [--only native,lm-eval]

Each runs as a process of its own, in turns, with greedy decoding and the prompts that evalsuite renders; responses are
scored by a regular expression (lm-eval, inspect-ai) or the answer parser (evalsuite), and each writes the logs that it
writes by default. CPU time and peak memory are those that the kernel counted for the process (wait4); the time from the
first request to the last response is measured by the server. Prints medians of three repetitions, or one with --quick.
The exit status is 1 if a bound is exceeded.
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
"""Items of the short run, from which the CPU time per item is computed."""
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
    """One configuration: a harness and a server."""

    harness: str
    latency: float
    connections: int
    items: int
    samples: int = 1

    @property
    def requests(self) -> int:
        """The number of requests that the server must count."""
        return self.items * self.samples


@dataclass(frozen=True)
class Cost:
    """The cost of one process."""

    wall: float
    cpu: float
    memory: float
    """Peak resident memory in MB."""
    seconds: float
    """From the first request to the last response, as measured by the server."""


Command = Callable[[Case, str, Path], list[str]]


class Harnesses:
    """The harnesses and their inputs in one temporary folder."""

    def __init__(self, data_dir: Path, peer_python: str, folder: Path) -> None:
        self.data_dir, self.peer_python, self.folder = data_dir, peer_python, folder
        self.items = self._write_inputs()
        self.commands: dict[str, Command] = {
            "native": self._native,
            "lm-eval": self._lm_eval,
            "inspect": self._inspect,
        }

    def _write_inputs(self) -> int:
        """Write the tasks of the other harnesses; return the number of items."""
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
        """Run a configuration; its output is discarded unless it fails."""
        environment = os.environ | {"BENCH_API_KEY": "none", "OPENAI_API_KEY": "none"}
        environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(self.folder / "hub"), "EVALSUITE_API_KEY": ""}
        with serving(case.latency) as url, tempfile.TemporaryDirectory(dir=self.folder) as out:
            log = Path(out) / "log"
            where = HERE.parent if case.harness == "native" else self.folder
            started = time.perf_counter()
            with log.open("wb") as sink:
                command = self.commands[case.harness](case, url, Path(out) / "run")
                child = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink, cwd=where)
                _, status, used = os.wait4(child.pid, 0)
                child.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - started
            stats = fetch(url.removesuffix("/v1") + "/stats")
            if child.returncode or stats["requests"] < case.requests:
                output = log.read_text(errors="replace")[-2000:]
                raise SystemExit(f"{case}: status {child.returncode}, {stats['requests']} requests\n{output}")
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / unit, stats["seconds"])


@contextmanager
def serving(latency: float) -> Iterator[str]:
    """Run the server in a process of its own; yield its base URL."""
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


def medians(costs: list[Cost]) -> Cost:
    """Return the median of each field."""
    fields = ("wall", "cpu", "memory", "seconds")
    return Cost(*(median(getattr(cost, field) for cost in costs) for field in fields))


class Table:
    """The costs of all configurations, and the bounds that they must keep."""

    def __init__(self, costs: dict[Case, Cost], items: int) -> None:
        self.costs, self.items, self.exceeded = costs, items, 0

    def of(self, harness: str, latency: float, connections: int) -> Cost | None:
        """Return the cost of a run of all items."""
        return self.costs.get(Case(harness, latency, connections, self.items))

    def marginal(self, harness: str) -> float | None:
        """Return the CPU milliseconds per additional item, from runs of a few and of all items."""
        few, all_ = self.costs.get(Case(harness, 0.0, 256, FEW)), self.of(harness, 0.0, 256)
        return None if few is None or all_ is None else 1e3 * (all_.cpu - few.cpu) / (self.items - FEW)

    def show(self) -> None:
        """Print every configuration and its ratio to that of `native`."""
        heads = {"": 10, "latency": -8, "conn.": -6, "requests": -9, "wall s": -8, "CPU s": -8, "MB": -6}
        heads |= {"server s": -9, "of ideal": -9, "wall x": -8, "CPU x": -7}
        print("".join(head.ljust(width) if width > 0 else head.rjust(-width) for head, width in heads.items()))
        for case, cost in self.costs.items():
            share = f"{self.share(case, cost):9.0%}" if case.latency else " " * 9
            native = self.costs.get(Case("native", case.latency, case.connections, case.items, case.samples))
            ratio = (
                f"{cost.wall / native.wall:8.1f}{cost.cpu / native.cpu:7.1f}"
                if native and case.harness != "native"
                else ""
            )
            configuration = f"{case.harness:10}{case.latency:8g}{case.connections:6}{case.requests:9}"
            print(f"{configuration}{cost.wall:8.2f}{cost.cpu:8.2f}{cost.memory:6.0f}{cost.seconds:9.3f}{share}{ratio}")
        for harness in dict.fromkeys(case.harness for case in self.costs):
            print(f"marginal CPU per item, {harness}: {self.marginal(harness) or float('nan'):.2f} ms")

    def share(self, case: Case, cost: Cost) -> float:
        """Return the share of the rate that busy connections would reach: connections / latency."""
        return case.requests / cost.seconds / (case.connections / case.latency)

    def check(self) -> None:
        """Compare the measurements with the bounds."""
        for harness, factor in (("lm-eval", 10), ("inspect", 20)):
            for latency in (0.0, 0.2):
                native, other = self.of("native", latency, 256), self.of(harness, latency, 256)
                if native and other:
                    self._check(f"wall <= 1/{factor} of {harness}'s at {latency:g} s", native.wall * factor, other.wall)
                    self._check(f"CPU <= 1/{factor} of {harness}'s at {latency:g} s", native.cpu * factor, other.cpu)
        case = Case("native", 0.2, 256, self.items)
        if case in self.costs:
            self._check("90% of the ideal rate at 0.2 s with 256", 0.9, self.share(case, self.costs[case]))
        if (marginal := self.marginal("native")) is not None:
            self._check("CPU per item below 1 ms", marginal, 1.0)
        few, many = (self.costs.get(Case("native", 0.0, 256, self.items, samples)) for samples in (1, 20))
        if few and many:
            self._check("memory with 20 samples per item within 1.25 of that with 1", many.memory, 1.25 * few.memory)

    def _check(self, bound: str, value: float, limit: float) -> None:
        within = value <= limit
        self.exceeded += not within
        print(f"{'ok      ' if within else 'EXCEEDED'} {bound}: {value:.2f}, limit {limit:.2f}")


def cases(harnesses: list[str], items: int) -> list[Case]:
    """Return the configurations of one repetition, with the harnesses next to each other."""
    shapes = [(0.0, 256, FEW), (0.0, 32, items), (0.0, 256, items), (0.2, 32, items), (0.2, 256, items)]
    compared = [Case(harness, *shape) for shape in shapes for harness in harnesses]
    return compared + [Case("native", 0.0, 256, items, 20)] * ("native" in harnesses)


def main() -> int:
    """Measure, print the table and check the bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="../shared/data", help="mirror of the benchmarks' raw files")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has lm-eval and inspect-ai")
    parser.add_argument("--only", default="native,lm-eval,inspect", help="harnesses, with commas")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repetition")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        harnesses = Harnesses(Path(args.data_dir).resolve(), args.python, Path(folder))
        todo = cases(args.only.split(","), harnesses.items)
        costs: dict[Case, list[Cost]] = {case: [] for case in todo}
        for harness in dict.fromkeys(case.harness for case in todo):
            harnesses.measure(Case(harness, 0.0, 1, 1))  # fills disk caches and compiles byte code
        for repetition in range(1 if args.quick else args.repeats):
            for case in todo:
                costs[case].append(harnesses.measure(case))
                print(f"{repetition + 1}: {case.harness}, {case.latency:g} s, {case.connections}", file=sys.stderr)
        table = Table({case: medians(repetitions) for case, repetitions in costs.items()}, harnesses.items)
    table.show()
    table.check()
    return 1 if table.exceeded else 0


if __name__ == "__main__":
    raise SystemExit(main())
