"""The common interface of the KV caches `none`, `contiguous` and `paged`.

A step gets a view from its cache (`KVCache.begin`), computes with the view (`StepKv`), and then tells the cache which
tokens were written (`KVCache.commit`). Positions count as held only after this.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from engine.core.batch import Batch, Span
from engine.session.schema import BlockEventKind


class OutOfKvMemory(Exception):  # noqa: N818 - the scheduler's signal to preempt, not a failure
    """The cache has no room for a step's batch within its limit."""


@dataclass(frozen=True, slots=True)
class BlockEvent:
    """A change of a block of the paged cache.

    `allocate` and `share` make the request one of the block's owners, `free` ends this. `evict` discards the content of
    a full block without owners: because the request needs the room, or right after `free` where the content is not kept
    for reuse (another block holds the same content, or the request truncated its tokens).
    """

    event: BlockEventKind
    block: int
    request_id: int


class StepKv(Protocol):
    """A cache as one step sees it: where the step writes K and V, and what its attention reads.

    A decoder calls `write` once for each layer, then attention reads that layer any number of times.
    """

    def write(self, layer: int, k: Tensor, v: Tensor) -> None:
        """Store K and V of the batch's rows, each [P, kv_heads, head_dim] (rotated K)."""

    def slot_mapping(self, layer: int) -> tuple[Tensor, Tensor] | None:
        """The memory and slots for a kernel that writes K and V itself, instead of `write`.

        A layer's memory [2, slots, kv_heads, head_dim] and the slot of each row, int64 [P]. None where the memory has
        no slots, or where some rows are padding and are not stored; the caller then uses `write`.
        """

    def keys_values(self, layer: int, span: Span) -> tuple[Tensor, Tensor]:
        """K and V of indices [0, span.end) of a span's request, each [kv_heads, span.end, head_dim]."""


class KVCache(Protocol):
    """Holds K and V of the positions that were computed, for every layer.

    Positions that are held (`length`) are not computed again. The scheduler computes the known positions that are not
    held, so the next steps fill a new cache after a switch, which holds nothing.
    """

    name: str

    def length(self, request_id: int) -> int:
        """Positions held for a request: indices [0, length)."""

    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None:
        """A request enters; it will hold at most `capacity` positions (`contiguous` reserves them all at once).

        `tokens` are the request's known tokens. A cache may share the blocks that it holds for a prefix of them; then
        `length` is not 0. Raises OutOfKvMemory where there is no room for the request now.
        """

    def begin(self, batch: Batch) -> StepKv:
        """Make room for the batch's spans and return the step's view, which is valid until the next `begin`.

        A span may begin before the end of the held positions; the positions from its `first` on are then forgotten.
        Raises OutOfKvMemory, and changes nothing, where there is no room; ValueError for a span that begins after the
        end of the held positions.
        """

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        """Count `tokens` as the request's next indices; they were written, or will be written before any read."""

    def truncate(self, request_id: int, length: int) -> None:
        """Forget indices from `length` on (rejected drafts)."""

    def free(self, request_id: int) -> None:
        """Forget a request."""

    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]:
        """(used, reserved) bytes of each layer, counted from the tensors themselves.

        Used are the positions held by requests that are not in `ended`; a shared position counts once.
        """

    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]:
        """(held, kept) bytes, all layers together: memory reserved for requests, filled or not.

        Held is the memory of requests that are not in `ended`; kept is the memory that only requests in `ended` have.
        """

    @property
    def position_bytes(self) -> int:
        """Bytes of K and V of one position in one layer, in the dtype of the cache."""

    @property
    def evictable_bytes(self) -> int:
        """Bytes held only for possible reuse, all layers together."""

    def drain_events(self) -> list[BlockEvent]:
        """The block events since the last call, in order; empty for a cache without blocks."""


def commit_batch(cache: KVCache, batch: Batch) -> None:
    """Commit all positions of a batch; waits for the device, because it reads the token ids from there."""
    tokens = batch.token_ids.tolist()
    for span in batch.request_spans:
        cache.commit(span.request_id, tokens[span.rows])
