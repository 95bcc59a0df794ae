"""The process that quantises: started as `python -m engine.model.quantise_child HANDLE PARENT`, it answers one Asked.

It reports its progress some times a second, then a Finished or a Failed. Its parent ends it to cancel.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import InputError
from engine.gguf.quantise_protocol import Answer, Asked, Failed, Progress
from engine.plain_text import one_line
from engine.spawning import die_with, open_connection

TOLD_EVERY_S: Final = 0.1


def main() -> None:
    """Quantise the model that the parent names, and tell how it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the app handles Ctrl-C
    die_with(int(sys.argv[2]))
    connection = open_connection(int(sys.argv[1]))
    try:
        asked = msgspec.msgpack.decode(connection.recv_bytes(), type=Asked)
        send(connection, answer(connection, asked))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the parent is gone


def answer(connection: Connection, asked: Asked) -> Answer:
    """The result of what was asked; told in between how far it is."""
    from engine.model.quantise import quantise  # noqa: PLC0415 - takes seconds: it imports torch

    last = 0.0

    def told(done: int, weights: int) -> None:
        nonlocal last
        if time.monotonic() - last >= TOLD_EVERY_S:
            last = time.monotonic()
            send(connection, Progress(done, weights))

    try:
        return quantise(asked.model, asked.to, Path(asked.path), told)
    except InputError as error:
        return Failed(str(error), True)
    except MemoryError:
        return Failed("There is not enough memory to quantise this model.", False)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except OSError as error:
        return Failed(f"The file cannot be written: {one_line(error.strerror or error)}.", False)


def send(connection: Connection, message: Answer) -> None:
    """Send one message to the parent."""
    connection.send_bytes(msgspec.msgpack.encode(message))


if __name__ == "__main__":
    main()
