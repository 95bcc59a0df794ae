"""What a pass reads of a model's weights, by phase: told by the decoder that holds them, kept with a session."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

FACT: Final = "weight_reads"
"""The key of `model_config` under which a session keeps them."""


@dataclass(frozen=True, slots=True)
class WeightReads:
    """Bytes as the weights are held in memory, whatever dtype a pass computes in, each weight once a pass.

    Biases count with what they are added to. A product of many rows may go over its weight several times, a part of
    the rows each time: that counts once too.
    """

    position: int
    """The embedding's row of one position, and where positions are learned the row of its index."""
    norm: int
    """All norms of all layers."""
    qkv: int
    attn_out: int
    ffn: int
    final_norm: int
    """Read, like the LM head, where a row reaches it."""
    lm_head: int

    @property
    def weights(self) -> int:
        """All that a pass reads if it ends in logits, except the rows of its positions."""
        return self.norm + self.qkv + self.attn_out + self.ffn + self.final_norm + self.lm_head


NAMES: Final = tuple(field.name for field in fields(WeightReads))


def weight_reads_of(facts: dict[str, Any]) -> WeightReads | None:
    """What a session's `model_config` says; None in sessions from before it was kept."""
    kept = facts.get(FACT)
    return None if kept is None else WeightReads(**{name: int(kept[name]) for name in NAMES})
