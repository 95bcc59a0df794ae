"""The ZMQ endpoint of a server's KV events, as the user gave it: parsed and checked. Nothing is connected to here."""

from __future__ import annotations

import re
from typing import Final

from engine.errors import InputError
from engine.plain_text import quoted
from engine.serving.server.address import server_address

LONGEST: Final = 200
LONGEST_SOCKET_PATH: Final = 107
"""Bytes of a Unix socket's path, on Linux."""
_TCP: Final = re.compile(r"tcp://(\*|[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)
EXAMPLE: Final = (
    "Give it as in the server's --kv-events-config, such as tcp://*:5557 or ipc:///run/user/1000/kv-events."
)


def kv_endpoint(typed: str, host: str) -> str:
    """The endpoint to connect to: as typed, with `host`, the server's, in place of `*`.

    Raises InputError, with a sentence, for what is neither tcp://HOST:PORT nor ipc://PATH.
    """
    text = typed.strip()
    if len(text) > LONGEST or not text.isprintable():
        raise InputError(f"The endpoint of the KV events is too long, or holds control characters. {EXAMPLE}")
    if text.startswith("ipc://"):
        path = text.removeprefix("ipc://")
        if not path.startswith("/") or len(path.encode()) > LONGEST_SOCKET_PATH:
            raise InputError(
                f"The endpoint of the KV events must name a whole path of at most {LONGEST_SOCKET_PATH} bytes: "
                f"{quoted(text)}. {EXAMPLE}"
            )
        return text
    match = _TCP.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise InputError(f"{quoted(text)} is no endpoint of KV events. {EXAMPLE}")
    named = host if match[1] == "*" else match[1].strip("[]")
    address = server_address(f"[{named}]:{match[2]}" if ":" in named else f"{named}:{match[2]}")
    return f"tcp://[{address.host}]:{address.port}" if ":" in address.host else f"tcp://{address.host}:{address.port}"


def is_loopback(endpoint: str) -> bool:
    """Whether a checked tcp endpoint is on this machine, by its name or its number."""
    return endpoint.startswith("tcp://") and server_address(endpoint.removeprefix("tcp://")).is_loopback
