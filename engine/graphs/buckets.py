"""The sizes of captured steps: a step runs in the smallest bucket that it fits; its spare rows are padding."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from engine.core.scheduled_chunk import ScheduledChunk

STEP_OF: Final = ((8, 0), (64, 8), (256, 16))
"""Buckets double up to 8 rows, then come every 8 rows up to 64 and every 16 up to 256; from there they double again."""


def row_buckets(most: int) -> tuple[int, ...]:
    """Numbers of rows that are captured for batches of up to `most` requests, ascending; `most` is the last one."""
    sizes = [1]
    while sizes[-1] < most:
        last = sizes[-1]
        step = next((step or last for end, step in STEP_OF if last < end), last)
        sizes.append(min(last + step, most))
    return tuple(sizes)


def bucket_of(rows: int, sizes: Sequence[int]) -> int | None:
    """The smallest of `sizes` (ascending) that holds `rows`; None where there is none, or for 0 rows."""
    place = bisect_left(sizes, rows)
    return sizes[place] if rows > 0 and place < len(sizes) else None


def fill(chunks: Sequence[ScheduledChunk], rows: int, width: int) -> list[ScheduledChunk]:
    """The chunks as `rows` rows of `width` positions; unused positions and unused rows are padding.

    `chunks` are ordered by batch slot, as a scheduler's `pad` returns them; added rows take unused slots.
    """
    own: dict[int, ScheduledChunk | None] = {}
    for chunk in chunks:
        if chunk.request is not None or chunk.slot not in own:
            own[chunk.slot] = chunk if chunk.request is not None else None
    free = (slot for slot in range(len(own) + rows) if slot not in own)
    spare = [next(free) for _ in range(rows - len(own))]
    filled: list[ScheduledChunk] = []
    for slot, one in (*own.items(), *((slot, None) for slot in spare)):
        if one is not None:
            filled.append(one)
        missing = width - (0 if one is None else one.length)
        if missing:
            filled.append(ScheduledChunk(None, 0, missing, slot))
    return filled
