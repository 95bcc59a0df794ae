"""The bar under the step strip while a recording is replayed: its controls and its time line."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QToolButton, QWidget

from app.look.icons import icon
from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING, ROW_GAP, theme
from app.look.units import seconds
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, plain
from app.widgets.time_track import TimeTrack

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 16.0)
"""Times the speed at which it was recorded."""
WRITTEN: Final = {0.25: "¼", 0.5: "½"}


class ReplayBar(QWidget):
    """Shows where a replay is and what it does; its signals report what the user changes.

    The buttons do what the menu's actions of the same names do. `speed` None is as fast as it can be drawn.
    """

    sought = Signal(float)
    """The user moved the handle to this place, 0 to 1."""
    speed_picked = Signal(object)
    waits_shortened = Signal(bool)

    def __init__(
        self, play: QAction, previous: QAction, following: QAction, leave: QAction, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._actions = {"play": play, "previous": previous, "next": following, "leave": leave}
        self._icons = {"play": "run", "previous": "step-back", "next": "step", "leave": "close"}
        self.buttons = {name: QToolButton() for name in self._actions}
        for name, action in self._actions.items():
            self.buttons[name].setAutoRaise(True)
            self.buttons[name].clicked.connect(action.trigger)
            action.changed.connect(self._show_actions)
        self.speed_box = QComboBox()
        self.speed_box.activated.connect(lambda _: self.speed_picked.emit(self.speed))
        self.track = TimeTrack()
        self.track.sought.connect(self.sought)
        self.time = PlainLabel()
        keep_look(self.time, scale=CAPTION_SCALE)
        self.waits_box = QCheckBox()
        self.waits_box.toggled.connect(self.waits_shortened)
        row = QHBoxLayout(self)
        row.setContentsMargins(PANEL_PADDING, GRID, PANEL_PADDING, GRID)
        row.setSpacing(ROW_GAP)
        for name in ("previous", "play", "next"):
            row.addWidget(self.buttons[name])
        row.addWidget(self.speed_box)
        row.addWidget(self.track, 1)
        row.addWidget(self.time)
        row.addWidget(self.waits_box)
        row.addWidget(self.buttons["leave"])
        self._plays = False
        self._begin_ns = self._end_ns = self._now_ns = 0
        self.retranslate()
        self.restyle()
        self.hide()

    @property
    def speed(self) -> float | None:
        """The picked speed; None for as fast as it can be drawn."""
        picked: float | None = self.speed_box.currentData()
        return picked

    def show_recording(self, begin_ns: int, end_ns: int, has_waits: bool) -> None:
        """Show the bar for a recording from one moment to another, which has waits that can be shortened or not."""
        self._begin_ns, self._end_ns = begin_ns, end_ns
        self.waits_box.setVisible(has_waits)
        self._show_time()
        self.time.setMinimumWidth(0)
        total = seconds((end_ns - begin_ns) / 1e9)
        room = f"{seconds(0.000888)} / {total}"  # as wide as the text gets, so that the line beside it does not jump
        self.time.setMinimumWidth(self.time.fontMetrics().horizontalAdvance(room) + GRID)
        self.show()

    def show_now(self, now_ns: int, plays: bool) -> None:
        """Show how far the replay is, and whether it goes on by itself."""
        self._now_ns = now_ns
        self.track.show_share((now_ns - self._begin_ns) / max(self._end_ns - self._begin_ns, 1))
        self._show_time()
        if plays != self._plays:
            self._plays = plays
            self._show_actions()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        chosen = max(self.speed_box.currentIndex(), 0) if self.speed_box.count() else SPEEDS.index(1.0)
        self.speed_box.clear()
        for speed in SPEEDS:
            self.speed_box.addItem(f"{WRITTEN.get(speed, f'{speed:g}')}×", speed)
        self.speed_box.addItem(self.tr("as fast as drawn"), None)
        self.speed_box.setCurrentIndex(chosen)
        self.speed_box.setAccessibleName(self.tr("Speed of the replay"))
        self.speed_box.setToolTip(
            plain(
                self.tr(
                    "1× is the speed at which it was recorded. “As fast as drawn” shows every step of a short "
                    "recording, one a drawing, and takes about ten seconds for a long one."
                )
            )
        )
        self.track.setAccessibleName(self.tr("Time of the replay"))
        self.time.setAccessibleName(self.tr("Time passed, and of the whole recording"))
        self.time.setToolTip(self.tr("Time passed, and of the whole recording"))
        self.waits_box.setText(self.tr("Shorten waits"))
        self.waits_box.setToolTip(
            plain(self.tr("Waits of more than a second, as pauses and times without a request, then take one second."))
        )
        self._show_actions()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._show_actions()
        self.track.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _show_time(self) -> None:
        passed, total = (seconds((t_ns - self._begin_ns) / 1e9) for t_ns in (self._now_ns, self._end_ns))
        self.time.setText(f"{passed} / {total}")

    def _show_actions(self) -> None:
        for name, action in self._actions.items():
            button = self.buttons[name]
            image = "pause" if name == "play" and self._plays else self._icons[name]
            button.setIcon(icon(image, theme().muted if name == "leave" else None))
            button.setEnabled(action.isEnabled())
            keys = action.shortcut().toString(action.shortcut().SequenceFormat.NativeText)
            button.setToolTip(plain(f"{action.text()} ({keys})" if keys else action.text()))
            button.setAccessibleName(action.text())
