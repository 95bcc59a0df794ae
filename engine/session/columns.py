"""A growing table of numpy columns, for one writing thread and any number of reading threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Columns:
    """Struct of arrays: `table["start_ns"]` is a view of the present rows, never a copy.

    One thread appends. Existing rows never change, and the length is set after the values. So a reader that takes
    `len(table)` once and slices its columns to that length sees a consistent prefix without a lock. Growing replaces
    each array by a larger one; views that were taken before keep the old array alive.
    """

    def __init__(self, dtypes: Mapping[str, DTypeLike], capacity: int = 1024) -> None:
        self._columns: dict[str, NDArray[Any]] = {name: np.empty(capacity, dtype) for name, dtype in dtypes.items()}
        self._capacity = capacity
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> NDArray[Any]:
        length = self._length
        return self._columns[name][:length]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def append(self, row: Sequence[Any]) -> None:
        """Add one row, its values in the order of the columns."""
        self.extend((row,))

    def extend(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows, each with its values in the order of the columns."""
        rows = list(rows)
        if not rows:
            return
        start, end = self._length, self._length + len(rows)
        self._reserve(end)
        for column, values in zip(self._columns.values(), zip(*rows, strict=True), strict=True):
            column[start:end] = values
        self._length = end

    def extend_columns(self, columns: Mapping[str, NDArray[Any] | Sequence[Any]]) -> None:
        """Add rows, given as one array or sequence for each column, all of the same length."""
        count = len(next(iter(columns.values())))
        start, end = self._length, self._length + count
        self._reserve(end)
        for name, column in self._columns.items():
            column[start:end] = columns[name]
        self._length = end

    def borrow(self, whole: Columns, length: int) -> None:
        """Become the first `length` rows of a table that grows no more. Its arrays are shared: nothing is copied.

        Like adding rows, where this table is a shorter part of the same one: readers see it grow. A row that is added
        afterwards goes into new arrays.
        """
        self._columns = dict(whole._columns)
        self._capacity = self._length = length

    def reserve(self, length: int) -> None:
        """Make room for `length` rows in all, where the number of rows is known beforehand."""
        if length > self._capacity:
            self._grow(length)

    def _reserve(self, length: int) -> None:
        if length > self._capacity:
            self._grow(max(length, 2 * self._capacity))

    def _grow(self, capacity: int) -> None:
        for name, column in self._columns.items():
            larger = np.empty((capacity, *column.shape[1:]), column.dtype)
            larger[: self._length] = column[: self._length]
            self._columns[name] = larger
        self._capacity = capacity
