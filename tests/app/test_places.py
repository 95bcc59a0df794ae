"""W A S D, digits and letters by their place on the keyboard, as X11, Wayland, Windows and macOS say it."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.core import places
from app.core.places import action_of, key_by_place
from app.dialogs.shortcuts import ShortcutSheet
from app.models.latency_histogram import histogram
from app.panels.timeline_canvas import TimelineCanvas
from app.widgets.latency_histogram import LatencyHistogram
from app.window.main_window import MainWindow
from tests.engine.session.synthetic import synthetic_session

K = Qt.Key
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
TSE, EM_RUSSIAN, AMPERSAND = 0x426, 0x42C, K.Key_Ampersand.value


def press(
    key: int, code: int, virtual: int = 0, text: str = "", modifiers: Qt.KeyboardModifier = NONE,
    kind: QEvent.Type = QEvent.Type.KeyPress,
) -> QKeyEvent:  # fmt: skip
    return QKeyEvent(kind, key, modifiers, code, virtual, 0, text)


@pytest.mark.parametrize(
    ("platform", "key", "code", "meant"),
    [
        ("xcb", TSE, 25, K.Key_W),  # Cyrillic
        ("wayland", TSE, 25, K.Key_W),
        ("windows", TSE, 0x11, K.Key_W),
        ("xcb", K.Key_Q, 38, K.Key_A),  # AZERTY
        ("xcb", K.Key_Z, 25, K.Key_W),
        ("xcb", AMPERSAND, 10, K.Key_1),
        ("xcb", K.Key_Comma, 25, K.Key_W),  # Dvorak
        ("xcb", K.Key_E, 40, K.Key_D),
        ("xcb", K.Key_S, 40, K.Key_D),  # Colemak: the letter of another of the four
        ("xcb", K.Key_W, 25, None),  # QWERTY: as it is
        ("xcb", K.Key_A, 24, None),  # AZERTY: the letter, too, does what the sheet says
        ("xcb", EM_RUSSIAN, 58, K.Key_M),
        ("xcb", 0x422, 57, K.Key_N),
        ("xcb", K.Key_B, 57, None),  # Dvorak: N is where N is written
        ("xcb", K.Key_W, 52, None),  # AZERTY: W by its letter, too
        ("xcb", K.Key_U, 41, None),  # Dvorak: F is where F is written
        ("xcb", TSE, 0, None),  # no keyboard sent it
        ("offscreen", TSE, 25, None),  # no place is known
    ],
)
def test_a_key_is_meant_by_its_place(platform: str, key: int, code: int, meant: Qt.Key | None) -> None:
    assert key_by_place(press(key, code), platform) == meant
    assert key_by_place(press(key, code, modifiers=SHIFT), platform) is None


def test_macos_says_places_by_virtual_keys() -> None:
    assert key_by_place(press(K.Key_Q, 1, 0, "q"), "cocoa") == K.Key_A
    assert key_by_place(press(K.Key_Z, 1, 0x0D, "z"), "cocoa") == K.Key_W
    assert key_by_place(press(K.Key_Q, 0, 0), "cocoa") is None


def test_only_an_action_that_can_be_used_is_meant(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    one, other = QAction("one", parent), QAction("other", parent)
    one.setShortcut(QKeySequence("W"))
    other.setShortcuts([QKeySequence("Ctrl+W"), QKeySequence("S")])
    assert action_of(K.Key_W, [one, other]) is one
    assert action_of(K.Key_S, [one, other]) is other
    one.setEnabled(False)
    assert action_of(K.Key_W, [one, other]) is None


def strike(widget: QWidget, key: int, code: int) -> None:
    """As Qt does it: ask who overrides the shortcut, and press where somebody does."""
    override = press(key, code, kind=QEvent.Type.ShortcutOverride)
    override.ignore()
    QApplication.sendEvent(widget, override)
    if override.isAccepted():
        QApplication.sendEvent(widget, press(key, code))


@pytest.fixture
def canvas(qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> TimelineCanvas:
    monkeypatch.setitem(places.PLACES, "offscreen", places.PLACES["xcb"])
    window.shown.show(synthetic_session(300), "")
    window.panels.bring_up("timeline")
    (found,) = window.docks["timeline"].build().findChildren(TimelineCanvas)
    found.setFocus()
    qtbot.waitUntil(found.hasFocus)
    strike(found, K.Key_W, 25)
    return found


@pytest.mark.parametrize("layout", ["us", "cyrillic", "azerty", "dvorak", "colemak"])
def test_the_timeline_zooms_and_pans_once_by_place(canvas: TimelineCanvas, layout: str) -> None:
    w, a, s, d = {
        "us": (K.Key_W, K.Key_A, K.Key_S, K.Key_D), "cyrillic": (0x426, 0x424, 0x42B, 0x412),
        "azerty": (K.Key_Z, K.Key_Q, K.Key_S, K.Key_D), "dvorak": (K.Key_Comma, K.Key_A, K.Key_O, K.Key_E),
        "colemak": (K.Key_W, K.Key_A, K.Key_R, K.Key_S),
    }[layout]  # fmt: skip
    for _ in range(3):
        strike(canvas, w, 25)
    span, lo = canvas.view.span, canvas.view.lo
    strike(canvas, w, 25)
    assert canvas.view.span == pytest.approx(span * 0.64)
    strike(canvas, s, 39)
    assert (canvas.view.span, canvas.view.lo) == (pytest.approx(span), pytest.approx(lo))
    strike(canvas, d, 40)
    assert canvas.view.lo == pytest.approx(lo + span / 8)
    strike(canvas, a, 38)
    assert canvas.view.lo == pytest.approx(lo)


def test_text_is_written_as_it_is_typed(qtbot: QtBot, window: MainWindow, canvas: TimelineCanvas) -> None:
    window.run_panel.prompt.setFocus()
    qtbot.waitUntil(window.run_panel.prompt.hasFocus)
    span = canvas.view.span
    strike(window.run_panel.prompt, TSE, 25)
    assert canvas.view.span == span


def test_a_menu_entry_zooms_once(window: MainWindow, canvas: TimelineCanvas) -> None:
    span = canvas.view.span
    window.menus.actions["zoom_in"].trigger()
    assert canvas.view.span == pytest.approx(span * 0.64)


@pytest.fixture
def floating(qtbot: QtBot, window: MainWindow, canvas: TimelineCanvas) -> TimelineCanvas:
    """The timeline in a window of its own, to which the main window's events do not come."""
    window.docks["timeline"].setFloating(True)
    canvas.activateWindow()
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus)
    return canvas


def test_places_count_in_a_floating_panel_too(floating: TimelineCanvas) -> None:
    span = floating.view.span
    strike(floating, TSE, 25)
    assert floating.view.span == pytest.approx(span * 0.64)


@pytest.mark.parametrize(("key", "code"), [(K.Key_N, 57), (0x422, 57)], ids=["latin", "cyrillic"])
@pytest.mark.parametrize(("modifiers", "by"), [(NONE, 1), (SHIFT, -1)])
def test_a_letter_that_a_chart_handles_itself_is_meant_by_its_place(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, key: int, code: int, modifiers: Qt.KeyboardModifier, by: int
) -> None:
    monkeypatch.setitem(places.PLACES, "offscreen", places.PLACES["xcb"])
    chart = LatencyHistogram()
    qtbot.addWidget(chart)
    chart.show_histogram(histogram(np.array([1.0, 2.0, 30.0]), 8), None, [])
    with qtbot.waitSignal(chart.wants_next) as wanted:
        QApplication.sendEvent(chart, press(key, code, modifiers=modifiers))
    assert wanted.args == [by]


def test_the_sheet_tells_of_other_layouts(window: MainWindow) -> None:
    window.menus.actions["keys"].trigger()
    (sheet,) = window.findChildren(ShortcutSheet)
    assert any("W A S D" in label.text() and "another layout" in label.text() for label in sheet.findChildren(QLabel))
    sheet.reject()


def test_the_sheet_says_what_is_written_on_a_us_keyboard(window: MainWindow) -> None:
    shown = [
        window.menus.actions[name].shortcut().toString() for name in ("zoom_in", "pan_left", "zoom_out", "pan_right")
    ]
    assert shown == ["W", "A", "S", "D"]
