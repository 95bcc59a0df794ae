"""Whatever a session file makes SQLite do, somebody can give up on it, and Ctrl-C ends it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import pytest

from engine.errors import SessionFileError
from engine.session import patience
from engine.session.file import SessionFile, SessionWriter, open_session
from engine.session.patience import Patience
from tests.engine.session.synthetic import synthetic_events

FOR_EVER = "SELECT sum(a.id) FROM " + ", ".join(f"steps AS {name}" for name in "abcdefghijkl")


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No query is ended for the work it takes."""
    monkeypatch.setattr(patience, "LEAST_ASKS", 10**12)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(20, layers=2):
            writer.append(batch)
    return path


class Asked(Patience):
    """A patience that tells when a query is in the middle of its work."""

    def __init__(self) -> None:
        super().__init__()
        self.in_the_middle = threading.Event()
        self._times = 0

    @property
    def over(self) -> bool:
        self._times += 1
        if self._times > 20:  # a few of them are asked before the query
            self.in_the_middle.set()
        return super().over


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("how", ["given up", "closed"])
def test_a_query_that_would_never_end_ends_when_somebody_gives_up(path: Path, how: str) -> None:
    held = Asked()
    file = SessionFile(path, held)
    said: list[str] = []

    def ask() -> None:
        try:
            file.query(FOR_EVER)
        except SessionFileError as error:
            said.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    assert held.in_the_middle.wait(10)
    if how == "given up":
        held.give_up()
    else:
        file.close()  # SQLite would crash the process, if it closed under the query
    asking.join(10)
    assert not asking.is_alive()
    assert said == [f"Reading {path} was given up."]
    with pytest.raises(SessionFileError, match="was given up"):
        file.query("SELECT 1")
    file.close()


def test_a_file_is_closed_while_rows_of_it_are_left(path: Path) -> None:
    file = SessionFile(path)
    rows = file.columns("steps", ())
    next(rows)
    file.close()  # does not wait for rows that nobody fetches
    rows.close()
    with pytest.raises(SessionFileError, match="was given up"):
        file.query("SELECT 1")


def test_whoever_gave_up_before_opens_nothing(path: Path) -> None:
    held = Patience()
    held.give_up()
    assert held.over
    with pytest.raises(SessionFileError, match="was given up"):
        open_session(path, held)


def test_a_query_that_would_never_end_ends_where_its_file_cannot_give_so_much_work(path: Path) -> None:
    file = SessionFile(path)
    with pytest.raises(SessionFileError, match="takes more work than a file of its size can give"):
        file.query(FOR_EVER)
    file.close()


class SignalledError(Exception):
    """What the handler of a signal raises."""


@pytest.mark.usefixtures("endless")
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
