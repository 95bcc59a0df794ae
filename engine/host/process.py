"""The engine process as its owner sees it: start, send commands, receive events, close. Imports no torch, no Qt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from multiprocessing.connection import Pipe
from types import TracebackType
from typing import IO, Final, Self

from engine.errors import EngineStoppedError
from engine.host import protocol
from engine.host.ending import FAILED
from engine.host.threads import wait_briefly
from engine.plain_text import one_line
from engine.session import schema
from engine.spawning import spawn

STDERR_TAIL_BYTES: Final = 8192
LAST_WORDS: Final = 500
"""Most characters of the engine's last line on standard error that an error message quotes."""
FRAMES_A_CALL: Final = 256
"""Most frames that one `receive` takes, so that a caller can repaint in between."""


class EngineProcess:
    """A running engine process; `with EngineProcess() as engine:` starts it and leaves nothing behind.

    `send` and `kill` may be called from any thread, `receive` and `close` from one. The engine ends by itself when
    this process dies, however it dies: the engine reads the end of its pipe.
    """

    def __init__(self, module: str = "engine.host.child") -> None:
        """`module` is the program of the process, which serves commands as `engine.host.child` does."""
        self._send_lock = threading.Lock()
        self._closed = False
        environment = dict(os.environ)
        wait_briefly(environment)
        with ExitStack() as made:
            try:
                ours, theirs = Pipe(duplex=True)
                made.callback(ours.close)
                with theirs:
                    self._stderr: IO[bytes] = made.enter_context(tempfile.TemporaryFile())  # closed by close()
                    self._process = spawn(module, theirs, self._stderr, environment)
            except OSError as error:  # no room for the pipe or the file, or no right to start a process
                raise EngineStoppedError(f"The engine process could not be started: {error}.") from error
            made.pop_all()
        self._connection = ours

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How the engine ended, as `subprocess.Popen.returncode`; None before `close` has seen it end."""
        return self._process.returncode

    def send(self, command: protocol.AnyCommand) -> None:
        """Send a command; raises EngineStoppedError where the engine has ended.

        Raises InputError for a command that cannot be encoded (`protocol.encode`); the engine then goes on.
        """
        message = protocol.encode(command)
        try:
            with self._send_lock:
                self._connection.send_bytes(message)
        except OSError as error:
            raise self._stopped() from error

    def receive(self, timeout_s: float) -> list[schema.AnyEvent]:
        """Every event that has arrived, waiting up to `timeout_s` for the first; an empty list when none came.

        Raises EngineStoppedError, which says how the engine ended, once all its events have been received, and for data
        that cannot be decoded.
        """
        events: list[schema.AnyEvent] = []
        try:
            wait_s = timeout_s
            for _ in range(FRAMES_A_CALL):
                if not self._connection.poll(wait_s):
                    break
                events += schema.decode(self._connection.recv_bytes())
                self._heard = True
                wait_s = 0.0
        except (EOFError, OSError) as error:
            if not events:
                raise self._stopped() from error
        except (ValueError, RecursionError, MemoryError) as error:  # MessagePack's own errors are ValueErrors
            raise EngineStoppedError("The engine process sent something that is no event.", repr(error)) from error
        return events

    @property
    def stderr_tail(self) -> str:
        """The last lines the engine wrote on its standard error (for a report, not for a sentence)."""
        if self._stderr.closed:
            return ""
        # pread does not move the file offset, which the child shares and writes at.
        size = os.fstat(self._stderr.fileno()).st_size
        if hasattr(os, "pread"):
            tail = os.pread(self._stderr.fileno(), STDERR_TAIL_BYTES, max(0, size - STDERR_TAIL_BYTES))
        else:
            self._stderr.seek(max(0, size - STDERR_TAIL_BYTES))
            tail = self._stderr.read()
        return tail.decode("utf-8", "replace")

    _heard = False
    """Whether anything has come from the engine."""

    def close(self, timeout_s: float = 2.0) -> None:
        """End the engine: ask, then terminate, then kill; returns when it is gone. Calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        if not self._heard:  # it is still loading libraries: nothing is lost, and it would take seconds to answer
            self._process.kill()
        try:
            with self._send_lock:
                self._connection.send_bytes(protocol.encode(protocol.Shutdown()))
            self._drain(time.monotonic() + timeout_s)
        except (OSError, EOFError):
            pass  # the engine has ended or is ending
        self._connection.close()
        for end in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(timeout_s if end == self._process.terminate else 1.0)
                break
            except subprocess.TimeoutExpired:
                end()
        self._process.wait()
        self._stderr.close()

    def kill(self) -> None:
        """Kill the engine and the processes that it has started, from any thread. `close` is still to be called."""
        if self._process.returncode is not None:
            return
        with suppress(OSError):  # it has ended already
            if sys.platform != "win32":
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def _drain(self, deadline: float) -> None:
        """Read and discard events, so that the engine can flush and end; raises EOFError when it closes its end."""
        while (left := deadline - time.monotonic()) > 0:
            if self._connection.poll(left):
                self._connection.recv_bytes()

    def _stopped(self) -> EngineStoppedError:
        if self._closed:
            return EngineStoppedError("The engine process was closed.")
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return EngineStoppedError("The engine process closed its connection.")
        said = self.stderr_tail.strip()
        return EngineStoppedError(_how_it_ended(status, one_line(said.rpartition("\n")[2], LAST_WORDS)), said)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _how_it_ended(status: int, last_words: str) -> str:
    if status == FAILED and last_words:
        return f"The engine process ended: {last_words}."
    if status >= 0:
        return f"The engine process ended (exit status {status}){': ' + last_words if last_words else ''}."
    if -status in (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL):
        return f"The engine process crashed (signal {-status}, {signal.Signals(-status).name})."
    return f"The engine process was killed (signal {-status})."
