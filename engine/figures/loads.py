"""The requests of what is measured with more than one prompt: a batch that refills, a mixed load, a long prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.core.settings import RequestSpec
from engine.session.kv_shape import kv_shape_of

OPENINGS: Final = (
    "The cat sits on", "The king said to", "Once upon a time there was a king", "The door was",
    "The youngest son went out", "A poor woodcutter lived", "The wolf said to the goat", "In the evening the girl",
    "The old witch took", "There was once a miller", "The princess looked out", "When the giant heard this",
    "The little bird sang", "Early in the morning the", "The queen had a daughter", "The tailor sat by",
    "A soldier came along", "The two brothers walked", "Deep in the forest stood", "The fisherman threw his",
    "The fox answered", "On the third night", "The servant ran to", "At last the boy found",
)  # fmt: skip
"""The beginnings of texts. They differ from the first words on, so that no request shares the memory of another."""
SLOTS: Final = 4
LENGTHS: Final = (20, 10, 24, 7, 96, 8, 12, 6, 9, 88, 7, 10, 5, 6, 80, 8)
"""The tokens of each request of the batch that refills; the first four are the batch of the reference.

There are four times as many requests as slots, and each four have one that is far longer than the others: static
batching then computes nearly as many rows for nothing as for requests, whatever the model.
"""


def refilling_batch() -> tuple[RequestSpec, ...]:
    """A request for each of LENGTHS, all there from the start; each emits all of its tokens."""
    return tuple(
        RequestSpec(prompt, tokens, ignore_eos=True)
        for prompt, tokens in zip(OPENINGS[: len(LENGTHS)], LENGTHS, strict=True)
    )


MIXED_MOST: Final = 96
"""The most tokens that a request of the mixed load may generate: what must be reserved for it where nobody knows."""
MIXED_STOP: Final = "."
AT_ONCE: Final = 2
"""How many requests of MIXED_MOST tokens the memory of the mixed load is for."""
PROMPT_ROOM: Final = 32
"""Tokens beside those generated for which that memory has room a request: more than any of OPENINGS has."""
MOST_TOGETHER: Final = 32
"""The limit of requests in a step of the mixed load, above what fits, so that memory alone decides."""


def mixed_load() -> tuple[RequestSpec, ...]:
    """A request for each of OPENINGS, which ends with its sentence: nobody knows its length beforehand."""
    return tuple(RequestSpec(prompt, MIXED_MOST, stop=(MIXED_STOP,)) for prompt in OPENINGS)


def mixed_budget(model: Mapping[str, Any]) -> int | None:
    """The limit of the KV cache for the mixed load, bytes: room for AT_ONCE requests of full length.

    `model` is a session's `model_config`; None where it lacks a fact, then nothing is limited.
    """
    shape = kv_shape_of(dict(model))
    if shape is None:
        return None
    context = int(model.get("max_positions", 0)) or MIXED_MOST + PROMPT_ROOM
    return AT_ONCE * shape.total_bytes(min(MIXED_MOST + PROMPT_ROOM, context))


LONGEST: Final = 1024
"""The most tokens of context that the long prompt is made for, so that a large model on a CPU comes to an end."""
LONG_TOKENS: Final = 16
"""The tokens generated after the long prompt."""
LETTERS: Final = 2.9
"""Characters of the long prompt for a token of context: tokenizers of English make one of three to five."""
STORY: Final = (
    "The cat sits on the mat, and the king said to his youngest son that he would go out into the wide world. "
    "When the boy came to a dark forest he met an old woman, who asked him for a piece of bread. "
)


def long_prompt(model: Mapping[str, Any]) -> str:
    """A prompt that fills most of the context of a model (a session's `model_config`), or of LONGEST tokens of it."""
    context = min(int(model.get("max_positions", 0)) or LONGEST, LONGEST)
    letters = max(1, int(LETTERS * max(1, context - LONG_TOKENS)))
    return (STORY * (letters // len(STORY) + 1))[:letters].rstrip()
