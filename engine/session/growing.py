"""A table of objects by id that one thread fills while others read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

Value = TypeVar("Value")


class Growing(Mapping[int, Value]):
    """A mapping that only its owner adds to, in order, and from which nothing is taken.

    A dict that grows while another thread walks through it raises RuntimeError there. Here a walk meets what was there
    when it began, without a lock and without a copy: it goes by place in a list that is only ever appended to.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, Value] = {}
        self._ids: list[int] = []

    def add(self, key: int, value: Value) -> None:
        """Add one, or replace it where it is; for the one thread that writes."""
        known = key in self._by_id
        self._by_id[key] = value
        if not known:  # published last: who meets an id in a walk finds its value
            self._ids.append(key)

    def __getitem__(self, key: int) -> Value:
        return self._by_id[key]

    def __contains__(self, key: object) -> bool:
        return key in self._by_id

    def __iter__(self) -> Iterator[int]:
        ids = self._ids
        for place in range(len(ids)):
            yield ids[place]

    def __len__(self) -> int:
        return len(self._ids)
