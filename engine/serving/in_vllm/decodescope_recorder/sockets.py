"""The sockets at which the recorder can be reached: of this user alone, or of loopback with a token."""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

WAITING: Final = 4
"""Connections that the kernel keeps until they are let in."""
LONGEST_FOLDER: Final = 60
"""Bytes. The path of a Unix socket has at most 103 on some systems, and the rest is ours."""


def socket_folder() -> Path:
    """Where the Unix sockets are: the user's run-time folder, or one in /tmp where there is none or it is long."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and len(os.fsencode(runtime)) <= LONGEST_FOLDER and Path(runtime).is_dir():
        return Path(runtime) / "decodescope"
    return Path(f"/tmp/decodescope-{os.getuid()}")


def unix_socket(path: Path) -> socket.socket:
    """A listening socket whose file only this user can open; those of processes that are gone are removed.

    Raises ValueError, with a sentence, where others may write in the folder.
    """
    folder = path.parent
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ValueError(f"{folder} is not a folder of this user alone: remove it, or set XDG_RUNTIME_DIR.")
    for old in folder.glob("*.sock"):
        if not _has_process(old):
            old.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(WAITING)  # nobody could connect before
    except OSError:
        listening.close()
        raise
    return listening


def loopback_socket(address: str, token: str, offset: int) -> tuple[socket.socket, str]:
    """A listening socket at `offset` ports after that of an address tcp://HOST:PORT, and its own address.

    Raises ValueError, with a sentence, for an address that is not of this machine's loopback, and without a token.
    """
    url = urlsplit(address)
    host = "127.0.0.1" if url.hostname == "localhost" else url.hostname or ""
    if url.scheme != "tcp" or not _is_loopback(host) or not url.port:
        raise ValueError("DECODESCOPE_RECORDER must be tcp://127.0.0.1:PORT, a port of this machine's loopback.")
    if not token:
        raise ValueError("DECODESCOPE_RECORDER needs DECODESCOPE_RECORDER_TOKEN, a secret that the listener gives.")
    port = url.port + offset
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(WAITING)
    except (OSError, OverflowError):
        listening.close()
        raise
    return listening, f"tcp://{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _has_process(path: Path) -> bool:
    """Whether the process whose number is in a socket's name (ROLE-PID.sock, ROLE-PID-ENGINE.sock) is there."""
    try:
        os.kill(int(path.stem.split("-")[1]), 0)
    except (ProcessLookupError, ValueError, IndexError, OverflowError):
        return False
    except OSError:  # of another user
        return True
    return True
