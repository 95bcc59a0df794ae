"""KV events as rows of a session: blocks by number, and marks for what went wrong."""

from __future__ import annotations

import asyncio
import math

import pytest

from engine.core.settings import AttachSpec
from engine.host import protocol
from engine.serving import served_run
from engine.serving.observe.kv_events import (
    BlocksCleared,
    BlocksRemoved,
    BlocksStored,
    EventsConnected,
    EventsLost,
    EventsSkipped,
    Told,
)
from engine.serving.told_blocks import block_events
from engine.session import schema
from engine.session.checking import check_content
from engine.session.store import BLOCK_EVENTS
from tests.engine.serving.attached_to import Attached, attached, vllm
from tests.engine.serving.observe.kv_publisher import Publisher, publisher
from tests.engine.serving.recorded_pages import frames

TOLD = Told(1100, math.nan, 0, 5, replayed=False)


def at(t_ns: int) -> int:
    return t_ns - 1000


def rows(events: list[schema.AnyEvent]) -> list[tuple[int, int, str]]:
    return [(one.t_ns, one.block, one.event) for one in events if isinstance(one, schema.KvBlock)]


def test_blocks_are_allocated_found_again_and_evicted() -> None:
    stored = block_events(BlocksStored(TOLD, (3, 4), (1,), None, 64, 32, "GPU"), at)
    assert rows(stored) == [(100, 3, "allocate"), (100, 4, "allocate"), (100, 1, "share")]
    assert all(isinstance(one, schema.KvBlock) and (one.request_id, one.told_by) == (-1, "kv_events") for one in stored)
    assert rows(block_events(BlocksRemoved(TOLD, (4,), 2, "GPU"), at)) == [(100, 4, "evict")]
    *evicted, mark = block_events(BlocksCleared(TOLD, (1, 3), restarted=True), at)
    assert rows(evicted) == [(100, 1, "evict"), (100, 3, "evict")]
    assert mark == schema.Mark(100, "server", "The server has started again.")


def test_what_went_wrong_is_a_mark() -> None:
    assert block_events(EventsLost(1100, 0, 7, 3), at) == [
        schema.Mark(100, "server", "3 messages of KV events were lost.")
    ]
    assert block_events(EventsSkipped(1100, 2, "Broken."), at) == [schema.Mark(100, "server", "Broken. Until now: 2.")]
    assert block_events(EventsConnected(1100, connected=True), at) == []
    assert len(block_events(EventsConnected(1100, connected=False), at)) == 1


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
    monkeypatch.setattr(served_run, "CONNECTED_WITHIN_S", 0.05)

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
