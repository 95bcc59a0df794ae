"""The thread that sends the outbox's events every few milliseconds, so that the engine never waits for the app."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

from engine.host.frames import frame
from engine.host.outbox import Outbox
from engine.session.schema import AnyEvent

SEND_EVERY_S: Final = 0.03
"""How often a child process sends what has been put into its outbox. A frame costs the app half a millisecond."""
FLUSH_S: Final = 1.0
"""How long its end waits for the app to read the last events."""


class Pipe(Protocol):
    """The end of a pipe that takes frames of bytes."""

    def send_bytes(self, data: bytes, /) -> None:
        """Write one frame; may wait for the reader."""


class Sender:
    """Takes batches out of an outbox and writes them to a pipe until `stop`.

    An error in its thread ends the process (`engine.host.ending`): otherwise the owner would wait for ever for events.
    """

    def __init__(
        self, outbox: Outbox, pipe: Pipe, every_s: float, progress: Callable[[], AnyEvent | None] = lambda: None
    ) -> None:
        """`progress` is asked each time whether there is something to tell of a step that takes long."""
        self._outbox = outbox
        self._pipe = pipe
        self._every_s = every_s
        self._progress = progress
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Send the remaining events and end the thread; gives up after `timeout_s` where the app does not read."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._every_s):
                self._send()
            self._send()
        except ConnectionError:
            pass  # the app has closed the pipe; the thread that reads commands ends the process

    def _send(self) -> None:
        events = self._outbox.take()
        progress = self._progress()
        if progress is not None:
            events.append(progress)
        if events:
            self._pipe.send_bytes(frame(events))
