"""Where recorders are: the Unix sockets of this user, an address that is given, and the recorder of an API's URL."""

from __future__ import annotations

import ipaddress
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from engine.plain_text import path_text, quoted
from engine.serving.recorder.recorder_wire import RecorderError

ROLES: Final = ("scheduler", "stats")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recorder listens: a Unix socket (`path`), or a host and port."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return path_text(self.path) if self.path is not None else f"tcp://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class FoundRecorder:
    """A recorder's Unix socket on this machine; `role` is scheduler (in the engine) or stats (in the API server)."""

    place: Place
    role: str
    pid: int


def place_of(text: str) -> Place:
    """The place that a user gives: a path of a socket, or tcp://HOST:PORT; raises RecorderError for another text."""
    if not text.startswith("tcp://"):
        return Place(path=Path(text))
    try:
        address = urlsplit(text)
        host, port = address.hostname, address.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise RecorderError(f"{quoted(text)} is no recorder's address: give tcp://127.0.0.1:PORT or a socket's path.")
    return Place(host=host, port=port)


def recorders() -> list[FoundRecorder]:
    """The recorders of this user on this machine whose processes are there."""
    if sys.platform == "win32":
        return []
    found = []
    for folder in _folders():
        for path in sorted(folder.glob("*.sock")):
            role, _, rest = path.stem.partition("-")
            pid = rest.partition("-")[0]
            if role in ROLES and pid.isdecimal() and _own_socket(path) and psutil.pid_exists(int(pid)):
                found.append(FoundRecorder(Place(path=path), role, int(pid)))
    return found


def recorders_of(url: str) -> list[FoundRecorder]:
    """The recorders that belong to the API at `url`: of the process that listens at its port, or a child of that.

    The scheduler's come first. Empty where the server is on another machine, or not this user's, or records nothing.
    """
    port = _local_port(url)
    if port is None:
        return []
    servers = _listening_at(port)
    found = [one for one in recorders() if servers & _with_ancestors(one.pid)]
    return sorted(found, key=lambda one: ROLES.index(one.role))


def _folders() -> list[Path]:
    """Where the recorder puts its sockets, those of them that are this user's alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    places = [Path(runtime) / "decodescope"] if runtime else []
    places.append(Path(f"/tmp/decodescope-{os.getuid()}"))
    return [place for place in places if _own_folder(place)]


def _own_folder(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _own_socket(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid()


def _local_port(url: str) -> int | None:
    """The port of a URL that names an address of this machine; None for any other. No name is looked up."""
    try:
        address = urlsplit(url)
        host = address.hostname or ""
        port = address.port or {"http": 80, "https": 443}.get(address.scheme)
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback or host in _own_addresses()
    except ValueError:
        return None
    return port if local else None


def _own_addresses() -> set[str]:
    return {one.address for several in psutil.net_if_addrs().values() for one in several}


def _listening_at(port: int) -> set[int]:
    """The processes that listen at a TCP port of this machine, as far as this user may see them."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS tells only the administrator of all processes
        connections = []
    return {
        one.pid
        for one in connections
        if one.status == psutil.CONN_LISTEN and one.pid is not None and one.laddr and one.laddr[1] == port
    }


def _with_ancestors(pid: int) -> set[int]:
    try:
        process = psutil.Process(pid)
        return {pid, *(parent.pid for parent in process.parents())}
    except psutil.Error:
        return {pid}
