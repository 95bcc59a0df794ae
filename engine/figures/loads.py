"""The requests of what is measured with more than one prompt: a batch that refills, a mixed load, a long prompt."""

from __future__ import annotations

from typing import Final

from engine.core.settings import RequestSpec

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
"""The tokens of each request of the batch that refills; the first four are the textbook's batch (reference 5).

There are four times as many requests as slots, and each four have one that is far longer than the others: static
batching then computes nearly as many rows for nothing as for requests, whatever the model.
"""


def refilling_batch() -> tuple[RequestSpec, ...]:
    """A request for each of LENGTHS, all there from the start; each emits all of its tokens."""
    return tuple(
        RequestSpec(prompt, tokens, ignore_eos=True)
        for prompt, tokens in zip(OPENINGS[: len(LENGTHS)], LENGTHS, strict=True)
    )
