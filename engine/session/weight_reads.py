"""The bytes of a model's weights that one pass reads, by phase. The decoder computes them; a session keeps them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

FACT: Final = "weight_reads"
"""The key in `model_config` under which a session keeps WeightReads."""


@dataclass(frozen=True, slots=True)
class WeightReads:
    """Bytes of weights in the dtype in which memory holds them, not that of the computation; each weight once a pass.

    The bytes of a bias count with the weight to whose product it is added. A product of many rows may read its weight
    several times, each time for a part of the rows: that counts once, too.
    """

    position: int
    """For one position: the row of the embedding, and for learned positions the row of its index."""
    norm: int
    """All norms of all layers."""
    qkv: int
    attn_out: int
    ffn: int
    final_norm: int
    """Read, like the LM head, only if the pass computes logits for some row."""
    lm_head: int

    @property
    def weights(self) -> int:
        """All bytes that a pass with logits reads, except the embedding rows of its positions."""
        return self.norm + self.qkv + self.attn_out + self.ffn + self.final_norm + self.lm_head


NAMES: Final = tuple(field.name for field in fields(WeightReads))


def weight_reads_of(facts: dict[str, Any]) -> WeightReads | None:
    """The WeightReads in a session's `model_config`; None in sessions that are too old to have them."""
    kept = facts.get(FACT)
    return None if kept is None else WeightReads(**{name: int(kept[name]) for name in NAMES})
