"""The byte-level BPE tokenizer of a world, in which every word of the world is one token, with its chat template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from evalsuite.tasks.answer_format import instruction, write
from training.tinyworld.graph import RELATIONS, TinyWorld
from training.tinyworld.items import LABELS, MIN_OPTIONS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END: Final = "<|im_end|>"
PAD: Final = "<|endoftext|>"
MAX_VOCABULARY: Final = 8192
"""An upper bound; merging ends long before, when every word is one token."""
CHAT_TEMPLATE: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def make_tokenizer(world: TinyWorld) -> PreTrainedTokenizerFast:
    """Train the tokenizer on the world's words.

    The answer instructions of all prompts and the answer tags are added as one token each, so that prompts are short.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MAX_VOCABULARY,
        min_frequency=1,
        show_progress=False,
        special_tokens=[PAD, "<|im_start|>", END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(list(_words(world)), trainer)
    tokenizer.add_tokens([*_tags(), *_instructions(), *(f": {label}" for label in LABELS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, chat_template=CHAT_TEMPLATE, padding_side="left"
    )


def _words(world: TinyWorld) -> Iterator[str]:
    for names in world.entities.values():
        yield from (f" {name}" for name in names)
    for relation in RELATIONS:
        for text in (*relation.sentences, relation.question, relation.noun_phrase):
            yield from (f" {word}" for word in text.format("", "").replace(".", "").replace("?", "").split())
    yield from ("Which", "First", "Of", "So", " So", "Question", "Answer", "user", "assistant", "system")


def _tags() -> tuple[str, str]:
    opening, closing = write("answer_tag", "\0").split("\0")
    return opening, closing


def _instructions() -> Iterator[str]:
    for count in range(MIN_OPTIONS, len(LABELS) + 1):
        yield instruction("answer_tag", tuple(LABELS[:count]))
