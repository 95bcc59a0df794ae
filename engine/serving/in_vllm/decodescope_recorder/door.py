"""The door of the recorder: a listening socket, and the daemon thread that lets a listener in and sends it the feed."""

from __future__ import annotations

import atexit
import contextlib
import hmac
import os
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from decodescope_recorder.feed import Feed
from decodescope_recorder.log import logger
from decodescope_recorder.messages import LARGEST_BYTES, wire_form
from decodescope_recorder.sockets import loopback_socket, socket_folder, unix_socket

SEND_BYTES: Final = 2**18
"""Encoded bytes that wait for the socket, beside one message."""
LARGEST_COMMAND_BYTES: Final = 4096
EVERY_S: Final = 0.05
"""How often a listener is sent what has been recorded."""
LOGIN_S: Final = 5.0
REFUSED_S: Final = 1.0
MOST_REFUSED: Final = 8
"""Refused listeners that are left time to read why, at most."""
HEAD: Final = struct.Struct(">I")


def open_door(feed: Feed, name: str, offset: int, hello: Callable[[], tuple[Any, ...]]) -> Door | None:
    """A door at the place that the environment names; None, with a line in the log, where it cannot be had.

    `name` is the socket's file, `offset` is added to the port of a tcp:// address.
    """
    try:
        address = os.environ.get("DECODESCOPE_RECORDER", "")
        if address:
            token = os.environ.get("DECODESCOPE_RECORDER_TOKEN", "")
            listening, place = loopback_socket(address, token, offset)
            door = Door(feed, listening, token, hello, None)
        else:
            path = socket_folder() / name
            listening, place = unix_socket(path), str(path)
            door = Door(feed, listening, "", hello, path)
        door.open()
        atexit.register(door.close)
    except Exception as error:
        logger.error("DecodeScope's recorder records nothing: %s", str(error)[:300])
        return None
    logger.info("DecodeScope's recorder waits for a listener at %s", place)
    return door


class Door:
    """A listening socket and its daemon thread, which lets in one listener at a time.

    Within a turn of the thread ConnectionError means that the listener is cut off.
    """

    def __init__(
        self, feed: Feed, listening: socket.socket, token: str, hello: Callable[[], tuple[Any, ...]], path: Path | None
    ) -> None:
        """`hello` makes the first message. `path` is the file of a Unix socket, whose mode guards it: `token` is ""."""
        self._feed = feed
        self._listening = listening
        self._token = token.encode()
        self._hello = hello
        self._path = path
        self._owner = os.getpid()
        self._listener: socket.socket | None = None
        self._refused: deque[tuple[float, socket.socket]] = deque()
        """Those that were refused, and when they are cut off: a moment later, so that they can read why."""
        self._welcome = False
        """Whether the listener has logged in, and is told what is recorded."""
        self._deadline_s = 0.0
        """When a listener that is not welcome is cut off."""
        self._told_off = False
        """Whether the listener was told that the recorder has failed: nothing comes after that."""
        self._in = bytearray()
        self._out = bytearray()
        self._encoder = msgspec.msgpack.Encoder()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="decodescope-recorder", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._listening.setblocking(False)
        self._thread.start()

    def close(self) -> None:
        """End the thread and remove the socket's file; a listener is cut off."""
        if os.getpid() != self._owner:
            return
        self._closing = True
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)

    def _run(self) -> None:
        try:
            while not self._closing:
                self._turn()
        except Exception as error:
            if not self._closing:
                self._feed.fail(error)
        finally:
            self._drop()
            for _, visitor in self._refused:
                visitor.close()
            self._listening.close()

    def _turn(self) -> None:
        listener = self._listener
        reading = [self._listening, *([listener] if listener and len(self._out) < SEND_BYTES else [])]
        writing = [listener] if listener and self._out else []
        ready, writable = _wait(reading, writing, EVERY_S if listener or self._refused else None)
        while self._refused and (len(self._refused) > MOST_REFUSED or time.monotonic() > self._refused[0][0]):
            self._refused.popleft()[1].close()
        if listener is not None:
            self._serve(listener, listener in ready, listener in writable)
        if self._listening in ready:  # after a listener that has left, which may be the one that comes again
            self._let_in()

    def _serve(self, listener: socket.socket, ready: bool, writable: bool) -> None:
        try:
            if ready:
                self._read(listener)
            if self._welcome:
                self._fill()
            elif time.monotonic() > self._deadline_s:
                raise ConnectionError
            if self._out:
                sent = listener.send(memoryview(self._out)[:SEND_BYTES])
                del self._out[:sent]
            elif self._told_off:
                raise ConnectionError
        except BlockingIOError:
            if not writable:  # the listener does not read: look again later, not at once
                time.sleep(EVERY_S)
        except OSError:
            self._drop()

    def _let_in(self) -> None:
        try:
            visitor, _ = self._listening.accept()
        except OSError:
            if not self._closing:
                time.sleep(EVERY_S)  # out of file descriptors, or gone again
            return
        visitor.setblocking(False)
        if self._listener is not None:
            refusal = self._frame(("refused", "Another program listens to this recorder already; only one can."))
            with contextlib.suppress(OSError):
                visitor.send(refusal)
                visitor.shutdown(socket.SHUT_WR)
            self._refused.append((time.monotonic() + REFUSED_S, visitor))
            return
        self._listener = visitor
        self._welcome = self._told_off = False
        self._deadline_s = time.monotonic() + LOGIN_S

    def _drop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        self._welcome = False
        self._feed.disconnected()
        self._in.clear()
        self._out.clear()

    def _read(self, listener: socket.socket) -> None:
        received = listener.recv(LARGEST_COMMAND_BYTES)
        if not received:
            raise ConnectionError
        self._in += received
        while len(self._in) >= HEAD.size:
            (length,) = HEAD.unpack_from(self._in)
            if length > LARGEST_COMMAND_BYTES:
                raise ConnectionError
            end = HEAD.size + length
            if len(self._in) < end:
                return
            body = bytes(self._in[HEAD.size : end])
            del self._in[:end]
            self._obey(listener, body)

    def _obey(self, listener: socket.socket, body: bytes) -> None:
        try:
            command = msgspec.msgpack.decode(body, type=list[Any])
            name, argument = command[0], command[1]
        except (msgspec.MsgspecError, ValueError, IndexError, RecursionError):
            raise ConnectionError from None
        if name == "login" and not self._welcome:
            given = str(argument).encode("utf-8", "replace")
            if self._token and not hmac.compare_digest(given, self._token):
                with contextlib.suppress(OSError):
                    listener.send(self._frame(("refused", "The token is wrong: give the recorder's own.")))
                raise ConnectionError
            self._welcome = True
            self._out += self._frame(self._hello())
            self._feed.connected()
        elif name == "ping" and self._welcome and isinstance(argument, int):
            self._out += self._frame(("pong", argument, time.monotonic_ns(), time.time_ns()))
        else:
            raise ConnectionError

    def _fill(self) -> None:
        """Encode what waits, as far as there is room."""
        while len(self._out) < SEND_BYTES:
            message = self._feed.take()
            if message is None:
                if self._feed.failed and not self._out:
                    self._out += self._frame(("off", self._feed.failed))
                    self._welcome, self._told_off = False, True
                    self._deadline_s = time.monotonic() + LOGIN_S
                return
            self._out += self._frame(wire_form(message))

    def _frame(self, message: tuple[Any, ...]) -> bytes:
        body = self._encoder.encode(message)
        if len(body) > LARGEST_BYTES:
            raise ConnectionError  # the listener would refuse it: it may come again and get a snapshot
        return HEAD.pack(len(body)) + body


def _wait(
    reading: list[socket.socket], writing: list[socket.socket], timeout_s: float | None
) -> tuple[list[socket.socket], list[socket.socket]]:
    """Those that can be read and written; `select.select` would fail where a server has more than 1024 files open."""
    poll = select.poll()
    for one in reading:
        poll.register(one, select.POLLIN | (select.POLLOUT if one in writing else 0))
    for one in writing:
        if one not in reading:
            poll.register(one, select.POLLOUT)
    found = dict(poll.poll(None if timeout_s is None else 1000 * timeout_s))
    ended = select.POLLHUP | select.POLLERR | select.POLLNVAL
    return (
        [one for one in reading if found.get(one.fileno(), 0) & (select.POLLIN | ended)],
        [one for one in writing if found.get(one.fileno(), 0) & (select.POLLOUT | ended)],
    )
