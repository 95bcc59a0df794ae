"""The list of tokens for which the teacher-forced pass ranks another token higher; a token in it can be picked."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy, QWidget

from app.look.theme import GRID, theme, ui_font

ROW: Final = Qt.ItemDataRole.UserRole
LINES: Final = 2
"""Visible lines of tokens where there are more than six (else one line); the rest scrolls."""


class DifferingTokens(QListWidget):
    """Shows tokens as (row of the session's tokens, text); `picked` carries the row that became the current one."""

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFlow(QListWidget.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Tokens that differ"))
        self.setToolTip(
            self.tr("Tokens in whose place the pass finds another one likelier; a click selects the token.")
        )
        self._shown: list[tuple[int, str]] = []
        self.currentItemChanged.connect(self._on_current)
        self.restyle()

    def show_tokens(self, tokens: list[tuple[int, str]]) -> None:
        """Show these tokens in place of the ones before."""
        if tokens == self._shown:
            return
        self._shown = tokens
        self.blockSignals(True)
        self.clear()
        for row, words in tokens:
            item = QListWidgetItem(words)
            item.setData(ROW, row)
            self.addItem(item)
        self.blockSignals(False)
        self.updateGeometry()

    def mark(self, row: int | None) -> None:
        """Make this token the current one without emitting `picked`; a row that is not listed clears the mark."""
        rows = [one for one, _ in self._shown]
        self.blockSignals(True)
        self.setCurrentRow(rows.index(row) if row in rows else -1)
        self.blockSignals(False)

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        colours = theme()
        self.setFont(ui_font())
        self.setStyleSheet(
            f"QListWidget {{ background: {colours.panel}; outline: 0; }}"
            f"QListWidget:focus {{ border: 1px solid {colours.accent}; }}"
            f"QListWidget::item {{ border: 1px solid {colours.line}; border-radius: {GRID}px;"
            f" padding: 0 {GRID}px; margin: 0 {GRID}px {GRID}px 0; color: {colours.text}; }}"
            f"QListWidget::item:hover {{ border-color: {colours.muted}; }}"
            f"QListWidget::item:selected {{ border-color: {colours.accent}; background: {colours.line}; }}"
        )

    def sizeHint(self) -> QSize:
        line = QFontMetrics(ui_font()).height() + GRID + 2  # text, gap under a row, and border
        return QSize(240, (LINES * line if self.count() > 6 else line) + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def _on_current(self, item: QListWidgetItem | None, _: QListWidgetItem | None) -> None:
        if item is not None:
            self.picked.emit(int(item.data(ROW)))
