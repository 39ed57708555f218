"""The student's marks: reasoning and answer as one text, as the student is to write it and evaluation will read it."""

from __future__ import annotations

from typing import Final, NamedTuple

from evalsuite.errors import ErrorCode, UsageError
from evalsuite.parser import DIALECTS, ReasoningDialect, final_segment, parse
from evalsuite.parser.reasoning_dialects import HARMONY
from evalsuite.tasks.answer_format import write

PLAIN: Final = "none"
"""A student without marks: its reasoning is plain text before the answer."""
STUDENTS: Final = (PLAIN, *(dialect.name for dialect in DIALECTS))
"""The names of the students: the reasoning dialects that the parser knows, and none."""
_NAME: Final = "thought"
"""A channel's name, which stands on a line of its own in Gemma's template."""


class Student(NamedTuple):
    """The marks around a student's reasoning and its response, each with the white space that belongs to it."""

    name: str
    opening: str
    closing: str
    wrapper: tuple[str, str] = ("", "")
    opens_reasoning: bool = False
    """Whether the student's chat template writes the opening mark into the prompt."""

    def text(self, reasoning: str, final: str) -> str:
        """Return a completion."""
        opening = "" if self.opens_reasoning else self.opening
        begin, end = self.wrapper
        return f"{opening}{reasoning.strip()}{self.closing}{begin}{final.strip()}{end}"

    def message(self, reasoning: str, final: str) -> dict[str, str]:
        """Return the last turn of a conversation: for gpt-oss, whose template refuses marks in it, in two fields."""
        turn = {"role": "assistant"}
        if self.name == HARMONY.name:
            return turn | {"thinking": reasoning.strip(), "content": final.strip()}
        return turn | {"content": self.text(reasoning, final)}

    def fault(self, text: str, final: str, labels: tuple[str, ...], gold: str, format: str) -> str | None:
        """Return why evaluation would not read a completion as its gold label behind exactly its reasoning, or None."""
        strict = parse(text, labels, None, format, "stop", self.opens_reasoning).strict
        if strict.status != "ok":
            return f"its strict parse is {strict.status}"
        if strict.label != gold:
            return f"its strict parse is {strict.label}, not {gold}"
        start = final_segment(text, self.opens_reasoning)
        begin, end = self.wrapper
        if start is None or (self.closing.strip() and text[start:].strip() != f"{begin}{final.strip()}{end}".strip()):
            return "its reasoning holds a mark that ends or opens reasoning"
        return None


def student_of(name: str, format: str, opens_reasoning: bool = False) -> Student:
    """Return the marks of a reasoning dialect, by its name; `none` has none.

    An unknown name is a `UsageError`, and so are marks that collide with the answer format.
    """
    made = _student(name, opens_reasoning)
    final = write(format, "A")
    fault = made.fault(made.text("Because of it.", final), final, ("A", "B"), "A", format)
    if fault is not None:
        message = f"`student` {name}: with answers as {format}, {fault}; choose another `format`"
        raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
    return made


def _student(name: str, opens_reasoning: bool) -> Student:
    if name == PLAIN:
        if opens_reasoning:
            message = "`opens_reasoning`: a `student` without marks has none that its prompt could open"
            raise UsageError(ErrorCode.CONFLICTING_ARGUMENTS, message)
        return Student(name, "", "\n\n")
    dialect = next((each for each in DIALECTS if each.name == name), None)
    if dialect is None:
        message = f"`student` {name!r} is unknown; known: {', '.join(STUDENTS)}"
        raise UsageError(ErrorCode.INVALID_ARGUMENT, message)
    return _with_space(dialect)._replace(opens_reasoning=opens_reasoning)


def _with_space(dialect: ReasoningDialect) -> Student:
    opening = (*dialect.openings, *dialect.leading)[0]
    closing = (dialect.ceremony or ("",))[0] + dialect.closings[0]
    wrapper = next(iter(dialect.wrappers), ("", ""))
    # Marks that are tokens of a channel stand without white space, tags and headings on lines of their own.
    if opening.startswith("<|"):
        line = "\n" if opening.endswith(_NAME) else ""
        return Student(dialect.name, f"{opening}{line}", f"{line}{closing}", wrapper)
    return Student(dialect.name, f"{opening}\n", f"\n{closing}\n\n", wrapper)
