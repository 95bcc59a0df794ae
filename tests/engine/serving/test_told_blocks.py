"""KV events of a server as block events of a session, and as marks where some were lost."""

from __future__ import annotations

import asyncio

import pytest

from engine.core.settings import AttachSpec
from engine.host import protocol
from engine.serving import served_run
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
from engine.session import schema
from engine.session.checking import check_content
from engine.session.schema import KvBlock, Mark
from engine.session.store import BLOCK_EVENTS, Session
from tests.engine.serving.attached_to import Attached, attached, vllm
from tests.engine.serving.kv_publisher import Publisher, publisher
from tests.engine.serving.recorded_pages import frames


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


async def watched(url: str, events: Publisher) -> Attached:
    """A run of a server whose publisher sends a recorded stream."""
    async with attached(AttachSpec(url, recorder="none", kv_events=events.endpoint)) as found:
        await found.start()
        await events.subscribed()
        await events.send(*frames("vllm-0.32-kv-events-bytes.txt"))
        async with asyncio.timeout(20):
            while len(found.of(schema.KvBlock)) < 28 + 5 + 22:
                await found.came()
        await found.send(protocol.Stop())
        return found


def test_a_run_with_kv_events_becomes_a_session_with_blocks() -> None:
    async def run(url: str) -> Attached:
        async with publisher() as events:
            return await watched(url, events)

    with vllm() as server:
        session = asyncio.run(run(server.url)).session()
    check_content(session)
    assert session.serving is not None
    assert session.serving.levels == ("kv_events",)
    counts = {event: int((session.kv_blocks["event"] == code).sum()) for code, event in enumerate(BLOCK_EVENTS)}
    assert counts == {"allocate": 2 + 1 + 14 + 10 + 1, "share": 0, "free": 0, "evict": 5 + 22}
    assert session.kv_blocks.words["told_by"] == ["kv_events"]


def test_where_no_publisher_answers_the_run_begins_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_run, "EVENTS_WITHIN_S", 0.05)

    async def run(url: str) -> Attached:
        spec = AttachSpec(url, recorder="none", kv_events="ipc:///nowhere/kv-events")
        async with attached(spec) as found:
            await found.start()
            await found.saw(schema.StateChanged)
            await found.send(protocol.Stop())
            return found

    with vllm() as server:
        found = asyncio.run(run(server.url))
    (mark,) = found.of(schema.Mark)
    assert mark.label == "Nothing answers at ipc:///nowhere/kv-events, where the server's KV events should be."


def test_a_wrong_endpoint_is_refused_before_a_run() -> None:
    async def run(url: str) -> Attached:
        async with attached(AttachSpec(url, recorder="none", kv_events="somewhere")) as found:
            return found

    with vllm() as server:
        (refused,) = asyncio.run(run(server.url)).of(schema.Refused)
    assert "no endpoint of KV events" in refused.message
