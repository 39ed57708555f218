"""What a run was asked to do, and the identity that decides whether two runs may share a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from evalsuite import answer
from evalsuite.errors import RunError, UsageError
from evalsuite.grade import Grade, grade
from evalsuite.journal import Record
from evalsuite.models import backend_class, split_name
from evalsuite.models.backend import Asked, Backend, Decoding, Facts, Request, Scoring, Settings
from evalsuite.models.floor import Chooser, longest, majority
from evalsuite.order import shifted, shifts_of
from evalsuite.prompt import Prompt
from evalsuite.scoring import CHOOSER, ScoredPrompt, choose
from evalsuite.task import Dataset, Item


@dataclass(frozen=True, slots=True)
class Plan:
    """One `evalsuite run`, as it was asked for."""

    model: str
    """backend/model."""
    tasks: tuple[str, ...]
    settings: Settings
    samples: int = 1
    limit: int | None = None
    """Only the first so many items of each task, in the order of the file."""
    format: str | None = None
    """Answer format to ask for instead of the tasks' own."""
    system: str | None = None
    data_dir: str | None = None
    shift_options: bool = False
    """Ask each item in each cyclic order of its options."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"--samples {self.samples}: at least 1")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit}: at least 1")
        if self.scoring != "generate":
            self._check_scoring()

    def _check_scoring(self) -> None:
        """Refuse what only shapes texts that a model writes."""
        decoding = self.settings.decoding
        if self.samples > 1 or self.format or decoding != Decoding(thinking=decoding.thinking, seed=decoding.seed):
            raise UsageError(
                f"--scoring {self.scoring}: nothing is generated; leave out --samples, --format, --temperature, "
                "--top-p, --max-tokens and --thinking-budget"
            )

    @property
    def scoring(self) -> Scoring:
        """How an answer is had."""
        return self.settings.scoring

    @property
    def data_folder(self) -> Path | None:
        """The data folder that was named, if one was."""
        return Path(self.data_dir) if self.data_dir else None

    def to_json(self) -> dict[str, Any]:
        """Everything that a resumed run needs, without secrets."""
        fields = asdict(self)
        fields["settings"]["base_urls"] = [_without_secrets(url) for url in self.settings.base_urls]
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Plan:
        """Rebuild a plan from run.json."""
        try:
            settings = dict(fields["settings"])
            settings["decoding"] = Decoding(**settings["decoding"])
            settings["base_urls"] = tuple(settings["base_urls"])
            return cls(**{**fields, "settings": Settings(**settings), "tasks": tuple(fields["tasks"])})
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"run.json: its plan can't be read ({error}); was it edited?") from None


@dataclass(frozen=True, slots=True)
class Bench:
    """A task made ready to be asked: its data, its prompt, and which items can be answered.

    Options to be shifted that no prompt shows in their order are a `UsageError`.
    """

    dataset: Dataset
    prompt: Prompt | ScoredPrompt
    asked: Asked
    limit: int | None
    scoring: Scoring = "generate"
    shift_options: bool = False

    def __post_init__(self) -> None:
        if self.shift_options and not any(map(self._moves, self.items)):
            asks = f"--scoring {self.scoring}" if self.scoring != "generate" else "the prompt"
            raise UsageError(f"--shift-options: {asks} shows no order of options in {self.name} that could be moved")

    def _moves(self, item: Item) -> bool:
        """Whether another order of the options is another prompt."""
        return any(self.prompt.messages(shifted(item, s)) != self.prompt.messages(item) for s in self.shifts(item)[1:])

    @property
    def name(self) -> str:
        """The task's name."""
        return self.dataset.task.name

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of this run."""
        return self.asked.items[: self.limit]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the data and about how it was asked."""
        return (*self.dataset.notes, *self.asked.notes, *self._shift_notes())

    def shifts(self, item: Item) -> range:
        """By how many places the options of an item are moved, each of which is asked; see `order`."""
        return shifts_of(item) if self.shift_options else range(1)

    def _shift_notes(self) -> Iterator[str]:
        if self.shift_options:
            kept = sum(len(self.shifts(item)) == 1 for item in self.items)
            told = f'; {kept} items keep theirs, since an option means others by their place ("all of the above")'
            yield f"each item was asked in each cyclic order of its options{told if kept else ''}"

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for two runs to have answered the same questions."""
        moved = {"shift_options": True} if self.shift_options else {}
        return {
            **moved,
            "version": self.dataset.task.version,
            "data_digest": self.dataset.digest,
            "variant": self.dataset.variant,
            "prompt_digest": self.asked.prompt_digest or self.prompt.digest,
            "format": self.asked.format,
            "scoring": self.scoring,
            "n": len(self.items),
        }

    @property
    def parser(self) -> str:
        """Who reads the answers."""
        return answer.VERSION if self.scoring == "generate" else CHOOSER

    @property
    def total(self) -> int:
        """Items of the whole task, whatever part of them is run."""
        return len(self.dataset.items)

    @property
    def chance(self) -> float:
        """Expected accuracy of a uniform guess on this run's items."""
        return fmean(1 / len(item.labels) for item in self.items)

    @property
    def floors(self) -> dict[str, float]:
        """Accuracy of rules that know no medicine on what this run showed, the rules made from the whole task."""
        return {"majority": self._floor(majority(self.dataset)), "longest": self._floor(longest(self.dataset))}

    def _floor(self, choose: Chooser) -> float:
        return fmean(fmean(self._is_right(choose, item, shift) for shift in self.shifts(item)) for item in self.items)

    def _is_right(self, choose: Chooser, item: Item, shift: int) -> bool:
        shown = shifted(item, shift)
        return choose(Request(self.name, shown, 0, (), 0)) == shown.gold

    def grade(self, item: Item, record: Record) -> Grade:
        """Grade a response by how this task's prompt asked, or choose the likeliest option."""
        return grade(item, record, self.asked) if self.scoring == "generate" else choose(item, record)

    def continuations(self, item: Item) -> tuple[str, ...]:
        """What is weighed for an item: nothing where the model is to write."""
        return self.prompt.continuations(item) if isinstance(self.prompt, ScoredPrompt) else ()

    def to_json(self) -> dict[str, Any]:
        """What a finished run keeps of how it asked."""
        prompt_digest = self.asked.prompt_digest or self.prompt.digest
        return replace(self.asked, items=self.items, prompt_digest=prompt_digest).to_json(self.dataset)


def identity(plan: Plan, benches: Sequence[Bench], facts: Facts) -> dict[str, Any]:
    """Everything that shapes the responses of a run, and nothing else: no address, no key, no concurrency."""
    settings = plan.settings
    backend = backend_class(split_name(plan.model)[0])
    decoding = asdict(settings.decoding)
    return {
        "model": plan.model,
        "revision": facts.get("revision", settings.revision),
        "adapter": settings.adapter,
        "chat_template": settings.chat_template and digest(settings.chat_template),
        "args": {key: value for key, value in settings.args.items() if key not in backend.operational},
        "decoding": decoding if backend.decodes else dict.fromkeys(decoding),
        "samples": plan.samples,
        "limit": plan.limit,
        "tasks": {bench.name: bench.identity for bench in benches},
    }


def digest(content: Any) -> str:
    """sha256 over canonical JSON."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def seed_of(plan: Plan, task: str, item: str, shift: int, sample: int) -> int:
    """A request's own seed, in [0, 2^31): it depends on nothing but the run's seed and the request's place."""
    place = f"{plan.settings.decoding.seed}\0{task}\0{item}\0{sample}" + (f"\0{shift}" if shift else "")
    return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=4).digest()) >> 1


def request_digest(request: Request, run_identity: str) -> str:
    """What was sent, in 16 hexadecimal digits."""
    sent = orjson.dumps([run_identity, request.messages, request.seed])
    return hashlib.blake2b(sent, digest_size=8).hexdigest()


def make_bench(plan: Plan, backend: Backend, dataset: Dataset) -> Bench:
    """Make a task ready for a backend."""
    format = plan.format or dataset.task.format
    if plan.scoring == "generate":
        prompt: Prompt | ScoredPrompt = Prompt(dataset.task, format, plan.system)
    else:
        prompt = ScoredPrompt(dataset.task, plan.scoring, plan.system)
    asked = backend.asked(dataset, format)
    if plan.format is not None and asked.format != plan.format:
        was = f"{dataset.task.name} was asked for {asked.format} when it was recorded, and is graded by that"
        raise UsageError(f"--format {plan.format}: {was}; leave it out")
    return Bench(dataset, prompt, asked, plan.limit, plan.scoring, plan.shift_options)


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
