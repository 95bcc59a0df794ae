"""W A S D, digits and letters by their place on the keyboard, as X11, Wayland, Windows and macOS say it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.core import places
from app.core.places import action_of, key_by_place
from app.panels.timeline_canvas import TimelineCanvas
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


def test_the_sheet_says_what_is_written_on_a_us_keyboard(window: MainWindow) -> None:
    shown = [
        window.menus.actions[name].shortcut().toString() for name in ("zoom_in", "pan_left", "zoom_out", "pan_right")
    ]
    assert shown == ["W", "A", "S", "D"]
