"""A mapping of objects by id that one thread fills while other threads read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

Value = TypeVar("Value")


class Growing(Mapping[int, Value]):
    """A mapping to which only one thread adds, and from which nothing is removed. Iteration is in the order of adding.

    A dict raises RuntimeError if it grows while another thread iterates over it. Here an iteration yields the keys that
    existed when it began, without a lock or a copy: it goes by index over a list that is only appended to.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, Value] = {}
        self._ids: list[int] = []

    def add(self, key: int, value: Value) -> None:
        """Add a value, or replace the one of this key. Only the writing thread may call it."""
        known = key in self._by_id
        self._by_id[key] = value
        if not known:  # last, so that a reader that iterates finds the value of each id
            self._ids.append(key)

    def __getitem__(self, key: int) -> Value:
        return self._by_id[key]

    def __contains__(self, key: object) -> bool:
        return key in self._by_id

    def __iter__(self) -> Iterator[int]:
        return self.from_place(0)

    def from_place(self, first: int) -> Iterator[int]:
        """Iterate like `__iter__`, but leave out the first keys; the cost grows with the others only."""
        ids = self._ids
        for place in range(first, len(ids)):
            yield ids[place]

    def __len__(self) -> int:
        return len(self._ids)
