"""The lower part of the run panel: the buttons of the run, and the text as it grows."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.core.selection import Selection
from app.look.icons import icon
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP, theme
from app.widgets.activity_line import ActivityLine
from app.widgets.generated_text import GeneratedText
from app.widgets.pace_control import PaceControl
from app.widgets.plain import plain

LEAST_HEIGHT = 52 * GRID
"""In a low window the settings above scroll."""


class RunActions:
    """The three actions that the run panel shows as buttons and the menu as entries."""

    def __init__(self, run: QAction, step: QAction, stop: QAction) -> None:
        self.run, self.step, self.stop = run, step, stop
        self.icon = "run"
        """The icon of `run`: what pressing it does now."""


class RunOutput(QWidget):
    """Shows the three actions as buttons, the pace of the run, what goes on, and the generated text."""

    def __init__(self, actions: RunActions, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.pace = PaceControl()
        self.activity = ActivityLine()
        self.text = GeneratedText(selection)
        self.run_button, self._step, self._stop = QPushButton(), QPushButton(), QPushButton()
        self.setMinimumHeight(LEAST_HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, PANEL_PADDING)
        column.setSpacing(ROW_GAP)
        buttons = QHBoxLayout()
        buttons.setSpacing(ROW_GAP)
        self.run_button.setObjectName("primary")
        for button, action in ((self.run_button, actions.run), (self._step, actions.step), (self._stop, actions.stop)):
            button.clicked.connect(action.trigger)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setMinimumHeight(9 * GRID)
            buttons.addWidget(button, 2 if button is self.run_button else 1)
            action.changed.connect(self._show_actions)
        column.addLayout(buttons)
        column.addWidget(self.pace)
        column.addWidget(self.activity)
        column.addWidget(self.text, 1)

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.activity.restyle()
        self.text.restyle()
        self._show_actions()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._show_actions()
        super().changeEvent(event)

    def _show_actions(self) -> None:
        colours = theme()
        for button, action, name in (
            (self.run_button, self._actions.run, self._actions.icon),
            (self._step, self._actions.step, "step"),
            (self._stop, self._actions.stop, "stop"),
        ):
            button.setText(action.text())
            button.setEnabled(action.isEnabled())
            keys = action.shortcut().toString(action.shortcut().SequenceFormat.NativeText)
            button.setToolTip(plain(f"{action.toolTip()} ({keys})" if keys else action.toolTip()))
            button.setAccessibleName(action.text())
            button.setAccessibleDescription(action.toolTip())
            button.setIcon(icon(name, colours.on_accent if button is self.run_button else colours.text))
