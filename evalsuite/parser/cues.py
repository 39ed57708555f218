"""Cues: the literals that announce an answer, found by a plain search, and what links them to the label."""

import re

_MOST = 128
_LONGEST_LOOP = 16
_CONTEXT = 128


class TooManyCues(Exception):
    """More cues than any statement needs, and no mere repetition: nothing is read from such a text."""


LINK = re.compile(
    r"(?:(?<=antwo)(?:rt|ord))?+(?:[_ ]?(?:choice|option|letter)|_(?:idx|index|key|id|label))?+"
    r"(?:\s+(?:left|remaining|(?:that|which)\s+(?:fits|remains|works|matches|applies|(?:is|are|does|do)\s[^.!?\n,;:]{1,60}?)(?=\s(?:is|would)\s)))?+"
    r"(?P<kind>\s+(?:correct[aeo]?|corret[ao]|corretta|exact[ae]|esatta|final[ae]?|definitiva|juste|certa|adecuada"
    r"|adequada|giusta|đúng))?+"
    # What the answer is to; a question that is quoted there may hold any punctuation.
    r"(?:\s+(?:to|for|of|in|across|among|from|à|al|alla|auf|zu|de|del)\s(?:[^.\n:;?!,()\"]{0,60}?[\"“][^\"“”\n]{1,300}[\"”]"
    r"|[^.\n:;?!,()\"]{1,60}?)(?=\s(?:is|es|est|ist|é|è)\b|:))?"
    r"(?:,[^,.;:\n]{1,30},)?"
    r"(?:['’]s\b|[\s*_`\"'”’]*+(?:[:：=]|[-–—](?=\s)|->|→"
    r"|(?:is|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|remains"
    r"|es|ser[ií]a|est|serait|ist|lautet|wäre|é|è|sarebbe|là|to|jest|adalah)\b[\s*_]*+[:：]?))"
)
"""What links a Latin-script cue to the label; `kind` is an adjective behind the noun."""

QUALIFIED = ("option", "choice")
"""English nouns that announce an answer only with a word like "correct" before them."""

DECISIONS = re.compile(
    r"(?:decision|selection|verdict|prediction|conclusion|output|response|determination|judge?ment|pick|guess|diagnosis)\b"
)
"""English nouns that announce an answer behind "final" or "my"."""
VERBS = ("select", "go with", "going with", "go for", "going for", "opt for", "opting for", "pick", "choosing")
"""What a writer does with an option in the first person, beside choosing it: "I'll go with B"."""
KEYS = re.compile(
    r"(?:\A|[{,\[\s])[\"'](?:(?:final|selected|chosen|correct|best|predicted|model|my|the)[_ ]?)?"
    r"(?:choice|option|prediction|pred|letter|selection|label|diagnosis|result|response|output|verdict|decision|conclusion)"
    r"(?:[_ ]?(?:letter|choice|label|option|id|key|index))?[\"']\Z"
)
"""JSON keys that hold an answer; those that hold the word itself are found by it."""

WORDS = (
    ("spuesta", False),
    ("sposta", False),
    ("ponse", False),
    ("antwo", False),
    ("lternativa", True),
    ("opzione", True),
    ("cevap", False),
    ("jawaban", False),
    ("opción", True),
    ("opção", True),
    ("odpowiedź", False),
    ("đáp án", False),
)
"""Spanish, Portuguese and Italian, French, German and Dutch, and so on; with whether each must be qualified."""

_BARE = r"(?=\s*[(（*]?[A-ZＡ-Ｚ](?![A-Za-z]))"
_LETTER = r"(?=\s*(?:选项|選項)?[(（*]*[A-ZＡ-Ｚ](?![A-Za-z]))"
OTHER_SCRIPTS = (
    (
        "答",
        re.compile(rf"答(?:案|え)?(?:选项|選項)?\s*[应應]?[该該]?就?\s*(?:是|为|為|选择?|選擇?|は、?|：|:|】|{_BARE})"),
    ),
    ("选", re.compile(r"选(?:择|项(?:应该|应|就)?[是为：:])?(?=[\sA-Za-z（(Ａ-Ｚ*：:])")),
    ("選", re.compile(r"選(?:擇|項(?:應該|應|就)?[是為：:])?(?=[\sA-Za-z（(Ａ-Ｚ*：:])")),
    (
        "最",
        re.compile(
            r"最(?<!不是最)(?<!非最)(?:有)?(?:可能|佳|好|合适|合適|适合|適合|恰当|恰當|符合|准确|有效)[^不。！？；，、\n]{0,16}?(?<!维生素)(?<!維生素)"
            r"(?<![型级級类類组組型素毒])(?:应该|應該|应|應)?(?:是|为|為)[：:]?" + _LETTER
        ),
    ),
    ("正确的", re.compile(r"正确的(?:选项|答案)?[是为]")),
    ("解", re.compile(r"(?<=正)(?<!不正)解\s*(?:は、?|：|:)")),
    ("답", re.compile(rf"답\s*(?:은|는|：|:|{_BARE})")),
    ("твет", re.compile(rf"твет\s*(?:[:：—–-]|является|{_BARE})", re.I)),
    ("جاب", re.compile(r"جابة\s*(?:الصحيحة|النهائية)?\s*(?:هي|هو|:|：)")),
    ("جواب", re.compile(r"جواب\s*(?:الصحيح|النهائي)?\s*(?:هو|هي|:|：)")),
)
"""Chinese, Japanese, Korean, Russian and Arabic cues, each with its own links."""


CHINESE_VERDICT = re.compile(
    r"(?:\A|[，,。；;：:\n\s]|所以|因此|故|只有|则)(?:选项|選項|答案)?\s*[(（*]*(?P<token>[A-ZＡ-Ｚ])[)）*]*\s*(?:选?项|選?項)?\s*"
    r"(?:(?:是|为|為)\s*)?(?:最)?(?:正确|正確)(?:的?(?:答案|选项|選項|选择|選擇)|的)?[*。.!！\s]*\Z"
)
"""One label, called right at the end of a Chinese response."""


def occurrences(text: str, word: str, start: int = 0) -> list[int]:
    """Return every position of `word` in `text[start:]`; of a text that only repeats itself, those until it does.

    Raises `TooManyCues` where there are more than 128 and the text does not repeat: reading each would not stay linear.
    """
    positions: list[int] = []
    at = text.rfind(word, start)  # from the right, which is faster where there are few or none
    while at >= 0:
        positions.append(at)
        if len(positions) > _MOST:
            return _until_repeated(text, word, start)
        at = text.rfind(word, start, at)
    positions.reverse()
    return positions


def _until_repeated(text: str, word: str, start: int) -> list[int]:
    """The first positions of a word, without those around which the text repeats what was read before."""
    positions = [text.find(word, start)]
    while len(positions) < _MOST:
        positions.append(text.find(word, positions[-1] + len(word)))
    rest = text[max(0, positions[-1] - _CONTEXT) :]
    for back in range(2, _LONGEST_LOOP + 2):
        period = positions[-1] - positions[-back]
        at = positions[-1] - _CONTEXT - period
        if at >= 0 and text.startswith(rest, at):
            while len(positions) > 2 * back and _is_copy(text, positions[-1], period):
                positions.pop()
            return positions
    raise TooManyCues


def _is_copy(text: str, at: int, period: int) -> bool:
    """Whether the text around `at` is what it was one period before."""
    begin = at - _CONTEXT
    return begin >= period and text.startswith(text[begin : at + _CONTEXT], begin - period)
