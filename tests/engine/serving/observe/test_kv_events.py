"""The subscription against a publisher in this process: blocks by number, lost messages, restarts, hostile senders."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
import pytest

from engine.errors import DecodeScopeError, InputError
from engine.serving.observe.kv_event_batch import LARGEST_BYTES
from engine.serving.observe.kv_events import (
    BlocksCleared,
    BlocksRemoved,
    BlocksStored,
    EventsConnected,
    EventsLost,
    EventsSkipped,
    KvEvents,
    KvReport,
    events_reachable,
)
from tests.engine.serving.observe.kv_publisher import WITHIN_S, Publisher, Reports, publisher, running
from tests.engine.serving.recorded_pages import frames

Result = TypeVar("Result")
Messages = Sequence[Sequence[bytes]]


def message(number: int, *events: Any, rank: int = 0) -> list[bytes]:
    return [b"", number.to_bytes(8, "big"), msgspec.msgpack.encode([1.5, list(events), rank])]


def stored(*hashes: int, parent: int | None = None) -> list[object]:
    return ["BlockStored", list(hashes), parent, [0] * 4 * len(hashes), 4, None, "GPU"]


def removed(*hashes: int) -> list[object]:
    return ["BlockRemoved", list(hashes), "GPU"]


def reported(messages: Messages, count: int, topic: str = "") -> list[KvReport]:
    """What a subscription reports of these messages: so many reports, and no more of a last message without events."""

    async def run() -> list[KvReport]:
        reports = Reports()
        async with publisher() as server, running(KvEvents(server.endpoint, reports.take, topic=topic)):
            await server.subscribed()
            await server.send(*messages)
            return list(await reports.until(count))

    return asyncio.run(run())


def replayed(
    messages: Messages, kept: Messages, count: int, with_topic: bool = True
) -> tuple[list[KvReport], list[int]]:
    """The same with a server that still has the `kept` messages; and from which numbers on it was asked for them."""

    async def run() -> tuple[list[KvReport], list[int]]:
        reports = Reports()
        async with publisher() as server:
            answering = asyncio.create_task(server.answer_replay(kept, with_topic))
            async with running(KvEvents(server.endpoint, reports.take, server.replay_endpoint)):
                await server.subscribed()
                await server.send(*messages)
                seen = list(await reports.until(count))
            await answering
            return seen, server.asked

    return asyncio.run(run())


@pytest.mark.parametrize("name", ["vllm-0.32-kv-events-bytes.txt", "positional-kv-events-bytes.txt"])
def test_a_recorded_stream_becomes_blocks_with_numbers(name: str) -> None:
    seen = reported(frames(name), 11)
    stores = [one for one in seen if isinstance(one, BlocksStored)]
    assert [one.blocks for one in stores[:3]] == [(0, 1), (2,), tuple(range(3, 17))]
    assert [one.parent for one in stores[:3]] == [None, 1, None]
    evicted = [one.blocks for one in seen if isinstance(one, BlocksRemoved)]
    assert [len(blocks) for blocks in evicted] == [1] * 5
    assert {blocks[0] for blocks in evicted} >= {0, 1, 2}
    assert len(stores[3].blocks) == 330 // 32
    assert set(stores[3].blocks[:5]) == {blocks[0] for blocks in evicted}
    (cleared,) = [one for one in seen if isinstance(one, BlocksCleared)]
    assert not cleared.restarted
    assert len(cleared.blocks) == 2 + 1 + 14 - 5 + 10
    assert stores[4].blocks == (0,)
    assert [one.told.sequence for one in stores] == [0, 1, 2, 3, 4]
    assert all(one.told.t_ns > 0 and not one.told.replayed for one in stores)


def test_a_block_that_is_told_again_keeps_its_number() -> None:
    first, second = reported([message(0, stored(7, 8)), message(1, stored(7, 8, 9))], 2)
    assert isinstance(first, BlocksStored)
    assert isinstance(second, BlocksStored)
    assert (first.blocks, first.again) == ((0, 1), ())
    assert (second.blocks, second.again) == ((2,), (0, 1))


def test_blocks_from_before_we_came_are_not_known() -> None:
    first, second = reported([message(900, removed(1, 2)), message(901, stored(5, parent=4))], 2)
    assert isinstance(first, BlocksRemoved)
    assert (first.blocks, first.unknown) == ((), 2)
    assert isinstance(second, BlocksStored)
    assert (second.blocks, second.parent) == ((0,), None)


def test_lost_messages_are_told() -> None:
    _, lost, later = reported([message(4, stored(1)), message(7, stored(2))], 3)
    assert isinstance(lost, EventsLost)
    assert (lost.rank, lost.first, lost.count) == (0, 5, 2)
    assert isinstance(later, BlocksStored)
    assert later.told.sequence == 7


@pytest.mark.parametrize("with_topic", [True, False])
def test_lost_messages_are_asked_for_again_where_the_server_keeps_them(with_topic: bool) -> None:
    every = [message(number, stored(number)) for number in range(6)]
    seen, asked = replayed([every[0], every[4], every[5]], every, 6, with_topic)
    assert asked == [1]
    assert [one.told.sequence for one in seen if isinstance(one, BlocksStored)] == [0, 1, 2, 3, 4, 5]
    assert [one.told.replayed for one in seen if isinstance(one, BlocksStored)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_what_the_server_does_not_keep_any_more_is_lost() -> None:
    every = [message(number, stored(number)) for number in range(6)]
    seen, _ = replayed([every[0], every[5]], every[3:5], 5)
    (lost,) = [one for one in seen if isinstance(one, EventsLost)]
    assert (lost.first, lost.count) == (1, 2)
    assert [one.told.sequence for one in seen if isinstance(one, BlocksStored)] == [0, 3, 4, 5]


def test_a_server_that_counts_from_0_again_has_restarted() -> None:
    _, restarted, again = reported([message(5, stored(1, 2)), message(0, stored(3))], 3)
    assert isinstance(restarted, BlocksCleared)
    assert (restarted.restarted, restarted.blocks) == (True, (0, 1))
    assert isinstance(again, BlocksStored)
    assert again.blocks == (0,)


def test_each_rank_has_its_own_sequence_and_blocks() -> None:
    messages = [
        message(0, stored(1), rank=0),
        message(5, stored(1), rank=1),
        message(1, stored(2), rank=0),
        message(6, ["AllBlocksCleared"], rank=1),
    ]
    seen = reported(messages, 4)
    assert [
        (one.told.rank, one.blocks) for one in seen if not isinstance(one, EventsLost | EventsSkipped | EventsConnected)
    ] == [
        (0, (0,)),
        (1, (1,)),
        (0, (2,)),
        (1, (1,)),
    ]


def test_broken_messages_are_counted_and_told_when_their_number_has_doubled() -> None:
    broken = [[b"", b"short", b""], [b"only one"], [b"", (1).to_bytes(8, "big"), b"\xc1"], [b"a", b"b", b"c", b"d"]]
    *skipped, last = reported([*broken, message(0, stored(1), ["BlockMoved"])], 4)
    assert [one.total for one in skipped if isinstance(one, EventsSkipped)] == [1, 2, 4]
    assert isinstance(last, BlocksStored)


def test_only_the_topic_is_read_that_is_asked_for() -> None:
    mine = [b"kv-events", *message(0, stored(1))[1:]]
    (one,) = reported([[b"other", *message(0, stored(2))[1:]], mine], 1, topic="kv")
    assert isinstance(one, BlocksStored)


def connections(ended_by: Callable[[Publisher], Awaitable[None]]) -> list[bool]:
    """What is told of the connection when it is made, and when something has ended it."""

    async def run() -> list[bool]:
        told: list[bool] = []
        changed = asyncio.Event()

        def take(report: KvReport) -> None:
            if isinstance(report, EventsConnected):
                told.append(report.connected)
                changed.set()

        async with publisher() as server, running(KvEvents(server.endpoint, take)), asyncio.timeout(WITHIN_S):
            await changed.wait()
            changed.clear()
            await server.subscribed()
            await ended_by(server)
            await changed.wait()
        return told

    return asyncio.run(run())


def test_a_server_that_goes_is_told() -> None:
    async def gone(server: Publisher) -> None:
        server.pub.close(linger=0)

    assert connections(gone) == [True, False]


def test_a_message_that_is_too_large_ends_the_connection() -> None:
    async def flood(server: Publisher) -> None:
        await server.send([b"", (1).to_bytes(8, "big"), b"\0" * (LARGEST_BYTES + 1)])

    assert connections(flood) == [True, False]


def test_we_listen_where_the_server_connects() -> None:
    async def run() -> list[KvReport]:
        reports = Reports()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        async with publisher() as server, running(KvEvents(endpoint, reports.take, listens=True)):
            server.pub.connect(endpoint)
            await server.subscribed()
            await server.send(message(0, stored(1)))
            return list(await reports.until(1))

    assert len(asyncio.run(run())) == 1


def test_we_listen_on_this_machine_only() -> None:
    with pytest.raises(InputError, match="loopback only"):
        KvEvents("tcp://10.0.0.7:5557", lambda report: None, listens=True)


def test_where_a_publisher_listens_already_we_connect() -> None:
    async def run(server: Publisher) -> list[KvReport]:
        reports = Reports()
        async with running(KvEvents(server.endpoint, reports.take, listens=True)):
            await server.subscribed()
            await server.send(message(0, stored(1)))
            return list(await reports.until(1))

    assert len(asyncio.run(with_publisher(run))) == 1


def test_an_endpoint_that_cannot_be_used_is_one_sentence() -> None:
    with pytest.raises(DecodeScopeError, match="cannot be reached: "):
        asyncio.run(KvEvents("nothing://here", lambda report: None).run())


def test_whether_somebody_answers_is_seen_without_subscribing() -> None:
    async def run(server: Publisher) -> tuple[bool, bool]:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))  # bound, but not listening: whoever connects is refused
            nobody = f"tcp://127.0.0.1:{held.getsockname()[1]}"
            return await events_reachable(server.endpoint, WITHIN_S), await events_reachable(nobody, 0.2)

    assert asyncio.run(with_publisher(run)) == (True, False)


async def with_publisher(run: Callable[[Publisher], Awaitable[Result]]) -> Result:
    async with publisher() as server:
        return await run(server)
