"""The Find dialog: what is looked for, how much of it there is, and a list of it with the text around."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.look.icons import icon
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP
from app.widgets.found_list import FoundList, state_words
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel

SIZE: Final = QSize(165 * GRID, 64 * GRID)


class FindDialog(QDialog):
    """Shows the list of hits, and asks by its signals for searches and for the next hit."""

    typed = Signal(str)
    """Another text is looked for."""
    again = Signal()
    """The same is to be searched anew."""
    stepped = Signal(int)
    """The next (1) or the previous (−1) hit is wanted."""
    hidden = Signal()

    def __init__(self, hits: FoundList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("find-dialog")
        self.setSizeGripEnabled(True)
        self.list = hits
        self.field = QLineEdit()
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self.typed)
        self.field.installEventFilter(self)
        self.said = ThemedLabel()
        self.previous, self.next = QToolButton(), QToolButton()
        self.previous.clicked.connect(lambda: self.stepped.emit(-1))
        self.next.clicked.connect(lambda: self.stepped.emit(1))
        self.anew = QPushButton()
        self.anew.setAutoDefault(False)
        self.anew.clicked.connect(self.again)
        hits.installEventFilter(self)
        asked = QHBoxLayout()
        asked.setSpacing(GRID)
        asked.addWidget(self.field, 1)
        asked.addWidget(self.previous)
        asked.addWidget(self.next)
        below = QHBoxLayout()
        below.setSpacing(ROW_GAP)
        below.addWidget(self.said, 1)
        below.addWidget(self.anew)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, PANEL_PADDING, PANEL_PADDING, PANEL_PADDING)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(asked)
        layout.addLayout(below)
        layout.addWidget(self.list, 1)
        hits.found.changed.connect(self.show_state)
        hits.found.went.connect(self.show_state)
        self.retranslate()
        self.restyle()
        self.resize(SIZE)

    def ask(self) -> None:
        """Come up, ready to type."""
        self.show()
        self.raise_()
        self.activateWindow()
        self.field.setFocus()
        self.field.selectAll()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.setWindowTitle(self.tr("Find"))
        self.field.setPlaceholderText(self.tr("Text, “step 120”, “request 3”, or the label of a mark"))
        self.field.setAccessibleName(self.tr("Find"))
        self.field.setToolTip(
            plain(self.tr("Small letters find capitals too. Return goes to the next, Shift+Return to the one before."))
        )
        self.list.setAccessibleName(self.tr("What was found"))
        for button, text in (
            (self.previous, self.tr("Previous (Shift+F3)")), (self.next, self.tr("Next (F3)")),
        ):  # fmt: skip
            button.setToolTip(plain(text))
            button.setAccessibleName(text)
        self.anew.setText(self.tr("Search &again"))
        self.anew.setToolTip(plain(self.tr("The run has gone on since: search what came, too")))
        self.show_state()

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.previous.setIcon(icon("left"))
        self.next.setIcon(icon("right"))
        self.list.restyle()

    def show_state(self) -> None:
        """Say how many there are and which one is the present one."""
        found = self.list.found
        self.said.setText(state_words(found))
        for button in (self.previous, self.next):
            button.setEnabled(len(found) > 0)
        self.anew.setVisible(found.over and found.grown)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.hidden.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Some keys go from hit to hit, in the field as in the list."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and self._take(event):
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._take(event):
            super().keyPressEvent(event)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _take(self, event: QKeyEvent) -> bool:
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_F3:
                self.stepped.emit(-1 if shift else 1)
            case Qt.Key.Key_G if control:
                self.stepped.emit(-1 if shift else 1)
            case Qt.Key.Key_Down if self.field.hasFocus():
                self.stepped.emit(1)
            case Qt.Key.Key_Up if self.field.hasFocus():
                self.stepped.emit(-1)
            case Qt.Key.Key_F if control:
                self.ask()
            case _:
                return False
        return True
