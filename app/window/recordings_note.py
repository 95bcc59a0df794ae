"""The line above the panels that asks how many recordings to keep, until the user answers."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QToolBar, QToolButton, QWidget

from app.look.icons import icon
from app.look.theme import GRID, PANEL_PADDING, theme
from app.look.units import count, memory
from app.widgets.elided_label import ElidedLabel
from app.widgets.kept_look import keep_look
from app.widgets.plain import plain


class RecordingsNote(QToolBar):
    """Says how many recordings there are and what would be deleted; hidden unless `ask` was called."""

    wants_newest = Signal()
    wants_all = Signal()
    put_off = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("recordings-note")
        self.setMovable(False)
        self._asked: tuple[int, int, int, int, int] | None = None
        self.text = ElidedLabel()
        keep_look(self.text)
        self.newest_button, self.all_button = QPushButton(), QPushButton()
        self.newest_button.clicked.connect(self.wants_newest)
        self.all_button.clicked.connect(self.wants_all)
        self.later_button = QToolButton()
        self.later_button.setAutoRaise(True)
        self.later_button.clicked.connect(self.put_off)
        body = QWidget()
        body.setObjectName("panel-body")
        row = QHBoxLayout(body)
        row.setContentsMargins(PANEL_PADDING, GRID, GRID, GRID)
        row.setSpacing(PANEL_PADDING)
        row.addWidget(self.text, 1)
        for button in (self.newest_button, self.all_button, self.later_button):
            row.addWidget(button)
        self.addWidget(body)
        self.restyle()
        self.retranslate()
        self.hide()

    def ask(self, there: int, there_bytes: int, keep: int, others: int, others_bytes: int) -> None:
        """Ask whether to keep only the newest `keep` recordings of `there`; `others` of these would be deleted."""
        self._asked = (there, there_bytes, keep, others, others_bytes)
        self.retranslate()
        self.show()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.later_button.setIcon(icon("close", theme().muted))

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.setWindowTitle(self.tr("Recordings"))
        self.all_button.setText(self.tr("Keep all"))
        self.later_button.setToolTip(self.tr("Ask again when the program starts next"))
        self.later_button.setAccessibleName(self.tr("Ask later"))
        if self._asked is None:
            return
        there, there_bytes, keep, others, others_bytes = self._asked
        self.text.setText(
            self.tr(
                "{there} recordings take {size}. Keep the newest {keep}, and move the other {others} ({freed}) to the "
                "trash?"
            ).format(
                there=count(there), size=memory(there_bytes), keep=count(keep), others=count(others),
                freed=memory(others_bytes),
            )
        )  # fmt: skip
        tip = self.tr(
            "Older ones then go to the trash after each run. What you saved or named in that folder and what a window "
            "shows stays. The File menu changes this at any time."
        )
        self.text.setToolTip(plain(f"{self.text.text()}\n\n{tip}"))
        self.newest_button.setText(self.tr("Keep the newest {}").format(count(keep)))
        self.newest_button.setToolTip(plain(tip))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
