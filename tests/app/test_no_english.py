"""A window in Chinese says nothing in English, whatever a session or the engine tells it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QTableWidget, QWidget
from pytestqt.qtbot import QtBot

from app.core.preferences import Preferences
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.decode.capabilities import unavailable_switches
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.app.conftest import READY, Engines, WindowMaker
from tests.app.figures.shown import listening
from tests.app.panels.test_before_after import measured
from tests.app.panels.test_kv_memory_tree import drafting_run
from tests.app.panels.test_late import crowd
from tests.app.test_language_switch import readings
from tests.engine.figures.chunks import chunked
from tests.engine.session.synthetic import synthetic_session

ENGLISH = re.compile(r"[A-Za-z][A-Za-z'’]+(?: [a-z][A-Za-z'’-]+){2,}")
"""Three words in a row. Terms of the field that stay English have two at most."""
OF_THE_TEST = re.compile("The cat sits on|The cat sat|CUDA graphs need a CUDA device")
"""What a prompt or a session of a test says."""
NOT_COMPILED = "a weight is not held as the native call reads it"
SESSIONS: dict[str, Callable[[], Session] | None] = {
    "none": None,
    "three requests": lambda: synthetic_session(60, requests=3),
    "measured improvements": measured,
    "drafts": drafting_run,
    "a batch": crowd,
    "a server": chunked,
}


@pytest.fixture
def window(
    qtbot: QtBot,
    make: WindowMaker,
    engines: Engines,
    recordings: Recordings,
    preferences: Preferences,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MainWindow]:
    """A Chinese window whose engine says of as many switches as possible why they cannot be used here."""
    monkeypatch.delenv("TRITON_INTERPRET")
    for value, reason in unavailable_switches("cpu", has_draft=False, not_compiled=NOT_COMPILED).items():
        monkeypatch.setitem(READY.unavailable, value, reason)
    preferences.language = "zh_CN"
    feed = Feed(engines, SessionWriter, recordings)
    window = make(feed)
    with qtbot.waitSignal(feed.model_ready):
        window.control.start("demo")
    yield window
    window.menus.choices["language"]["en"].trigger()


def said(window: MainWindow) -> Iterator[str]:
    """Every text that a window shows or would show at the pointer."""
    with listening() as heard:
        for name, dock in window.docks.items():
            window.panels.bring_up(name)
            dock.refresh()
            dock.grab()
    yield from (one.text for one in heard.painted)
    for one in (window, *window.findChildren(QWidget), *window.findChildren(QAction)):
        yield from (text for _, text in readings(one))
    for table in window.findChildren(QTableWidget):
        for row, column in product(range(table.rowCount()), range(table.columnCount())):
            if (item := table.item(row, column)) is not None:
                yield from (item.text(), item.toolTip())


@pytest.mark.parametrize("kind", SESSIONS)
def test_nothing_is_said_in_english(window: MainWindow, kind: str) -> None:
    if (make_session := SESSIONS[kind]) is not None:
        window.shown.show(make_session(), "")
    window.refresher.draw_all()
    texts = set(said(window))
    assert len(texts) > 200
    found = sorted(text for text in texts if ENGLISH.search(OF_THE_TEST.sub("", text)))
    assert not found, "\n".join(found)
