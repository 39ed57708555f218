"""Requests to a backend and the collection of its responses, as the run loop does it."""

from contextlib import aclosing

from evalsuite.models.backend import Request
from evalsuite.tasks.item import Item

TEXT = "chest pain fever cough aspirin heparin biopsy pulse pressure management step option answer patient"
WORDS = TEXT.split()


def make_request(number, sample=0, text=None, seed=None):
    """Return a request whose prompt's length varies with its number."""
    words = text or " ".join(WORDS[(number * k) % len(WORDS)] for k in range(1, 4 + number * 7 % 23))
    item = Item(id=f"item-{number}", question=words, options=("Aspirin", "Biopsy"), labels=("A", "B"), gold="A")
    messages = ({"role": "user", "content": words},)
    return Request("toy", item, sample, messages, seed if seed is not None else 1000 * number + sample)


async def respond(backend, requests, stop_after=None):
    """Open a backend, collect the responses to all requests, and close it."""
    await backend.open([])
    try:
        return await collect(backend, requests, stop_after)
    finally:
        await backend.close()


async def collect(backend, requests, stop_after=None):
    """Return an open backend's responses by (item, sample); each must arrive once."""
    collected = {}
    async with aclosing(backend.answer(iter(requests))) as responses:
        async for response in responses:
            key = (response.request.item.id, response.request.sample)
            assert key not in collected, f"{key} was answered twice"
            collected[key] = response
            if len(collected) == stop_after:
                break
    return collected


def texts(responses):
    """Return the texts of responses, by key."""
    return {key: response.text for key, response in responses.items()}
