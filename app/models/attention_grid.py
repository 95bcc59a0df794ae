"""A growing attention map in a bounded number of cells: rows are added one by one, long contexts are max-pooled."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

CELLS: Final = 1024
"""Most cells a side. In a longer context, a cell holds the largest value of `factor` × `factor` positions."""
UNKNOWN: Final = -1.0


class AttentionGrid:
    """Attention probabilities by (query, key), float32, UNKNOWN where no row was recorded.

    A cell stands for `factor` × `factor` positions. `factor` doubles whenever the context needs more than `limit` cells
    a side. So the cost of adding a row grows with its length, and the map is never built again from the rows.
    """

    def __init__(self, limit: int = CELLS) -> None:
        self.limit = limit
        self.factor = 1
        self.positions = 0
        """One past the largest query position that was added."""
        self._cells: NDArray[np.float32] = np.full((min(64, limit),) * 2, UNKNOWN, np.float32)

    @property
    def size(self) -> int:
        """Cells a side that are in use."""
        return -(-self.positions // self.factor)

    @property
    def cells(self) -> NDArray[np.float32]:
        """The cells in use, a view [size, size]: row = query, column = key."""
        return self._cells[: self.size, : self.size]

    def add(self, position: int, probs: NDArray[np.float32]) -> None:
        """Take the row of query `position`: float32 [position + 1] over keys 0..position.

        While `factor` is 1, the row replaces the previous row of the position; later it is merged by maximum.
        """
        self._make_room(position + 1)
        self.positions = max(self.positions, position + 1)
        row = position // self.factor
        if self.factor == 1:
            self._cells[row, : len(probs)] = probs
            return
        pooled = np.maximum.reduceat(probs, np.arange(0, len(probs), self.factor))
        target = self._cells[row, : len(pooled)]
        np.maximum(target, pooled, out=target)

    def _make_room(self, positions: int) -> None:
        while -(-positions // self.factor) > self.limit:
            self._cells = pooled_by_two(self._cells)
            self.factor *= 2
        needed = -(-positions // self.factor)
        side = len(self._cells)
        if needed > side:
            while side < needed:
                side = min(2 * side, self.limit)
            larger = np.full((side, side), UNKNOWN, np.float32)
            larger[: len(self._cells), : len(self._cells)] = self._cells
            self._cells = larger


def pooled_by_two(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maximum of each 2 × 2 cells: [ceil(n / 2), ceil(n / 2)] from [n, n]."""
    if len(cells) % 2:
        cells = np.pad(cells, ((0, 1), (0, 1)), constant_values=UNKNOWN)
    half = len(cells) // 2
    pooled: NDArray[np.float32] = cells.reshape(half, 2, half, 2).max(axis=(1, 3))
    return pooled
