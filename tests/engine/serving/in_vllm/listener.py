"""A plain listener of the recorder, whose reading a test controls."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.serving.recorder.recorder_wire import Frames, Hello, login

PATIENCE_S = 20.0


def until(holds: Callable[[], Any]) -> None:
    """Wait for another thread's work to be seen."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


def listener(path: Path) -> socket.socket:
    """A plain socket that has logged in and read the hello."""
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(PATIENCE_S)
    one.connect(str(path))
    one.sendall(login(""))
    assert isinstance(next(read(one)), Hello)
    return one


def read(one: socket.socket, frames: Frames | None = None) -> Any:
    frames = frames or Frames()
    while data := one.recv(65536):
        yield from frames.feed(data)
