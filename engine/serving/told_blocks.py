"""What KV events tell, as rows of `kv_blocks` and marks of a session without a recorder, which would tell more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from engine.serving.observe.kv_events import (
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
NO_STEP: Final = 0
"""KV events name no step, and a session without a recorder has none."""
NOBODY: Final = -1
"""They name no request either."""
MARK: Final = "server"


def block_events(report: KvReport, at: Callable[[int], int]) -> list[AnyEvent]:
    """The events of a report; `at` turns CLOCK_MONOTONIC ns into ns from the session's zero.

    A stored block is allocated, one that is stored again was found by another prompt (share), a removed one is evicted.
    """
    moment = at(report.told.t_ns if isinstance(report, BlocksStored | BlocksRemoved | BlocksCleared) else report.t_ns)
    events: list[AnyEvent] = []
    said = ""
    match report:
        case BlocksStored():
            events += _rows(moment, report.blocks, "allocate")
            events += _rows(moment, report.again, "share")
        case BlocksRemoved():
            events += _rows(moment, report.blocks, "evict")
        case BlocksCleared():
            events += _rows(moment, report.blocks, "evict")
            said = f"The server has {'started again' if report.restarted else 'cleared its prefix cache'}."
        case EventsLost():
            said = f"{report.count} messages of KV events were lost."
        case EventsSkipped():
            said = f"{report.sentence} Until now: {report.total}."
        case EventsConnected(connected=False):
            said = "The connection to the server's KV events has ended."
    return [*events, Mark(moment, MARK, said)] if said else events


def _rows(t_ns: int, blocks: Iterable[int], event: BlockEventKind) -> list[KvBlock]:
    return [KvBlock(NO_STEP, t_ns, block, event, NOBODY, TOLD_BY) for block in blocks]
