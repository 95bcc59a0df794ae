"""A paged cache: one pool of blocks for all requests, and a table a request that says where its positions lie.

Position p of a request lies in slot `table[p // B] · B + p % B`. The pool grows by a quarter when it is full, up to its
limit, so that what it takes from the device stays close to what it holds. Requests that start with the same tokens
hold the same blocks (engine/cache/blocks.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.cache.blocks import BlockPool, Table
from engine.core.batch import PADDING_REQUEST, Batch, Span
from engine.core.kv_cache import BlockEvent, OutOfKvMemory
from engine.model.config import ModelConfig
from engine.model.device import free_bytes

GROWTH: Final = 1.25
FIRST_BLOCKS: Final = 4
FREE_SHARE: Final = 0.8
"""How much of the free memory the pool may take where no limit is given."""


@dataclass(slots=True)
class Source:
    """Where a span's K and V are read from: one run of slots, or a list of blocks to gather."""

    run: slice | None
    blocks: Tensor | None
    end: int


class PagedCache:
    """K and V in blocks of `block_size` positions; nothing is set aside for what is not there yet."""

    name = "paged"

    def __init__(
        self, config: ModelConfig, device: torch.device, dtype: torch.dtype, block_size: int, limit: int | None = None,
        reserve: int | None = None,
    ) -> None:  # fmt: skip
        """`limit` in bytes bounds the pool; None: most of what the device has free now.

        With `reserve` the pool takes blocks for that many positions at once (as many as the limit allows), and one
        more, the null block, and never moves: what captured steps need.
        """
        self._layers = config.layers
        self._shape = (block_size, config.kv_heads, config.head_dim)
        self._device = device
        self._block_bytes = block_size * config.kv_bytes_per_position(dtype.itemsize)
        memory = free_memory(device) if limit is None else limit
        self._memory = memory
        self.pool = BlockPool(block_size, memory // self._block_bytes)
        self.block_size = block_size
        self.null_block = -1
        taken = 0
        if reserve is not None:
            self.pool.limit = max(0, min(self.pool.limit - 1, -(-reserve // block_size)))
            self.null_block = self.pool.limit
            taken = self.pool.limit + 1
        # Zeros, as a captured step multiplies what it masks by 0, and memory that was never written may hold a NaN.
        self._kv = [torch.zeros(2, taken, *self._shape, device=device, dtype=dtype) for _ in range(config.layers)]
        self._tables: dict[int, Table] = {}
        self._token_ids: list[int] = []
        self._spans: list[Span] = []
        self._rows: Tensor | None = None
        self._slots: Tensor | None = None
        self._sources: dict[int, Source] = {}
        self._padding: tuple[Tensor, Tensor] | None = None

    def length(self, request_id: int) -> int:
        table = self._tables.get(request_id)
        return 0 if table is None else table.length

    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None:
        """Share what is already held of `tokens`; raises OutOfKvMemory where the rest of them finds no room now."""
        size = self.pool.block_size
        if -(-capacity // size) > self.pool.limit:
            raise OutOfKvMemory(
                f"{capacity} positions need {-(-capacity // size) * self._block_bytes} bytes, "
                f"and the limit is {self._memory}."
            )
        table = self.pool.share(request_id, tokens)
        if self.pool.missing(table, len(tokens) + 1) > self.pool.available:
            self.pool.release(request_id, table)
            raise OutOfKvMemory(f"There is no room for {len(tokens)} tokens beside those who run.")
        self._tables[request_id] = table

    def begin(self, batch: Batch) -> None:
        self.make_room(batch)
        self._token_ids = batch.token_ids.tolist()  # here, where a GPU has nothing queued that this would wait for
        self._locate(batch)

    def make_room(self, batch: Batch) -> None:
        """Give each span's request its blocks; raises OutOfKvMemory, and gives none, where there are too few."""
        self._spans = [span for span in batch.spans if span.request_id != PADDING_REQUEST]
        missing = sum(self.pool.missing(self._tables[span.request_id], span.end) for span in self._spans)
        if missing > self.pool.available:
            raise OutOfKvMemory(f"The step needs {missing} more blocks, and {self.pool.available} are left.")
        for span in self._spans:
            table = self._tables[span.request_id]
            if span.first > table.length:
                raise ValueError(f"indices [{span.first}, {span.end}) do not follow the {table.length} that are held")
            if span.first < table.length:  # computed again: what follows is forgotten first
                self.pool.truncate(span.request_id, table, span.first)
            self.pool.extend(span.request_id, table, span.end)
        self._grow()

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        """The next indices of a request are `tokens`, and were written, or will be before anyone reads them."""
        self.pool.commit(self._tables[request_id], tokens)

    def write(self, layer: int, k: Tensor, v: Tensor) -> None:
        self._padding = k.transpose(0, 1), v.transpose(0, 1)
        assert self._slots is not None
        memory = self._kv[layer].flatten(1, 2)  # [2, slots, kv_heads, head_dim]
        memory[0].index_copy_(0, self._slots, k if self._rows is None else k[self._rows])
        memory[1].index_copy_(0, self._slots, v if self._rows is None else v[self._rows])
        if layer == self._layers - 1:
            self._commit()

    def slots(self, layer: int) -> tuple[Tensor, Tensor] | None:
        """In place of `write`, for a kernel that writes itself (see `SlottedCache`)."""
        if self._rows is not None:
            return None
        assert self._slots is not None
        if layer == self._layers - 1:
            self._commit()
        return self._kv[layer].flatten(1, 2), self._slots

    def keys_values(self, layer: int, span: Span) -> tuple[Tensor, Tensor]:
        if span.request_id == PADDING_REQUEST:
            assert self._padding is not None
            k, v = self._padding
            return k[:, span.rows], v[:, span.rows]
        source = self._sources[span.request_id]
        memory = self._kv[layer]  # [2, blocks, block_size, kv_heads, head_dim]
        if source.run is not None:
            k, v = memory.flatten(1, 2)[:, source.run].transpose(1, 2).unbind(0)
        else:
            assert source.blocks is not None
            k, v = memory[:, source.blocks].flatten(1, 2)[:, : source.end].transpose(1, 2).unbind(0)
        return k, v  # [kv_heads, end, head_dim]

    def truncate(self, request_id: int, length: int) -> None:
        self.pool.truncate(request_id, self._tables[request_id], length)

    def free(self, request_id: int) -> None:
        table = self._tables.pop(request_id, None)
        if table is not None:
            self.pool.release(request_id, table)

    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]:
        position = self._kv[0][:, :1, 0].nbytes if self.pool.blocks else 0
        live = self.pool.live - sum(self.pool.blocks[index].filled for index in self._only_of(ended))
        return [(live * position, layer.nbytes) for layer in self._kv]

    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]:
        kept = len(self._only_of(ended))
        return (self.pool.held - kept) * self._block_bytes, kept * self._block_bytes

    @property
    def position_bytes(self) -> int:
        _, kv_heads, head_dim = self._shape
        return 2 * kv_heads * head_dim * self._kv[0].itemsize

    @property
    def evictable_bytes(self) -> int:
        return self.pool.cached * self._block_bytes

    def drain_events(self) -> list[BlockEvent]:
        events = self.pool.events
        self.pool.events = []
        return events

    # --- for kernels that follow tables themselves --------------------------------------------------------------------

    def blocks_of(self, layer: int) -> Tensor:
        """A layer's pool, [2, blocks, block_size, kv_heads, head_dim]: K and V."""
        return self._kv[layer]

    def table(self, request_id: int) -> list[int]:
        """The blocks of a request, in order."""
        return self._tables[request_id].blocks

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _only_of(self, request_ids: Collection[int]) -> list[int]:
        """The blocks that nobody but these requests holds, each once."""
        tables = [table for request_id in request_ids if (table := self._tables.get(request_id)) is not None]
        return self.pool.only_of(tables)

    def _grow(self) -> None:
        """Make the tensors as long as the list of blocks, layer by layer, so that only one layer is held twice."""
        have, need = self._kv[0].shape[1], len(self.pool.blocks)
        if need <= have:
            return
        blocks = min(self.pool.limit, max(need, FIRST_BLOCKS, int(have * GROWTH)))
        for layer, old in enumerate(self._kv):
            larger = torch.empty(2, blocks, *self._shape, device=old.device, dtype=old.dtype)
            larger[:, :have] = old
            self._kv[layer] = larger

    def _locate(self, batch: Batch) -> None:
        """Find the batch's slots to write to, and what each span reads, once for all layers."""
        size = self.pool.block_size
        rows: list[int] = []
        slots: list[int] = []
        self._sources.clear()
        for span in self._spans:
            blocks = self._tables[span.request_id].blocks
            rows += range(span.row, span.row + span.length)
            slots += [blocks[index // size] * size + index % size for index in range(span.first, span.end)]
            used = blocks[: -(-span.end // size)]
            if used == list(range(used[0], used[0] + len(used))):  # neighbours in the pool are read where they lie
                start = used[0] * size
                self._sources[span.request_id] = Source(slice(start, start + span.end), None, span.end)
            else:
                self._sources[span.request_id] = Source(None, torch.tensor(used, device=self._device), span.end)
        self._slots = torch.tensor(slots, dtype=torch.int64, device=self._device)
        padded = len(rows) < batch.token_ids.shape[0]
        self._rows = torch.tensor(rows, dtype=torch.int64, device=self._device) if padded else None

    def _commit(self) -> None:
        for span in self._spans:
            self.commit(span.request_id, self._token_ids[span.rows])


def free_memory(device: torch.device) -> int:
    """Bytes the pool may take on a device, by what is free there now."""
    return int(FREE_SHARE * free_bytes(device))
