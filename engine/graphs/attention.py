"""Attention of a captured step over block tables: shapes never change, lengths are tensors on the device."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from engine.attention.sdpa import BACKENDS
from engine.core.batch import Batch
from engine.core.kv_cache import StepKv
from engine.graphs.captured_kv import CapturedKv, Rows
from engine.model.config import ModelConfig

PREFIX: Final = "sdpa-padded"


class PaddedSdpa:
    """Gathers the blocks of each row's whole table, so that shapes never change, and masks later positions.

    Each step reads and multiplies the whole length of the table: correct for any step, but slow on long contexts.
    """

    name = "sdpa"

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._masks: dict[int | None, Tensor] = {}
        self._choices: dict[int, str] = {}
        self.kernel = PREFIX

    def __call__(self, q: Tensor, kv: StepKv, layer: int, batch: Batch) -> Tensor:
        """q [rows · width, heads, head_dim] to the same; the view is the CapturedKv of a captured step."""
        assert isinstance(kv, CapturedKv)
        rows = kv.rows
        if layer == 0:
            self._masks.clear()  # masks of the step before, perhaps of another size
        _, heads, head_dim = q.shape
        gathered = kv.blocks_of(layer)[:, rows.tables]  # [2, rows, blocks, block_size, kv_heads, head_dim]
        k, v = gathered.flatten(2, 3).transpose(2, 3).unbind(0)  # [rows, kv_heads, T, head_dim]
        queries = q.view(rows.rows, rows.width, heads, head_dim).transpose(1, 2)  # [rows, heads, width, head_dim]
        window = self._config.window(layer)
        if window not in self._masks:
            self._masks[window] = seen(rows, k.shape[2], window)
        mask = self._masks[window]
        grouped = heads != k.shape[1]
        if rows.width not in self._choices:
            backend = torch._fused_sdp_choice(queries, k, v, mask, 0.0, False, scale=None, enable_gqa=grouped)
            self._choices[rows.width] = f"{PREFIX}:{BACKENDS.get(backend, backend)}"
        self.kernel = self._choices[rows.width]
        mixed = functional.scaled_dot_product_attention(queries, k, v, mask, enable_gqa=grouped)
        return mixed.transpose(1, 2).reshape(-1, heads, head_dim)


class PaddedTriton:
    """This project's split-KV decode kernel. It reads tables and lengths on the device, and only the held positions.

    The number of splits is that of the longest context, because one graph serves every length. With a short context
    the splits are short or empty.
    """

    name = "triton"
    kernel = "triton:decode"

    def __init__(self, config: ModelConfig) -> None:
        self._config = config

    def __call__(self, q: Tensor, kv: StepKv, layer: int, batch: Batch) -> Tensor:
        """q [rows · width, heads, head_dim] to the same; the view is the CapturedKv of a captured step."""
        from kernels.decode_attention import decode_attention  # noqa: PLC0415 - Triton may be missing
        from kernels.kv import PagedKV  # noqa: PLC0415

        assert isinstance(kv, CapturedKv)
        rows, pool = kv.rows, kv.blocks_of(layer)
        return decode_attention(
            q, PagedKV(pool, rows.tables), rows.starts, rows.lengths, max_rows=rows.width,
            max_length=rows.tables.shape[1] * pool.shape[2], scale=self._config.scale,
            window=self._config.window(layer),
        )  # fmt: skip


def seen(rows: Rows, columns: int, window: int | None) -> Tensor:
    """Which of `columns` indices each position sees: bool [rows, 1, width, columns]."""
    column = torch.arange(columns, device=rows.positions.device)
    position = rows.positions.view(rows.rows, 1, rows.width, 1)
    visible = column <= position
    return visible if window is None else visible & (column > position - window)
