"""The process that attaches to a server: commands come in on one thread, one asyncio loop does the rest.

Started as `python -m engine.serving.child HANDLE PARENT` (`engine/host/child_process.py`).
"""

from __future__ import annotations

import asyncio
import gc
import threading
from multiprocessing.connection import Connection
from typing import Final

from engine.host.child_process import read_commands, run_child
from engine.host.outbox import Outbox
from engine.host.sender import FLUSH_S, SEND_EVERY_S, Sender
from engine.serving.service import ServingService

YOUNG_OBJECTS: Final = 50_000
"""How many new objects make a collection. Python's own 700 delays every hundredth moment by milliseconds at 3000 chunks
a second (`python -m tests.benchmarks probe_stamps`)."""


def serve(connection: Connection) -> None:
    """Carry out commands until the Shutdown command."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    outbox = Outbox()
    sender = Sender(outbox, connection, SEND_EVERY_S)
    sender.start()
    asyncio.run(_serve(connection, outbox))
    sender.stop(FLUSH_S)


async def _serve(connection: Connection, outbox: Outbox) -> None:
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[bytes] = asyncio.Queue()

    def take(command: bytes) -> None:
        loop.call_soon_threadsafe(commands.put_nowait, command)

    threading.Thread(target=read_commands, args=(connection, take), name="commands", daemon=True).start()
    service = ServingService(outbox.put, outbox.start_run)
    async with service:
        while not service.ended:
            await service.receive(await commands.get())


if __name__ == "__main__":
    run_child(serve)
