"""The name and the notes of a recording as two fields: what is typed is handed over when it is finished."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QFormLayout, QLineEdit, QWidget

from app.look.theme import GRID, ROW_GAP, ui_font
from app.look.units import count
from app.widgets.plain import PlainLabel
from app.widgets.prompt_edit import PromptEdit
from app.widgets.themed_label import ThemedLabel
from engine.session.edits import MOST_OF_NAME, MOST_OF_NOTES, NAME, NOTES
from engine.session.naming import one_line

NOTE_LINES: Final = 3
MOST_HIGH: Final = (1 << 24) - 1
"""Qt's own limit of a height: the notes take all that there is, so that nothing is spread over the rows."""
SETTLED_MS: Final = 1500
"""Notes are handed over when nothing was typed for so long, so that a crash takes little of them."""


class NotesEdit(PromptEdit):
    """A field for long text that says when it loses the focus."""

    left = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()


class SessionWords(QWidget):
    """`given` carries which word it is (NAME or NOTES) and the finished text."""

    given = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kept = {NAME: "", NOTES: ""}
        """The words as the recording has them, or was given them."""
        self._given: dict[str, str] = {}
        """What a word was before it was handed over, until the recording has the new one."""
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
        self.name.setToolTip(
            self.tr("What this recording is called wherever it is listed; its file keeps its own name")
        )
        self.notes.setToolTip(self.tr("Kept in the recording itself; Undo takes a change back"))
        self.name.editingFinished.connect(self._hand_over_name)
        self.notes.textChanged.connect(self._settled.start)
        self.notes.left.connect(self._hand_over_notes)
        self.restyle()

    def show_words(self, name: str, notes: str, instead: str) -> None:
        """Show the words of the recording, but for a field in which others are typed at this moment.

        `instead` stands where there is no name.
        """
        self.name.setPlaceholderText(instead)
        for key, word in ((NAME, name), (NOTES, notes)):
            if self._given.get(key) == word:
                continue  # the recording does not have yet what it was given
            self._given.pop(key, None)
            typed = self._typed(key)
            if word != self._kept[key] and (typed == self._kept[key] or not self._is_typing(key)):
                self._put(key, word)
            self._kept[key] = word

    def forget(self) -> None:
        """Another recording is shown: its words come with `show_words`."""
        self._given.clear()
        for key in (NAME, NOTES):
            self._kept[key] = ""
            self._put(key, "")
        self.say("")

    def hand_over(self) -> None:
        """Hand over what is typed and not handed over yet."""
        self._hand_over_name()
        self._hand_over_notes()

    def say(self, sentence: str) -> None:
        """Say why the words were not kept; "" says nothing."""
        self.said.setText(sentence)
        self.said.setVisible(bool(sentence))

    def lock(self, locked: bool) -> None:
        """Whether the fields only show what there is, as outside of a window."""
        for field in (self.name, self.notes):
            field.setReadOnly(locked)

    def let_grow(self, grows: bool) -> None:
        """Whether the notes take the height that there is, or NOTE_LINES lines."""
        least = NOTE_LINES * QFontMetrics(ui_font()).lineSpacing() + 4 * GRID
        self.notes.setMinimumHeight(least)
        self.notes.setMaximumHeight(MOST_HIGH if grows else least)

    def restyle(self) -> None:
        """Take the theme's fonts again."""
        self.let_grow(self.notes.maximumHeight() == MOST_HIGH)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._differs():
            for key in (NAME, NOTES):
                self._put(key, self._kept[key])
            event.accept()
            return
        super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape and self._differs():
                event.accept()  # Escape takes back what is typed, and clears no selection
                return True
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.hand_over()  # the key may open another recording, start a run or end the program
        return super().event(event)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _typed(self, key: str) -> str:
        return self.name.text() if key == NAME else self.notes.toPlainText()

    def _is_typing(self, key: str) -> bool:
        return (self.name if key == NAME else self.notes).hasFocus()

    def _differs(self) -> bool:
        return any(self._typed(key) != self._kept[key] for key in (NAME, NOTES))

    def _put(self, key: str, word: str) -> None:
        """Show a word in its field, without handing it over."""
        if key == NAME:
            self.name.setText(word)
            return
        self.notes.blockSignals(True)
        self.notes.setPlainText(word)
        self.notes.blockSignals(False)
        self._settled.stop()

    def _hand_over_name(self) -> None:
        name = one_line(self.name.text())
        if name != self._kept[NAME]:
            self._give(NAME, name)
        if self.name.text() != name:
            self.name.setText(name)

    def _hand_over_notes(self) -> None:
        self._settled.stop()
        notes = self.notes.toPlainText()
        if notes == self._kept[NOTES]:
            return
        if len(notes) > MOST_OF_NOTES:
            words = self.tr("These notes have {n} characters; a recording keeps {most} at most: shorten them.")
            self.say(words.format(n=count(len(notes)), most=count(MOST_OF_NOTES)))
            return
        self.say("")
        self._give(NOTES, notes)

    def _give(self, key: str, word: str) -> None:
        self._given[key], self._kept[key] = self._kept[key], word
        self.given.emit(key, word)
