"""Subscribes to the KV events of vLLM or SGLang over ZMQ, and reports which blocks are stored, removed and cleared.

The events carry no request and no block number: blocks are known by hashes, which become small numbers of our own. A
publisher never waits for its subscribers, so messages can be lost; their sequence numbers tell it. Where the server
offers a replay endpoint, lost messages are asked for again. Protocol: `vllm/distributed/kv_events.py` of vLLM 0.32.0.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import zmq
import zmq.asyncio
from zmq.utils.monitor import recv_monitor_message

from engine.errors import DecodeScopeError, InputError
from engine.plain_text import one_line
from engine.serving.observe.block_numbers import BlockNumbers, Place
from engine.serving.observe.kv_endpoint import is_loopback
from engine.serving.observe.kv_event_batch import (
    LARGEST_BYTES,
    Cleared,
    Event,
    EventBatch,
    Removed,
    Stored,
    decoded_batch,
)

MOST_WAITING: Final = 128
"""Messages that may wait to be read; what comes when so many wait is lost, and told as lost."""
REPLAY_S: Final = 2.0
"""How long to wait for lost messages."""
MOST_REPLAYED: Final = 10_000
END: Final = b"\xff" * 8
"""The sequence number that ends a replay."""
MOST_RANKS: Final = 1024
_CONNECTION: Final = zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED


@dataclass(frozen=True, slots=True)
class Told:
    """When an event was told, and by whom."""

    t_ns: int
    """When its message arrived, by `time.monotonic_ns()`."""
    server_s: float
    """When the step that caused it ended, by the server's own clock (seconds since 1970); NaN where it is not told."""
    rank: int
    """Of the engine, of those that share the work."""
    sequence: int
    replayed: bool
    """The message was lost and asked for again, so `t_ns` is later than it should be."""


@dataclass(frozen=True, slots=True)
class BlocksStored:
    """Blocks were filled, and can be found by later prompts. Numbers are our own (`BlockNumbers`)."""

    told: Told
    blocks: tuple[int, ...]
    again: tuple[int, ...]
    """Blocks that were stored already: a server may tell so that a prompt has found them."""
    parent: int | None
    """The block before the first; None where it begins a prompt, or is not known."""
    tokens: int
    """Of all blocks together."""
    block_size: int
    medium: str


@dataclass(frozen=True, slots=True)
class BlocksRemoved:
    """Blocks were evicted: taken for other content."""

    told: Told
    blocks: tuple[int, ...]
    unknown: int
    """Blocks of which nothing was told when they were stored."""
    medium: str


@dataclass(frozen=True, slots=True)
class BlocksCleared:
    """No block can be found any more; `restarted` where the server began to count its messages again."""

    told: Told
    blocks: tuple[int, ...]
    restarted: bool


@dataclass(frozen=True, slots=True)
class EventsLost:
    """Messages did not arrive, and could not be had again."""

    t_ns: int
    rank: int
    first: int
    """The sequence number of the first."""
    count: int


@dataclass(frozen=True, slots=True)
class EventsSkipped:
    """Events or whole messages were not understood; told when their number has doubled."""

    t_ns: int
    total: int
    sentence: str


@dataclass(frozen=True, slots=True)
class EventsConnected:
    """The connection to the publisher is made, or has ended.

    It is made again by itself, except after a message of more than LARGEST_BYTES.
    """

    t_ns: int
    connected: bool


KvReport = BlocksStored | BlocksRemoved | BlocksCleared | EventsLost | EventsSkipped | EventsConnected


class KvEvents:
    """One subscription; `run` belongs to one task. Both endpoints are checked ones (`kv_endpoint`)."""

    def __init__(
        self,
        endpoint: str,
        report: Callable[[KvReport], None],
        replay_endpoint: str | None = None,
        topic: str = "",
        listens: bool = False,
    ) -> None:
        """With `listens`, the server connects to us, as vLLM does where its endpoint is tcp without `*`; where somebody
        listens there already, that is the publisher, and we connect.

        Raises InputError, with a sentence, where it should listen anywhere else.
        """
        if listens and not is_loopback(endpoint):
            raise InputError(f"KV events are listened for on this machine's loopback only, not at {endpoint}.")
        self._endpoint = endpoint
        self._report = report
        self._replay_endpoint = replay_endpoint
        self._topic = topic.encode()
        self._listens = listens
        self._numbers = BlockNumbers()
        self._next: dict[int, int] = {}
        """By rank, the sequence number that should come next."""
        self._skipped = 0
        self._skipped_told = 0

    async def run(self) -> None:
        """Report events until cancelled; raises DecodeScopeError where the endpoint cannot be used."""
        async with _context() as context:
            socket = context.socket(zmq.SUB)
            socket.set(zmq.RCVHWM, MOST_WAITING)
            socket.set(zmq.MAXMSGSIZE, LARGEST_BYTES)
            socket.set(zmq.IPV6, 1)
            socket.subscribe(self._topic)
            monitor = socket.get_monitor_socket(_CONNECTION)
            try:
                _open(socket, self._endpoint, self._listens)
            except zmq.ZMQError as error:
                said = one_line(error.strerror or error)
                raise DecodeScopeError(f"The KV events at {self._endpoint} cannot be reached: {said}.") from None
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(monitor))
                while True:
                    frames = await socket.recv_multipart()
                    await self._take(context, frames, time.monotonic_ns())

    async def _watch(self, monitor: zmq.asyncio.Socket) -> None:
        while True:
            event = await recv_monitor_message(monitor)
            connected = event["event"] == zmq.Event.HANDSHAKE_SUCCEEDED
            self._report(EventsConnected(time.monotonic_ns(), connected))

    async def _take(self, context: zmq.asyncio.Context, frames: Sequence[bytes], t_ns: int) -> None:
        """Report one message, after those that are missing before it."""
        message = self._decoded(frames, t_ns)
        if message is None:
            return
        sequence, batch = message
        expected = self._next.get(batch.rank)
        if expected is not None and sequence < expected:
            told = Told(t_ns, batch.server_s, batch.rank, sequence, replayed=False)
            self._report(BlocksCleared(told, self._numbers.clear(batch.rank), restarted=True))
        elif expected is not None and sequence > expected:
            await self._recover(context, batch.rank, expected, sequence - expected, t_ns)
        self._tell(batch, sequence, t_ns, replayed=False)

    def _decoded(self, frames: Sequence[bytes], t_ns: int) -> tuple[int, EventBatch] | None:
        """The sequence number and the events of a message; None where it is none, which is counted."""
        if len(frames) != 3 or len(frames[1]) != 8:
            self._skip(1, "A message of KV events has no sequence number.", t_ns)
            return None
        try:
            batch = decoded_batch(frames[2])
        except DecodeScopeError as error:
            self._skip(1, str(error), t_ns)
            return None
        if batch.rank not in self._next and len(self._next) >= MOST_RANKS:
            self._skip(1, f"KV events came from more than {MOST_RANKS} engines.", t_ns)
            return None
        self._skip(batch.skipped, "KV events of a kind that is not known here, or broken ones, were skipped.", t_ns)
        return int.from_bytes(frames[1], "big"), batch

    async def _recover(self, context: zmq.asyncio.Context, rank: int, first: int, count: int, t_ns: int) -> None:
        """Report the missing messages where the server still has them, and the rest as lost."""
        have = first

        def take(frames: Sequence[bytes]) -> bool:
            nonlocal have
            message = self._decoded(frames, t_ns)
            if message is None or message[1].rank != rank or message[0] < have:
                return True
            sequence, batch = message
            if sequence >= first + count:
                return False
            if sequence > have:
                self._report(EventsLost(t_ns, rank, have, sequence - have))
            self._tell(batch, sequence, time.monotonic_ns(), replayed=True)
            have = sequence + 1
            return have < first + count

        if self._replay_endpoint is not None and count <= MOST_REPLAYED:
            await _replay(context, self._replay_endpoint, first, take)
        if have < first + count:
            self._report(EventsLost(t_ns, rank, have, first + count - have))

    def _tell(self, batch: EventBatch, sequence: int, t_ns: int, replayed: bool) -> None:
        self._next[batch.rank] = sequence + 1
        told = Told(t_ns, batch.server_s, batch.rank, sequence, replayed)
        for event in batch.events:
            self._report(self._numbered(event, told))

    def _numbered(self, event: Event, told: Told) -> BlocksStored | BlocksRemoved | BlocksCleared:
        if isinstance(event, Cleared):
            return BlocksCleared(told, self._numbers.clear(told.rank), restarted=False)
        place = Place(told.rank, event.medium, event.group)
        if isinstance(event, Removed):
            removed = [self._numbers.remove(place, block) for block in event.hashes]
            known = tuple(number for number in removed if number is not None)
            return BlocksRemoved(told, known, len(removed) - len(known), event.medium)
        return self._stored(event, place, told)

    def _stored(self, event: Stored, place: Place, told: Told) -> BlocksStored:
        parent = None if event.parent is None else self._numbers.of(place, event.parent)
        blocks: list[int] = []
        again: list[int] = []
        for block in event.hashes:
            known = self._numbers.of(place, block)
            number = self._numbers.store(place, block) if known is None else known
            if number is None:
                self._skip(1, "More blocks are stored than are numbered here.", told.t_ns)
            else:
                (blocks if known is None else again).append(number)
        return BlocksStored(told, tuple(blocks), tuple(again), parent, event.tokens, event.block_size, event.medium)

    def _skip(self, count: int, sentence: str, t_ns: int) -> None:
        self._skipped += count
        if self._skipped and self._skipped >= 2 * self._skipped_told:
            self._skipped_told = self._skipped
            self._report(EventsSkipped(t_ns, self._skipped, sentence))


async def events_reachable(endpoint: str, timeout_s: float, listens: bool = False) -> bool:
    """Whether a publisher answers at a checked endpoint, or connects to us there; subscribes to nothing and leaves."""
    async with _context() as context:
        socket = context.socket(zmq.SUB)
        socket.set(zmq.IPV6, 1)
        monitor = socket.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED)
        try:
            _open(socket, endpoint, listens)
            async with asyncio.timeout(timeout_s):
                await recv_monitor_message(monitor)
        except (TimeoutError, zmq.ZMQError):
            return False
        return True


def _open(socket: zmq.asyncio.Socket, endpoint: str, listens: bool) -> None:
    """Connect, or listen where nobody else does; raises ZMQError."""
    if listens:
        try:
            socket.bind(endpoint)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise
        else:
            return
    socket.connect(endpoint)


@asynccontextmanager
async def _context() -> AsyncIterator[zmq.asyncio.Context]:
    """A context whose sockets are closed with it, without waiting for what was not sent."""
    context = zmq.asyncio.Context()
    try:
        yield context
    finally:
        context.destroy(linger=0)


async def _replay(
    context: zmq.asyncio.Context, endpoint: str, first: int, take: Callable[[Sequence[bytes]], bool]
) -> None:
    """Ask for the messages from a sequence number on, until `take` returns False, the last one, or REPLAY_S are over.

    `take` gets topic, number and payload; older versions send no topic.
    """
    socket = context.socket(zmq.DEALER)
    socket.set(zmq.MAXMSGSIZE, LARGEST_BYTES)
    socket.set(zmq.RCVHWM, MOST_WAITING)
    socket.set(zmq.IPV6, 1)
    try:
        socket.connect(endpoint)
        async with asyncio.timeout(REPLAY_S):
            await socket.send_multipart((b"", first.to_bytes(8, "big")))
            while len(frames := await socket.recv_multipart()) >= 3:
                if frames[-2] == END or not take((b"", frames[-2], frames[-1])):
                    return
    except (TimeoutError, zmq.ZMQError):
        return
    finally:
        socket.close(linger=0)
