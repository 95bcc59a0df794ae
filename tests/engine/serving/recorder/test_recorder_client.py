"""The listener's side: who is refused, clocks of another machine, and every way in which the other side ends."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from engine.serving.recorder.recorder_client import connect, own_boot
from engine.serving.recorder.recorder_link import RecorderLink
from engine.serving.recorder.recorder_search import Place
from engine.serving.recorder.recorder_wire import (
    HEAD,
    PROTOCOL,
    Facts,
    Hello,
    Pong,
    RecorderError,
    Refused,
    SwitchedOff,
)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
AHEAD_NS = 5_000_000_000


def frame(message: object) -> bytes:
    body = msgspec.msgpack.encode(message)
    return HEAD.pack(len(body)) + body


def hello(protocol: int = PROTOCOL, boot: str | None = None) -> Hello:
    now = time.monotonic_ns()
    return Hello(
        protocol, "scheduler", os.getpid(), 1, now, time.time_ns(), own_boot() if boot is None else boot, Facts()
    )


async def against(talk: Talk, path: Path, listen: Callable[[Place], Awaitable[None]]) -> None:
    """Let a listener meet a recorder that talks as told."""
    ended = asyncio.Event()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            ended.set()

    server = await asyncio.start_unix_server(meet, str(path))
    async with server:
        await listen(Place(path=path))
        await ended.wait()


async def command(reader: asyncio.StreamReader) -> list[object]:
    (length,) = HEAD.unpack(await reader.readexactly(HEAD.size))
    return msgspec.msgpack.decode(await reader.readexactly(length), type=list[object])


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([hello(protocol=99)], "speaks version 99 of its protocol, and this program version"),
        ([Refused("No\nmore.")], r"refuses: No\\nmore\."),
        ([SwitchedOff("x")], "no recorder of DecodeScope"),
        ([], "ended the connection before it said anything"),
    ],
)
def test_who_is_no_recorder_for_us_is_refused(answers: list[object], sentence: str, tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await command(reader))[0] == "login"
        writer.write(b"".join(map(frame, answers)))
        await writer.drain()

    async def listen(place: Place) -> None:
        with pytest.raises(RecorderError, match=sentence):
            await connect(place)

    asyncio.run(against(talk, tmp_path / "s", listen))


def test_noise_is_refused(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async def listen(place: Place) -> None:
        with pytest.raises(RecorderError, match="announced a message of"):
            await connect(place)

    asyncio.run(against(talk, tmp_path / "s", listen))


def test_one_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() is not None  # until the listener goes

    async def listen(place: Place) -> None:
        with pytest.raises(RecorderError, match=r"did not answer within 0\.05 s"):
            await connect(place, timeout_s=0.05)

    asyncio.run(against(talk, tmp_path / "s", listen))


@pytest.mark.parametrize("place", [Place(path=Path("/nowhere/x.sock")), Place(host="127.0.0.1", port=1)])
def test_where_nobody_listens_a_sentence_says_so(place: Place) -> None:
    with pytest.raises(RecorderError, match="No recorder can be reached at"):
        asyncio.run(connect(place))


def test_the_end_of_the_server_ends_the_messages(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await command(reader)
        writer.write(frame(hello()) + frame(SwitchedOff("a")) + frame(SwitchedOff("b"))[:-1])
        await writer.drain()

    async def listen(place: Place) -> None:
        async with await connect(place) as connection:
            assert [message async for message in connection.messages()] == [SwitchedOff("a")]
            assert connection.offset_ns == 0

    asyncio.run(against(talk, tmp_path / "s", listen))


def test_the_clock_of_another_machine_is_measured_and_no_message_is_lost(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await command(reader)
        writer.write(frame(hello(boot="another")))
        for number in range(5):
            asked = await command(reader)
            writer.write(frame(SwitchedOff(str(number))))
            writer.write(frame(Pong(int(str(asked[1])), time.monotonic_ns() + AHEAD_NS, 0)))
            await writer.drain()

    async def listen(place: Place) -> None:
        async with await connect(place) as connection:
            assert abs(connection.offset_ns + AHEAD_NS) < 1_000_000_000
            reasons = [message.reason async for message in connection.messages() if isinstance(message, SwitchedOff)]
            assert reasons == list("01234")

    asyncio.run(against(talk, tmp_path / "s", listen))


def test_a_clock_that_is_not_told_is_a_sentence(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await command(reader)
        writer.write(frame(hello(boot="another")))
        await command(reader)

    async def listen(place: Place) -> None:
        with pytest.raises(RecorderError, match="did not answer when its clock was asked"):
            await connect(place)

    asyncio.run(against(talk, tmp_path / "s", listen))


def test_a_connection_that_is_cut_ends_the_messages(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        place = Place(host="127.0.0.1", port=listening.getsockname()[1])

        async def meet() -> None:
            connecting = asyncio.create_task(connect(place))
            peer, _ = await asyncio.to_thread(listening.accept)
            peer.sendall(frame(hello()))
            async with await connecting as connection:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                peer.close()
                assert [message async for message in connection.messages()] == []

        asyncio.run(meet())


def test_a_recorder_that_has_not_seen_yet_that_we_left_is_asked_again(tmp_path: Path) -> None:
    met: list[int] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await command(reader)
        met.append(1)
        writer.write(frame(Refused("Another program listens.") if len(met) == 2 else hello()))
        await writer.drain()
        if len(met) != 1:
            writer.close()
        else:
            with suppress(ConnectionError):
                await reader.read()
            writer.close()

    async def listen() -> None:
        server = await asyncio.start_unix_server(meet, str(tmp_path / "s"))
        async with server:
            link = RecorderLink(Place(path=tmp_path / "s"), await connect(Place(path=tmp_path / "s")))
            await link.close()
            connected: list[bool] = []
            assert [one async for one in link.messages(lambda: connected.append(True))] == []
            assert connected == [True]

    asyncio.run(listen())
    assert len(met) == 3
