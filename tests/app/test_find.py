"""Find in the window: what is typed is searched beside it, and each hit can be gone to, in the list and by keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.dialogs.find import FindDialog
from app.models.found import Found
from app.widgets.found_list import FoundList, state_words
from app.window.find_control import together
from app.window.main_window import MainWindow
from engine.figures.finding import Hit, TextPattern, found_in
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.sessions import MS, busy_run
from tests.engine.figures.chunks import chunked
from tests.engine.figures.chunks import events as chunks_of_a_server
from tests.engine.figures.served import write
from tests.engine.figures.test_finding import session_of
from tests.engine.session.synthetic import synthetic_events


@pytest.fixture
def shown(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """The window with a recording of three requests."""
    events = [one for batch in synthetic_events(40, requests=3) for one in batch]
    path = write([*events, schema.Mark(7 * MS, "user", "before lunch")], tmp_path / "a.dscope")
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(path))
    assert window.shown.session is not None
    return window


def search(qtbot: QtBot, window: MainWindow, typed: str) -> FindDialog:
    """Open the dialog, type, and wait for the end of the search."""
    window.menus.actions["find"].trigger()
    dialog = window.finding.dialog
    assert dialog is not None
    qtbot.waitUntil(dialog.isVisible)
    dialog.field.clear()
    qtbot.keyClicks(dialog.field, typed)
    found = window.finding.found
    qtbot.waitUntil(lambda: found.pattern == TextPattern(typed) and found.over)
    return dialog


def word_of(window: MainWindow) -> tuple[str, int]:
    """The text of some token, and how often it stands in all texts."""
    session = window.shown.session
    assert session is not None
    word = max((str(text) for text in set(session.tokens["text"].tolist())), key=lambda one: len(one.strip())).upper()
    return word, sum(len(part) for part in found_in(session, TextPattern(word.lower())))


def test_every_place_is_found_and_gone_to_one_after_the_other(qtbot: QtBot, shown: MainWindow) -> None:
    word, number = word_of(shown)
    dialog = search(qtbot, shown, word.lower())
    found = shown.finding.found
    assert len(found) == dialog.list.rows.rowCount() == number > 1
    assert dialog.said.text() == f"{number} found"
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert dialog.said.text() == f"1 of {number}"
    assert found.row(0).match.upper() == word
    first = shown.selection.now
    assert first.token is not None or first.position is not None
    qtbot.keyClick(dialog.field, Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)
    assert (found.at, dialog.list.currentIndex().row()) == (number - 1, number - 1)  # past the first it is the last
    qtbot.keyClick(dialog.field, Qt.Key.Key_Down)
    assert (found.at, shown.selection.now) == (0, first)
    assert search(qtbot, shown, "no such text anywhere").said.text() == "nothing found"
    assert not dialog.next.isEnabled()


def test_a_click_and_the_arrows_in_the_list_select(qtbot: QtBot, shown: MainWindow) -> None:
    dialog = search(qtbot, shown, word_of(shown)[0].lower())
    place = dialog.list.visualRect(dialog.list.rows.index(1, 0)).center()
    qtbot.mouseClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert shown.finding.found.at == 1
    token = shown.selection.now.token
    qtbot.keyClick(dialog.list, Qt.Key.Key_Up)
    assert shown.finding.found.at == 0
    assert shown.selection.now.token != token


@pytest.mark.parametrize(
    ("typed", "step", "asked"),
    [("step 12", 12, None), ("#3", 3, None), ("request 2", None, 2), ("before lu", 0, None)],
)
def test_steps_requests_and_marks_are_found_by_their_names(
    qtbot: QtBot, shown: MainWindow, typed: str, step: int | None, asked: int | None
) -> None:
    dialog = search(qtbot, shown, typed)
    assert len(shown.finding.found) == 1
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    now = shown.selection.now
    if step is not None:
        assert now.step is not None
        assert (now.step == step) or typed.startswith("before")
    if asked is not None:
        assert now.request == asked


def test_closed_it_marks_nothing_and_its_keys_go_on(qtbot: QtBot, shown: MainWindow) -> None:
    dialog = search(qtbot, shown, word_of(shown)[0].lower())
    found = shown.finding.found
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    request = shown.selection.now.request
    assert found.in_request(request)
    qtbot.keyClick(dialog.field, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert found.in_request(request) == []
    shown.menus.actions["find_next"].trigger()
    assert found.at == 1
    assert not dialog.isVisible()


def test_another_session_is_searched_anew(qtbot: QtBot, shown: MainWindow, tmp_path: Path) -> None:
    dialog = search(qtbot, shown, "table")
    path = write(chunks_of_a_server(), tmp_path / "b.dscope")
    with qtbot.waitSignal(shown.shown.opened):
        shown.open_path(str(path))
    found = shown.finding.found
    qtbot.waitUntil(lambda: found.session is shown.shown.session and found.over)
    assert [found.row(index).where for index in range(len(found))] == ["request 0 · 40.0\u2009ms"]
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert shown.selection.now.token == 1


def test_without_a_session_there_is_nothing_to_find(window: MainWindow) -> None:
    assert not window.menus.actions["find"].isEnabled()
    window.finding.ask()
    assert window.finding.dialog is None


def test_the_keys_are_those_of_other_programs(window: MainWindow) -> None:
    keys = {name: [one.toString() for one in window.menus.actions[name].shortcuts()] for name in window.menus.actions}
    assert "Ctrl+F" in keys["find"]
    assert keys["find_next"] == ["F3", "Ctrl+G"]
    assert keys["find_previous"] == ["Shift+F3", "Ctrl+Shift+G"]


# --- what was found ---------------------------------------------------------------------------------------------------


def found_of(session: Session, typed: str) -> Found:
    found = Found()
    found.mark(True)
    found.begin(session, TextPattern(typed))
    for part in found_in(session, TextPattern(typed)):
        found.add_places(part)
    found.end()
    return found


def test_a_row_has_the_text_around_it_on_one_line() -> None:
    session = session_of(["Once", " the"], [" c", "at\n", "sat", " \u202edown"])
    row = found_of(session, "the cat").row(0)
    assert (row.kind, row.where) == ("Prompt", "request 0 · position 1")
    assert (row.before, row.match, row.after) == ("Once ", "the cat", "↵sat \\u202edown")
    [first, last] = found_of(session, "at").in_request(0)
    assert (first, last) == ((3, 3), (4, 4))
    assert found_of(session, "at").row(1).where == "request 0 · step 2 · 2.00\u2009ns"


def test_positions_of_what_was_found_are_known_by_request() -> None:
    found = found_of(busy_run().session, " the")
    places = {request: found.in_request(request) for request in (0, 1, 2)}
    assert sum(map(len, places.values())) == len(found)
    assert places[0]
    assert all(found.has(0, first) for first, _ in places[0])
    assert not found.has(0, 900)
    found.mark(False)
    assert not found.has(0, places[0][0][0])


def test_a_prompt_without_tokens_selects_its_request() -> None:
    found = found_of(chunked(), "cat sat")
    assert [found.target(index) for index in range(len(found))][1:] == [{"request": 1}, {"request": 2}]
    assert found.row(1).before == " The "


def test_a_mark_selects_the_step_of_its_moment(qtbot: QtBot) -> None:
    session = busy_run().session
    found = Found()
    found.begin(session, TextPattern("sdpa"))
    found.add_named([Hit("mark", t_ns=session.marks[0].t_ns, label=session.marks[0].label)])
    assert found.target(0) == {"step": 1, "token": None}
    assert found.row(0).match == "attention: sdpa → reference"


def test_it_says_how_many_there_are_and_which_is_the_present_one(qtbot: QtBot) -> None:
    found = Found()
    assert state_words(found) == ""
    found.begin(Session(), TextPattern("a"))
    assert state_words(found) == "searching…"
    found.add_places(np.array([[0, 1, 1, 0, 1], [0, 2, 2, 0, 1]]))
    assert state_words(found) == "2 found so far, searching…"
    found.end()
    found.go(1)
    assert state_words(found) == "2 of 2"


def test_a_session_that_has_grown_can_be_searched_again(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    session = busy_run().session
    found = found_of(session, "cat")
    dialog = FindDialog(FoundList(found), parent)
    assert dialog.anew.isHidden()
    session.apply([])
    dialog.show_state()
    assert not dialog.anew.isHidden()
    with qtbot.waitSignal(dialog.again):
        dialog.anew.click()


def test_hits_come_together_and_the_first_at_once() -> None:
    one = np.zeros((1, 5), np.int64)
    parts = list(together(iter([one, one, one, np.empty((0, 5), np.int64), one])))
    assert [len(part) for part in parts] == [1, 0, 0, 0, 0, 3]
    assert list(together(iter([]))) == []
