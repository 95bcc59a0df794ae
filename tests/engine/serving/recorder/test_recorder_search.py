"""Which recorders are there, and which belongs to the URL of an API."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.serving.recorder.recorder_search import Place, place_of, recorders, recorders_of
from engine.serving.recorder.recorder_wire import RecorderError


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = tmp_path / "decodescope"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def listening(folder: Path) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bind(path: Path, stack: ExitStack) -> Path:
    one = stack.enter_context(socket.socket(socket.AF_UNIX))
    one.bind(str(path))
    return path


def test_sockets_of_living_processes_are_found(folder: Path, listening: ExitStack) -> None:
    own = bind(folder / f"scheduler-{os.getpid()}.sock", listening)
    stats = bind(folder / f"stats-{os.getppid()}-0.sock", listening)
    bind(folder / "scheduler-999999999.sock", listening)
    bind(folder / "other-1.sock", listening)
    (folder / f"scheduler-{os.getppid()}.sock").touch()  # no socket
    found = [one for one in recorders() if one.place.path is not None and one.place.path.parent == folder]
    assert [(one.role, one.pid, one.place.path) for one in found] == [
        ("scheduler", os.getpid(), own), ("stats", os.getppid(), stats),
    ]  # fmt: skip


def test_a_folder_that_others_may_write_is_not_read(folder: Path, listening: ExitStack) -> None:
    bind(folder / f"scheduler-{os.getpid()}.sock", listening)
    folder.chmod(0o777)
    assert all(one.place.path is not None and one.place.path.parent != folder for one in recorders())


def test_the_recorder_of_a_url_is_the_listening_process_or_its_child(folder: Path, listening: ExitStack) -> None:
    server = listening.enter_context(socket.socket())
    server.bind(("127.0.0.1", 0))
    server.listen()
    url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        bind(folder / f"stats-{os.getpid()}-0.sock", listening)
        bind(folder / f"scheduler-{child.pid}.sock", listening)
        bind(folder / f"scheduler-{os.getppid()}.sock", listening)  # of the parent: not this server's
        assert [(one.role, one.pid) for one in recorders_of(url)] == [
            ("scheduler", child.pid), ("stats", os.getpid()),
        ]  # fmt: skip
        assert recorders_of(url.replace("127.0.0.1", "localhost")) == recorders_of(url)
    finally:
        child.communicate(b"\n")


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:8000", "https://example.org", "http://[", "nonsense", "http://127.0.0.1:99999"]
)
def test_a_url_of_elsewhere_has_no_recorder_here(url: str, folder: Path, listening: ExitStack) -> None:
    bind(folder / f"scheduler-{os.getpid()}.sock", listening)
    assert recorders_of(url) == []


def test_a_place_is_a_path_or_a_port() -> None:
    assert place_of("/run/x.sock") == Place(path=Path("/run/x.sock"))
    assert place_of("tcp://127.0.0.1:9000") == Place(host="127.0.0.1", port=9000)
    assert str(place_of("tcp://127.0.0.1:9000")) == "tcp://127.0.0.1:9000"


@pytest.mark.parametrize("text", ["tcp://", "tcp://host", "tcp://:1", "tcp://h:99999", "tcp://["])
def test_another_address_is_refused(text: str) -> None:
    with pytest.raises(RecorderError, match=r"is no recorder's address: give tcp://127\.0\.0\.1:PORT"):
        place_of(text)
