"""What the HTTP client buys: it, aiohttp and httpx (HTTP/2 off) post the same requests to the same loopback server.

    python benchmarks/http_clients.py [--quick] [--repeat 3] [--only evalsuite,aiohttp] [--data-dir ../shared/data]

Each measurement is a fresh process on uvloop, as `evalsuite run` uses it, which posts chat completions with a body of
1.3 kB from as many workers as there are connections, all of which start at once. Every response is parsed and compared
with what the server sends, and the server must have counted as many requests; otherwise nothing is reported. The
candidates are:

- evalsuite: the transport with retries and the concurrency limit, over the project's own connections
- aiohttp in evalsuite, httpx in evalsuite: the same transport, over that library's connections
- connections, aiohttp, httpx: the connections of each without the transport

The libraries are set up for speed: no cookies, no proxies, no decompression, URLs that are parsed once, and as many
connections as workers. With --data-dir, `evalsuite run` over MedQA is also measured as a whole, with each library in
place of the project's connections. Candidates are interleaved, their order is reversed in every other repetition, and
the tables show medians. The columns with an x divide a candidate's cost by that of the first candidate. httpx posts
fewer requests, because it needs up to 26 ms of CPU for each.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

import orjson
from harness_overhead import fetch, serving
from zero_server import THOUGHT

REQUESTS: Final = 10_240
FEW_REQUESTS: Final = 2_048
"""The number of requests for slow candidates, and for all candidates with --quick."""
SLOW: Final = frozenset({"httpx", "httpx in evalsuite"})
ITEMS: Final = 1_273
LATENCIES: Final = (0.0, 0.2)
CONNECTIONS: Final = (256, 1_024)
SECONDS: Final = 300
"""The time limit of one measurement."""
PATH: Final = "chat/completions"
QUESTION: Final = (
    "A 47-year-old woman comes to the physician because of progressive shortness of breath on exertion, a dry cough "
    "and fatigue for the past four months. She has a history of rheumatoid arthritis, for which she takes weekly "
    "methotrexate. Her temperature is 37.1 °C, pulse is 92/min, respirations are 20/min and blood pressure is "
    "128/76 mm Hg; oxygen saturation is 91% on room air. Fine inspiratory crackles are heard at both lung bases, and "
    "the fingertips are clubbed. Pulmonary function tests show a reduced total lung capacity, a normal ratio of FEV1 "
    "to FVC and a reduced diffusing capacity. A high-resolution scan of the chest shows reticular opacities at the "
    "bases. Which of the following is the most appropriate next step in management?\n\nA. Stop the methotrexate and "
    "begin a course of glucocorticoids\nB. Inhaled tiotropium and pulmonary rehabilitation\nC. Bronchoscopy with "
    "transbronchial biopsy of the lower lobe\nD. Empirical treatment for Pneumocystis pneumonia\n\nThink step by step. "
    "End your response with the letter of the one best option between <answer> and </answer>, and write nothing else "
    "after it. Name only one option, even if several seem to be possible."
)
FIELDS: Final = {"model": "bench", "temperature": 0.0, "top_p": 1.0, "max_tokens": 4096, "seed": 0}
BODY: Final = json.dumps(FIELDS | {"messages": [{"role": "user", "content": QUESTION}]}, ensure_ascii=False).encode()

REPLACED: Final = ("evalsuite.models.http.connection", "evalsuite.models.http.origin")
"""The modules that a library and an adapter to it would replace."""
KEPT: Final = ("evalsuite.models.http.transport", "evalsuite.models.http.concurrency", "evalsuite.models.http.reply")
"""The modules that stay: retries, the limit for overloaded servers and replicas, which the libraries don't offer."""


class Answer(Protocol):
    """What every client returns: status, headers and the whole body."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Client(Protocol):
    """The interface of the project's `Origin`, which the libraries are adapted to."""

    async def exchange(self, method: str, path: str, body: bytes = b"", from_root: bool = False) -> Answer: ...
    async def close(self) -> None: ...


Ask = Callable[[], Awaitable[object]]
Make = Callable[[str, int], Client]


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer of a library."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Adapted:
    """Keeps a library's session, which is opened on the first request, and the URLs that were parsed so far."""

    def __init__(self, url: str, session: Callable[[], Any], parse: Callable[[str], Any]) -> None:
        self._base, self._open, self._parse = url, session, parse
        self._session: Any = None
        self._urls: dict[tuple[str, bool], Any] = {}

    def _prepared(self, path: str, from_root: bool) -> tuple[Any, Any]:
        """Return the session and the parsed URL."""
        if self._session is None:
            self._session = self._open()
        if (path, from_root) not in self._urls:
            base = self._base.removesuffix("/v1") if from_root else self._base
            self._urls[path, from_root] = self._parse(f"{base}/{path}")
        return self._session, self._urls[path, from_root]


class Aiohttp(Adapted):
    """Connections of aiohttp."""

    async def exchange(self, method: str, path: str, body: bytes = b"", from_root: bool = False) -> Answer:
        """Send a request and read the whole answer."""
        session, url = self._prepared(path, from_root)
        async with session.request(method, url, data=body, allow_redirects=False) as reply:
            return Plain(reply.status, reply.headers, await reply.read())

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class Httpx(Adapted):
    """Connections of httpx."""

    async def exchange(self, method: str, path: str, body: bytes = b"", from_root: bool = False) -> Answer:
        """Send a request and read the whole answer."""
        session, url = self._prepared(path, from_root)
        reply = await session.request(method, url, content=body)
        return Plain(reply.status_code, reply.headers, reply.content)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.aclose()


def load_aiohttp() -> Make:
    """Import aiohttp."""
    import aiohttp
    import yarl

    def make(url: str, connections: int) -> Client:
        def session() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                auto_decompress=False,
            )

        return Aiohttp(url, session, yarl.URL)

    return make


def load_httpx() -> Make:
    """Import httpx."""
    import httpx

    def make(url: str, connections: int) -> Client:
        def session() -> httpx.AsyncClient:
            return httpx.AsyncClient(
                http2=False,
                trust_env=False,
                # A longer idle time than the default of 5 s makes it slower: each request polls all idle connections.
                limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                timeout=SECONDS,
            )

        return Httpx(url, session, httpx.URL)

    return make


class Project:
    """The parts of the project that are used here; they are imported when an instance is created."""

    def __init__(self) -> None:
        import evalsuite.models.http.concurrency as pace
        import evalsuite.models.http.origin as origin
        import evalsuite.models.http.reply as reply
        import evalsuite.models.http.transport as http
        import evalsuite.models.redaction as secrets

        self._secrets = secrets.Redactor([])
        self._http, self._origin, self._pace, self._reply = http, origin, pace, reply

    def make(self, url: str, _: int) -> Client:
        """Return the project's own connections."""
        return self._origin.Origin(url, {})

    def transported(self, client: Client, url: str, connections: int) -> Ask:
        """Return a function that posts one request through the transport, with its retries and its limit."""
        replica: Any = self._pace.Replica(client, url)  # type: ignore[arg-type]
        read = lambda reply: checked(reply.status, reply.body)  # noqa: E731
        how = {"redactor": self._secrets, "concurrency": connections, "timeout": SECONDS, "patience": SECONDS}
        transport = self._http.Transport([replica], read, **how)  # type: ignore[arg-type]

        async def ask() -> None:
            outcome = await transport.post(PATH, BODY)
            if isinstance(outcome, self._reply.PermanentRefusal):
                raise SystemExit(f"no answer: {outcome.message}")

        return ask

    @staticmethod
    def run(make: Make, connections: int, arguments: list[str]) -> None:
        """Execute `evalsuite run` with connections that `make` returns."""
        import evalsuite.cli
        import evalsuite.models.openai as backend

        vars(backend)["Origin"] = lambda url, _: make(url, connections)
        sys.argv[1:] = ["run", *arguments]
        evalsuite.cli.main()


LIBRARIES: Final[dict[str, Callable[[], Make]]] = {
    "evalsuite": lambda: Project().make,
    "connections": lambda: Project().make,
    "aiohttp": load_aiohttp,
    "httpx": load_httpx,
}
CANDIDATES: Final = ("evalsuite", "aiohttp in evalsuite", "connections", "aiohttp", "httpx")
"""The candidates without --only, which may also name `httpx in evalsuite`."""


def checked(status: int, body: bytes) -> bool:
    """Return True for the server's whole answer; raise `ValueError` for anything else."""
    choice = orjson.loads(body)["choices"][0] if status == 200 else {}
    if choice.get("finish_reason") != "stop" or choice["message"]["content"] != THOUGHT:
        raise ValueError(f"not the server's answer: HTTP {status}, {len(body)} bytes")
    return True


def bare(client: Client) -> Ask:
    """Return a function that posts one request without the transport."""

    async def ask() -> None:
        answer = await client.exchange("POST", PATH, BODY)
        checked(answer.status, answer.body)

    return ask


async def ask_all(ask: Ask, requests: int, workers: int) -> None:
    """Send all requests from a number of workers that start at once, so that every connection is opened."""
    todo = iter(range(requests))

    async def work() -> None:
        for _ in todo:
            await ask()

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


async def measured(name: str, make: Make, url: str, requests: int, connections: int) -> dict[str, float]:
    """Measure the requests inside of the process."""
    client = make(url, connections)
    through = name == "evalsuite" or name.endswith(" in evalsuite")
    ask = Project().transported(client, url, connections) if through else bare(client)
    wall, cpu = time.perf_counter(), time.process_time()
    await ask_all(ask, requests, connections)
    took = {"seconds": time.perf_counter() - wall, "asking_cpu": time.process_time() - cpu}
    await client.close()
    return took


def child(arguments: Mapping[str, Any]) -> None:
    """Make one measurement: post the requests and print their cost as JSON, or execute a whole run."""
    signal.alarm(SECONDS)
    import uvloop

    import evalsuite.models  # noqa: F401  what the program has imported in any case

    name: str = arguments["name"]
    began = time.perf_counter()
    make = LIBRARIES[name.removesuffix(" in evalsuite")]()
    imported = time.perf_counter() - began
    if arguments["run"]:
        Project.run(make, arguments["connections"], [*arguments["run"], "--base-url", arguments["url"]])
        return
    measurement = measured(name, make, arguments["url"], arguments["requests"], arguments["connections"])
    print(json.dumps({"imported": imported, **uvloop.run(measurement)}))


@dataclass(frozen=True)
class Case:
    """One configuration to measure: a candidate against a server."""

    name: str
    latency: float
    connections: int
    requests: int
    data_dir: str = ""
    """The folder with MedQA for a whole run; empty for requests alone."""


@dataclass(frozen=True)
class Cost:
    """The resources that one process used."""

    wall: float
    cpu: float
    memory: float
    """Peak resident MB."""
    seconds: float
    """For all requests, connecting included; in a whole run, from the first one to the last answer."""
    opened: float
    """Connections that the server accepted."""
    imported: float = float("nan")
    """Seconds that the client's import adds to a process which has the program's models imported."""
    asking_cpu: float = float("nan")
    """CPU seconds for all requests, connecting included and imports not."""


def command(case: Case, url: str, folder: Path) -> list[str]:
    """Return the command line of the process that makes one measurement."""
    run = f"--model openai/bench --tasks medqa --concurrency {case.connections} --limit {case.requests}".split()
    run += ["--data-dir", case.data_dir, "--out", str(folder / "run")]
    settings = {"url": url, "name": case.name, "requests": case.requests, "connections": case.connections}
    return [sys.executable, __file__, "--child", json.dumps(settings | {"run": run if case.data_dir else []})]


def measure(case: Case) -> Cost:
    """Run a case in a fresh process against a fresh server; exit if it fails or if the server counted otherwise."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"EVALSUITE_API_KEY": "", "OPENAI_API_KEY": ""}
    with serving(case.latency) as url, tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder) / "out", Path(folder) / "log"
        began = time.perf_counter()
        with out.open("wb") as stdout, log.open("wb") as stderr:
            process = subprocess.Popen(command(case, url, Path(folder)), env=environment, stdout=stdout, stderr=stderr)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        seen = fetch(url.removesuffix("/v1") + "/stats")
        whole = seen["requests"] == case.requests and seen["most_in_flight"] <= case.connections
        if process.returncode or not whole:
            raise SystemExit(f"{case}: status {process.returncode}, {seen}\n{log.read_text(errors='replace')[-2000:]}")
        inside = {} if case.data_dir else json.loads(out.read_text())
    unit = 2**20 if sys.platform == "darwin" else 2**10
    cost = Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / unit, seen["seconds"], seen["connections"] - 1)
    return replace(cost, **inside)


def middle(costs: Iterable[Cost]) -> Cost:
    """Return the medians."""
    return Cost(*map(median, zip(*(tuple(vars(cost).values()) for cost in costs), strict=True)))


def rate(case: Case, cost: Cost) -> float:
    """Return requests a second."""
    return case.requests / cost.seconds


COLUMNS: Final[dict[str, Callable[[Case, Cost, Case, Cost], str]]] = {
    "latency": lambda case, cost, first, own: f"{1e3 * case.latency:.0f} ms",
    "conn.": lambda case, cost, first, own: str(case.connections),
    "client": lambda case, cost, first, own: case.name,
    "requests": lambda case, cost, first, own: str(case.requests),
    "opened": lambda case, cost, first, own: f"{cost.opened:.0f}",
    "wall s": lambda case, cost, first, own: f"{cost.wall:.2f}",
    "wall x": lambda case, cost, first, own: f"{cost.wall / own.wall:.2f}",
    "CPU s": lambda case, cost, first, own: f"{cost.cpu:.2f}",
    "CPU x": lambda case, cost, first, own: f"{cost.cpu / own.cpu:.2f}",
    "requests/s": lambda case, cost, first, own: f"{rate(case, cost):.0f}",
    "of ideal": lambda case, cost, first, own: (
        f"{rate(case, cost) * case.latency / case.connections:.0%}" if case.latency else ""
    ),
    "seconds a request x": lambda case, cost, first, own: f"{rate(first, own) / rate(case, cost):.1f}",
    "CPU µs a request": lambda case, cost, first, own: f"{1e6 * cost.asking_cpu / case.requests:.0f}",
    "CPU a request x": lambda case, cost, first, own: (
        f"{cost.asking_cpu / case.requests / (own.asking_cpu / first.requests):.1f}"
    ),
    "peak MB": lambda case, cost, first, own: f"{cost.memory:.0f}",
    "import ms": lambda case, cost, first, own: f"{1e3 * cost.imported:.0f}",
}
"""Each column's format, given a case, its cost, the first candidate's case of the same shape and the cost of that."""
OF_REQUESTS: Final = [name for name in COLUMNS if name not in ("wall x", "CPU x")]
OF_RUNS: Final = [name for name in COLUMNS if not name.endswith((" a request", " request x", " ms"))]


def table(costs: Mapping[Case, Cost], columns: list[str]) -> str:
    """Return one group of cases as a Markdown table."""
    firsts: dict[tuple[float, int], Case] = {}
    rows = [columns, ["---" if name == "client" else "---:" for name in columns]]
    for case, cost in costs.items():
        first = firsts.setdefault((case.latency, case.connections), case)
        rows.append([COLUMNS[name](case, cost, first, costs[first]) for name in columns])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def lines_of(modules: Iterable[str]) -> int:
    """Count the lines of modules."""
    specs = [find_spec(module) for module in modules]
    return sum(Path(spec.origin).read_text().count("\n") for spec in specs if spec is not None and spec.origin)


def cases(names: list[str], requests: int, data_dir: str) -> list[Case]:
    """Return everything that is measured once a repetition, candidates side by side."""
    shapes = [(latency, connections) for latency in LATENCIES for connections in CONNECTIONS]
    cases = [
        Case(name, *shape, min(requests, FEW_REQUESTS) if name in SLOW else requests)
        for shape in shapes
        for name in names
    ]
    swapped = [name for name in names if name.endswith("evalsuite")] if data_dir else []
    return cases + [Case(name, *shape, ITEMS, data_dir) for shape in shapes for name in swapped]


def allow_files() -> None:
    """Let this process, and with it those that it starts, hold all connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max(CONNECTIONS) + 128
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def show(costs: Mapping[Case, Cost]) -> None:
    """Print the tables and the lines of code."""
    for title, columns, whole in (("Requests alone", OF_REQUESTS, False), ("evalsuite run, MedQA", OF_RUNS, True)):
        group = {case: cost for case, cost in costs.items() if bool(case.data_dir) is whole}
        if group:
            print(f"\n{title}\n\n{table(group, columns)}")
    adapter = sum(len(inspect.getsourcelines(part)[0]) for part in (Adapted, Aiohttp, load_aiohttp))
    print(f"\nLines that aiohttp would replace: {lines_of(REPLACED)} ({', '.join(REPLACED)})")
    print(f"Lines of the adapter to aiohttp here, which lacks proxies, TLS settings and the errors' kinds: {adapter}")
    print(f"Lines that stay with any library: {lines_of(KEPT)} ({', '.join(KEPT)})")


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repetition of fewer requests")
    parser.add_argument("--only", default=",".join(CANDIDATES), help="candidates, with commas")
    parser.add_argument("--data-dir", default="", help="mirror of the benchmarks' raw files; also measures whole runs")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(json.loads(args.child))
        return
    allow_files()
    names = args.only.split(",")
    data_dir = str(Path(args.data_dir).resolve()) if args.data_dir else ""
    todo = cases(names, FEW_REQUESTS if args.quick else REQUESTS, data_dir)
    costs: dict[Case, list[Cost]] = {case: [] for case in todo}
    for name in names:
        measure(Case(name, 0.0, 1, 1))  # disk caches and byte code are no client's cost
    for repetition in range(1 if args.quick else args.repeat):
        for case in todo if repetition % 2 == 0 else reversed(todo):
            costs[case].append(measure(case))
            print(f"{repetition + 1}: {case.name}, {case.latency:g} s, {case.connections}", file=sys.stderr)
    show({case: middle(found) for case, found in costs.items()})


if __name__ == "__main__":
    main()
