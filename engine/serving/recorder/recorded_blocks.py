"""The block tables of a recorded server: who holds which block, and the block events that lead there.

Blocks get numbers in the order in which they first appear, as a session wants them; `server_blocks` maps them back. A
block that nobody holds and whose content may be reused is `kept`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.session.schema import BlockEventKind

NOBODY = -1


@dataclass(frozen=True, slots=True)
class BlockChange:
    """What happened to a block; `block` is the session's number of it, `request` whose doing it was."""

    event: BlockEventKind
    block: int
    request: int


class RecordedBlocks:
    """Block tables by the server's id of a request; each change is also put into `changes`, which the owner empties."""

    def __init__(self, block_size: int) -> None:
        self.block_size = block_size
        self.tables: dict[str, list[int]] = {}
        """The server's block numbers, in the order of the positions."""
        self.kept: set[int] = set()
        self.changes: list[BlockChange] = []
        self.server_blocks: list[int] = []
        """The server's number of each of the session's blocks."""
        self.shared = 0
        """Holders beyond the first, over all blocks."""
        self._numbers: dict[int, int] = {}
        self._holders: dict[int, int] = {}

    @property
    def held(self) -> int:
        """Blocks that any request holds, shared ones counted once."""
        return len(self._holders)

    def start(self, name: str, request: int, blocks: Sequence[int], reused: int) -> None:
        """A request has this whole table now, whose first `reused` blocks came from the prefix cache."""
        self.release(name, request, length=0, uncached=len(self.tables.get(name, ())))
        table = self.tables[name] = list(blocks)
        for index, block in enumerate(table):
            self._take(block, request, from_cache=index < reused)

    def extend(self, name: str, request: int, blocks: Iterable[int]) -> None:
        """These blocks were added to a request's table."""
        table = self.tables.setdefault(name, [])
        for block in blocks:
            table.append(block)
            self._take(block, request, from_cache=False)

    def release(self, name: str, request: int, length: int, uncached: int) -> None:
        """A request lets go of its table, last block first; `length` of its positions are written.

        The last `uncached` blocks hold nothing that may be reused. One of them that is full is evicted at once, so that
        the events alone say which blocks are kept.
        """
        table = self.tables.pop(name, [])
        for index in range(len(table) - 1, -1, -1):
            block = table[index]
            self._log("free", block, request)
            holders = self._holders.get(block, 1) - 1
            if holders:
                self._holders[block] = holders
                self.shared -= 1
                continue
            self._holders.pop(block, None)
            if index < len(table) - uncached:
                self.kept.add(block)
            elif (index + 1) * self.block_size <= length:
                self._log("evict", block, request)

    def evict_all(self) -> None:
        """The prefix cache was emptied."""
        for block in sorted(self.kept):
            self._evict(block, NOBODY)

    def keep_only(self, cached: Iterable[int]) -> None:
        """Of the blocks that nobody holds, these have a content that may be reused, as a snapshot says."""
        now = set(cached)
        for block in sorted(self.kept - now):
            self._evict(block, NOBODY)
        self.kept = now - self._holders.keys()

    def _take(self, block: int, request: int, from_cache: bool) -> None:
        holders = self._holders.get(block, 0)
        self._holders[block] = holders + 1
        if holders:
            self.shared += 1
        if holders or from_cache:
            self.kept.discard(block)
            self._log("share", block, request)
            return
        if block in self.kept:
            self._evict(block, request)
        self._log("allocate", block, request)

    def _evict(self, block: int, request: int) -> None:
        self.kept.discard(block)
        if block in self._numbers:  # else it was filled before the recording
            self._log("evict", block, request)

    def _log(self, event: BlockEventKind, block: int, request: int) -> None:
        number = self._numbers.get(block)
        if number is None:
            number = self._numbers[block] = len(self.server_blocks)
            self.server_blocks.append(block)
        self.changes.append(BlockChange(event, number, request))
