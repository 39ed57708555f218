"""The strict parse: exactly the answer format that the prompt requested, once, as the last thing in the response."""

from collections.abc import Callable

from evalsuite.parser.item_labels import Labels
from evalsuite.parser.result import NO_ANSWER, NOT_A_LABEL, OK, SEVERAL, StrictParse

# A finder takes a final segment without trailing white space; it returns where the element opens and the span of
# what is inside, or the status that says why there is none.
_Element = tuple[int, int, int] | str


def _answer_tag(body: str) -> _Element:
    opened = body.rfind("<answer>")
    if opened < 0:
        return NO_ANSWER
    if not body.endswith("</answer>"):
        return SEVERAL if body.find("<answer>") < opened else NO_ANSWER
    if body.find("<", 0, opened) >= 0:
        before = body[:opened].lower()
        if "<answer" in before or "</answer" in before:
            return SEVERAL
    return opened, opened + len("<answer>"), len(body) - len("</answer>")


def _answer_line(body: str) -> _Element:
    line = body.rfind("\n") + 1
    opened = body.rfind("ANSWER:")
    if opened < line or body[line:opened].strip():
        return NO_ANSWER
    if body.find("ANSWER:") < opened:
        return SEVERAL
    return opened, opened + len("ANSWER:"), len(body)


def _the_answer_is(body: str) -> _Element:
    end = len(body) - body.endswith(".")
    opened = body.rfind("(", 0, end)
    cue = opened - len("the answer is ")
    if not body.endswith(")", 0, end) or cue < 0 or body[cue:opened].lower() != "the answer is ":
        return NO_ANSWER
    if cue and (body[cue - 1].isalnum() or body[cue - 1] == "_"):
        return NO_ANSWER
    return SEVERAL if "the answer is (" in body[:cue].lower() else (cue, opened + 1, end - 1)


def _boxed(body: str) -> _Element:
    opened = body.rfind("\\boxed{")
    if opened < 0:
        return NO_ANSWER
    if not body.endswith("}"):
        return SEVERAL if body.find("\\boxed{") < opened else NO_ANSWER
    if body.find("\\boxed") < opened:
        return SEVERAL
    return opened, opened + len("\\boxed{"), len(body) - 1


_FINDERS: dict[str, Callable[[str], _Element]] = {
    "answer_tag": _answer_tag,
    "answer_line": _answer_line,
    "the_answer_is": _the_answer_is,
    "boxed": _boxed,
}
FORMATS = tuple(_FINDERS)


def _fenced(body: str, at: int) -> bool:
    return _open_fence(body, "`", at) or _open_fence(body, "~", at)


def _open_fence(body: str, mark: str, at: int) -> bool:
    return mark in body and body.count(mark * 3, 0, at) % 2 == 1


def parse_strict(text: str, start: int, end: int, labels: Labels, answer_format: str) -> StrictParse:
    """The strict parse of the final segment `text[start:end]`; the span is that of the label itself, in `text`."""
    body = text[start:end].rstrip()
    element = _FINDERS[answer_format](body)
    if isinstance(element, str):
        return StrictParse(None, element, None)
    opened, inner, inner_end = element
    content = body[inner:inner_end].strip()
    label = labels.exact(content)
    if not content or _fenced(body, opened):
        return StrictParse(None, NO_ANSWER, None)
    if label is None:
        return StrictParse(None, NOT_A_LABEL, None)
    at = start + body.index(content, inner)
    return StrictParse(label, OK, (at, at + len(content)))
