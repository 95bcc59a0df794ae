"""The name and the notes of a recording as two fields: what is typed is handed over when it is finished."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QFormLayout, QLineEdit, QWidget

from app.look.theme import GRID, ROW_GAP, ui_font
from app.look.units import count
from app.widgets.plain import PlainLabel, plain
from app.widgets.prompt_edit import PromptEdit
from app.widgets.themed_label import ThemedLabel
from engine.session.naming import MOST_OF_NAME, MOST_OF_NOTES

NOTE_LINES: Final = 3
MOST_HIGH: Final = 100 * GRID
SETTLED_MS: Final = 1500
"""Notes are handed over when nothing was typed for so long, so that a crash takes little of them."""


class NotesEdit(PromptEdit):
    """A field for long text that says when it loses the focus."""

    left = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self.left.emit()


class SessionWords(QWidget):
    """`name_given` and `notes_given` carry a finished text; the fields hold what `show_words` was told otherwise."""

    name_given = Signal(str)
    notes_given = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._notes = "", ""
        """The words as they are kept."""
        self.name = QLineEdit()
        self.name.setMaxLength(MOST_OF_NAME)
        self.notes = NotesEdit("")
        self.notes.setPlaceholderText(self.tr("What this recording shows, for whoever opens it next"))
        self.said = ThemedLabel(muted=False, wrap=True)
        self.said.hide()
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLED_MS)
        self._settled.timeout.connect(self._hand_over_notes)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(ROW_GAP)
        form.setVerticalSpacing(GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for text, field in ((self.tr("&Name"), self.name), (self.tr("No&tes"), self.notes)):
            label = PlainLabel(text)
            label.setBuddy(field)
            form.addRow(label, field)
        form.addRow(self.said)
        self.name.setAccessibleName(self.tr("Name of this recording"))
        self.notes.setAccessibleName(self.tr("Notes on this recording"))
        self.name.editingFinished.connect(self._hand_over_name)
        self.notes.textChanged.connect(self._settled.start)
        self.notes.left.connect(self._hand_over_notes)
        self.restyle()

    def show_words(self, name: str, notes: str, instead: str) -> None:
        """Show the kept words, unless the user types others at this moment; `instead` stands where there is no name."""
        self.name.setPlaceholderText(instead)
        if name != self._name or not self.name.hasFocus():
            self._name = name
            if self.name.text() != name:
                self.name.setText(name)
        if notes != self._notes:
            typed = self.notes.toPlainText()
            mine, self._notes = typed != notes and self._settled.isActive(), notes
            if not mine and typed != notes:
                self._put_notes(notes)

    def forget(self) -> None:
        """Another recording is shown: what was typed was handed over, or belongs to the one before."""
        self._settled.stop()
        self._name = self._notes = ""
        self.name.clear()
        self._put_notes("")
        self.say("")

    def hand_over(self) -> None:
        """Hand over what is typed and not handed over yet: the recording is about to be another one."""
        self._hand_over_name()
        self._hand_over_notes()

    def go_back(self) -> None:
        """What was handed over could not be kept: show what is."""
        self.name.setText(self._name)
        self._put_notes(self._notes)

    def say(self, sentence: str) -> None:
        """Say why the words were not kept; "" says nothing."""
        self.said.setText(sentence)
        self.said.setVisible(bool(sentence))

    def lock(self, reason: str) -> None:
        """Make the fields read-only for this reason; "" lets them be edited."""
        for field in (self.name, self.notes):
            field.setReadOnly(bool(reason))
            field.setToolTip(plain(reason))

    def let_grow(self, grows: bool) -> None:
        """Whether the notes take the height that there is, or NOTE_LINES lines."""
        least = NOTE_LINES * QFontMetrics(ui_font()).lineSpacing() + 4 * GRID
        self.notes.setMinimumHeight(least)
        self.notes.setMaximumHeight(MOST_HIGH if grows else least)

    def restyle(self) -> None:
        """Take the theme's fonts again."""
        self.let_grow(self.notes.maximumHeight() == MOST_HIGH)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and (self.name.hasFocus() or self.notes.hasFocus()):
            self._settled.stop()
            self.go_back()
            event.accept()
            return
        super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            typed = (self.name.text(), self.notes.toPlainText()) != (self._name, self._notes)
            if event.key() == Qt.Key.Key_Escape and typed:
                event.accept()
                return True
        return super().event(event)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _hand_over_name(self) -> None:
        name = " ".join(self.name.text().split())
        if name != self._name:
            self.name_given.emit(name)

    def _hand_over_notes(self) -> None:
        self._settled.stop()
        notes = self.notes.toPlainText()
        if notes == self._notes:
            return
        if len(notes) > MOST_OF_NOTES:
            words = self.tr("These notes have {n} characters; a recording keeps {most} at most: shorten them.")
            self.say(words.format(n=count(len(notes)), most=count(MOST_OF_NOTES)))
            return
        self.say("")
        self.notes_given.emit(notes)

    def _put_notes(self, notes: str) -> None:
        self.notes.blockSignals(True)
        self.notes.setPlainText(notes)
        self.notes.blockSignals(False)
        self._settled.stop()
