"""Attention by this project's C kernels on a CPU, which read K and V where the cache keeps them.

A step's spans are cut into chunks once, and each layer is one call over all of them. Only the addresses differ between
layers, and they are changed in place.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.cache.block_cache import BlockKv
from engine.cache.contiguous import RegionKv
from engine.cache.none import OwnRowsKv
from engine.core.batch import Batch, Span
from engine.core.kv_cache import StepKv
from engine.core.positions import PADDING_REQUEST
from engine.model.config import ModelConfig
from kernels.cpu.attention import BatchAttention, Shape
from kernels.cpu.attention_maps import attention_maps
from kernels.cpu.kv_places import (
    PLACE,
    block_place,
    block_places,
    region_place,
    region_places,
    row_place,
    row_places,
)

FEW_ROWS: Final = 48
"""Up to this many rows (positions · heads of a group) after held positions are a decode step or a verification."""
Point = Callable[[int], None]
"""Points the places of some spans to a layer's K and V."""


class NativeAttention:
    """One call a layer; for each step the cut of its spans, and the places of their K and V."""

    name = "native"

    def __init__(self, config: ModelConfig | None = None) -> None:
        self._config = config
        self._batch: Batch | None = None
        self._attention: BatchAttention | None = None
        self._places = torch.empty(0, PLACE, dtype=torch.int64)
        self._points: list[Point] = []
        self.kernel = "native"

    def __call__(self, q: Tensor, kv: StepKv, layer: int, batch: Batch) -> Tensor:
        if self._batch is not batch:
            self._plan(kv, batch, q)
            self._batch = batch
        for point in self._points:
            point(layer)
        assert self._attention is not None
        return self._attention(q, self._places, self._window(layer))

    @property
    def scratch_bytes(self) -> int:
        """See `TakesScratch`: the tiles of each thread."""
        return 0 if self._attention is None else self._attention.own_bytes * torch.get_num_threads()

    def rows(self, q: Tensor, kv: StepKv, layer: int, span: Span, first: int, heads: range) -> Tensor:
        """See `RowSource`; it does not need the call before it."""
        asked = q[span.row + first - span.first : span.row + span.length]
        kv_heads = q.shape[1] if self._config is None else self._config.kv_heads
        if isinstance(kv, BlockKv):
            table = array("i", kv.table(span.request_id))
            place = block_place(kv.blocks_of(layer), table.buffer_info()[0])
        elif isinstance(kv, RegionKv):
            place = region_place(kv.memory_of(span.request_id), layer)
        else:
            k, v = kv.keys_values(layer, span)  # [kv_heads, end, head_dim]
            place = row_place(k.transpose(0, 1), v.transpose(0, 1), 0)
        return attention_maps(asked, place, first, heads, kv_heads, self._window(layer))

    def _window(self, layer: int) -> int | None:
        return None if self._config is None else self._config.window(layer)

    # --- once a step --------------------------------------------------------------------------------------------------

    def _plan(self, kv: StepKv, batch: Batch, q: Tensor) -> None:
        """Cut the spans, and find K and V of those that the cache holds, then of padding, which it does not hold.

        Raises TypeError for a view of a cache that the kernels cannot read.
        """
        if not isinstance(kv, BlockKv | RegionKv | OwnRowsKv):
            raise TypeError(f"The C kernels cannot read K and V from {type(kv).__name__}.")
        holds = not isinstance(kv, OwnRowsKv)
        held = [span for span in batch.spans if holds and span.request_id != PADDING_REQUEST]
        own = [span for span in batch.spans if not holds or span.request_id == PADDING_REQUEST]
        heads, head_dim = q.shape[1:]
        kv_heads = heads if self._config is None else self._config.kv_heads
        spans = [(span.row, span.length, span.first) for span in (*held, *own)]
        self._attention = BatchAttention(spans, Shape(heads, kv_heads, head_dim, q.dtype))
        self.kernel = kernel_of(batch, heads // kv_heads)
        self._places = torch.empty(len(spans), PLACE, dtype=torch.int64)
        self._points = []
        if isinstance(kv, BlockKv) and held:
            self._points.append(InBlocks.of(kv, held, self._places[: len(held)]))
        elif isinstance(kv, RegionKv) and held:
            self._points.append(InRegions.of(kv, held, self._places[: len(held)]))
        if own:
            self._points.append(InRows.of(kv, batch, own, self._places[len(held) :]))


def kernel_of(batch: Batch, group: int) -> str:
    """What the kernels do for a batch: native:decode, native:prefill or native:prefill+decode."""
    kinds = {"decode" if decodes(span, group) else "prefill" for span in batch.spans}
    return "native:" + "+".join(sorted(kinds, reverse=True))


def decodes(span: Span, group: int) -> bool:
    """Whether a span is one position, or few after held ones: a decode step or a verification of drafts."""
    return span.length == 1 or (span.first > 0 and span.length * group <= FEW_ROWS)


@dataclass(frozen=True, slots=True)
class InBlocks:
    """K and V behind block tables; a layer's blocks lie like those of any other."""

    kv: BlockKv
    keys: Tensor
    """The column of the addresses of K, int64 [spans]."""
    tables: Tensor
    """int32 [spans, n], to which the places point."""

    @classmethod
    def of(cls, kv: BlockKv, spans: Sequence[Span], places: Tensor) -> InBlocks:
        """Fill places [spans, PLACE]."""
        tables = [kv.table(span.request_id) for span in spans]
        width = max(map(len, tables))
        padded = torch.tensor([[*table, *[0] * (width - len(table))] for table in tables], dtype=torch.int32)
        places.copy_(block_places(kv.blocks_of(0), padded))
        return cls(kv, places[:, 0], padded)

    def __call__(self, layer: int) -> None:
        self.keys.fill_(self.kv.blocks_of(layer).data_ptr())


@dataclass(frozen=True, slots=True)
class InRegions:
    """K and V in one memory a request, layer after layer."""

    keys: Tensor
    """The column of the addresses of K, int64 [spans]."""
    first: Tensor
    """The same in layer 0."""
    layer_bytes: Tensor

    @classmethod
    def of(cls, kv: RegionKv, spans: Sequence[Span], places: Tensor) -> InRegions:
        """Fill places [spans, PLACE]."""
        places.copy_(region_places([kv.memory_of(span.request_id) for span in spans]))
        keys = places[:, 0]
        return cls(keys, keys.clone(), 2 * places[:, 1])

    def __call__(self, layer: int) -> None:
        torch.add(self.first, self.layer_bytes, alpha=layer, out=self.keys)


@dataclass(frozen=True, slots=True)
class InRows:
    """K and V that the step itself computed, of all rows without a cache, of padding with one."""

    kv: StepKv
    places: Tensor
    everything: Span
    starts: list[int]

    @classmethod
    def of(cls, kv: StepKv, batch: Batch, spans: Sequence[Span], places: Tensor) -> InRows:
        """places [spans, PLACE] are filled for each layer."""
        everything = Span(PADDING_REQUEST, 0, batch.rows, 0)
        return cls(kv, places, everything, [span.row for span in spans])

    def __call__(self, layer: int) -> None:
        k, v = self.kv.keys_values(layer, self.everything)  # [kv_heads, P, head_dim]
        self.places.copy_(row_places(k.transpose(0, 1), v.transpose(0, 1), self.starts))
