"""The details of a part of a session: those of the whole, as far as the steps of the part go."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.details import Details
from engine.session.patience import Patience

ALL_STEPS: Final = 2**62
"""A `limit` above every step id."""
Map = tuple[int, int, int]
"""(request, layer, head)."""
Row = tuple[int, int, bytes]
"""(step_id, position, probs as float16 bytes)."""


def attention_begins(details: Details, patience: Patience | None = None) -> dict[Map, int]:
    """By attention map, the step of its first row; it may read the file, and `patience` can end that."""
    firsts = {key: details.attention_rows(*key, 0, 1, patience) for key in details.attention_maps()}
    return {key: rows[0][0] for key, rows in firsts.items() if rows}


class PrefixDetails(Details):
    """Reads the details of another session, and leaves out what later steps recorded; it keeps none of its own.

    `limit` is one past the last step whose details are there. It only grows.
    """

    is_part = True

    def __init__(self, whole: Details, begins: Mapping[Map, int]) -> None:
        """`begins` is what `attention_begins(whole)` gives."""
        super().__init__(whole.source)
        self.limit = 0
        self._whole = whole
        self._begins = begins

    def step(
        self, step_id: int, patience: Patience | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        return self._whole.step(step_id, patience) if step_id < self.limit else None

    def step_in_memory(self, step_id: int) -> bool:
        return self._whole.step_in_memory(step_id)

    def attention_maps(self) -> list[Map]:
        limit = self.limit
        return sorted(key for key, first in self._begins.items() if first < limit)

    def attention_map(self, request_id: int, layer: int, head: int) -> list[Row]:
        limit = self.limit
        return self._seen(self._whole.attention_map(request_id, layer, head), limit)

    def attention_rows(
        self, request_id: int, layer: int, head: int, first: int, most: int, patience: Patience | None = None
    ) -> list[Row]:
        limit = self.limit
        return self._seen(self._whole.attention_rows(request_id, layer, head, first, most, patience), limit)

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> Row | None:
        limit = self.limit
        row = self._whole.attention_row(request_id, layer, head, position, patience)
        if row is None or row[0] < limit:
            return row
        rows = self._seen(self._whole.attention_map(request_id, layer, head), limit)
        return next((one for one in reversed(rows) if one[1] == position), None)  # it was recorded again later

    def attention_in_memory(self, request_id: int, layer: int, head: int) -> bool:
        return self._whole.attention_in_memory(request_id, layer, head)

    def alternatives(
        self, token_id: int, patience: Patience | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        return self._whole.alternatives(token_id, patience)

    def alternatives_in_memory(self, token_id: int) -> bool:
        return self._whole.alternatives_in_memory(token_id)

    @staticmethod
    def _seen(rows: list[Row], limit: int) -> list[Row]:
        """The rows of a map up to the first one of a step that is not there yet."""
        return list(takewhile(lambda row: row[0] < limit, rows))
