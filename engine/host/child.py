"""The engine process: commands come in on one thread, the engine works on the main one, a third sends events out.

Started as `python -m engine.host.child HANDLE PARENT`: HANDLE is the inherited end of the pipe. When the
process PARENT dies, this one must end too (0: rely on the pipe alone).
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
    """The commands that have arrived, and the event (`bell`) that wakes the engine when one arrives."""

    def __init__(self) -> None:
        self.commands: deque[bytes] = deque()
        self.bell = threading.Event()

    def read(self, connection: Connection) -> None:
        """Receive commands until the app has closed the pipe, then end the process at once, even during a step."""
        while True:
            try:
                self.commands.append(connection.recv_bytes())
            except (EOFError, OSError):
                os._exit(0)
            self.bell.set()


def main() -> None:
    """Serve the app at the other end of the pipe until it sends Shutdown or closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the app handles Ctrl-C
    faulthandler.enable()  # a crash in native code prints its place on standard error
    end_with_any_thread()
    try:
        serve()
    except BaseException as error:  # every failure must be reported to the owner
        fail("it", error)
    os._exit(0)  # without destructors: those of a device library can hang


def serve() -> None:
    """Carry out commands and run steps until the Shutdown command."""
    handle, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    connection = open_connection(handle)
    inbox = Inbox()
    threading.Thread(target=inbox.read, args=(connection,), name="commands", daemon=True).start()

    from engine.host.outbox import Outbox  # noqa: PLC0415 - after starting the thread that notices the app's death
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
