"""Choices of the menus that the program remembers: theme, language, how many recordings are kept."""

from __future__ import annotations

from typing import cast, get_args

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication

from app.core.preferences import KEEP_ALL, WATCH_CHOICES, Language, Preferences
from app.core.translation import Translation
from app.look import theme
from app.window.menus import Menus


class Choices(QObject):
    """Applies a choice, and keeps the check marks of the menus up to date."""

    restyled = Signal()
    """The theme's colours changed."""
    keep_chosen = Signal(str)
    """How many recordings are to be kept, by the name in the menu."""

    def __init__(self, menus: Menus, preferences: Preferences, translation: Translation, parent: QObject) -> None:
        super().__init__(parent)
        self._menus = menus
        self._preferences = preferences
        self._translation = translation
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme)

    def choose(self, what: str, value: str) -> None:
        """Take a choice of the menus: "theme", "language", "kept" or "watched", and its value."""
        if what == "theme" and value in get_args(theme.Scheme):
            self._preferences.scheme = cast(theme.Scheme, value)
            theme.apply(self._preferences.scheme)
            self.restyled.emit()
        elif what == "language" and value in get_args(Language):
            self._preferences.language = cast(Language, value)
            self._translation.use(self._preferences.language)
        elif what == "kept":
            self.keep_chosen.emit(value)
        elif what == "watched" and value in map(str, WATCH_CHOICES):
            self._preferences.watch_kept = int(value)
        self.show()

    @Slot()
    def show(self) -> None:
        """Set the check marks of the current choices."""
        choices = self._menus.choices
        choices["theme"][self._preferences.scheme].setChecked(True)
        choices["language"][self._preferences.language].setChecked(True)
        choices["kept"][str(self._preferences.kept_recordings or KEEP_ALL)].setChecked(True)
        choices["watched"][str(self._preferences.watch_kept)].setChecked(True)

    @Slot()
    def _on_system_scheme(self) -> None:
        if self._preferences.scheme == "system":
            theme.apply("system")
            self.restyled.emit()
