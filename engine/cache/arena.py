"""A contiguous cache whose memory never moves: one arena of blocks, of which each request gets a run of neighbours.

Requests hold what the plain contiguous cache would give them, all that they can get, set aside when they enter; but a
captured step (engine/graphs) finds them by tables of blocks, the same way as in a paged pool.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.cache.paged import free_memory
from engine.core.batch import PADDING_REQUEST, Batch, Span
from engine.core.kv_cache import BlockEvent, OutOfKvMemory
from engine.model.config import ModelConfig


@dataclass(slots=True)
class Run:
    """Blocks [first, end) of one request, and how many of their positions are held."""

    first: int
    end: int
    length: int = 0


class ArenaCache:
    """`reserve` positions are taken at once (as many as `limit` bytes allow), and one block more, the null block."""

    name = "contiguous"

    def __init__(
        self, config: ModelConfig, device: torch.device, dtype: torch.dtype, block_size: int, reserve: int,
        limit: int | None = None,
    ) -> None:  # fmt: skip
        self.block_size = block_size
        self._device = device
        self._position_bytes = config.kv_bytes_per_position(dtype.itemsize)
        self._layers = config.layers
        memory = free_memory(device) if limit is None else limit
        most = memory // (block_size * self._position_bytes) - 1
        self.null_block = max(0, min(most, -(-reserve // block_size)))
        shape = (2, self.null_block + 1, block_size, config.kv_heads, config.head_dim)
        self._kv = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(config.layers)]
        self._runs: dict[int, Run] = {}
        self._spans: list[Span] = []
        self._rows: Tensor | None = None
        self._slots: Tensor | None = None
        self._padding: tuple[Tensor, Tensor] | None = None

    def length(self, request_id: int) -> int:
        run = self._runs.get(request_id)
        return 0 if run is None else run.length

    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None:
        """Set a run of blocks aside, the first that is long enough; raises OutOfKvMemory where there is none."""
        needed = -(-capacity // self.block_size)
        first = 0
        for run in sorted(self._runs.values(), key=lambda run: run.first):
            if run.first - first >= needed:
                break
            first = run.end
        if first + needed > self.null_block:
            raise OutOfKvMemory(
                f"{capacity} positions need {needed} blocks side by side, and {self.null_block} is all there are."
            )
        self._runs[request_id] = Run(first, first + needed)

    def begin(self, batch: Batch) -> None:
        self.make_room(batch)
        rows: list[int] = []
        slots: list[int] = []
        for span in self._spans:
            start = self._runs[span.request_id].first * self.block_size
            rows += range(span.row, span.row + span.length)
            slots += range(start + span.first, start + span.end)
        self._slots = torch.tensor(slots, dtype=torch.int64, device=self._device)
        padded = len(rows) < batch.token_ids.shape[0]
        self._rows = torch.tensor(rows, dtype=torch.int64, device=self._device) if padded else None

    def make_room(self, batch: Batch) -> None:
        """Check that every span has its place; forget what is computed again."""
        self._spans = [span for span in batch.spans if span.request_id != PADDING_REQUEST]
        for span in self._spans:
            run = self._runs[span.request_id]
            if span.end > (run.end - run.first) * self.block_size or span.first > run.length:
                raise ValueError(f"indices [{span.first}, {span.end}) do not follow the {run.length} that are held")
            run.length = span.first

    def write(self, layer: int, k: Tensor, v: Tensor) -> None:
        assert self._slots is not None
        self._padding = k.transpose(0, 1), v.transpose(0, 1)
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

    def _commit(self) -> None:
        for span in self._spans:
            self._runs[span.request_id].length = span.end

    def keys_values(self, layer: int, span: Span) -> tuple[Tensor, Tensor]:
        if span.request_id == PADDING_REQUEST:
            assert self._padding is not None
            k, v = self._padding
            return k[:, span.rows], v[:, span.rows]
        start = self._runs[span.request_id].first * self.block_size
        k, v = self._kv[layer].flatten(1, 2)[:, start : start + span.end].transpose(1, 2).unbind(0)
        return k, v  # [kv_heads, end, head_dim]

    def truncate(self, request_id: int, length: int) -> None:
        run = self._runs[request_id]
        run.length = min(run.length, length)

    def free(self, request_id: int) -> None:
        self._runs.pop(request_id, None)

    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]:
        position = self._position_bytes // self._layers
        used = sum(run.length for request_id, run in self._runs.items() if request_id not in ended) * position
        return [(used, layer.nbytes) for layer in self._kv]

    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]:
        block = self.block_size * self._position_bytes
        kept = sum(run.end - run.first for request_id, run in self._runs.items() if request_id in ended)
        return (sum(run.end - run.first for run in self._runs.values()) - kept) * block, kept * block

    @property
    def position_bytes(self) -> int:
        return self._kv[0][:, 0, 0].nbytes

    @property
    def evictable_bytes(self) -> int:
        return 0

    def drain_events(self) -> list[BlockEvent]:
        return []

    # --- for captured steps and kernels that follow tables ------------------------------------------------------------

    def blocks_of(self, layer: int) -> Tensor:
        """A layer's arena, [2, blocks, block_size, kv_heads, head_dim]: K and V."""
        return self._kv[layer]

    def table(self, request_id: int) -> list[int]:
        """The blocks of a request, in order."""
        run = self._runs[request_id]
        return list(range(run.first, run.end))

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        """The next indices of a request are `tokens`, and were written, or will be before anyone reads them."""
        self._runs[request_id].length += len(tokens)
