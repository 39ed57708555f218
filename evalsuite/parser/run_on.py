"""Where a response runs on into an item that nobody set: its answer is not an answer to this one."""

import re

from evalsuite.parser.answer_slot import FinalSegment

_WORDS = ("question", "options")
_BEFORE = re.compile(r"(?:\A|\n)[\s#*_>\d.)-]*(?:next\s+|new\s+)?\Z")
_BEHIND = re.compile(r"[\s*_]*(?:no\.?\s*|number\s*|#\s*)?\d*[\s*_]*[:：]")
_LINE_HEAD = 40
_MOST = 64
_FIRST_OPTION = re.compile(r"[\s*_(-]*([A-Za-z])[.):]+[\s*_]*")
_ITEM = 4000
"""Characters of a restated question in which its options would follow."""


def own_item_end(segment: FinalSegment) -> int:
    """The end of what answers this item: a line that opens with "Question:" or "Options:" begins another one.

    A response may restate its own item first; that one is known by the text of its first option.
    """
    lowered = segment.lowered
    end = len(lowered)
    colons = [at for at in (lowered.find(":"), lowered.find("：")) if at >= 0]
    if not colons:
        return end
    start = max(0, min(colons) - _LINE_HEAD)
    for word in _WORDS:
        at = lowered.find(word, start)
        for _ in range(_MOST):
            if at < 0 or at >= end:
                break
            head = _BEFORE.search(lowered, max(0, at - _LINE_HEAD), at)
            behind = _BEHIND.match(lowered, at + len(word)) if head else None
            if head and behind and not _restated(segment, word, head.start(), behind.end()):
                end = head.start()
                break
            at = lowered.find(word, at + len(word))
    return end


def _restated(segment: FinalSegment, word: str, start: int, at: int) -> bool:
    if word == "options":
        return _is_own_option(segment, at)
    if segment.text[:start].strip():
        return False
    line = at
    while 0 <= line < at + _ITEM:
        if _is_own_option(segment, line):
            return True
        line = segment.text.find("\n", line + 1)
    return False


def _is_own_option(segment: FinalSegment, at: int) -> bool:
    head = _FIRST_OPTION.match(segment.text, at)
    label = segment.labels.lookup(head[1]) if head else None
    if head is None or label != segment.labels.names[0] or segment.options is None:
        return False
    named, end = segment.options.match_at(segment.text, segment.lowered, head.end())
    return end > head.end() and named in (label, None)
