"""The bookkeeping of a paged cache: which request holds which block, what is shared, what is evicted. No tensors.

A block is *held* by one or more requests, *cached* (held by none, its content kept for a request that starts with the
same tokens), or *free*. Only full blocks are shared. A block's key is the hash of its tokens and of the previous
block's key: equal keys mean equal prefixes, and the tokens are compared too. The least recently used block is evicted
first. Method: Kwon et al. 2023, PagedAttention.

Requests that compute the same prefix in the same step fill blocks of their own, *duplicates*: when the first of them is
full and can be found, the others are already written. Duplicates are kept, as in vLLM: replacing them by the first one
would rewrite tables that an in-flight step may still read, and would save room only until these requests end. Only the
block that can be found stays cached when its owners leave; the others are evicted as soon as they are free. Requests
that enter later share the block that can be found.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from engine.core.kv_cache import BlockEvent, OutOfKvMemory
from engine.session.schema import BlockEventKind

ROOT = 0
"""The key before the first block."""


@dataclass(slots=True)
class Block:
    """One block's state; `key` is set while its content can be found by its tokens."""

    owners: int = 0
    filled: int = 0
    """Positions written, 0 to the block size."""
    key: int | None = None
    parent: int = ROOT
    tokens: tuple[int, ...] = ()


@dataclass(slots=True)
class Table:
    """A request's blocks in order, its held tokens, and the keys of its full blocks."""

    blocks: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    """Keys of the full blocks."""

    @property
    def length(self) -> int:
        return len(self.tokens)

    @property
    def last_key(self) -> int:
        return self.keys[-1] if self.keys else ROOT


class PrefixIndex:
    """Finds full blocks by their tokens and the prefix before them."""

    def __init__(self, blocks: list[Block]) -> None:
        """`blocks` is the pool's own list, which grows."""
        self._blocks = blocks
        self._by_key: dict[int, int] = {}

    def find(self, parent: int, tokens: tuple[int, ...]) -> int | None:
        """The block that holds these tokens after the block with the key `parent`; None where there is none."""
        found = self._by_key.get(key_of(parent, tokens))
        if found is None:
            return None
        block = self._blocks[found]
        return found if (block.parent, block.tokens) == (parent, tokens) else None

    def add(self, index: int, parent: int, tokens: tuple[int, ...]) -> None:
        """Add a full block to the index, unless it has another block with the same content."""
        key = key_of(parent, tokens)
        if key not in self._by_key:
            block = self._blocks[index]
            block.key, block.parent, block.tokens = key, parent, tokens
            self._by_key[key] = index

    def remove(self, index: int) -> None:
        """Remove a block from the index, because its content changes; does nothing where it is not in the index."""
        block = self._blocks[index]
        if block.key is not None:
            del self._by_key[block.key]
            block.key = None


def key_of(parent: int, tokens: tuple[int, ...]) -> int:
    """The key of a full block after the block with the key `parent`."""
    return hash((parent, tokens))


class BlockPool:
    """Gives blocks to requests, up to `limit` blocks of `block_size` positions; records every change."""

    def __init__(self, block_size: int, limit: int) -> None:
        self.block_size = block_size
        self.limit = limit
        self.blocks: list[Block] = []
        """Every block used so far; the list grows up to `limit`."""
        self.live = 0
        """Positions held by requests, shared ones counted once."""
        self.events: list[BlockEvent] = []
        self._free: list[int] = []
        self._cached: OrderedDict[int, None] = OrderedDict()
        self._prefixes = PrefixIndex(self.blocks)

    # --- counts of blocks -------------------------------------------------------------------------------------------

    @property
    def available(self) -> int:
        """Blocks that could be given out now."""
        return self.limit - len(self.blocks) + len(self._free) + len(self._cached)

    @property
    def cached(self) -> int:
        """Blocks kept only for possible reuse."""
        return len(self._cached)

    @property
    def held(self) -> int:
        """Blocks that any request holds, shared ones counted once."""
        return len(self.blocks) - len(self._free) - len(self._cached)

    def only_of(self, tables: Collection[Table]) -> list[int]:
        """The blocks that only these tables hold, each once."""
        if not tables:
            return []
        owners = Counter(index for table in tables for index in table.blocks)
        return [index for index, count in owners.items() if self.blocks[index].owners == count]

    def missing(self, table: Table, end: int) -> int:
        """How many more blocks a table needs to hold indices [0, end)."""
        return max(0, -(-end // self.block_size) - len(table.blocks))

    # --- changes of a table -----------------------------------------------------------------------------------------

    def share(self, request_id: int, tokens: Sequence[int]) -> Table:
        """A table that starts with the blocks already computed for a prefix of `tokens`, without the last token.

        The last token is never shared: it must be computed to give logits.
        """
        table = Table()
        size = self.block_size
        for start in range(0, max(0, len(tokens) - 1) // size * size, size):
            part = tuple(tokens[start : start + size])
            found = self._prefixes.find(table.last_key, part)
            if found is None:
                break
            block = self.blocks[found]
            if block.owners == 0:
                del self._cached[found]
                self.live += block.filled
            block.owners += 1
            table.blocks.append(found)
            table.tokens += part
            table.keys.append(key_of(block.parent, part))
            self._log("share", found, request_id)
        return table

    def extend(self, request_id: int, table: Table, end: int) -> None:
        """Give a table blocks for indices [0, end); raises OutOfKvMemory, and gives none, where there are too few."""
        missing = self.missing(table, end)
        if missing > self.available:
            raise OutOfKvMemory(f"{missing} more blocks are needed, and {self.available} of {self.limit} are left.")
        for _ in range(missing):
            table.blocks.append(self._allocate(request_id))

    def commit(self, table: Table, tokens: Sequence[int]) -> None:
        """Append `tokens`, which have been written, to a table; blocks that are full now can be shared."""
        size = self.block_size
        first, end = table.length, table.length + len(tokens)
        table.tokens += tokens
        for index in range(first // size, -(-end // size)):
            block = self.blocks[table.blocks[index]]
            filled = min(size, end - index * size)
            self.live += filled - block.filled
            block.filled = filled
            if filled == size:
                self._prefixes.add(
                    table.blocks[index], table.last_key, tuple(table.tokens[index * size : (index + 1) * size])
                )
                table.keys.append(key_of(table.last_key, tuple(table.tokens[index * size : (index + 1) * size])))

    def truncate(self, request_id: int, table: Table, length: int) -> None:
        """Forget a table's indices from `length` on.

        A shared block that would be kept in part is released whole, because new tokens must not be written into it. So
        fewer than `length` positions may be left.
        """
        size = self.block_size
        if length >= table.length:
            length = table.length
        elif length % size and self.blocks[table.blocks[length // size]].owners > 1:
            length = length // size * size
        self._release(request_id, table, -(-length // size), reusable=False)
        del table.tokens[length:]
        del table.keys[length // size :]
        if length % size:
            last = table.blocks[-1]
            self._prefixes.remove(last)
            self.live += length % size - self.blocks[last].filled
            self.blocks[last].filled = length % size

    def release(self, request_id: int, table: Table) -> None:
        """Release all of a table's blocks."""
        self._release(request_id, table, 0)
        table.tokens.clear()
        table.keys.clear()

    # --- blocks one by one ------------------------------------------------------------------------------------------

    def _allocate(self, request_id: int) -> int:
        if self._free:
            index = self._free.pop()
        elif len(self.blocks) < self.limit:
            index = len(self.blocks)
            self.blocks.append(Block())
        else:
            index, _ = self._cached.popitem(last=False)
            self._prefixes.remove(index)
            self.blocks[index].filled = 0
            self._log("evict", index, request_id)
        self.blocks[index].owners = 1
        self._log("allocate", index, request_id)
        return index

    def _release(self, request_id: int, table: Table, keep: int, reusable: bool = True) -> None:
        """Release a table's blocks after the first `keep`, last one first: a text's beginning stays cached longest.

        A full block that is not kept for reuse (another block with its content is, or `reusable` is False) is evicted
        at once, so that the events alone show which blocks are free.
        """
        for index in reversed(table.blocks[keep:]):
            block = self.blocks[index]
            block.owners -= 1
            self._log("free", index, request_id)
            if block.owners:
                continue
            self.live -= block.filled
            if not reusable:
                self._prefixes.remove(index)
            if block.key is not None:
                self._cached[index] = None
                continue
            if block.filled == self.block_size:
                self._log("evict", index, request_id)
            block.filled = 0
            self._free.append(index)
        del table.blocks[keep:]

    def _log(self, event: BlockEventKind, block: int, request_id: int) -> None:
        self.events.append(BlockEvent(event, block, request_id))
