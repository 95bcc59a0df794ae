"""A small HTTP server in a thread that replays recorded exchanges and misbehaves as a test scripts it.

It writes raw bytes, so that it can break every rule of HTTP. Nothing in it waits for time: a script waits for a `Gate`
that the test opens, and a test waits for what a `Gate` says that it reached.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tests.engine.serving.recorded_exchange import RecordedExchange

WITHIN_S: Final = 20.0
"""How long a test waits for what must come."""
MOST_HEAD: Final = 2**16


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as the server read it; `headers` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Gate:
    """A place in a script: the server waits there until the test opens it, and the test sees that it has come there."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def wait_reached(self) -> None:
        assert self._reached.wait(WITHIN_S), "the server did not come to this place"

    async def passed(self) -> None:
        """For scripts: say that this place is reached, and go on when it is opened."""
        self._reached.set()
        await asyncio.to_thread(self._open.wait, WITHIN_S)


class Wire:
    """One connection, as a script writes to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def head(self, status: int = 200, headers: Iterable[tuple[str, str]] = (), chunked: bool = True) -> None:
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers)]
        if chunked:
            lines.append("transfer-encoding: chunked")
        await self.send("".join(f"{line}\r\n" for line in [*lines, ""]).encode())

    async def stream_head(self) -> None:
        await self.head(headers=[("content-type", "text/event-stream; charset=utf-8")])

    async def chunk(self, data: bytes) -> None:
        """One HTTP chunk; an empty one is none, because it would end the answer."""
        if data:
            await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, value: object) -> None:
        await self.chunk(event_bytes(value))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    def half_close(self) -> None:
        """Say that nothing more is written, and leave the other direction open."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Break the connection off with a TCP reset, as a killed process or a firewall does."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        with suppress(ConnectionError):
            while await self._reader.read(4096):
                pass


Script = Callable[[SeenRequest, Wire], Awaitable[None]]


@dataclass(slots=True)
class FakeServer:
    """Answers each path as scripted, in a thread of its own, as a context manager; 404 for any other path."""

    scripts: dict[str, Script] = field(default_factory=dict)
    seen: list[SeenRequest] = field(default_factory=list)
    port: int = 0
    encrypted: ssl.SSLContext | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event | None = None
    _thread: threading.Thread | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __enter__(self) -> Self:
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="fake server")
        self._thread.start()
        self.port = ready.result(WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WITHIN_S)

    @property
    def url(self) -> str:
        return f"http{'s' if self.encrypted else ''}://127.0.0.1:{self.port}"

    def seen_at(self, path: str) -> list[SeenRequest]:
        return [one for one in self.seen if one.path == path]

    def replay(self, *exchanges: RecordedExchange) -> Self:
        """Answer the path of each exchange as it was answered then, at once."""
        for one in exchanges:
            self.scripts[one.path] = replaying(one)
        return self

    async def _serve(self, ready: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=MOST_HEAD, ssl=self.encrypted)
        ready.set_result(server.sockets[0].getsockname()[1])
        async with server:
            await self._stop.wait()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            try:
                request = await _read_request(reader)
            except ValueError:
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            self.seen.append(request)
            await self.scripts.get(request.path, not_found)(request, Wire(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> SeenRequest:
    method, path, _ = (await reader.readline()).decode().split()
    headers: dict[str, str] = {}
    while line := (await reader.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return SeenRequest(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def event_bytes(value: object) -> bytes:
    """An event of a stream; a text is sent as it is."""
    return b"data: %s\n\n" % (value if isinstance(value, str) else json.dumps(value)).encode()


def replaying(exchange: RecordedExchange, before: Mapping[int, Gate] | None = None) -> Script:
    """Answers as recorded; before the chunk of each of these numbers it waits for a gate."""

    async def script(_: SeenRequest, wire: Wire) -> None:
        named = dict(exchange.head)
        kept = [(name, value) for name, value in exchange.head if name not in ("transfer-encoding", "connection")]
        chunked = "transfer-encoding" in named
        await wire.head(exchange.status, [*kept, ("connection", "close")], chunked=chunked)
        for number, chunk in enumerate(exchange.chunks):
            if before and number in before:
                await before[number].passed()
            await (wire.chunk if chunked else wire.send)(chunk.data)
        if chunked:
            await wire.end()

    return script


def answering(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Script:
    """Answers with a whole body."""

    async def script(_: SeenRequest, wire: Wire) -> None:
        told = [(name.replace("_", "-"), value) for name, value in headers.items()]
        length = ("content-length", str(len(body)))
        await wire.head(status, [("content-type", content_type), length, *told], chunked=False)
        await wire.send(body)

    return script


async def not_found(request: SeenRequest, wire: Wire) -> None:
    await answering(404, b'{"detail":"Not Found"}')(request, wire)
