"""Listens to a recorder inside vLLM: connects, gives the token, yields its messages. Runs in an asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Final

from engine.plain_text import one_line
from engine.serving.recorder.recorder_search import Place
from engine.serving.recorder.recorder_wire import (
    PROTOCOL,
    AnyMessage,
    Frames,
    Hello,
    Pong,
    RecorderError,
    RecorderRefusedError,
    Refused,
    login,
    ping,
)

TIMEOUT_S: Final = 5.0
READ_BYTES: Final = 2**18
PINGS: Final = 5
MOST_BEFORE_PONG: Final = 10_000
"""Messages that may come before an answer to a ping."""


class RecorderConnection:
    """A connection to one recorder, made by `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = Frames()
        self._waiting: deque[AnyMessage] = deque()
        self._hello: Hello | None = None
        self.offset_ns = 0
        """What is to be added to the recorder's times to get those of this machine's CLOCK_MONOTONIC."""

    @property
    def hello(self) -> Hello:
        """The recorder's first message."""
        assert self._hello is not None
        return self._hello

    async def __aenter__(self) -> RecorderConnection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def greet(self, token: str) -> None:
        """Log in and take the hello; raises RecorderError where the recorder refuses, or is none."""
        try:
            self._writer.write(login(token))
            await self._writer.drain()
            message = await self._next()
        except OSError as error:
            raise RecorderError(f"The recorder ended the connection: {one_line(error)}.") from error
        match message:
            case Hello(protocol=protocol) if protocol != PROTOCOL:
                raise RecorderError(
                    f"The recorder speaks version {protocol} of its protocol, and this program version {PROTOCOL}: "
                    "take both from the same release."
                )
            case Hello():
                self._hello = message
            case Refused(sentence=sentence):
                raise RecorderRefusedError(f"The recorder refuses: {one_line(sentence)}")
            case None:
                raise RecorderError("The recorder ended the connection before it said anything.")
            case _:
                raise RecorderError("What answers there is no recorder of DecodeScope.")
        if self.hello.boot != own_boot():
            self.offset_ns = await self._measure_offset()

    async def messages(self) -> AsyncIterator[AnyMessage]:
        """The messages after the hello, until the recorder ends. Raises RecorderError for what is no message."""
        while True:
            try:
                message = await self._next()
            except OSError:
                return
            if message is None:
                return
            yield message

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _next(self) -> AnyMessage | None:
        """The next message; None at the end."""
        while not self._waiting:
            data = await self._reader.read(READ_BYTES)
            if not data:
                return None
            self._waiting.extend(self._frames.feed(data))
        return self._waiting.popleft()

    async def _measure_offset(self) -> int:
        """From the ping with the shortest way there and back, whose clock was read half-way."""
        others: list[AnyMessage] = []
        found: list[tuple[int, int]] = []
        for number in range(PINGS):
            sent_ns = time.monotonic_ns()
            self._writer.write(ping(number))
            while True:
                message = await self._next()
                if message is None or len(others) > MOST_BEFORE_PONG:
                    raise RecorderError("The recorder did not answer when its clock was asked.")
                if isinstance(message, Pong):
                    break
                others.append(message)
            came_ns = time.monotonic_ns()
            found.append((came_ns - sent_ns, (sent_ns + came_ns) // 2 - message.monotonic_ns))
        self._waiting.extendleft(reversed(others))
        return min(found)[1]


async def connect(place: Place, token: str = "", timeout_s: float = TIMEOUT_S) -> RecorderConnection:
    """A connection to the recorder at `place`, its hello taken.

    Raises RecorderError, with a sentence, where nobody listens, it refuses, or does not answer within `timeout_s`.
    """
    connection: RecorderConnection | None = None
    try:
        async with asyncio.timeout(timeout_s):
            connection = RecorderConnection(*await _open(place))
            await connection.greet(token)
            return connection
    except BaseException as error:
        if connection is not None:
            await connection.close()
        if isinstance(error, TimeoutError):
            raise RecorderError(f"The recorder at {place} did not answer within {timeout_s:g} s.") from error
        if isinstance(error, OSError):
            raise RecorderError(f"No recorder can be reached at {place}: {one_line(error)}.") from error
        raise


async def _open(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if place.path is not None:
        return await asyncio.open_unix_connection(str(place.path), limit=READ_BYTES)
    return await asyncio.open_connection(place.host, place.port, limit=READ_BYTES)


def own_boot() -> str:
    """The name of this boot of this machine: a recorder that says the same has the same CLOCK_MONOTONIC; "-": none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "-"
