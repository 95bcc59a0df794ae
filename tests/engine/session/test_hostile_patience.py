"""Whatever a session file makes SQLite do, somebody can give up on it, and Ctrl-C ends it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import pytest

from engine.errors import SessionFileError
from engine.session.file import SessionFile, SessionWriter, open_session
from engine.session.patience import Patience
from tests.engine.session.synthetic import synthetic_events

FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(20, layers=2):
            writer.append(batch)
    return path


def test_a_query_that_would_never_end_ends_when_somebody_gives_up(path: Path) -> None:
    patience = Patience()
    file = SessionFile(path, patience)
    said: list[str] = []
    began = threading.Event()

    def ask() -> None:
        began.set()
        try:
            file.query(FOR_EVER)
        except SessionFileError as error:
            said.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    assert began.wait(10)
    patience.give_up()
    asking.join(10)
    assert not asking.is_alive()
    assert said == [f"Reading {path} was given up."]
    with pytest.raises(SessionFileError, match="was given up"):
        file.query("SELECT 1")
    file.close()


def test_whoever_gave_up_before_opens_nothing(path: Path) -> None:
    patience = Patience()
    patience.give_up()
    assert patience.over
    with pytest.raises(SessionFileError, match="was given up"):
        open_session(path, patience)


class SignalledError(Exception):
    """What the handler of a signal raises."""


def test_what_a_signal_raises_during_a_query_comes_out_of_it(path: Path) -> None:
    """sqlite3 swallows what is raised in a progress handler, where a signal's own handler runs."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SignalledError

    file = SessionFile(path)
    before = signal.signal(signal.SIGUSR1, stop)
    sender = threading.Timer(0.05, signal.raise_signal, (signal.SIGUSR1,))
    try:
        sender.start()
        with pytest.raises(SignalledError):
            file.query(FOR_EVER)
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    assert file.query("SELECT 1") == [(1,)]
    file.close()


def test_an_error_of_sqlite_is_still_its_own(path: Path) -> None:
    file = SessionFile(path)
    with pytest.raises(SessionFileError, match="no such table"):
        file.query("SELECT * FROM elsewhere")
    file.close()
