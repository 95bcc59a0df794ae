"""Keys that are identified by their place on the keyboard, not by the letter that the layout puts there.

W A S D form a cross under the left hand on QWERTY, but not on AZERTY or Dvorak. On a Cyrillic or Greek layout no key
gives a Latin letter, and on AZERTY no key gives a digit without Shift. So three rules hold:

- the cross and the digits are meant by their place, whatever the layout writes there: Z Q S D on AZERTY. On Colemak the
  place of D writes S; there the place counts, because half a cross would be of no use;
- a W, A, S or D that the layout has elsewhere is meant by its letter as well: W and A on AZERTY;
- F, L, M and N are meant by their letter, and by their place only where that place writes no Latin letter.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget

CROSS: Final = (Qt.Key.Key_W, Qt.Key.Key_A, Qt.Key.Key_S, Qt.Key.Key_D)
DIGITS: Final = tuple(Qt.Key(Qt.Key.Key_1.value + number) for number in range(9))
LETTERS: Final = (Qt.Key.Key_F, Qt.Key.Key_L, Qt.Key.Key_M, Qt.Key.Key_N)
"""Single letters that are identified by the letter of the layout, if it is a Latin one, and else by their place."""

# Scan codes of PC keyboards, set 1, which Windows gives; Linux has the same numbers, and X11 and Wayland add 8.
_SET_1: Final = {
    **dict(zip(CROSS, (0x11, 0x1E, 0x1F, 0x20), strict=True)),
    **dict(zip(DIGITS, range(0x02, 0x0B), strict=True)),
    **dict(zip(LETTERS, (0x21, 0x26, 0x32, 0x31), strict=True)),
}
# Virtual key codes of macOS (kVK_ANSI_...), which stand for places in spite of their name.
_MAC: Final = {
    **dict(zip(CROSS, (0x0D, 0x00, 0x01, 0x02), strict=True)),
    **dict(zip(DIGITS, (0x12, 0x13, 0x14, 0x15, 0x17, 0x16, 0x1A, 0x1C, 0x19), strict=True)),
    **dict(zip(LETTERS, (0x03, 0x25, 0x2E, 0x2D), strict=True)),
}
X_ADDS: Final = 8


def _by_code(codes: dict[Qt.Key, int], more: int = 0) -> dict[int, Qt.Key]:
    return {code + more: key for key, code in codes.items()}


PLACES: Final[dict[str, dict[int, Qt.Key]]] = {
    "xcb": _by_code(_SET_1, X_ADDS),
    "wayland": _by_code(_SET_1, X_ADDS),
    "windows": _by_code(_SET_1),
    "cocoa": _by_code(_MAC),
}
"""The key of a US keyboard for each key code, by Qt's name of the platform."""


def key_by_place(event: QKeyEvent, platform: str) -> Qt.Key | None:
    """The US key at the place of this event; None where the layout's letter counts, or the place is not known."""
    return _at_place(event, platform) if event.modifiers() == Qt.KeyboardModifier.NoModifier else None


def meant_key(event: QKeyEvent, platform: str) -> Qt.Key:
    """The key that a widget which handles letters itself must take this event for, with Shift too."""
    shift_at_most = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
    return (_at_place(event, platform) if shift_at_most else None) or Qt.Key(event.key())


def _at_place(event: QKeyEvent, platform: str) -> Qt.Key | None:
    mac = platform == "cocoa"
    code = event.nativeVirtualKey() if mac else event.nativeScanCode()
    if code == 0 and not (mac and event.text()):  # 0 is A on macOS; elsewhere it marks an event that no keyboard sent
        return None
    key = PLACES.get(platform.partition("-")[0], {}).get(code)
    if key is None or key == event.key():
        return None
    latin = Qt.Key.Key_A.value <= event.key() <= Qt.Key.Key_Z.value
    return None if key in LETTERS and latin else key


def action_of(key: Qt.Key, actions: list[QAction]) -> QAction | None:
    """The enabled action that has this key, without modifiers, as its shortcut."""
    keys = QKeySequence(key)
    return next((one for one in actions if one.isEnabled() and keys in one.shortcuts()), None)


class PressInstead(QObject):
    """Triggers an action on the next press of a key; the focused widget does not get that press.

    Qt first asks a widget whether it wants a key that is a shortcut (ShortcutOverride). A widget that accepts gets
    the key as a press; this filter takes that press.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._action: QAction | None = None
        self._code = (0, 0)
        self._target: QWidget | None = None

    def expect(self, event: QKeyEvent, action: QAction, target: QWidget) -> None:
        """The press that follows `event` on `target` triggers the action."""
        self._forget()
        self._action, self._code, self._target = action, _code_of(event), target
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        action, expected = self._action, self._code == _code_of(event)
        self._forget()
        if action is None or not expected:
            return False
        action.trigger()
        return True

    def _forget(self) -> None:
        if self._target is not None:
            self._target.removeEventFilter(self)
        self._action = self._target = None


def _code_of(event: QKeyEvent) -> tuple[int, int]:
    return event.nativeScanCode(), event.nativeVirtualKey()
