"""Measure whether the answer parser keeps its two promises about time.

    python benchmarks/parser_speed.py

Promise 2: 1 MB of hostile input takes less than 20 ms. Promise 8: 100,000 realistic responses of 2 kB, both readings,
take less than 2 s on one core. Prints a table of measured time over limit and exits 1 where a limit is broken.
"""

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from evalsuite.parser import FORMATS, parse

MEGABYTE = 1_000_000
HOSTILE_LIMIT = 0.020
BULK_LIMIT = 2.0
BULK = 100_000
LABELS = ("A", "B", "C", "D")
OPTIONS = ("Amiodarone", "Metoprolol", "Digoxin", "Diltiazem")

UNITS = (
    " ", "\n", "x", "A", "A ", "A.\n", "(A", "((((", "[", "{", "<", "&lt;", "$", "*", "**", "**A** ", "`", "```\n",
    '"', "'", "\\", "\\boxed{", "\\boxed{A} ", "<answer>", "</answer>", "<answer>A</answer>",
    "<answer>B</answer>\n", "<think>", "</think>", "<think></think>", "answer", "answer is ", "answer: ",
    "the answer is A ", "The answer is (", "ANSWER: ", "answer to answer of ",
    "answer for a very long question that goes on ", "answer the option the letter ", "the final answer is ",
    "B is the best answer. ", "option ", "correct option is ", "is: ", "i choose ", "or ", "A or ", "A/B/", "A, ",
    "not ", "if ", "Wait. ", "no, ", "Metoprolol or ", "A. Amiodarone\n", '{"answer": ', "respuesta es ", "réponse ",
    "la ", "Ответ: ", "答案是", "答案是A或", "选A", "，", "정답은 ", "الإجابة هي ", "\u200b", "\ud800", "\x00", "İ",
    "The patient was seen again and nothing was new. ", "<|channel|>final<|message|>", "<|channel|>", "[THINK]",
    "[/THINK]", "◁think▷", "<unused95>", "## Final Response", "Here is my response:", "assistantfinal", "<|im_end|>",
    "<response>", "question: ", "\nquestion", "options:\n", "最可能的是",
    "i select ", '"choice": ', " is the best", "I, II ",
    "A. Amiodarone. ", "making (B) the correct answer ", "wait ", "most likely is ", "e.g. the answer is B ",
)  # fmt: skip

PROSE = (
    "The patient is a 58-year-old man with atrial fibrillation and a reduced ejection fraction. Rate control comes "
    "first, and the drug depends on contractility. Option A is meant for rhythm control and acts slowly; option D "
    "lowers contractility, which makes it a poor choice here. "
) + (
    "Kidney function was normal (creatinine 0.9 mg/dl), the thyroid was not enlarged, and the chest film showed a "
    "heart at the upper limit of its size without congestion. He takes no other drug, drinks a glass of wine with "
    "dinner, and has walked two miles a day since his infarction. His pulse was irregular at 128 beats per minute, "
    "his blood pressure 136/84 mmHg, and his lungs were clear. "
) * 4
ENDINGS = (
    ("answer_tag", "<answer>B</answer>"),
    ("answer_tag", "</think>\n\n<answer>C</answer>\n"),
    ("answer_line", "\nANSWER: B"),
    ("answer_line", "\nANSWER: d\n"),
    ("the_answer_is", "The answer is (B)."),
    ("the_answer_is", "Therefore, the answer is (A)"),
    ("boxed", "\\boxed{B}"),
    ("answer_tag", "The answer is B."),
    ("boxed", "**Answer: (B) Metoprolol**"),
    ("answer_line", "More data are needed before a drug can be chosen."),
)


def hostile() -> Iterator[tuple[str, str]]:
    """Yield a name and 1 MB of input for each construction."""
    for unit in UNITS:
        yield repr(unit), unit * (MEGABYTE // len(unit))
    yield "numbered statements", "".join(f"The answer is ({'AB'[i % 2]}{i}). " for i in range(42_000))
    yield "numbered tags", "".join(f"<answer>{i}</answer>" for i in range(45_000))
    yield "words between cues", "".join(f"answer {'wait ' * (i % 7)}" for i in range(45_000))
    yield "an open thought", "<think>" + "The answer is B. " * 59_000
    yield "one tag with 1 MB in it", "<answer>" + "A" * MEGABYTE + "</answer>"


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the shortest of a few rounds, in seconds of CPU time: other work on the machine only ever adds to it."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def worst_hostile() -> list[tuple[float, str]]:
    """Return seconds and name of every construction in its slowest format, with and without a statement at its end."""
    measured = []
    for name, text in hostile():
        for tail in ("", "\nThe answer is B."):
            slowest = max(seconds(partial(parse, text + tail, LABELS, OPTIONS, form)) for form in FORMATS)
            measured.append((slowest, name + (" and a statement" if tail else "")))
    return sorted(measured, reverse=True)


def bulk() -> float:
    """Return the seconds for the realistic responses: seven of ten keep their format, as instruct models do."""
    responses = [((PROSE + PROSE + ending)[-2000:], form) for form, ending in ENDINGS]

    def read_all() -> None:
        for _ in range(BULK // len(responses)):
            for text, form in responses:
                parse(text, LABELS, OPTIONS, form)

    return seconds(read_all, rounds=2)


def main() -> int:
    """Measure, print the table, and return the exit code."""
    rows = [(name, duration, HOSTILE_LIMIT) for duration, name in worst_hostile()[:10]]
    rows.append((f"{BULK:,} responses of 2 kB", bulk(), BULK_LIMIT))
    print(f"{'input':44} {'ms':>9} {'limit ms':>9} {'ratio':>6}")
    for name, duration, limit in rows:
        print(f"{name:44} {duration * 1e3:9.1f} {limit * 1e3:9.0f} {duration / limit:6.2f}")
    return int(any(duration > limit for _, duration, limit in rows))


if __name__ == "__main__":
    sys.exit(main())
