"""Attention written out: scores, mask, softmax, weighted sum. Slow; every other back end is checked against it."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.core.batch import Batch
from engine.core.kv_cache import StepKv
from engine.model.config import ModelConfig


def causal_mask(rows: int, columns: int, window: int | None, device: torch.device) -> Tensor:
    """Which of `columns` keys the last `rows` positions see: bool [rows, columns], True where seen."""
    position = torch.arange(columns - rows, columns, device=device)[:, None]
    column = torch.arange(columns, device=device)[None, :]
    seen = column <= position
    return seen if window is None else seen & (column > position - window)


def reference_attention(q: Tensor, k: Tensor, v: Tensor, window: int | None = None) -> Tensor:
    """softmax(q kᵀ / √head_dim) v for the last n of T positions (Vaswani et al. 2017).

    q [n, heads, head_dim], k and v [kv_heads, T, head_dim], result [n, heads, head_dim]; heads share k and v in groups.
    The softmax is taken in float32.
    """
    rows, heads, head_dim = q.shape
    kv_heads, columns, _ = k.shape
    grouped = q.view(rows, kv_heads, heads // kv_heads, head_dim).permute(1, 2, 0, 3)  # [kv_heads, group, n, head_dim]
    scores = grouped @ k.transpose(1, 2).unsqueeze(1) * head_dim**-0.5  # [kv_heads, group, n, T]
    seen = causal_mask(rows, columns, window, q.device)  # [n, T]
    weights = scores.masked_fill(~seen, -torch.inf).softmax(-1, dtype=torch.float32).to(q.dtype)
    mixed = weights @ v.unsqueeze(1)  # [kv_heads, group, n, head_dim]
    out: Tensor = mixed.permute(2, 0, 1, 3).reshape(rows, heads, head_dim)
    return out


class ReferenceAttention:
    """Computes one span after another, each step of the formula as a separate operation."""

    name = "reference"
    kernel = "reference"

    def __init__(self, config: ModelConfig | None = None) -> None:
        self._config = config

    def __call__(self, q: Tensor, kv: StepKv, layer: int, batch: Batch) -> Tensor:
        window = None if self._config is None else self._config.window(layer)
        parts = [reference_attention(q[span.rows], *kv.keys_values(layer, span), window) for span in batch.spans]
        return parts[0] if len(parts) == 1 else torch.cat(parts)
