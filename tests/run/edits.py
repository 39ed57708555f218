"""Edits of files as people and damage make them, drawn with a fixed seed."""

import json

DEEP = "[" * 5000 + "]" * 5000
VALUES = (
    *(None, True, False, 0, -1, 1, 2, 3, 2**31, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308, "", "x", "own", "A"),
    *(
        "x" * 5000,
        "../../x",
        "/etc/passwd",
        "\x1b]0;title\x07\x1b[2J",
        "=1+1",
        "@everyone",
        "\u202e",
        "\ud800",
        "a\nb\rc",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        {"": None},
        ["x"] * 1000,
        {"value": 0.5, "low": 0.1, "high": 0.2},
        "generate",
        "cloze",
        "finished",
    ),
)


def replaced(draw, content):
    """A copy of a JSON value with one part deleted, doubled, renamed or replaced."""
    content = json.loads(json.dumps(content))
    place, steps = content, draw.randint(0, 6)
    while isinstance(place, dict | list) and place:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if steps == 0 or not isinstance(place[key], dict | list) or not place[key]:
            break
        place, steps = place[key], steps - 1
    if not isinstance(place, dict | list) or not place:
        return draw.choice(VALUES)
    kind = draw.choice(["value", "value", "value", "delete", "rename", "double"])
    if kind == "value":
        place[key] = draw.choice(VALUES)
    elif kind == "double" and isinstance(place, list):
        place.append(place[key])
    elif kind == "rename" and isinstance(place, dict):
        place[str(draw.choice(VALUES))[:300]] = place.pop(key)
    else:
        del place[key]
    return content


def edited_bytes(draw, content):
    content = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(content) + 1)
        kind = draw.choice(["flip", "cut", "insert", "remove", "junk"])
        if kind == "flip" and at < len(content):
            content[at] ^= 1 << draw.randrange(8)
        elif kind == "cut":
            del content[at:]
        elif kind == "insert":
            content[at:at] = draw.choice([b"\0", b"\n", b"{", b"\xff\xfe", b"\x1b[2J", DEEP.encode(), b"  "])
        elif kind == "remove":
            del content[at : at + draw.randint(1, 40)]
        else:
            content[at : at + 8] = draw.randbytes(8)
    return bytes(content)
