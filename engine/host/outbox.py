"""The engine's outbox: limited in bytes, and `put` never waits. An overflow drops detail, never a step or a token."""

from __future__ import annotations

import threading
from typing import Final

import msgspec
import numpy as np

from engine.session.schema import PHASES, AnyEvent, AttentionRow, Dropped, Step, Token

LIMIT_BYTES: Final = 64 * 2**20
ROOM_AFTER_DROP: Final = 0.75
"""An overflow makes room down to this share of the limit, so that the next event does not overflow again."""


class Outbox:
    """Events on their way to the app: the engine's threads put them in, the sender's thread takes them out.

    Over the limit, attention rows are dropped first, the oldest first, then the layer rows of steps (their phases
    become one row, so every sum stays right). All other events are kept, even over the limit.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._events: list[AnyEvent] = []
        self._bytes = 0
        self._attention_rows = 0
        self._layer_rows = 0
        self._told = (0, 0)
        self._lock = threading.Lock()

    def put(self, events: list[AnyEvent]) -> None:
        """Add events, in order."""
        size = sum(map(size_of, events))
        with self._lock:
            self._events += events
            self._bytes += size
            if self._bytes > self._limit:
                self._make_room()

    def take(self) -> list[AnyEvent]:
        """All waiting events in order, then a Dropped event where the number of dropped rows has changed."""
        with self._lock:
            events, self._events = self._events, []
            self._bytes = 0
            dropped = (self._attention_rows, self._layer_rows)
            if dropped != self._told:
                self._told = dropped
                events.append(Dropped(*dropped))
        return events

    def start_run(self) -> None:
        """Set the numbers of dropped rows to 0."""
        with self._lock:
            self._attention_rows = self._layer_rows = 0
            self._told = (0, 0)

    def _make_room(self) -> None:
        target = int(self._limit * ROOM_AFTER_DROP)
        kept: list[AnyEvent] = []
        for event in self._events:
            if self._bytes > target and isinstance(event, AttentionRow):
                self._bytes -= size_of(event)
                self._attention_rows += 1
            else:
                kept.append(event)
        self._events = kept
        if self._bytes <= self._limit:
            return
        for index, event in enumerate(kept):
            if self._bytes <= target:
                break
            if isinstance(event, Step) and (rows := len(event.phases) // ROW_BYTES) > 1:
                kept[index] = reduced = in_one_row(event)
                self._bytes -= size_of(event) - size_of(reduced)
                self._layer_rows += rows - 1


ROW_BYTES: Final = 4 * len(PHASES)


def in_one_row(step: Step) -> Step:
    """The step with its phases summed over the layers: float32 [1, len(PHASES)]."""
    rows = np.frombuffer(step.phases, np.float32).reshape(-1, len(PHASES))
    return msgspec.structs.replace(step, phases=rows.sum(axis=0, dtype=np.float64).astype(np.float32).tobytes())


def size_of(event: AnyEvent) -> int:
    """About how many bytes an event takes while it waits."""
    if isinstance(event, Token):
        return 300 + len(event.alternatives)
    if isinstance(event, Step):
        return 600 + len(event.phases) + len(event.kv_layers)
    return 120 + len(event.probs) if isinstance(event, AttentionRow) else 200
