"""Small files with invented items in the formats in which upstream publishes each benchmark.

They take the place of the real files in tests of the layouts of the task cards, so that these tests run in any clone.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl

LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Question:
    """An invented question with its options and the place of the correct one."""

    text: str
    options: tuple[str, ...]
    gold: int

    @property
    def gold_text(self) -> str:
        return self.options[self.gold]

    @property
    def by_letter(self) -> dict[str, str]:
        return dict(zip(LETTERS, self.options, strict=False))


QUESTIONS = (
    Question(
        "Which organ of the abdomen releases insulin into the blood?", ("Liver", "Pancreas", "Spleen", "Colon"), 1
    ),
    Question("Which of these vitamins prevents scurvy in sailors?", ("Vitamin C", "Vitamin D", "Niacin", "Biotin"), 0),
    Question("Which nerve carries the sense of smell to the brain?", ("Optic", "Facial", "Vagus", "Olfactory"), 3),
)
VERDICTS = ("yes", "no", "maybe")


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def spreadsheet(rows: list[dict[str, Any]]) -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def medqa(questions: tuple[Question, ...]) -> bytes:
    return json_lines(
        [
            {"question": q.text, "answer": q.gold_text, "options": q.by_letter, "answer_idx": LETTERS[q.gold],
             "meta_info": "step1"}
            for q in questions
        ]
    )  # fmt: skip


def columns(q: Question, number: int) -> dict[str, Any]:
    """One column per option and an index from 1."""
    options = {f"op{letter.lower()}": text for letter, text in q.by_letter.items()}
    return {"id": f"id-{number}", "question": q.text, **options, "cop": q.gold + 1, "subject_name": "Anatomy"}


def pubmedqa(questions: tuple[Question, ...]) -> bytes:
    rows = {}
    for n, q in enumerate(questions):
        sections = {"CONTEXTS": [f"Of {n} patients.", "Most did."], "LABELS": ["METHODS", "RESULTS"]}
        answer = {"LONG_ANSWER": f"The conclusion of study {n}.", "final_decision": VERDICTS[n % 3]}
        rows[str(100 + n)] = {"QUESTION": q.text, **sections, **answer, "YEAR": "2001"}
    return json.dumps(rows).encode()


def medxpertqa(questions: tuple[Question, ...]) -> bytes:
    return json_lines(
        [
            {"id": f"Text-{n}",
             "question": f"{q.text}\nAnswer Choices: " + " ".join(f"({k}) {v}" for k, v in q.by_letter.items()),
             "options": [{"letter": k, "content": v} for k, v in q.by_letter.items()], "label": [LETTERS[q.gold]],
             "medical_task": "Diagnosis", "body_system": "Nervous", "question_type": "Reasoning"}
            for n, q in enumerate(questions)
        ]
    )  # fmt: skip


def jmed(questions: tuple[Question, ...]) -> bytes:
    """The correct option is always A, as in the published sheet."""
    rows = []
    for n, q in enumerate(questions):
        options = [q.gold_text, *(text for text in q.options if text != q.gold_text), "Nothing"]
        rows.append(
            {"diagId": 7000 + n, "final_question": q.text,
             "final_options": json.dumps({"options": dict(zip(LETTERS, options, strict=False))}),
             "final_correct_answer": "['A']", "patient_age": f"{30 + n}岁", "patient_sex": "女",
             "analysis": f"The discussion of case {n}."}
        )  # fmt: skip
    return spreadsheet(rows)


def medbullets(questions: tuple[Question, ...], five: bool) -> bytes:
    table: dict[str, dict[str, str]] = {}
    for n, q in enumerate(questions):
        row = {"question": q.text, **{f"op{k.lower()}": v for k, v in q.by_letter.items()}}
        row |= {"ope": "Nothing"} if five else {}
        for name, value in (row | {"answer_idx": LETTERS[q.gold]}).items():
            table.setdefault(name, {})[str(n)] = value
    return json.dumps(table).encode()


def mmlu_pro(questions: tuple[Question, ...], category: str) -> bytes:
    return json_lines(
        [
            {"question_id": 50 + n, "question": q.text, "options": list(q.options), "answer": LETTERS[q.gold],
             "answer_index": q.gold, "category": category, "src": "invented"}
            for n, q in enumerate(questions)
        ]
    )  # fmt: skip


def careqa(questions: tuple[Question, ...]) -> bytes:
    return json.dumps(
        {
            f"q-{n}": {"question": q.text, "options": q.by_letter, "correct_answer": LETTERS[q.gold], "year": 2023,
                       "category": "Nursing"}
            for n, q in enumerate(questions)
        }
    ).encode()  # fmt: skip


def write_upstream(folder: Path, questions: tuple[Question, ...] = QUESTIONS) -> Path:
    """Write a file of every benchmark below a data folder and return it."""
    five = tuple(Question(q.text, (*q.options, "Nothing"), q.gold) for q in questions)
    labels = {str(100 + n): VERDICTS[n % 3] for n in range(len(questions)) if n % 2 == 0}
    files = {
        "medqa/phrases_no_exclude_test.4options.jsonl": medqa(questions),
        "medqa/us_test.5options.jsonl": medqa(five),
        "medmcqa/dev.json": json_lines([columns(q, n) for n, q in enumerate(questions)]),
        "pubmedqa/ori_pqal.json": pubmedqa(questions),
        "pubmedqa/test_ground_truth.json": json.dumps(labels).encode(),
        "medxpertqa/medxpertqa_text_input.jsonl": medxpertqa(questions),
        "careqa/careqa_test.hpai.json": careqa(questions),
        "jmed/20250122_sample_multiple_choice_1094_qwenscored_adjusted.xlsx": jmed(questions),
        "medbullets/medbullets_op4.json": medbullets(questions, five=False),
        "medbullets/medbullets_op5.json": medbullets(questions, five=True),
        "mmlu_pro/mmlu-pro_health.jsonl": mmlu_pro(questions, "health"),
        "mmlu_pro/mmlu-pro_biology.jsonl": mmlu_pro(questions, "biology"),
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
