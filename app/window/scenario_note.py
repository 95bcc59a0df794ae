"""The strip above the panels of a scenario: what to look at, its question, and at the end what was measured."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.look.icons import icon
from app.look.theme import GRID, PANEL_PADDING, ROW_GAP, theme
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel
from app.widgets.themed_label import ThemedLabel
from app.widgets.unbroken import unbroken
from app.window.scenario_question import ScenarioQuestion


class ScenarioNote(QDockWidget):
    """Shows title and sentences over the whole width, as high as the text needs, until the user closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("scenario-note")
        self.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.setTitleBarWidget(QWidget())
        self.text = PlainLabel()
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.below = ThemedLabel(wrap=True)
        """What to look at, once `text` says what was measured."""
        self.question = ScenarioQuestion()
        self.title = PlainLabel()
        self.title.setAlignment(Qt.AlignmentFlag.AlignTop)
        keep_look(self.title, bold=True)
        keep_look(self.text)
        self.close_button = QToolButton()
        self.close_button.setAutoRaise(True)
        self.close_button.clicked.connect(self.hide)
        self._body = QWidget()
        self._body.setObjectName("panel-body")
        self._body.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout()
        column.setSpacing(GRID)
        for widget in (self.text, self.below, self.question):
            column.addWidget(widget)
        row = QHBoxLayout(self._body)
        row.setContentsMargins(PANEL_PADDING, ROW_GAP, GRID, ROW_GAP)
        row.setSpacing(PANEL_PADDING)
        row.addWidget(self.title)
        row.addLayout(column, 1)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.setWidget(self._body)
        self.below.hide()
        self.question.hide()
        self.restyle()
        self.retranslate()
        self.hide()

    def say(self, title: str, text: str, below: str = "", asks: bool = False) -> None:
        """Show these words, with `below` under them, and the question where it `asks`."""
        self.title.setText(title)
        self.text.setText(unbroken(text))
        self.below.setText(below)
        self.below.setVisible(bool(below))
        self.question.setVisible(asks)
        self.setAccessibleDescription(text)
        self.show()
        self._fit()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.close_button.setIcon(icon("close", theme().muted))

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.setWindowTitle(self.tr("What to look at"))
        self.setAccessibleName(self.tr("What to look at in this scenario"))
        self.text.setAccessibleName(self.tr("What to look at"))
        self.close_button.setToolTip(self.tr("Close these words; the scenario goes on"))
        self.close_button.setAccessibleName(self.tr("Close what to look at"))
        self.question.retranslate()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(80 * GRID, 8 * GRID)

    def _fit(self) -> None:
        """Set the height that the text needs at this width."""
        room = self.width() - self.title.sizeHint().width() - self.close_button.sizeHint().width() - 3 * PANEL_PADDING
        room = max(room - GRID, 10 * GRID)
        height = max(self.text.heightForWidth(room), self.close_button.sizeHint().height())
        if not self.below.isHidden():
            height += GRID + self.below.heightForWidth(room)
        if not self.question.isHidden():
            height += GRID + self.question.height_at(room)
        self._body.setFixedHeight(height + 2 * ROW_GAP)
