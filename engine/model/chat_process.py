"""The parent's side of the process that renders chat templates: starts it on first use and enforces its limits."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Pipe
from typing import Final

import msgspec
import psutil

from engine.errors import InputError
from engine.model.chat_limits import (
    MOST_CPU_S,
    MOST_MEMORY_BYTES,
    MOST_TEXT_BYTES,
    MOST_WALL_S,
    START_S,
    Conversation,
    Rendered,
)
from engine.spawning import spawn

LOOK_EVERY_S: Final = 0.05
"""How often the time and memory of a running template are checked."""


class TemplateProcess:
    """Renders conversations one by one in a child process, which lives until `close` or until this object is freed.

    Any failure ends the child. The next conversation starts a new child.
    """

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._end: Callable[[], object] = lambda: None

    def render(self, source: str, tokens: Mapping[str, str], messages: Sequence[Mapping[str, str]]) -> str:
        """The conversation as text.

        Raises InputError where the template refuses it, fails or exceeds a limit, or where a text has a lone surrogate.
        """
        try:
            asked = msgspec.msgpack.encode(Conversation(source, dict(tokens), [dict(one) for one in messages]))
        except UnicodeEncodeError as error:
            why = "The chat template, or a message, holds half of a surrogate pair, which is no text."
            raise InputError(why) from error
        if self._child is None:
            self._child = _Child()
            self._end = weakref.finalize(self, self._child.end)
        try:
            answer = self._child.render(asked)
        except BaseException:
            self.close()
            raise
        if answer.text is None:
            self.close()
            raise InputError(f"The chat template does not take these messages: {answer.error.rstrip('.')}.")
        return answer.text

    def close(self) -> None:
        """End the child; the next conversation starts a new one."""
        self._child = None
        self._end()


class _Child:
    """One process, from its start to its end."""

    def __init__(self) -> None:
        """Start the process and wait until it is ready; raises InputError where it does not start."""
        try:
            self._connection, theirs = Pipe(duplex=True)
            with theirs:
                self._process = spawn("engine.model.chat_render", theirs, subprocess.DEVNULL, os.environ)
        except OSError as error:
            raise InputError(f"The process that renders chat templates could not be started: {error}.") from error
        self._ended = False
        try:
            ready = self._connection.poll(START_S)
            if ready:
                self._connection.recv_bytes()
        except (EOFError, OSError):
            ready = False
        if not ready:
            self.end()
            raise InputError("The process that renders chat templates did not start.")

    def render(self, asked: bytes) -> Rendered:
        """The child's answer to an encoded Conversation; raises InputError where the child exceeds a limit or dies."""
        process = psutil.Process(self._process.pid)
        try:
            before_s = _cpu_s(process)
            started_s = time.monotonic()
            self._connection.send_bytes(asked)
            while not self._connection.poll(LOOK_EVERY_S):
                self._check(process, before_s, started_s)
            # A message that announces a larger length is not read.
            return msgspec.msgpack.decode(self._connection.recv_bytes(MOST_TEXT_BYTES + 1024), type=Rendered)
        except (EOFError, OSError, ValueError, psutil.Error) as error:  # MessagePack's own errors are ValueErrors
            raise InputError(f"The chat template does not take these messages: {self._how_it_ended()}.") from error

    def end(self) -> None:
        """Kill the child: it holds no state worth saving."""
        if not self._ended:
            self._ended = True
            self._connection.close()
            self._process.kill()
            self._process.wait()

    def _check(self, process: psutil.Process, before_s: float, started_s: float) -> None:
        """Raise InputError where the child has exceeded its time or memory.

        Where the system supports it, the child also limits its own address space (`chat_render.bound_memory`).
        """
        if _cpu_s(process) - before_s > MOST_CPU_S or time.monotonic() - started_s > MOST_WALL_S:
            raise InputError(f"The chat template was stopped: it took more than {MOST_CPU_S:g} s for these messages.")
        if process.memory_info().rss > MOST_MEMORY_BYTES:
            raise InputError("The chat template was stopped: it needs too much memory for these messages.")

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it answers what cannot be read"
        if status < 0:
            return f"rendering them crashed ({signal.Signals(-status).name})"
        return f"rendering them ended with exit status {status}"


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
