"""Writes a folder of traces, which an sft stage takes as its data.

train.jsonl          rows of the stage: prompt and completion as messages, gold label, labels, answer format
messages.jsonl       the same traces as conversations
discarded.jsonl      every try and every question that was left out, with its reason and the place of the fault
README.md            the card
manifest.json        checksums, counts, teacher, prompts, filters; written last
requests/            the journal of the teacher's responses
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError, ErrorCode
from evalsuite.util.atomic_write import write_atomically
from evalsuite.util.jsonl import dump_json_line
from evalsuite.util.regular_file import links_in
from training.data.manifest import FILE, TRAIN, Filter, Manifest, describe, write_manifest
from training.model_requests import Answers
from training.traces.attempts import Attempt, TraceOutcome
from training.traces.card import card
from training.traces.questions import TIER, TraceQuestions
from training.traces.student import Student
from training.traces.teacher_prompts import Discard

MESSAGES: Final = "messages.jsonl"
DISCARDED: Final = "discarded.jsonl"
CARD: Final = "README.md"
REQUESTS: Final = "requests"
NO_RESPONSE: Final = "no_response"
NOT_REQUESTED: Final = "not_requested"


def claim(folder: Path) -> None:
    """Raise a `DataError` for a folder that holds anything but traces that were begun here."""
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if names and REQUESTS not in names:
        raise DataError(ErrorCode.OUTPUT_EXISTS, f"`out` {folder}: holds other files; choose another folder")
    if link := next(links_in(folder), None) if names else None:
        raise DataError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{link}: is a link, which is not written through; delete it")


def write_traces(
    folder: Path,
    questions: TraceQuestions,
    outcomes: Sequence[TraceOutcome],
    answers: Answers,
    student: Student,
    made_by: Mapping[str, Any],
) -> Manifest | None:
    """Write a folder of traces, or write it again; return its manifest, or None where no trace was kept."""
    for name in (FILE, TRAIN, MESSAGES, CARD):  # until all is written, the folder states nothing
        (folder / name).unlink(missing_ok=True)
    discarded = [*_rejected(questions), *_discarded(outcomes, answers)]
    kept = [each for each in outcomes if each.kept is not None]
    files = [(DISCARDED, _write_lines(folder / DISCARDED, discarded))]
    if not kept:
        return None
    files.append((TRAIN, _write_lines(folder / TRAIN, (_train_row(each, questions) for each in kept))))
    files.append((MESSAGES, _write_lines(folder / MESSAGES, (_conversation(each, student) for each in kept))))
    reasons = Counter(row["reason"] for row in discarded)
    manifest = Manifest(
        name=folder.resolve().name,
        about=f"Reasoning traces of {made_by['teacher']['model']}. {questions.about}",
        licence=f"questions: {questions.licence}; completions: the terms of {made_by['teacher']['model']}",
        files=describe(folder, files),
        filters=[Filter(name=name, kept=len(kept), dropped=count) for name, count in sorted(reasons.items())],
        made_by={**made_by, "kept": len(kept), **_winners(kept)},
        sources={} if questions.manifest is None else {questions.manifest.name: questions.manifest},
    )
    text = card(manifest).encode()
    write_atomically(folder / CARD, text)
    described = describe(folder, [(CARD, text.count(b"\n"))])
    manifest = manifest.model_copy(update={"files": [*manifest.files, *described]})
    write_manifest(folder, manifest)
    return manifest


def _winners(kept: Sequence[TraceOutcome]) -> dict[str, Any]:
    """Return by which sample, or by which round and strategy of refinement, the traces were won."""
    attempts = [each.kept for each in kept if each.kept is not None]
    samples = Counter(str(each.prompt.sample + 1) for each in attempts if each.strategy is None)
    rounds = Counter(f"{each.strategy}, round {each.round}" for each in attempts if each.strategy is not None)
    return {"kept_by_try": dict(sorted(samples.items())), "kept_by_refinement": dict(sorted(rounds.items()))}


def _train_row(outcome: TraceOutcome, questions: TraceQuestions) -> dict[str, Any]:
    attempt, item = outcome.kept, outcome.question.item
    assert attempt is not None
    return {
        "prompt": list(outcome.question.messages),
        "completion": [{"role": "assistant", "content": attempt.text}],
        "gold": item.gold,
        "labels": list(item.labels),
        "format": questions.format,
        "item": item.id,
        "task": questions.task,
        **({TIER: item.meta[TIER]} if TIER in item.meta else {}),
        **_place(attempt),
        **({} if outcome.rate is None else {"passed": "/".join(map(str, outcome.rate))}),
    }


def _conversation(outcome: TraceOutcome, student: Student) -> dict[str, Any]:
    assert outcome.kept is not None
    answer = student.message(outcome.kept.reply.reasoning, outcome.kept.reply.final)
    return {"messages": [*outcome.question.messages, answer], "item": outcome.question.item.id}


def _place(attempt: Attempt) -> dict[str, Any]:
    """Return which try it is: of the samples, or of the rounds of refinement."""
    if attempt.strategy is None:
        return {"sample": attempt.prompt.sample}
    return {"strategy": attempt.strategy, "round": attempt.round}


def _rejected(questions: TraceQuestions) -> Iterator[dict[str, Any]]:
    for row in questions.rejected:
        yield {"item": row.where, "reason": row.reasons[0], "detail": row.detail, "reasons": row.reasons}


def _discarded(outcomes: Iterable[TraceOutcome], answers: Answers) -> Iterator[dict[str, Any]]:
    for outcome in outcomes:
        item = {"item": outcome.question.item.id}
        for attempt in outcome.attempts:
            if attempt.verdict is not None:
                yield (
                    item
                    | _place(attempt)
                    | _reason(attempt.verdict)
                    | {
                        "label": attempt.reply.label,
                        "gold": outcome.question.item.gold,
                        "reasoning": attempt.reply.reasoning,
                        "final": attempt.reply.final,
                    }
                )
        for sent in outcome.pending:
            failure = answers.failed.get(sent.key)
            reason = Discard(NOT_REQUESTED, "") if failure is None else Discard(NO_RESPONSE, failure)
            yield item | {"sample": sent.sample} | _reason(reason)
        if outcome.verdict is not None:
            yield item | _reason(outcome.verdict)


def _reason(discard: Discard) -> dict[str, str]:
    return {"reason": discard.reason, "detail": discard.detail}


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    lines = [dump_json_line(dict(row)) for row in rows]
    write_atomically(path, b"".join(lines))
    return len(lines)
