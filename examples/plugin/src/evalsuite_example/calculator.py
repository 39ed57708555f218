"""A function that answers like a model: it multiplies the two numbers of a question and looks for the product."""

import re
from typing import Any

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def answer(messages: list[dict[str, Any]]) -> str:
    """Answer a question of `dose_arithmetic` if one multiplication answers it; otherwise the response has no answer."""
    question, *options = messages[-1]["content"].split("\n")
    numbers = [float(number) for number in _NUMBER.findall(question)]
    if len(numbers) != 2:
        return "I only multiply two numbers."
    product = f"{numbers[0] * numbers[1]:g}"
    label = next((line[0] for line in options if re.match(rf"[A-D]\. {re.escape(product)} ", line)), None)
    return f"{product} is none of the options." if label is None else f"It is {product}.\n<answer>{label}</answer>"
