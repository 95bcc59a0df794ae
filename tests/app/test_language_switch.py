"""A window whose language was switched says what one that was opened in that language says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QTabBar, QWidget

from app.core.preferences import Language, Preferences
from app.panels.frame import EmptyPage
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker
from tests.engine.session.synthetic import synthetic_session

PASSED = re.compile(r"[\d.]+[\u2009\u202f]s")
"""How long the engine has been starting, which differs from window to window."""
READERS = ("text", "toolTip", "title", "placeholderText", "windowTitle", "accessibleName", "accessibleDescription")


def texts(window: MainWindow) -> Counter[str]:
    """Every text of the window and its parts, but for those of Qt's own hidden buttons and of unseen pages."""
    found: Counter[str] = Counter()
    for one in [window, *window.findChildren(QWidget), *window.findChildren(QAction)]:
        parents = one.parent()
        if type(one).__name__ == "QAbstractButton" or isinstance(parents, QTabBar | EmptyPage):
            continue
        for name, text in readings(one):
            found[f"{type(one).__name__} {name}: {PASSED.sub('', text)}"] += 1
    return found


def readings(one: QObject) -> Iterator[tuple[str, str]]:
    """(reader, text) of each text that a widget or an action has."""
    for name in READERS:
        reader = getattr(one, name, None)
        text = reader() if callable(reader) else ""
        if isinstance(text, str) and text:
            yield name, text


def look_at_all(window: MainWindow) -> None:
    for name, dock in window.docks.items():
        window.panels.bring_up(name)
        dock.refresh()
    QApplication.processEvents()
    window.refresher.draw_all()


@pytest.fixture
def open_window(make: WindowMaker, engines: Engines, recordings: Recordings) -> Iterator[Callable[[], MainWindow]]:
    """Opens windows whose engine has not started; afterwards the application speaks English again."""
    opened: list[MainWindow] = []

    def open_one() -> MainWindow:
        opened.append(make(Feed(engines, SessionWriter, recordings)))
        return opened[-1]

    yield open_one
    for one in opened:  # each has a translator of its own
        one.menus.choices["language"]["en"].trigger()


@pytest.mark.parametrize(("first", "then"), [("en", "zh_CN"), ("zh_CN", "en")])
def test_no_text_stays_in_the_language_before(
    preferences: Preferences, open_window: Callable[[], MainWindow], first: Language, then: Language
) -> None:
    preferences.language = first
    window = open_window()
    session = synthetic_session(60, requests=3)
    window.shown.show(session, "")
    look_at_all(window)
    window.status.show_file("/tmp/one.dscope", saved=False)
    before = window.status.file.text()
    window.menus.choices["language"][then].trigger()
    QApplication.processEvents()
    assert window.status.file.text() != before
    look_at_all(window)
    switched = texts(window)
    window.hide()
    fresh = open_window()
    fresh.shown.show(session, "")
    look_at_all(fresh)
    fresh.status.show_file("/tmp/one.dscope", saved=False)
    assert switched == texts(fresh)
