"""The command palette: every menu entry by name, found by typing parts of it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QMenu, QVBoxLayout, QWidget

from app.dialogs.shortcuts import all_actions, keys_text
from app.theme import GRID, ROW_GAP

ACTION = Qt.ItemDataRole.UserRole


class CommandPalette(QDialog):
    """Runs the entry that is picked; entries that cannot be used now are left out."""

    def __init__(self, menus: list[QMenu], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("command-palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._entries = [
            (f"{menu.title()}: {action.text()}".replace("&", "").rstrip("…"), action)
            for menu in menus
            for action in all_actions(menu)
            if action.isEnabled()
        ]
        self._typed = QLineEdit()
        self._typed.setPlaceholderText(self.tr("Type a command"))
        self._typed.setAccessibleName(self.tr("Command"))
        self._typed.textChanged.connect(self._fill)
        self._typed.installEventFilter(self)
        self._list = QListWidget()
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.itemClicked.connect(lambda _item: self._run())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(ROW_GAP, ROW_GAP, ROW_GAP, ROW_GAP)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self._typed)
        layout.addWidget(self._list)
        self.resize(120 * GRID, 90 * GRID)
        if parent is not None:
            corner = parent.mapToGlobal(parent.rect().topLeft())
            self.move(corner.x() + (parent.width() - self.width()) // 2, corner.y() + 20 * GRID)
        self._fill("")
        self._typed.setFocus()

    def _fill(self, typed: str) -> None:
        words = typed.casefold().split()
        self._list.clear()
        for text, action in self._entries:
            if all(word in text.casefold() for word in words):
                keys = keys_text(action)
                item = QListWidgetItem(f"{text}    {keys}" if keys else text)
                item.setData(ACTION, action)
                self._list.addItem(item)
        self._list.setCurrentRow(0)

    def _run(self) -> None:
        item = self._list.currentItem()
        action = item.data(ACTION) if item is not None else None
        self.close()
        if isinstance(action, QAction):
            action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            row = self._list.currentRow()
            match event.key():
                case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                    self._run()
                    return True
                case Qt.Key.Key_Down:
                    self._list.setCurrentRow(min(row + 1, self._list.count() - 1))
                    return True
                case Qt.Key.Key_Up:
                    self._list.setCurrentRow(max(row - 1, 0))
                    return True
        return super().eventFilter(watched, event)
