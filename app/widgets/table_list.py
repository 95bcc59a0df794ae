"""The tables of a session file with their columns and units; a click gives the name."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from app.look.theme import theme
from app.widgets.kept_look import keep_look
from app.widgets.plain import plain
from engine.session.format_document import tables
from engine.session.sql_text import KEYWORDS

NAME: Final = Qt.ItemDataRole.UserRole
ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class TableList(QTreeWidget):
    """`picked` carries the name of a table or a column as SQL needs it, when it was clicked or Enter was pressed."""

    picked = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setHeaderLabels([self.tr("Name"), self.tr("Unit")])
        self.setHeaderHidden(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setUniformRowHeights(True)
        self.setIndentation(14)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        keep_look(self, scale=0.95)
        for table, columns in tables().items():
            top = QTreeWidgetItem([table, ""])
            top.setData(0, NAME, table)
            self.addTopLevelItem(top)
            for column in columns:
                child = QTreeWidgetItem([column.name, column.unit.replace("`", "")])
                child.setData(0, NAME, f'"{column.name}"' if column.name.upper() in KEYWORDS else column.name)
                words = [f"{column.name} {column.type}", column.unit.replace("`", ""), column.meaning.replace("`", "")]
                for place in (0, 1):
                    child.setToolTip(place, plain(" · ".join(filter(None, words))))
                top.addChild(child)
        self.itemClicked.connect(self._on_clicked)
        self.restyle()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        colours = theme()
        self.setStyleSheet(f"QTreeWidget {{ background: {colours.panel}; }}")
        for n in range(self.topLevelItemCount()):
            top = self.topLevelItem(n)
            for row in range(0 if top is None else top.childCount()):
                child = None if top is None else top.child(row)
                if child is None:
                    continue
                child.setForeground(1, QColor(colours.muted))
                child.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if event.key() in ENTER and item is not None:
            self.picked.emit(item.data(0, NAME))
            return
        super().keyPressEvent(event)

    def _on_clicked(self, item: QTreeWidgetItem, _column: int) -> None:
        self.picked.emit(item.data(0, NAME))
