"""The question that a scenario asks before it runs: a number or one of several choices, Run and Skip."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.look.theme import GRID, ROW_GAP
from app.models.scenario_words import ScenarioWords
from app.models.scenarios import Question
from app.widgets.segments import Segments
from app.widgets.themed_label import ThemedLabel

MOST: Final = 100_000.0
"""The largest factor that can be predicted."""
FIELD_WIDTH: Final = 24 * GRID


class ScenarioQuestion(QWidget):
    """Asks, and emits `answered` with the prediction: a float, the name of a choice, or None where it was skipped."""

    answered = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._question = Question()
        self.words = ThemedLabel(muted=False, wrap=True)
        self.number = QDoubleSpinBox()
        self.number.setRange(0.0, MOST)
        self.number.setDecimals(1)
        self.number.setSuffix("×")
        self.number.setMinimumWidth(FIELD_WIDTH)
        self.choices: Segments | None = None
        self.run_button, self.skip_button = QPushButton(), QPushButton()
        self.run_button.setObjectName("primary")
        self.run_button.clicked.connect(self._answer)
        self.skip_button.clicked.connect(lambda: self.answered.emit(None))
        self._row = QHBoxLayout()
        self._row.setSpacing(ROW_GAP)
        for widget in (self.number, self.run_button, self.skip_button):
            widget.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            self._row.addWidget(widget)
        self._row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.words)
        column.addLayout(self._row)
        self.retranslate()

    def ask(self, question: Question, words: ScenarioWords) -> None:
        """Ask, with an empty answer; the keyboard goes to it."""
        self._question = question
        if self.choices is not None:
            self._row.removeWidget(self.choices)
            self.choices.deleteLater()
            self.choices = None
        if question.choices:
            names = [name for name, _ in question.choices]
            self.choices = Segments(names, names[0])
            self._row.insertWidget(0, self.choices)
        self.number.setVisible(self.choices is None)
        self.number.setValue(1.0)
        self.say(words)

    def say(self, words: ScenarioWords) -> None:
        """Show the question in this language; what was entered stays."""
        self.words.setText(words.question)
        self.number.setAccessibleName(words.question)
        if self.choices is not None:
            self.choices.name(self.tr("Prediction"), dict(words.choices), dict(words.choices))

    def take_focus(self) -> None:
        """Give the keyboard to the answer."""
        if self.choices is not None:
            self.choices.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.number.setFocus(Qt.FocusReason.OtherFocusReason)
            self.number.selectAll()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.run_button.setText(self.tr("Predict and run"))
        self.run_button.setToolTip(self.tr("Run, and show this prediction beside what is measured"))
        self.skip_button.setText(self.tr("Run without"))
        self.skip_button.setToolTip(self.tr("Run without a prediction"))

    def height_at(self, width: int) -> int:
        """Its height in pixels at this width."""
        return self.words.heightForWidth(width) + GRID + self.run_button.sizeHint().height()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return runs, whatever part of the answer has the keyboard."""
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
        elif self.skip_button.hasFocus():
            self.skip_button.click()
        else:
            self.run_button.click()

    def _answer(self) -> None:
        self.answered.emit(self.number.value() if self.choices is None else self.choices.value)
