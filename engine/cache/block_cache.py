"""The common part of the caches in blocks: the memory of each layer, and the view that a step has of it.

Position p of a request lies in slot `table[p // B] · B + p % B` of each layer, where B is the block size. Each cache
has its own bookkeeping: it gives a request's blocks (`table`) and makes room for a step (`reserve`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from engine.core.batch import Batch, Span, indices_on
from engine.core.kv_cache import BlockEvent
from engine.core.positions import PADDING_REQUEST
from engine.model.config import ModelConfig


@dataclass(slots=True)
class Source:
    """Where a span's K and V are read from: one run of slots, or a list of blocks to gather."""

    run: slice | None
    blocks: Tensor | None
    end: int


class BlockKv:
    """A cache in blocks as one step sees it: its block tables, its slot mapping, and its memory layer by layer.

    What a step that reads the block tables itself does not need is made when it is first used.
    """

    def __init__(
        self, memory: Sequence[Tensor], block_size: int, spans: Sequence[Span], tables: dict[int, list[int]],
        padded: bool,
    ) -> None:  # fmt: skip
        """`spans` are those of requests, `tables` the blocks of each; `padded`: the batch has other rows, too."""
        self.memory = memory
        """By layer, [2, blocks, block_size, kv_heads, head_dim]: K and V."""
        self._block_size = block_size
        self._spans = spans
        self._tables = tables
        self._padded = padded
        self._sources: dict[int, Source] = {}
        self._padding: tuple[Tensor, Tensor] | None = None

    @cached_property
    def _slots(self) -> Tensor:
        """The slots that rows are written to, int64 [n]."""
        size = self._block_size
        slots: list[int] = []
        for span in self._spans:
            blocks = self._tables[span.request_id]
            slots += [blocks[index // size] * size + index % size for index in range(span.first, span.end)]
        return self._indices(slots)

    @cached_property
    def _rows(self) -> Tensor | None:
        """The rows that are written, int64 [n]; None: all rows."""
        if not self._padded:
            return None
        return self._indices([row for span in self._spans for row in range(span.row, span.row + span.length)])

    def _indices(self, values: list[int]) -> Tensor:
        return indices_on(str(self.memory[0].device), values)

    def _source(self, span: Span) -> Source:
        source = self._sources.get(span.request_id)
        if source is None:
            source = self._sources[span.request_id] = self._find(span)
        return source

    def _find(self, span: Span) -> Source:
        used = self._tables[span.request_id][: -(-span.end // self._block_size)]
        if used == list(range(used[0], used[0] + len(used))):  # adjacent blocks are read in place
            start = used[0] * self._block_size
            return Source(slice(start, start + span.end), None, span.end)
        return Source(None, self._indices(used), span.end)

    def write(self, layer: int, k: Tensor, v: Tensor) -> None:
        self._padding = k.transpose(0, 1), v.transpose(0, 1)
        memory = self.memory[layer].flatten(1, 2)  # [2, slots, kv_heads, head_dim]
        memory[0].index_copy_(0, self._slots, k if self._rows is None else k[self._rows])
        memory[1].index_copy_(0, self._slots, v if self._rows is None else v[self._rows])

    def slot_mapping(self, layer: int) -> tuple[Tensor, Tensor] | None:
        return None if self._rows is not None else (self.memory[layer].flatten(1, 2), self._slots)

    def keys_values(self, layer: int, span: Span) -> tuple[Tensor, Tensor]:
        if span.request_id == PADDING_REQUEST:
            assert self._padding is not None
            k, v = self._padding
            return k[:, span.rows], v[:, span.rows]
        source = self._source(span)
        memory = self.memory[layer]  # [2, blocks, block_size, kv_heads, head_dim]
        if source.run is not None:
            k, v = memory.flatten(1, 2)[:, source.run].transpose(1, 2).unbind(0)
        else:
            assert source.blocks is not None
            k, v = memory[:, source.blocks].flatten(1, 2)[:, : source.end].transpose(1, 2).unbind(0)
        return k, v  # [kv_heads, end, head_dim]

    def blocks_of(self, layer: int) -> Tensor:
        """A layer's blocks, [2, blocks, block_size, kv_heads, head_dim]: K and V."""
        return self.memory[layer]

    def table(self, request_id: int) -> list[int]:
        """The blocks of a request, in order."""
        return self._tables[request_id]


class BlockCache(ABC):
    """K and V in blocks of `block_size` positions, with a block table for each request."""

    name: str
    null_block = -1
    """The block that captured steps write padding to; no request gets it, and it is not usage. -1 where there is none:
    then the memory may move, and no step can be captured."""

    def __init__(
        self, config: ModelConfig, device: torch.device, dtype: torch.dtype, block_size: int, blocks: int
    ) -> None:
        """Allocate the memory of `blocks` blocks."""
        self.block_size = block_size
        self._block_bytes = block_size * config.kv_bytes_per_position(dtype.itemsize)
        self.position_bytes = self._block_bytes // block_size // config.layers
        shape = (2, blocks, block_size, config.kv_heads, config.head_dim)
        # Zeros: a captured step multiplies masked values by 0, and memory that was never written may hold a NaN.
        self._kv = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(config.layers)]
        self._count(blocks)

    def _count(self, blocks: int) -> None:
        """Note how many blocks the memory has, once that has changed; every layer has the same."""
        self._allocated, self._layer_bytes = blocks, blocks * self.block_size * self.position_bytes

    @abstractmethod
    def reserve(self, batch: Batch) -> None:
        """Make room for the batch's spans, like `begin`, but without a view: captured steps use block tables."""

    @abstractmethod
    def table(self, request_id: int) -> list[int]:
        """The blocks of a request, in order."""

    def begin(self, batch: Batch) -> BlockKv:
        self.reserve(batch)
        spans = batch.request_spans
        tables = {span.request_id: self.table(span.request_id) for span in spans}
        return BlockKv(self._kv, self.block_size, spans, tables, len(spans) < len(batch.spans))

    def blocks_of(self, layer: int) -> Tensor:
        """A layer's blocks, [2, blocks, block_size, kv_heads, head_dim]: K and V."""
        return self._kv[layer]

    # --- implemented by each kind of cache (see KVCache) --------------------------------------------------------------

    @abstractmethod
    def length(self, request_id: int) -> int: ...

    @abstractmethod
    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None: ...

    @abstractmethod
    def commit(self, request_id: int, tokens: Sequence[int]) -> None: ...

    @abstractmethod
    def truncate(self, request_id: int, length: int) -> None: ...

    @abstractmethod
    def free(self, request_id: int) -> None: ...

    @abstractmethod
    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]: ...

    @abstractmethod
    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]: ...

    @property
    def evictable_bytes(self) -> int:
        return 0

    def drain_events(self) -> list[BlockEvent]:
        return []
