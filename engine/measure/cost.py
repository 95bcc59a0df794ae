"""The cost of a step by arithmetic: floating-point operations and bytes moved, from the real shapes of its batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engine.model.config import ModelConfig
from engine.session.weight_reads import WeightReads


class CostModel:
    """FLOPs and bytes of one forward pass of a model.

    A multiply-add counts as two FLOPs; only matrix products count (projections, QKᵀ, attention·V, LM head). Attention
    counts only the pairs that a causal (and sliding-window) mask leaves, also where a kernel computes more. Bytes:
    every weight once per pass as it is held (`reads`), the embedding rows that are looked up, each request's K and V
    read once per layer, and the new K and V written.
    """

    def __init__(self, config: ModelConfig, reads: WeightReads) -> None:
        q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
        mlp = config.hidden * config.ffn * (3 if config.mlp == "swiglu" else 2)
        self._flops_per_position = 2 * config.layers * (config.hidden * (2 * q + 2 * kv) + mlp)
        self._flops_per_pair = 4 * q  # one layer: q·k and p·v over every head
        self._flops_per_logits = 2 * config.hidden * config.vocab
        self._head_bytes = reads.final_norm + reads.lm_head
        self._layer_bytes = reads.weights - self._head_bytes
        self._row_bytes = reads.position
        self._layers = config.layers
        self._windows = Counter(config.window(layer) for layer in range(config.layers))

    def of(self, spans: Iterable[tuple[int, int]], logits_rows: int, kv_bytes: int) -> tuple[int, int]:
        """(FLOPs, bytes) of one pass over `spans` [first, end), of which `logits_rows` rows reach the LM head.

        `kv_bytes` is what K and V of one position take in one layer (`KVCache.position_bytes`).
        """
        positions = 0
        pairs = 0  # summed over the layers
        kv_read = 0
        for first, end in spans:
            positions += end - first
            for window, layers in self._windows.items():
                pairs += layers * attended_pairs(first, end, window)
                kv_read += layers * (end if window is None else end - max(0, first + 1 - window))
        flops = positions * self._flops_per_position + pairs * self._flops_per_pair
        flops += logits_rows * self._flops_per_logits
        moved = self._layer_bytes + (self._head_bytes if logits_rows else 0) + positions * self._row_bytes
        moved += (kv_read + positions * self._layers) * kv_bytes
        return flops, moved


def attended_pairs(first: int, end: int, window: int | None) -> int:
    """(query, key) pairs of rows [first, end): each row sees itself and all before it, at most `window` together."""
    if window is None or end <= window:
        return (end * (end + 1) - first * (first + 1)) // 2
    if first >= window:
        return (end - first) * window
    return attended_pairs(first, window, None) + (end - window) * window
