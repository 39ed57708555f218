"""The final segment: the part of a response that is graded, behind its reasoning and before its end-of-turn marks."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from evalsuite.parser.reasoning_dialects import DIALECTS


class _MarkGroup(NamedTuple):
    """Marks that share a character and a word that are rare in prose: a text without either has none of them."""

    character: str
    """One character is found far faster than a word."""
    word: str
    closings: tuple[str, ...]
    openings: tuple[str, ...]


def _unique(marks: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(marks))


_SHARED = (
    ("<", "|"), ("<", "hink"), ("<", "thought>"), ("<", "reasoning>"), ("<", "<unused9"), ("[", "["), ("◁", "◁"),
    ("#", "## "), (":", "my response:"),
)  # fmt: skip


def _groups() -> list[_MarkGroup]:
    closings = _unique(mark for dialect in DIALECTS for mark in dialect.closings)
    openings = _unique(mark for dialect in DIALECTS for mark in dialect.openings)
    groups = []
    # A mark that shares nothing with others is its own word.
    for character, word in (*_SHARED, *((mark[0], mark) for mark in (*closings, *openings))):
        closing = tuple(mark for mark in closings if word in mark and character in mark)
        opening = tuple(mark for mark in openings if word in mark and character in mark)
        closings = tuple(mark for mark in closings if mark not in closing)
        openings = tuple(mark for mark in openings if mark not in opening)
        if closing or opening:
            groups.append(_MarkGroup(character, word, closing, opening))
    return groups


_TAGS = [group for group in _groups() if group.character == "<"]
_OTHERS = [group for group in _groups() if group.character != "<"]
_SPACE = re.compile(r"\s*+")
_LEADING = re.compile(
    r"\s*+(?P<mark>"
    + "|".join(
        # Without special tokens a channel's name runs into the text behind it, which tells it from the word.
        re.escape(mark) + (r"(?=[^\W_])" if mark.isalpha() else "")
        for mark in _unique(mark for dialect in DIALECTS for mark in dialect.leading)
    )
    + ")"
)
_OPENINGS = _unique(mark for dialect in DIALECTS for mark in dialect.openings)
_VOCABULARY_SPACE = " \t\r\nĠĊ▁"
_END_OF_TURN = _unique(mark for dialect in DIALECTS for mark in dialect.end_of_turn)
_WRAPPERS = dict(wrapper for dialect in DIALECTS for wrapper in dialect.wrappers)
_WRAPPER_OPENINGS = tuple(_WRAPPERS)
_OWN_TAG = "<answer>"
_MOST_END_MARKS = 8
_ORDINARY_ENDS = frozenset(".!?)}*`\"':,") | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_LONGEST_LEAD = 64
"""Characters at the ends of a segment among which a wrapper or an end-of-turn mark would be."""


def final_segment(text: str, prompt_opens_reasoning: bool = False) -> int | None:
    """Where the final segment of `text` starts, or None while a reasoning block is open.

    It follows the last closing mark of any dialect, whether or not an opening was seen before (the prompt may have
    opened the block). An opening behind that leaves no final segment: otherwise one more block put before an unclosed
    one would make its thoughts count.
    """
    start, reopened = _around_reasoning(text, prompt_opens_reasoning)
    return None if reopened >= 0 else start


def without_ceremony(text: str, start: int, answer_format: str) -> tuple[int, int]:
    """The bounds of the final segment from `start` on without end-of-turn marks and without an outer wrapper.

    A wrapper is removed only where it encloses the whole segment. Where the answer format is the answer tag, that
    tag is never taken for a wrapper.
    """
    end = len(text)
    last = text[-_LONGEST_LEAD:].rstrip()
    marked = last[-1:] not in _ORDINARY_ENDS and (not last or last.endswith(_END_OF_TURN))
    if not marked and "<" not in text[start : start + _LONGEST_LEAD]:
        return start, end  # nearly every response has neither: this keeps the strict path short
    body = text.rstrip()
    # Each mark copies the text once more, so their number is bounded: the time stays linear.
    for _ in range(_MOST_END_MARKS):
        if len(body) <= start or not body.endswith(_END_OF_TURN):
            break
        mark = next(mark for mark in _END_OF_TURN if body.endswith(mark))
        body = body[: -len(mark)].rstrip()
        end = len(body)
    begin = _skip_space(text, start)
    if text.startswith(_WRAPPER_OPENINGS, begin):
        opening = next(mark for mark in _WRAPPER_OPENINGS if text.startswith(mark, begin))
        closing = _WRAPPERS[opening]
        inner = begin + len(opening)
        is_answer = opening == _OWN_TAG and answer_format == "answer_tag"
        if not is_answer and body.endswith(closing, inner):
            return inner, len(body) - len(closing)
    return start, max(start, end)


def response_wrapper(text: str, answer_format: str, prompt_opens_reasoning: bool = False) -> str | None:
    """The opening mark of the family's wrapper that encloses the whole final segment; None without one."""
    start = final_segment(text, prompt_opens_reasoning)
    if start is None:
        return None
    inner = without_ceremony(text, start, answer_format)[0]
    return None if inner == start else text[_skip_space(text, start) : inner]


def wrapped_in_answer_tags(model: str) -> bool:
    """Whether a model's name is of a family that encloses every response in `<answer>`, which is our own answer tag."""
    families = [dialect.name for dialect in DIALECTS if any(mark == _OWN_TAG for mark, _ in dialect.wrappers)]
    return any(family in model.lower() for family in families)


def reasoning_open(text: str, opened: bool = False) -> bool:
    """Whether `text` ends inside a reasoning block; `opened`: it began inside one."""
    return final_segment(text, opened) is None


def prompt_opens_reasoning(prompt: str) -> bool:
    """Whether a rendered prompt ends with a mark that opens reasoning, in text or in a vocabulary's spelling of it.

    Only its end counts: system prompts explain such marks, or hold one as a switch.
    """
    return prompt.rstrip(_VOCABULARY_SPACE).endswith(_OPENINGS)


def cut_at_stop(text: str, stops: Iterable[str], prompt_opens_reasoning: bool = False) -> str:
    """`text` up to the first stop string behind its reasoning, as a server would have ended it.

    A stop string inside the reasoning never cuts, and only a tail is dropped, so offsets stay valid.
    """
    start, reopened = _around_reasoning(text, prompt_opens_reasoning)
    if start is None:
        return text
    end = reopened if reopened >= 0 else len(text)
    cuts = [at for stop in stops if stop and (at := text.find(stop, start, end)) >= 0]
    return text[: min(cuts)] if cuts else text


def _skip_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _around_reasoning(text: str, prompt_opens_reasoning: bool) -> tuple[int | None, int]:
    """Where the text behind the last closed reasoning starts, if anywhere, and where reasoning reopens, or -1."""
    start = 0
    present = _present(text)
    for group in present:
        for mark in group.closings:
            # From the right: one search finds the last mark, and it never meets more than one.
            at = text.rfind(mark)
            if at >= 0:
                start = max(start, at + len(mark))
    if start == 0 and prompt_opens_reasoning:
        return None, -1
    reopened = -1
    for group in present:
        for mark in group.openings:
            # Most texts have none, which the search from the right finds out fastest.
            if text.rfind(mark, start) >= 0:
                at = text.find(mark, start)
                reopened = at if reopened < 0 else min(at, reopened)
    leading = _LEADING.match(text, start)
    return start, leading.start("mark") if leading else reopened


def _present(text: str) -> list[_MarkGroup]:
    """The groups of which the text may have marks."""
    present = []
    tag = text.find("<")
    if tag >= 0:
        tail = text[tag:]
        for group in _TAGS:
            if group.word in tail:
                present.append(group)
    for group in _OTHERS:
        if group[0] in text and text.rfind(group[1]) >= 0:
            present.append(group)
    return present
