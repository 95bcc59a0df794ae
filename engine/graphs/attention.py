"""Attention of a captured step by PyTorch's fused kernels, over whole tables: what no row can see is masked."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from engine.attention.sdpa import BACKENDS
from engine.cache.base import KVCache
from engine.graphs.memory import FixedKv, Rows
from engine.model.batch import Batch
from engine.model.config import ModelConfig

PREFIX: Final = "sdpa-padded"


class PaddedSdpa:
    """Gathers each row's table to its full length, so that shapes never change; masks what lies past a position.

    It reads and multiplies a table's whole length at every step: right for any step, and slow on long contexts.
    """

    name = "sdpa"

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._masks: dict[int | None, Tensor] = {}
        self.kernel = PREFIX

    def __call__(self, q: Tensor, cache: KVCache, layer: int, batch: Batch) -> Tensor:
        """q [rows · width, heads, head_dim] to the same; the cache is the FixedKv of a captured step."""
        assert isinstance(cache, FixedKv)
        rows = cache.rows
        if layer == 0:
            self._masks.clear()  # of the step before, or of another size
        _, heads, head_dim = q.shape
        gathered = cache.blocks_of(layer)[:, rows.tables]  # [2, rows, blocks, block_size, kv_heads, head_dim]
        k, v = gathered.flatten(2, 3).transpose(2, 3).unbind(0)  # [rows, kv_heads, T, head_dim]
        queries = q.view(rows.rows, rows.width, heads, head_dim).transpose(1, 2)  # [rows, heads, width, head_dim]
        window = self._config.window(layer)
        if window not in self._masks:
            self._masks[window] = seen(rows, k.shape[2], window)
        mask = self._masks[window]
        grouped = heads != k.shape[1]
        if self.kernel == PREFIX:
            backend = torch._fused_sdp_choice(queries, k, v, mask, 0.0, False, scale=None, enable_gqa=grouped)
            self.kernel = f"{PREFIX}:{BACKENDS.get(backend, backend)}"
        mixed = functional.scaled_dot_product_attention(queries, k, v, mask, enable_gqa=grouped)
        return mixed.transpose(1, 2).reshape(-1, heads, head_dim)


def seen(rows: Rows, columns: int, window: int | None) -> Tensor:
    """Which of `columns` indices each position sees: bool [rows, 1, width, columns]."""
    column = torch.arange(columns, device=rows.positions.device)
    position = rows.positions.view(rows.rows, 1, rows.width, 1)
    visible = column <= position
    return visible if window is None else visible & (column > position - window)
