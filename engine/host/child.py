"""The engine process: commands come in on one thread, the engine works on the main one, a third sends events out.

Started as `python -m engine.host.child HANDLE PARENT` (`child_process.py`).
"""

from __future__ import annotations

import gc
import threading
from collections import deque
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final

from engine.host import protocol
from engine.host.child_process import read_commands, run_child

if TYPE_CHECKING:
    from engine.host.service import Service


STOP: Final = protocol.encode(protocol.Stop())


class Inbox:
    """The commands that have arrived, and the event (`bell`) that wakes the engine when one arrives."""

    def __init__(self) -> None:
        self.commands: deque[bytes] = deque()
        self.bell = threading.Event()

    def asks_to_stop(self) -> bool:
        """Whether a Stop command waits: what takes long looks at this while no other command can be carried out."""
        return STOP in self.commands

    def take(self, command: bytes) -> None:
        """Add a command, and wake the engine."""
        self.commands.append(command)
        self.bell.set()


def serve(connection: Connection) -> None:
    """Carry out commands and run steps until the Shutdown command."""
    gc.disable()  # what is imported stays, and to go through it again and again takes a fifth of the time of importing
    inbox = Inbox()
    threading.Thread(target=read_commands, args=(connection, inbox.take), name="commands", daemon=True).start()

    from engine.host.outbox import Outbox  # noqa: PLC0415 - after starting the thread that notices the app's death
    from engine.host.sender import FLUSH_S, SEND_EVERY_S, Sender  # noqa: PLC0415
    from engine.host.service import Service  # noqa: PLC0415 - takes seconds: it imports torch

    outbox = Outbox()
    service = Service(outbox.put, outbox.start_run, inbox.asks_to_stop)
    sender = Sender(outbox, connection, SEND_EVERY_S, service.progress)
    sender.start()
    gc.freeze()  # what torch and its like hold stays: a collection that goes through it holds up a step for 75 ms
    gc.enable()
    while True:
        while inbox.commands and not service.ended:
            service.receive(inbox.commands.popleft())
        if service.ended:
            break
        wait_s = work(service, inbox)
        if wait_s is None and not inbox.commands:
            wait_s = service.rest()
        if wait_s != 0.0 and not inbox.commands:
            inbox.bell.wait(wait_s)
        inbox.bell.clear()
    sender.stop(FLUSH_S)


def work(service: Service, inbox: Inbox) -> float | None:
    """Run steps until a command arrives or no step may run now; returns the seconds until one may (`Service.work`)."""
    from torch import inference_mode  # noqa: PLC0415 - as above

    with inference_mode():  # once for many steps
        while True:
            wait_s = service.work()
            if wait_s != 0.0 or inbox.commands:
                return wait_s


def main() -> None:
    """Serve the app at the other end of the pipe until it sends Shutdown or closes the pipe."""
    run_child(serve)


if __name__ == "__main__":
    main()
