"""The final segment: the part of a response that is graded, behind its reasoning."""

from collections.abc import Iterable

_OPEN, _CLOSE = "<think>", "</think>"


def final_segment(text: str, prompt_opens_reasoning: bool = False) -> int | None:
    """Where the final segment of `text` starts, or None while a reasoning block stands open.

    It follows the last `</think>`, whether or not a `<think>` was seen before (the prompt may have opened the block).
    A `<think>` behind that leaves no final segment: otherwise one more block put before an unclosed one would make
    its thoughts count.
    """
    start, reopened = _around(text, prompt_opens_reasoning)
    return None if reopened >= 0 else start


def reasoning_open(text: str, opened: bool = False) -> bool:
    """Whether `text` ends inside a reasoning block; `opened`: it began inside one."""
    return final_segment(text, opened) is None


def cut_at_stop(text: str, stops: Iterable[str], prompt_opens_reasoning: bool = False) -> str:
    """`text` up to the first stop string behind its reasoning, as a server would have ended it.

    A stop string inside the reasoning never cuts, and only a tail is dropped, so offsets stay valid.
    """
    start, reopened = _around(text, prompt_opens_reasoning)
    if start is None:
        return text
    end = reopened if reopened >= 0 else len(text)
    found = [at for stop in stops if stop and (at := text.find(stop, start, end)) >= 0]
    return text[: min(found)] if found else text


def _around(text: str, prompt_opens_reasoning: bool) -> tuple[int | None, int]:
    """Where the text behind the last closed reasoning starts, if anywhere, and where reasoning reopens, or -1."""
    first = text.find("<")
    closed = text.rfind(_CLOSE, first) if first >= 0 else -1
    if closed < 0 and prompt_opens_reasoning:
        return None, -1
    start = closed + len(_CLOSE) if closed >= 0 else 0
    return start, text.find(_OPEN, max(start, first)) if first >= 0 else -1
