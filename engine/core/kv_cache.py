"""The one interface of the KV caches; `none`, `contiguous` and `paged` stand behind it.

A step asks its cache for a view (`KVCache.begin`), computes with the view (`StepKv`), and tells the cache afterwards
which tokens were written (`KVCache.commit`). Nothing counts as held before that.
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
    """Something happened to a block of the paged cache.

    `allocate` and `share` make the request one of the block's owners, `free` ends that; `evict` throws away a full
    block's content that nobody owned: for the sake of the request that needs the room, or right after `free` where it
    is not kept for reuse (another block holds the same, or the request took it back).
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
        """For a kernel that writes K and V itself, in place of `write`.

        A layer's memory [2, slots, kv_heads, head_dim] and the slot of each row, int64 [P]. None where this memory has
        no slots, or where some rows are padding and go nowhere; then `write` takes the rows.
        """

    def keys_values(self, layer: int, span: Span) -> tuple[Tensor, Tensor]:
        """K and V of indices [0, span.end) of a span's request, each [kv_heads, span.end, head_dim]."""


class KVCache(Protocol):
    """Holds K and V of the positions that were computed, for every layer.

    What `length` says is held need not be computed again; the scheduler computes what is known and not held, so a
    cache that was just switched to, and holds nothing, fills itself.
    """

    name: str

    def length(self, request_id: int) -> int:
        """Positions held for a request: indices [0, length)."""

    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None:
        """A request enters; it will hold at most `capacity` positions (what `contiguous` sets aside at once).

        `tokens` are those known of it: what a cache holds of their beginning, it may share, and then `length` is not 0.
        Raises OutOfKvMemory where there is no room for it now.
        """

    def begin(self, batch: Batch) -> StepKv:
        """Make room for the batch's spans and return the step's view, which is valid until the next `begin`.

        A span may begin before what is held ends; what follows it is forgotten then. Raises OutOfKvMemory, and changes
        nothing, where there is no room; ValueError for a span that begins after what is held.
        """

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        """The next indices of a request are `tokens`, and were written, or will be before anyone reads them."""

    def truncate(self, request_id: int, length: int) -> None:
        """Forget indices from `length` on (rejected drafts)."""

    def free(self, request_id: int) -> None:
        """Forget a request."""

    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]:
        """(used, reserved) bytes of each layer, counted from the tensors themselves.

        Used are positions of requests that are not among `ended`, one that several share counted once.
        """

    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]:
        """(held, kept) bytes, all layers together: what is set aside for a request, filled or not.

        Held is what any request that is not among `ended` has, kept is what only those in `ended` still have.
        """

    @property
    def position_bytes(self) -> int:
        """What K and V of one position take in one layer, in the dtype they are held in."""

    @property
    def evictable_bytes(self) -> int:
        """Bytes held only for possible reuse, all layers together."""

    def drain_events(self) -> list[BlockEvent]:
        """What happened to blocks since the last call, in order (nothing where there are no blocks)."""


def commit_batch(cache: KVCache, batch: Batch) -> None:
    """Commit all that a batch computed, by the token ids on its device; this waits for the device."""
    tokens = batch.token_ids.tolist()
    for span in batch.request_spans:
        cache.commit(span.request_id, tokens[span.rows])
