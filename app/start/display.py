"""Checks whether there is a display to open a window on."""

from __future__ import annotations

import re
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.errors import InputError

X_SOCKETS: Final = "/tmp/.X11-unix/X"
X_SETUP: Final = struct.pack("=BxHHHHxx", ord("l" if sys.byteorder == "little" else "B"), 11, 0, 0, 0)
"""The first message of the X protocol, without authorisation: a server answers it, if only with a refusal."""
WAYLAND_SYNC: Final = struct.pack("=III", 1, 12 << 16, 2)
"""wl_display.sync: a request that only asks for an answer."""
TIMEOUT_S: Final = 5.0
"""How long a busy server may take to answer the greeting."""


def check_display(environment: Mapping[str, str], commands: tuple[str, ...], platform: str = sys.platform) -> None:
    """Raise InputError if there is no display: Qt would end the program, or draw where the user cannot see it.

    A platform that the user chose with QT_QPA_PLATFORM is not checked.
    """
    if not platform.startswith(("linux", "freebsd")) or environment.get("QT_QPA_PLATFORM"):
        return
    x, wayland = environment.get("DISPLAY", ""), environment.get("WAYLAND_DISPLAY", "")
    instead = f"These work without one: {', '.join(f'decodescope {command}' for command in commands)}."
    if not x and not wayland:
        raise InputError(
            f"There is no display to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set. {instead}"
        )
    if (wayland and _wayland_answers(wayland, environment)) or (x and _x_answers(x)):
        return
    named = " and ".join(f"{name}={value}" for name, value in (("WAYLAND_DISPLAY", wayland), ("DISPLAY", x)) if value)
    raise InputError(f"The display that is named ({named}) does not answer. {instead}")


def _wayland_answers(name: str, environment: Mapping[str, str]) -> bool:
    path = str(Path(environment.get("XDG_RUNTIME_DIR", "/")) / name)
    return _answers(path, WAYLAND_SYNC)


def _x_answers(name: str) -> bool:
    """Whether an X server of this machine answers; a server of another machine is assumed to answer."""
    here = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", name)
    if here is None:
        return True
    path = f"{X_SOCKETS}{here[1]}"
    return _answers(f"\0{path}", X_SETUP) or _answers(path, X_SETUP)


def _answers(address: str, greeting: bytes) -> bool:
    """Whether a server accepts the greeting and answers anything, even a refusal."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(TIMEOUT_S)
        try:
            one.connect(address)
            one.sendall(greeting)
            one.recv(1)
        except (ConnectionResetError, BrokenPipeError):
            return True
        except (OSError, ValueError):
            return False
    return True
