"""A byte-level tokenizer in which every word of the world is one token, with a chat template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from evalsuite.tasks.answer_format import instruction, write
from training.tinyworld.graph import RELATIONS, TinyWorld
from training.tinyworld.items import FEWEST, LABELS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END: Final = "<|im_end|>"
PAD: Final = "<|endoftext|>"
LARGEST: Final = 8192
"""Vocabulary entries at most; merging ends long before, when every word is whole."""
CHAT: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def make_tokenizer(world: TinyWorld) -> PreTrainedTokenizerFast:
    """Train the tokenizer on the world's words; the sentences that ask for an answer are a token each, too."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LARGEST,
        min_frequency=1,
        show_progress=False,
        special_tokens=[PAD, "<|im_start|>", END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    made.train_from_iterator(list(_words(world)), trainer)
    made.add_tokens([*_tags(), *_asked(), *(f": {label}" for label in LABELS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=END, pad_token=PAD, chat_template=CHAT, padding_side="left"
    )


def _words(world: TinyWorld) -> Iterator[str]:
    for names in world.entities.values():
        yield from (f" {name}" for name in names)
    for relation in RELATIONS:
        for text in (*relation.states, relation.asks, relation.noun):
            yield from (f" {word}" for word in text.format("", "").replace(".", "").replace("?", "").split())
    yield from ("Which", "First", "Of", "So", " So", "Question", "Answer", "user", "assistant", "system")


def _tags() -> tuple[str, str]:
    opening, closing = write("answer_tag", "\0").split("\0")
    return opening, closing


def _asked() -> Iterator[str]:
    for count in range(FEWEST, len(LABELS) + 1):
        yield instruction("answer_tag", tuple(LABELS[:count]))
