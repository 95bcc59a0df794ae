"""The engine process: commands come in on one thread, the engine works on the main one, a third sends events out.

Started as `python -m engine.host.child HANDLE PARENT`: the inherited end of the pipe, and the process whose death must
be its own (0 to rely on the pipe alone).
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections import deque
from multiprocessing.connection import Connection
from typing import Final

from engine.host.ending import end_with_any_thread, fail
from engine.spawning import die_with, open_connection

SEND_EVERY_S: Final = 0.015
FLUSH_S: Final = 1.0


class Inbox:
    """Commands that have come in, and the bell that wakes the engine when one does."""

    def __init__(self) -> None:
        self.commands: deque[bytes] = deque()
        self.bell = threading.Event()

    def read(self, connection: Connection) -> None:
        """Take commands until the app is gone, and then end the process at once, whatever it is doing."""
        while True:
            try:
                self.commands.append(connection.recv_bytes())
            except (EOFError, OSError):
                os._exit(0)
            self.bell.set()


def main() -> None:
    """Serve the app at the other end of the pipe until it says Shutdown or goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the app's to handle
    faulthandler.enable()  # a crash in native code says where, on standard error
    end_with_any_thread()
    try:
        serve()
    except BaseException as error:  # the owner must hear of whatever it is
        fail("it", error)
    os._exit(0)  # no destructor of a device library may hold this up


def serve() -> None:
    """Take commands and work, until there is one to shut down."""
    handle, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    connection = open_connection(handle)
    inbox = Inbox()
    threading.Thread(target=inbox.read, args=(connection,), name="commands", daemon=True).start()

    from engine.host.outbox import Outbox  # noqa: PLC0415 - after the thread that notices the app's death
    from engine.host.sender import Sender  # noqa: PLC0415
    from engine.host.service import Service  # noqa: PLC0415 - takes seconds: it imports torch

    outbox = Outbox()
    sender = Sender(outbox, connection, SEND_EVERY_S)
    sender.start()
    service = Service(outbox.put, outbox.start_run)
    while True:
        while inbox.commands and not service.ended:
            service.receive(inbox.commands.popleft())
        if service.ended:
            break
        wait_s = service.work()
        if wait_s is None and not inbox.commands:
            wait_s = service.rest()
        if wait_s != 0.0 and not inbox.commands:
            inbox.bell.wait(wait_s)
        inbox.bell.clear()
    sender.stop(FLUSH_S)


if __name__ == "__main__":
    main()
