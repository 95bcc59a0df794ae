"""KV events of a server as block events of a session, and as marks where some were lost."""

from __future__ import annotations

from engine.serving.kv_events import (
    BlocksCleared,
    BlocksRemoved,
    BlocksStored,
    EventsConnected,
    EventsLost,
    EventsSkipped,
    Told,
)
from engine.serving.told_blocks import ToldBlocks
from engine.session.checking import check_content
from engine.session.schema import KvBlock, Mark
from engine.session.store import Session


def told(t_ns: int) -> Told:
    return Told(t_ns, 0.0, 0, 0, False)


def test_blocks_are_nobodys_and_of_no_step() -> None:
    blocks = ToldBlocks(lambda ns: ns - 100)
    events = [
        *blocks.events(BlocksStored(told(110), (0, 1), (), None, 64, 32, "GPU")),
        *blocks.events(BlocksRemoved(told(120), (0,), 0, "GPU")),
        *blocks.events(BlocksCleared(told(130), (1,), False)),
    ]
    assert events == [
        KvBlock(0, 10, 0, "allocate", -1, "kv_events"), KvBlock(0, 10, 1, "allocate", -1, "kv_events"),
        KvBlock(0, 20, 0, "evict", -1, "kv_events"), KvBlock(0, 30, 1, "evict", -1, "kv_events"),
    ]  # fmt: skip
    session = Session()
    session.apply(events)
    check_content(session)


def test_what_was_lost_is_told() -> None:
    blocks = ToldBlocks(lambda ns: ns)
    assert blocks.events(EventsConnected(1, True)) == []
    assert blocks.events(EventsConnected(2, False)) == [
        Mark(2, "server", "The connection to the server's KV events has ended.")
    ]
    assert blocks.events(EventsConnected(3, False)) == []
    (lost,) = blocks.events(EventsLost(4, 0, 17, 3))
    assert lost == Mark(4, "server", "3 messages of KV events were lost, from number 17 on.")
    (skipped,) = blocks.events(EventsSkipped(5, 2, "they are\nnew."))
    assert isinstance(skipped, Mark)
    assert "\n" not in skipped.label
