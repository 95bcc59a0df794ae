"""A publisher of KV events as vLLM's, in the test's own loop: what it sends is recorded or constructed by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import zmq
import zmq.asyncio

from engine.serving.observe.kv_events import EventsConnected, KvEvents, KvReport

WITHIN_S = 20.0
END = [b"", b"", b"", b"\xff" * 8, b""]


class Publisher:
    """An XPUB socket, which tells when a subscriber has come, and a ROUTER for what was lost."""

    def __init__(self, context: zmq.asyncio.Context) -> None:
        self.pub = context.socket(zmq.XPUB)
        self.replay = context.socket(zmq.ROUTER)
        self.pub.bind("tcp://127.0.0.1:*")
        self.replay.bind("tcp://127.0.0.1:*")
        self.asked: list[int] = []

    @property
    def endpoint(self) -> str:
        return self.pub.get_string(zmq.LAST_ENDPOINT)

    @property
    def replay_endpoint(self) -> str:
        return self.replay.get_string(zmq.LAST_ENDPOINT)

    async def subscribed(self) -> None:
        """Return when a subscription has arrived, from when on nothing is lost."""
        async with asyncio.timeout(WITHIN_S):
            while (await self.pub.recv())[:1] != b"\x01":
                pass

    async def send(self, *messages: Sequence[bytes]) -> None:
        for frames in messages:
            await self.pub.send_multipart(frames)

    async def answer_replay(self, messages: Sequence[Sequence[bytes]], with_topic: bool = True) -> None:
        """Answer one request for lost messages with these that are not older, as vLLM does."""
        client, empty, start = await self.replay.recv_multipart()
        self.asked.append(int.from_bytes(start, "big"))
        for topic, number, payload in messages:
            if number >= start:
                middle = [topic] if with_topic else []
                await self.replay.send_multipart([client, empty, *middle, number, payload])
        await self.replay.send_multipart([client, *END] if with_topic else [client, empty, *END[3:]])


class Reports:
    """What a subscription has reported; a test waits for the number of reports that it expects."""

    def __init__(self) -> None:
        self.seen: list[KvReport] = []
        self._more = asyncio.Event()

    def take(self, report: KvReport) -> None:
        if not isinstance(report, EventsConnected):
            self.seen.append(report)
            self._more.set()

    async def until(self, count: int) -> list[KvReport]:
        async with asyncio.timeout(WITHIN_S):
            while len(self.seen) < count:
                self._more.clear()
                await self._more.wait()
        return self.seen


@asynccontextmanager
async def publisher() -> AsyncIterator[Publisher]:
    context = zmq.asyncio.Context()
    try:
        yield Publisher(context)
    finally:
        context.destroy(linger=0)


@asynccontextmanager
async def running(events: KvEvents) -> AsyncIterator[None]:
    """A subscription as a task, which is cancelled and must then end."""
    task = asyncio.create_task(events.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled(), task.exception()
