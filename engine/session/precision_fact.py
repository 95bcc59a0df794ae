"""The fact `precision` of a session that compares two precisions of one model: the two models, and what was asked."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from engine.session.fields import COUNT, LARGE

MOST_TEXT: Final = 4096
"""The most characters of any text in the fact."""
MOST_KINDS: Final = 64
"""The most kinds of weights that a model may have."""
MOST_LAYERS: Final = 4096


class ModelSide(msgspec.Struct, frozen=True):
    """One of the two models.

    `read_bytes` are the weights that a pass of one position reads, `weight_bytes` what all weights take, as they lie in
    memory. `dtype` is that of the computation; `kinds` has the bytes of the weights by the kind in which they are held.
    """

    name: str
    path: str
    dtype: str
    read_bytes: int
    weight_bytes: int
    kinds: dict[str, int] = {}


class PrecisionFact(msgspec.Struct, frozen=True):
    """What was compared. `a` is the reference.

    `text` names the text. Its first `positions` predicted tokens were asked for, `layer_positions` of them for each
    layer alone, in windows of at most `window` tokens, each a context of its own. `layers` is the number of layers.
    """

    a: ModelSide
    b: ModelSide
    text: str
    window: int
    positions: int
    layer_positions: int
    layers: int


_decoder: Final = msgspec.json.Decoder(PrecisionFact)


@lru_cache(maxsize=8)  # panels ask again and again
def precision_of(text: str) -> PrecisionFact | None:
    """The fact from the text of `meta.precision`; None where there is none. Raises ValueError where it is another."""
    if not text:
        return None
    fact = _decoder.decode(text)
    if len(fact.text) > MOST_TEXT or not all(map(_makes_sense, (fact.a, fact.b))):
        raise ValueError("what is told of the two models makes no sense")
    counts = (fact.window, fact.positions, fact.layer_positions)
    if not all(0 <= count <= COUNT for count in counts) or not 0 <= fact.layers <= MOST_LAYERS:
        raise ValueError("what was compared is no count")
    return fact


def as_fact(fact: PrecisionFact) -> str:
    """The text that `precision_of` reads."""
    return msgspec.json.encode(fact).decode()


def _makes_sense(side: ModelSide) -> bool:
    sizes: list[Any] = [side.read_bytes, side.weight_bytes, *side.kinds.values()]
    texts = (side.name, side.path, side.dtype, *side.kinds)
    return (
        all(len(text) <= MOST_TEXT for text in texts)
        and all(0 <= size <= LARGE for size in sizes)
        and len(side.kinds) <= MOST_KINDS
    )
