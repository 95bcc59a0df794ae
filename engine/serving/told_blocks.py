"""A server's KV events as events of a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.plain_text import one_line
from engine.serving.kv_events import (
    BlocksCleared,
    BlocksRemoved,
    BlocksStored,
    EventsConnected,
    EventsLost,
    EventsSkipped,
    KvReport,
)
from engine.session.schema import AnyEvent, BlockEventKind, KvBlock, Mark

TOLD_BY: Final = "kv_events"
NOBODY: Final = -1


class ToldBlocks:
    """Blocks that a server stored and evicted; it tells neither whose they are nor in which step it was (step 0)."""

    def __init__(self, at: Callable[[int], int]) -> None:
        """`at` turns CLOCK_MONOTONIC ns into ns from the session's zero."""
        self._at = at
        self._connected = False

    def events(self, report: KvReport) -> list[AnyEvent]:
        """The events of a report."""
        match report:
            case BlocksStored():
                return self._blocks(report.told.t_ns, report.blocks, "allocate")
            case BlocksRemoved() | BlocksCleared():
                return self._blocks(report.told.t_ns, report.blocks, "evict")
            case EventsLost(t_ns, _, first, count):
                return [self._mark(t_ns, f"{count} messages of KV events were lost, from number {first} on.")]
            case EventsSkipped(t_ns, total, sentence):
                return [self._mark(t_ns, f"{total} KV events were not understood: {one_line(sentence)}")]
            case EventsConnected(t_ns, connected):
                lost = self._connected and not connected
                self._connected = connected
                return [self._mark(t_ns, "The connection to the server's KV events has ended.")] if lost else []

    def _blocks(self, t_ns: int, blocks: tuple[int, ...], event: BlockEventKind) -> list[AnyEvent]:
        return [KvBlock(0, self._at(t_ns), block, event, NOBODY, TOLD_BY) for block in blocks]

    def _mark(self, t_ns: int, label: str) -> Mark:
        return Mark(self._at(t_ns), "server", label)
