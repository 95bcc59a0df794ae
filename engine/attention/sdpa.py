"""Attention by PyTorch's fused kernels (`scaled_dot_product_attention`), one request after another."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from engine.attention.reference import causal_mask
from engine.core.batch import Batch
from engine.core.kv_cache import StepKv
from engine.model.config import ModelConfig

BACKENDS: Final = {0: "math", 1: "flash", 2: "efficient", 3: "cudnn", 4: "overrideable"}
"""Names of torch.nn.attention.SDPBackend."""


class SdpaAttention:
    """Asks PyTorch for its fastest kernel and remembers which one it chose."""

    name = "sdpa"

    def __init__(self, config: ModelConfig | None = None) -> None:
        self._config = config
        self._mask: tuple[tuple[int, int, int | None], Tensor] | None = None
        self._choices: dict[tuple[bool, bool, torch.device, torch.dtype], str] = {}
        self.kernel = "sdpa"

    def __call__(self, q: Tensor, kv: StepKv, layer: int, batch: Batch) -> Tensor:
        window = None if self._config is None else self._config.window(layer)
        spans = batch.spans
        if len(spans) == 1:
            return self._attend(q, *kv.keys_values(layer, spans[0]), window)
        return torch.cat([self._attend(q[s.rows], *kv.keys_values(layer, s), window) for s in spans])

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, window: int | None) -> Tensor:
        """q [n, heads, head_dim], k and v [kv_heads, T, head_dim], to [n, heads, head_dim]."""
        rows, heads, head_dim = q.shape
        kv_heads, columns, _ = k.shape
        if rows == 1:
            # The heads that share k and v become the rows of one product, so that K and V are read once.
            if window is not None and columns > window:
                k, v = k[:, -window:], v[:, -window:]
            grouped = q.view(1, kv_heads, heads // kv_heads, head_dim)
            mixed = self._kernel(grouped, k.unsqueeze(0), v.unsqueeze(0), None, False)
            return mixed.view(1, heads, head_dim)
        causal = rows == columns and (window is None or window >= columns)
        mask = None if causal else self._mask_of(rows, columns, window, q.device)
        mixed = self._kernel(q.transpose(0, 1).unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), mask, causal)
        return mixed.squeeze(0).transpose(0, 1)

    def _kernel(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        grouped = q.shape[1] != k.shape[1]
        choice = self._choices.get(key := (causal, mask is not None, q.device, q.dtype))
        if choice is None:
            backend = torch._fused_sdp_choice(q, k, v, mask, 0.0, causal, scale=None, enable_gqa=grouped)
            choice = self._choices[key] = f"sdpa:{BACKENDS.get(backend, backend)}"
        self.kernel = choice
        return functional.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, enable_gqa=grouped)

    def _mask_of(self, rows: int, columns: int, window: int | None, device: torch.device) -> Tensor:
        """The mask of a span, kept for the next layers: bool [n, T]."""
        key = (rows, columns, window)
        if self._mask is None or self._mask[0] != key:
            self._mask = key, causal_mask(rows, columns, window, device)
        return self._mask[1]
