"""Small numbers for the hashes by which a server names its blocks, so that they can be shown and stored."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

MOST_BLOCKS: Final = 1_000_000
"""Blocks that are numbered at a time; a pool of this size holds 16 million positions in blocks of 16."""

Hash = int | bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block is stored; the same hash may be in several places at once."""

    rank: int
    """Of the engine, of those that share the work."""
    medium: str
    """`GPU`, `CPU` and so on; "" where the server does not tell it."""
    group: int
    """The group of layers that share a block table; 0 in models with one."""


class BlockNumbers:
    """The number of each stored block: the smallest that was free when it was stored, and its own until it is removed.

    No more numbers are in use than blocks are stored, as with the blocks of a pool, but a number is not the server's.
    """

    def __init__(self, most: int = MOST_BLOCKS) -> None:
        self._most = most
        self._numbers: dict[tuple[Place, Hash], int] = {}
        self._free: list[int] = []
        self._next = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def of(self, place: Place, block: Hash) -> int | None:
        """The number of a stored block; None where it is not known."""
        return self._numbers.get((place, block))

    def store(self, place: Place, block: Hash) -> int | None:
        """A number for a block that has none yet; None where too many blocks are stored."""
        if len(self._numbers) >= self._most:
            return None
        if self._free:
            number = heapq.heappop(self._free)
        else:
            number, self._next = self._next, self._next + 1
        self._numbers[place, block] = number
        return number

    def remove(self, place: Place, block: Hash) -> int | None:
        """Free the number of a block and return it; None where the block is not known."""
        number = self._numbers.pop((place, block), None)
        if number is not None:
            heapq.heappush(self._free, number)
        return number

    def clear(self, rank: int) -> tuple[int, ...]:
        """Free the numbers of all blocks of one engine, and return them in order."""
        gone = [key for key in self._numbers if key[0].rank == rank]
        return tuple(sorted(number for key in gone if (number := self.remove(*key)) is not None))
