"""What stands under the name of a session may be anything: it is refused in a sentence, and never waited for."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.session.file import open_session, save_as
from engine.session.writer import SessionWriter
from tests.engine.session.synthetic import synthetic_events

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices have no paths there")
WITHIN_S = 10.0


def refused(act: Callable[[], object]) -> str:
    """The sentence of the SessionFileError that this raises; on a thread, as it might wait for ever."""
    said: list[str] = []

    def do() -> None:
        try:
            act()
        except SessionFileError as error:
            said.append(str(error))

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(WITHIN_S)
    assert not thread.is_alive(), "it waits"
    (sentence,) = said
    assert "\n" not in sentence
    return sentence


def a_session(path: Path) -> Path:
    with SessionWriter(path) as writer:
        for batch in synthetic_events(20):
            writer.append(batch)
    return path


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_pipe, "cannot be read: it is a pipe, a socket or a device."),
        (make_socket, "cannot be read: it is a pipe, a socket or a device."),
        (lambda path: path.symlink_to("/dev/zero"), "cannot be read: it is a pipe, a socket or a device."),
        (lambda path: path.symlink_to("/dev/tty"), "cannot be read: it is a pipe, a socket or a device."),
        (lambda path: path.symlink_to("nowhere"), "is a link to a file that is not there."),
        (lambda path: path.symlink_to(path.name), "cannot be read: Too many levels of symbolic links."),
        (lambda path: path.mkdir(), "is a folder, not a session file."),
        (lambda path: path.touch(), "is not a session file: it is not an SQLite database."),
    ],
)
def test_it_is_refused_in_a_sentence(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    path = tmp_path / "a.dscope"
    make(path)
    assert refused(lambda: open_session(path)) == f"{path} {words}"
    assert refused(lambda: save_as(path, tmp_path / "b.dscope")) == f"{path} {words}"
    assert not (tmp_path / "b.dscope").exists()


@pytest.mark.parametrize("end", ["-journal", "-wal", "-shm"])
def test_a_pipe_beside_a_session_is_not_waited_for(tmp_path: Path, end: str) -> None:
    path = a_session(tmp_path / "a.dscope")
    os.mkfifo(f"{path}{end}")
    assert refused(lambda: open_session(path)) == f"{path}{end} cannot be read: it is a pipe, a socket or a device."


def test_a_recording_that_was_killed_while_its_file_was_made_holds_nothing(tmp_path: Path) -> None:
    """Half of the first commit is written, and the journal still says that the file was empty before."""
    made = tmp_path / "made.dscope"
    db = sqlite3.connect(made, isolation_level=None)
    db.execute("PRAGMA cache_size = 1")  # pages go to the file before the commit
    db.execute("BEGIN")
    a_session(tmp_path / "whole.dscope")
    application = int.from_bytes((tmp_path / "whole.dscope").read_bytes()[68:72], "big")
    version = int.from_bytes((tmp_path / "whole.dscope").read_bytes()[60:64], "big")
    db.execute(f"PRAGMA application_id = {application}")
    db.execute(f"PRAGMA user_version = {version}")
    for number in range(40):
        db.execute(f"CREATE TABLE t{number} (x)")
    killed = tmp_path / "killed.dscope"
    killed.write_bytes(made.read_bytes())
    Path(f"{killed}-journal").write_bytes(Path(f"{made}-journal").read_bytes())
    db.close()
    assert killed.stat().st_size > 0
    assert refused(lambda: open_session(killed)) == (
        f"{killed} holds nothing: it was stopped before anything was recorded."
    )
    killed.write_bytes(b"")  # killed a moment earlier
    Path(f"{killed}-journal").write_bytes(bytes(512))
    assert refused(lambda: open_session(killed)) == (
        f"{killed} holds nothing: it was stopped before anything was recorded."
    )
